package txswitch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"switchyard/internal/money"
	"switchyard/spec"
	"switchyard/switch/exchange"
	"switchyard/switch/identity"
	"switchyard/switch/journal"
	"switchyard/switch/message"
	"switchyard/switch/payment"
)

// Story is one payment's whole story as a timeline: what GET /v1/explain answers and `switchctl explain` prints.
type Story struct {
	Payment  string  `json:"payment"`
	Merchant string  `json:"merchant"`
	PAN      string  `json:"pan"` // first six and last four
	Currency string  `json:"currency"`
	Standing string  `json:"standing"`
	Money    string  `json:"money"`
	Events   []Event `json:"events"`
}

// Event is one moment of it.
type Event struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`            // request, commit, out, in, silence, late, stray, queued, acknowledged, clearing
	Text string    `json:"text"`            // for a person
	Wire string    `json:"frame,omitempty"` // the frame, described and masked, rebuilt from the record
}

var errNoSuchPayment = errors.New("no payment has this id or RRN")

// Explain tells a payment's story by its id or by the RRN of any of its requests.
func (s *Switch) Explain(name string) (*Story, error) {
	p, err := s.lookUp(name)
	if err != nil {
		return nil, err
	}
	sums := p.Sums()
	story := &Story{
		Payment: p.ID.String(), Merchant: p.Merchant, PAN: p.MaskedPAN, Currency: p.Currency, Standing: p.Standing(time.Now()).String(),
		Money: fmt.Sprintf("authorized %s, released %s, captured %s, refunded %s", money.Format(sums.Authorized, p.Currency),
			money.Format(sums.Released, p.Currency), money.Format(sums.Captured, p.Currency), money.Format(sums.Refunded, p.Currency)),
	}
	rrns := map[string]bool{}
	for i := range p.Ops {
		story.Events = append(story.Events, s.operationEvents(p, i)...)
		rrns[p.Ops[i].RRN] = true
	}
	strays, err := s.strays.list()
	if err != nil {
		return nil, err
	}
	for _, stray := range strays {
		if stray.Payment == story.Payment || rrns[stray.OfRRN] && stray.OfRRN != "" || rrns[stray.RRN] && stray.RRN != "" {
			story.Events = append(story.Events, strayEvent(stray))
		}
	}
	slices.SortStableFunc(story.Events, func(a, b Event) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	return story, nil
}

// lookUp finds a payment by its id, by the RRN of its first request, or by that of a later one.
func (s *Switch) lookUp(name string) (*payment.Payment, error) {
	id, err := payment.ParseID(name)
	if err != nil {
		var ok bool
		if id, ok = identity.PaymentOf(name); !ok {
			return nil, errNoSuchPayment
		}
	}
	p, err := s.journal.Payment(id)
	if err == nil && (p.ID.String() == name || p.Ops[0].RRN == name) {
		return p, nil
	}
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return nil, err
	}
	return s.byLaterRRN(name)
}

// byLaterRRN looks for an increment's or refund's RRN. Such RRNs have no index of their own, so this reads every payment;
// a person asks it now and then.
func (s *Switch) byLaterRRN(rrn string) (found *payment.Payment, err error) {
	err = s.journal.Payments(payment.ID{}, func(p *payment.Payment) bool {
		if slices.ContainsFunc(p.Ops, func(op payment.Op) bool { return op.RRN == rrn }) {
			found = p
		}
		return found == nil
	})
	if err == nil && found == nil {
		err = errNoSuchPayment
	}
	return found, err
}

// operationEvents tells one operation: the request, its intent, the frame, what came back or did not, and its clearing.
func (s *Switch) operationEvents(p *payment.Payment, i int) []Event {
	op := &p.Ops[i]
	what := fmt.Sprintf("%s of %s", op.Kind, money.Format(op.Amount, p.Currency))
	if op.Target != payment.NoTarget {
		what += fmt.Sprintf(" (undoes the %s of %s)", p.Ops[op.Target].Kind, p.Ops[op.Target].At.UTC().Format(time.TimeOnly))
	}
	var events []Event
	add := func(at time.Time, kind, wire, format string, args ...any) {
		events = append(events, Event{At: at.UTC(), What: kind, Text: fmt.Sprintf(format, args...), Wire: wire})
	}
	if op.Key != "" {
		add(op.At, "request", "", "%s, key %s", what, op.Key)
	} else {
		add(op.At, "switch", "", "%s", what)
	}
	mti := message.MTI(p, i, false)
	identity := fmt.Sprintf("%s to %s: STAN %06d, DE7 %s, RRN %s", mti, op.Host, op.STAN, op.DE7, op.RRN)
	switch {
	case mti == "":
	case op.Advised:
		add(op.At, "queued", s.wire(p, i), "%s, by store-and-forward, repeated until it is acknowledged", identity)
	default:
		add(op.At, "commit", "", "the intent is on disk")
		if op.State != payment.StateFailed {
			add(op.At, "out", s.wire(p, i), "%s", identity)
		}
	}
	s.outcomeEvents(p, i, add)
	if op.Late != "" {
		add(op.DoneAt, "late", "", "its answer came after all, with %s; it changes nothing, the reversal goes on", op.Late)
	}
	if op.Date != 0 && op.ARN != "" {
		add(op.At, "clearing", "", "business date %s%s, ARN %s", op.Date, s.fileOf(p, op), op.ARN)
	}
	return events
}

func (s *Switch) outcomeEvents(p *payment.Payment, i int, add func(at time.Time, kind, wire, format string, args ...any)) {
	op := &p.Ops[i]
	took := op.DoneAt.Sub(op.At).Round(time.Microsecond)
	switch op.State {
	case payment.StatePending:
		add(time.Now(), "waiting", "", "no answer yet")
	case payment.StateUnknown:
		add(op.DoneAt, "silence", "", "no answer from %s within %s: the outcome is unknown, so a reversal was queued in the same commit", op.Host, took)
	case payment.StateFailed:
		add(op.DoneAt, "failed", "", "nothing was sent: the link was lost before the first byte")
	case payment.StateQueued:
		add(time.Now(), "waiting", "", "not acknowledged yet")
	case payment.StateParked:
		add(op.DoneAt, "parked", "", "the issuer refused it for good with %s; a person decides (switchctl saf)", op.ResponseCode)
	case payment.StateClosed:
		add(op.DoneAt, "closed", "", "closed by a person after %s", op.ResponseCode)
	default:
		if op.ResponseCode == "" {
			return
		}
		kind := "in"
		if op.Advised {
			kind = "acknowledged"
		}
		add(op.DoneAt, kind, "", "%s with %s after %s%s", op.State, op.ResponseCode, took, authCode(op))
	}
}

func authCode(op *payment.Op) string {
	if op.AuthCode == "" {
		return ""
	}
	return ", authorization code " + op.AuthCode
}

// fileOf names the clearing file of an operation's date, if it is written.
func (s *Switch) fileOf(p *payment.Payment, op *payment.Op) string {
	d, err := s.journal.Day(op.Date)
	if err != nil || d.State != journal.DayWritten {
		return " (not closed yet)"
	}
	var plan struct {
		Result struct {
			Files []struct {
				Destination string `json:"destination"`
				FileID      string `json:"file_id"`
			} `json:"files"`
		} `json:"result"`
	}
	if json.Unmarshal(d.Data, &plan) == nil {
		for _, f := range plan.Result.Files {
			if f.Destination == p.Route {
				return ", file " + f.FileID
			}
		}
	}
	return ""
}

// wire rebuilds an operation's frame and describes it, masked; "" where it cannot.
func (s *Switch) wire(p *payment.Payment, i int) string {
	x := s.issuers[p.Ops[i].Host]
	number, expiry, err := s.o.Keyring.Open(p.SealKey, p.ID, p.SealedCard)
	if x == nil || err != nil {
		return ""
	}
	return describe(x, p, i, message.Card{PAN: number, Expiry: expiry})
}

func describe(x *exchange.Issuer, p *payment.Payment, i int, card message.Card) string {
	var m spec.Message
	if x.Builder.Build(&m, p, i, card, nil, false) != nil {
		return ""
	}
	return spec.Describe(x.Codec, &m)
}

func strayEvent(r Stray) Event {
	text := fmt.Sprintf("%s response %s over %s/%s: STAN %s, RRN %s, code %s", r.Kind, r.MTI, r.Host, r.Link, r.STAN, r.RRN, r.ResponseCode)
	if r.Answered != "" {
		text += ", " + r.Answered + " after the request"
	}
	if r.Nearest != "" {
		text += "; nearest: " + r.Nearest
	}
	return Event{At: r.At, What: "stray", Text: text}
}

func (s *Switch) serveExplain(w http.ResponseWriter, r *http.Request) {
	story, err := s.Explain(r.FormValue("of"))
	switch {
	case errors.Is(err, errNoSuchPayment):
		writeError(w, http.StatusNotFound, err)
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, story)
	}
}

func (s *Switch) serveStrays(w http.ResponseWriter, _ *http.Request) {
	all, err := s.strays.list()
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	if all == nil {
		all = []Stray{}
	}
	writeJSON(w, http.StatusOK, all)
}

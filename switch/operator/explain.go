package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchyard/internal/money"
	"switchyard/spec"
	"switchyard/switch/cutover"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
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
	At   time.Time `json:"at,omitzero"`     // zero: nobody has kept when; the event stands where it belongs
	What string    `json:"what"`            // request, commit, out, in, silence, late, queued, parked, clearing, …
	Text string    `json:"text"`            // for a person
	Wire string    `json:"frame,omitempty"` // the frame, described and masked, rebuilt from the record

	place time.Time // in the timeline
}

// moment is when an event was, or, where nobody has kept that, what it comes after.
type moment struct {
	time.Time
	lost bool
}

func at(t time.Time) moment    { return moment{t, false} }
func after(t time.Time) moment { return moment{t, true} }

func newEvent(when moment, kind, wire, text string) Event {
	e := Event{What: kind, Text: text, Wire: wire, place: when.Time}
	if !when.lost {
		e.At = when.UTC()
	}
	return e
}

var errNoSuchPayment = errors.New("no payment has this id or RRN")

// Explain tells a payment's story by its id or by the RRN of any of its requests.
func (a *API) Explain(ctx context.Context, name string) (*Story, error) {
	p, err := a.lookUp(ctx, name)
	if err != nil {
		return nil, err
	}
	sums := p.Sums()
	story := &Story{
		Payment: p.ID.String(), Merchant: p.Merchant, PAN: p.MaskedPAN, Currency: p.Currency,
		Standing: p.Standing(a.o.Clock.Confirmed()).String(),
		Money: fmt.Sprintf("authorized %s, released %s, captured %s, refunded %s",
			money.Format(sums.Authorized, p.Currency), money.Format(sums.Released, p.Currency),
			money.Format(sums.Captured, p.Currency), money.Format(sums.Refunded, p.Currency)),
	}
	if sums.ChargedBack > 0 {
		story.Money += ", charged back " + money.Format(sums.ChargedBack, p.Currency)
	}
	strays, err := a.o.Strays.list(ctx)
	if err != nil {
		return nil, err
	}
	rrns := map[string]bool{}
	for i := range p.Ops {
		story.Events = append(story.Events, a.operationEvents(ctx, p, i, strays)...)
		rrns[p.Ops[i].RRN] = true
	}
	for _, stray := range strays {
		if stray.Payment == story.Payment || rrns[stray.OfRRN] && stray.OfRRN != "" || rrns[stray.RRN] && stray.RRN != "" {
			story.Events = append(story.Events, strayEvent(stray))
		}
	}
	slices.SortStableFunc(story.Events, func(a, b Event) int { return a.place.Compare(b.place) })
	return story, nil
}

// lookUp finds a payment by its id or that of an operation of it, by the RRN of its first request, or by that of a
// later one.
func (a *API) lookUp(ctx context.Context, name string) (*payment.Payment, error) {
	if id, op, ok := ParseName(name); ok {
		p, err := a.o.Journal.Payment(ctx, id)
		if errors.Is(err, journal.ErrNotFound) || err == nil && op >= len(p.Ops) {
			err = errNoSuchPayment
		}
		return p, err
	}
	if !identity.IsRRN(name) {
		return nil, errNoSuchPayment
	}
	if p, err := a.byFirstRRN(ctx, name); err != nil || p != nil {
		return p, err
	}
	return a.byLaterRRN(ctx, name)
}

// byFirstRRN finds the payment whose first request has an RRN, nil where none has.
func (a *API) byFirstRRN(ctx context.Context, rrn string) (*payment.Payment, error) {
	newest, err := a.o.Journal.NewestPayment(ctx)
	if err != nil {
		return nil, err
	}
	for id := range identity.PaymentsOf(rrn, newest) {
		p, err := a.o.Journal.Payment(ctx, id)
		if err == nil && p.Ops[0].RRN == rrn {
			return p, nil
		}
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return nil, err
		}
	}
	return nil, nil
}

// byLaterRRN looks for an increment's or refund's RRN. Such RRNs have no index of their own, so this reads every
// payment; a person asks it now and then.
func (a *API) byLaterRRN(ctx context.Context, rrn string) (found *payment.Payment, err error) {
	err = a.o.Journal.Payments(ctx, payment.ID{}, func(p *payment.Payment) bool {
		if hasRRN(p, rrn) {
			found = p
		}
		return found == nil
	})
	if err == nil && found == nil {
		err = errNoSuchPayment
	}
	return found, err
}

// hasRRN tells whether a request of a payment has an RRN.
func hasRRN(p *payment.Payment, rrn string) bool {
	return slices.ContainsFunc(p.Ops, func(op payment.Op) bool { return op.RRN == rrn })
}

// teller adds an event to an operation's.
type teller func(when moment, kind, wire, format string, args ...any)

// operationEvents tells one operation: the request, its intent, the frame, what came back or did not, and its clearing.
func (a *API) operationEvents(ctx context.Context, p *payment.Payment, i int, strays []Stray) []Event {
	op := &p.Ops[i]
	what := fmt.Sprintf("%s of %s", op.Kind, money.Format(op.Amount, p.Currency))
	if op.Kind.Row().Incoming {
		return []Event{incomingEvent(p, i)}
	}
	switch op.Kind {
	case payment.KindResubmit, payment.KindWriteOff:
		return []Event{a.decidedEvent(ctx, p, i, "the rejected presentment of the %s of %s", op.Target)}
	case payment.KindRepresent, payment.KindAcceptDispute:
		return []Event{a.decidedEvent(ctx, p, i, "the chargeback of the %s of %s", p.Ops[op.Target].Target)}
	default:
	}
	if op.Automatic {
		what += ", as the authorization asked for it"
	}
	if op.PastWindow {
		what += ", past the capture window"
	}
	if i == 0 && p.CaptureCancelled() != "" {
		what += "; " + p.CaptureCancelled()
	}
	if op.Target != payment.NoTarget {
		what += fmt.Sprintf(" (undoes the %s of %s)", p.Ops[op.Target].Kind, p.Ops[op.Target].At.UTC().Format(time.TimeOnly))
	}
	var events []Event
	add := func(when moment, kind, wire, format string, args ...any) {
		events = append(events, newEvent(when, kind, wire, fmt.Sprintf(format, args...)))
	}
	if op.Key != "" {
		add(at(op.At), "request", "", "%s, key %s", what, op.Key)
	} else {
		add(at(op.At), "switch", "", "%s", what)
	}
	a.sendingEvents(p, i, add)
	unreadEvents(op, a.o.Clock.Now(), strays, add)
	a.outcomeEvents(p, i, add)
	if op.Late != "" {
		when, kept := cameLate(op, strays), ""
		if when.lost {
			kept = " (when is not kept any more)"
		}
		add(when, "late", "", "its answer came after all, with %s%s; it changes nothing, the reversal goes on", op.Late, kept)
	}
	if op.Date != 0 && op.ARN != "" {
		add(at(op.At), "clearing", "", "business date %s%s, ARN %s", op.Date, a.fileOf(ctx, p, op), op.ARN)
	}
	return events
}

// incomingEvent tells what came in a clearing file of one of the payment's presentments.
func incomingEvent(p *payment.Payment, i int) Event {
	op := &p.Ops[i]
	what, of := "presentment", &p.Ops[op.Target]
	if of.Kind == payment.KindRepresent {
		what, of = "second presentment", &p.Ops[p.Ops[of.Target].Target]
	}
	text := fmt.Sprintf("%s of %s, of the %s of the %s of %s: record %s", op.Kind, money.Format(op.Amount, p.Currency),
		what, of.Kind, of.At.UTC().Format(time.RFC3339), op.Source)
	if op.Reason != "" {
		text += ", reason " + op.Reason
	}
	if op.IssuerReference != "" {
		text += ", issuer reference " + op.IssuerReference
	}
	if excess := p.ExcessOf(i); op.Kind == payment.KindChargeback && excess > 0 {
		text += fmt.Sprintf("; %s of it is more than the cardholder was still owed", money.Format(excess, p.Currency))
	}
	return newEvent(at(op.At), "incoming", "", text)
}

// decidedEvent tells what a person decided about a presentment that was rejected or charged back: about names both.
func (a *API) decidedEvent(ctx context.Context, p *payment.Payment, i int, about string, presented int) Event {
	op, of := &p.Ops[i], &p.Ops[presented]
	text := fmt.Sprintf("%s of %s by %s, of "+about, op.Kind, money.Format(op.Amount, p.Currency), op.Source, of.Kind,
		of.At.UTC().Format(time.RFC3339))
	if reference := p.Ops[op.Target].IssuerReference; reference != "" {
		text += ", issuer reference " + reference
	}
	if op.Reason != "" {
		text += ": " + op.Reason
	}
	if op.Kind.Row().Clears {
		text += fmt.Sprintf(": business date %s%s, ARN %s", op.Date, a.fileOf(ctx, p, op), op.ARN)
	}
	return newEvent(at(op.At), "decided", "", text)
}

// sendingEvents tells how an operation's message went out: as a request, by store-and-forward, or first the one and
// then the other.
func (a *API) sendingEvents(p *payment.Payment, i int, add teller) {
	op := &p.Ops[i]
	mti := message.MTI(p, i, false)
	frame := func(p *payment.Payment) (identity, wire string) {
		identity = fmt.Sprintf("%s to %s: STAN %06d, DE7 %s, RRN %s", message.MTI(p, i, false), op.Host, op.STAN, op.DE7,
			op.RRN)
		return identity, a.wire(p, i)
	}
	const repeated = "%s, by store-and-forward, repeated until it is acknowledged"
	switch {
	case mti == "":
	case op.Advised && !wentOn(op):
		identity, wire := frame(p)
		add(at(op.At), "queued", wire, repeated, identity)
	default:
		add(at(op.At), "commit", "", "the intent is on disk")
		if op.State == payment.StateFailed {
			return
		}
		asked := *p
		asked.Ops = slices.Clone(p.Ops)
		asked.Ops[i].Advised = false // as it was when it went out
		identity, wire := frame(&asked)
		add(at(op.At), "out", wire, "%s", identity)
		if wentOn(op) {
			identity, wire := frame(p)
			add(after(op.At), "queued", wire, "not acknowledged at once: it goes on as "+repeated, identity)
		}
	}
}

// wentOn tells whether an advice began as a request: a reversal or void that the issuer did not answer. The record has
// one moment for what came of it, so that none is kept of its going on.
func wentOn(op *payment.Op) bool {
	return op.Advised && op.Kind.AskedReversal()
}

// cameLate is when the late answer to an operation came: the log of strays says so, as long as it holds it.
func cameLate(op *payment.Op, strays []Stray) moment {
	stan := fmt.Sprintf("%06d", op.STAN)
	for i := range strays {
		r := &strays[i]
		if r.Kind == link.KindLate.String() && r.Host == op.Host && r.STAN == stan && r.DE7 == op.DE7 && r.OfRRN == op.RRN {
			return at(r.At)
		}
	}
	if wentOn(op) { // DoneAt is when it was acknowledged in the end
		return after(op.At)
	}
	return after(op.DoneAt)
}

// notTaken is what becomes of an answer of the issuer's whose consequence no payment may have (I7).
const notTaken = "which the switch could not take: it breaks a money invariant"

// whyParked says what an operation was parked on.
func whyParked(op *payment.Op) string {
	if means := payment.Meaning(op.ResponseCode); means.Done || op.Kind.Fact() && means.Approves {
		return "the issuer acknowledged it with " + op.ResponseCode + ", " + notTaken
	}
	return "the issuer refused it for good with " + op.ResponseCode
}

func (a *API) outcomeEvents(p *payment.Payment, i int, add teller) {
	op := &p.Ops[i]
	done := func(kind, format string, args ...any) { add(at(op.DoneAt), kind, "", format, args...) }
	took := op.DoneAt.Sub(op.At).Round(time.Microsecond)
	switch op.State {
	case payment.StatePending:
		add(at(a.o.Clock.Now()), "waiting", "", "no answer yet")
	case payment.StateUnknown:
		if op.ResponseCode != "" {
			done("in", "%s after %s, %s: a reversal was queued in the same commit", op.ResponseCode, took, notTaken)
			return
		}
		why := fmt.Sprintf("no answer from %s within %s", op.Host, took)
		if x := a.o.Issuers[op.Host]; x != nil && took < x.Deadline {
			// The record has no more than the moment, but before the deadline nothing else ends the wait.
			why = fmt.Sprintf("the link to %s was lost %s after, or the switch stopped", op.Host, took)
		}
		done("silence", "%s: the outcome is unknown, so a reversal was queued in the same commit", why)
	case payment.StateFailed:
		done("failed", "nothing was sent: the link was lost before the first byte")
	case payment.StateQueued:
		add(at(a.o.Clock.Now()), "waiting", "", "not acknowledged yet")
	case payment.StateParked:
		done("parked", "%s; a person decides (switchctl saf)", whyParked(op))
	case payment.StateClosed:
		done("parked", "%s", whyParked(op))
		add(after(op.DoneAt), "closed", "", "closed by a person (when is not kept)")
	default:
		if op.ResponseCode == "" {
			return
		}
		kind := "in"
		if op.Advised {
			kind = "acknowledged"
		}
		done(kind, "%s with %s after %s%s", op.State, op.ResponseCode, took, authCode(op))
	}
}

func authCode(op *payment.Op) string {
	if op.AuthCode == "" {
		return ""
	}
	return ", authorization code " + op.AuthCode
}

// fileOf names the clearing file of an operation's date, if it is written, or of its window, and tells where it waits
// for its release.
func (a *API) fileOf(ctx context.Context, p *payment.Payment, op *payment.Op) string {
	const notYet = " (not closed yet)"
	d, err := a.o.Journal.Day(ctx, op.Filed())
	if err != nil {
		return notYet
	}
	files, _, err := cutover.SealedFiles(d)
	if err != nil {
		return ""
	}
	var ids []string
	waits := ""
	for _, f := range files {
		if f.Destination == p.Route && f.Window == op.Window {
			ids = append(ids, f.FileID)
			if f.Waiting {
				waits = " (waits for its release)"
			}
		}
	}
	switch {
	case d.State != journal.DayWritten && op.Window == 0 && waits == "":
		return notYet
	case len(ids) == 0:
		return ""
	case len(ids) == 1:
		return ", file " + ids[0] + waits
	}
	return ", one of files " + strings.Join(ids, " ") + waits
}

// wire rebuilds an operation's frame and describes it, masked; "" where it cannot.
func (a *API) wire(p *payment.Payment, i int) string {
	x := a.o.Issuers[p.Ops[i].Host]
	number, expiry, err := a.o.Keyring.Open(p.SealKey, p.ID, p.SealedCard)
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
	text := fmt.Sprintf(
		"%s response %s over %s/%s: STAN %s, RRN %s, code %s", r.Kind, r.MTI, r.Host, r.Link, r.STAN, r.RRN,
		r.ResponseCode)
	if r.Answered != "" {
		text += ", " + r.Answered + " after the request"
	}
	if r.Nearest != "" {
		text += "; nearest: " + r.Nearest
	}
	return newEvent(at(r.At), "stray", "", text)
}

func (a *API) serveExplain(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("of") == "" {
		writeError(w, http.StatusBadRequest, errors.New("of: missing; expected a payment's id or RRN"))
		return
	}
	story, err := a.Explain(r.Context(), r.FormValue("of"))
	switch {
	case errors.Is(err, errNoSuchPayment):
		writeError(w, http.StatusNotFound, err)
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, story)
	}
}

func (a *API) serveStrays(w http.ResponseWriter, r *http.Request) {
	all, err := a.o.Strays.list(r.Context())
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	if all == nil {
		all = []Stray{}
	}
	writeJSON(w, http.StatusOK, all)
}

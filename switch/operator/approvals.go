package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"switchyard/internal/pan"
	"switchyard/switch/journal"
)

// Where two people are wanted for something, the call of the first proposes it, and that of a second, with the same
// parameters, carries it out. They are told apart by their identities and by nothing that a call says. A proposal is in
// the journal before it is answered, and is used up there before it is carried out: so it is carried out once at most,
// and a crash between leaves something to be proposed again. Both calls stand in the record of acts.

// Topic is what two people may be wanted for.
type Topic string

// The topics.
const (
	TopicDispute  Topic = "dispute"   // to present a second time, and to accept a chargeback
	TopicWriteOff Topic = "write_off" // to give a rejected presentment up
	TopicMatch    Topic = "match"     // to match exceptions by hand, and to take that back
	// TopicFileRelease is to let the clearing files of a sealed date out, which wait for it, and to refuse them.
	TopicFileRelease Topic = "file_release"
)

// Topics lists all of them.
func Topics() []Topic { return []Topic{TopicDispute, TopicWriteOff, TopicMatch, TopicFileRelease} }

// approval is what two people may be wanted for: its topic, and what tells whether the call could be carried out now.
// It answers where it could not.
type approval struct {
	topic Topic
	may   func(*API, http.ResponseWriter, *http.Request) bool
}

// approvals are those by the patterns of their requests.
var approvals = map[string]approval{
	"POST /v1/clearing/rejects/writeoff": {TopicWriteOff, (*API).mayWriteOff},
	"POST /v1/disputes/represent":        {TopicDispute, (*API).mayRepresent},
	"POST /v1/disputes/accept":           {TopicDispute, (*API).mayAcceptDispute},
	"POST /v1/clearing/release":          {TopicFileRelease, (*API).mayRelease},
	"POST /v1/clearing/refuse":           {TopicFileRelease, (*API).mayRefuse},
	"POST /v1/reconciliations/match":     {TopicMatch, (*API).mayMatch},
	"POST /v1/reconciliations/unmatch":   {TopicMatch, (*API).mayUndoMatch},
}

// CheckTwoPeople refuses topics that there are not, and two people for what fewer than two identities may do.
func CheckTwoPeople(topics []Topic, identities []Identity) error {
	for i, topic := range topics {
		if !slices.Contains(Topics(), topic) || slices.Contains(topics[:i], topic) {
			names := make([]string, len(Topics()))
			for j, t := range Topics() {
				names[j] = string(t)
			}
			return fmt.Errorf("%q: expected %s, each once", topic, strings.Join(names, ", "))
		}
		for j := range endpoints {
			e := &endpoints[j]
			if approvals[e.Pattern].topic != topic {
				continue
			}
			n := 0
			for _, x := range identities {
				if slices.Contains(x.Roles, e.Role) {
					n++
				}
			}
			if n < 2 {
				return fmt.Errorf("%s: %d of operator.identities have the role %s, which %s needs; expected two at least, "+
					"since labels tell nobody apart", topic, n, e.Role, e.Pattern)
			}
		}
	}
	return nil
}

// How a proposal stands.
const (
	ProposalOpen      = "open"      // it waits for a second identity
	ProposalConfirmed = "confirmed" // it was carried out, or was to be: the act of who confirmed it says
	ProposalWithdrawn = "withdrawn"
)

// Proposal is a call that a second identity has to make, too.
type Proposal struct {
	Number     int               `json:"number"` // counts up from 1
	What       string            `json:"what"`   // the request's path, without its version
	Parameters map[string]string `json:"parameters"`
	State      string            `json:"state"`
	Events     []ProposalEvent   `json:"events"` // in their order
}

// ProposalEvent is what somebody did about a proposal.
type ProposalEvent struct {
	Event string    `json:"event"` // proposed, confirmed, withdrawn
	At    time.Time `json:"at"`
	Who   string    `json:"who"`
}

// Proposed is the answer to a call that is proposed by it, and not carried out.
type Proposed struct {
	Proposal *Proposal `json:"proposal,omitempty"`
}

func proposalName(number int) string { return fmt.Sprintf("approvals/%06d", number) }

// maxProposals is as many as have numbers.
const maxProposals = 999_999

// proposal reads one.
func (a *API) proposal(ctx context.Context, number int) (p Proposal, err error) {
	text, err := a.o.Journal.Meta(ctx, proposalName(number))
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("%s: %w", proposalName(number), err)
	}
	return p, nil
}

// proposals calls yield for all of them, in their order.
func (a *API) proposals(ctx context.Context, yield func(Proposal) bool) error {
	for n := 1; ; n++ {
		p, err := a.proposal(ctx, n)
		if errors.Is(err, journal.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !yield(p) {
			return nil
		}
	}
}

// proceed makes it durable what somebody did about a proposal.
func (a *API) proceed(ctx context.Context, p *Proposal, event, state, who string) error {
	p.State = state
	p.Events = append(p.Events, ProposalEvent{Event: event, At: a.o.Clock.Now().UTC(), Who: who})
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return a.o.Journal.PutMeta(ctx, proposalName(p.Number), text)
}

// wantsTwo tells whether two people have to make a call.
func (a *API) wantsTwo(e *endpoint) bool {
	topic := approvals[e.Pattern].topic
	return topic != "" && slices.Contains(a.o.TwoPeople, topic)
}

// label is the parameter that names nobody who may ask: those of two people may differ in it.
const label = "by"

// byTwo proposes a call, or carries it out where another identity has proposed it.
func (a *API) byTwo(e *endpoint, w http.ResponseWriter, r *http.Request) {
	a.approving.Lock()
	defer a.approving.Unlock()
	ctx, who := context.WithoutCancel(r.Context()), asking(r)
	asked := Proposal{What: strings.TrimPrefix(r.URL.Path, "/v1/"), Parameters: map[string]string{}, Number: 1}
	for _, name := range e.Parameters {
		if values := r.Form[name]; len(values) > 0 && name != label {
			asked.Parameters[name] = pan.MaskIn(proposedValue(name, values))
		}
	}
	var open *Proposal
	err := a.proposals(ctx, func(p Proposal) bool {
		asked.Number = p.Number + 1
		if p.State == ProposalOpen && p.What == asked.What && maps.Equal(p.Parameters, asked.Parameters) {
			open = &p
		}
		return true
	})
	switch {
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	case open == nil && asked.Number > maxProposals:
		writeError(w, http.StatusInternalServerError, fmt.Errorf("more than %d proposals", maxProposals))
	case open == nil && !approvals[e.Pattern].may(a, w, r): // it has said why
	case open == nil:
		if err := a.proceed(ctx, &asked, "proposed", ProposalOpen, who.name); err != nil {
			writeError(w, http.StatusInternalServerError, err)
			return
		}
		writeJSON(w, http.StatusAccepted, &Proposed{&asked})
	case open.Events[0].Who == who.name:
		writeError(w, http.StatusConflict, fmt.Errorf(
			"%s has proposed it as number %d at %s: the same identity twice is not two people, another one has to make the "+
				"same call", who.name, open.Number, open.Events[0].At.Format(time.RFC3339)))
	default:
		if err := a.proceed(ctx, open, "confirmed", ProposalConfirmed, who.name); err != nil {
			writeError(w, http.StatusInternalServerError, err)
			return
		}
		both := &caller{open.Events[0].Who + " and " + who.name, who.roles}
		e.serve(a, w, r.WithContext(context.WithValue(r.Context(), callerKey{}, both)))
	}
}

// proposedValue is a parameter as a proposal has it. One that may be given several times is a JSON array in ascending
// order: all of them count, their order does not, and no other values come to the same text.
func proposedValue(name string, values []string) string {
	if !strings.HasSuffix(name, several) {
		return values[0]
	}
	text, _ := json.Marshal(slices.Sorted(slices.Values(values))) // of strings it does not fail
	return string(text)
}

// serveApprovals streams the proposals that wait for a second identity as JSON lines, with ?all=true all of them.
func (a *API) serveApprovals(w http.ResponseWriter, r *http.Request) {
	all, err := flag(r, "all")
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	serveLines(a, w, r, func(ctx context.Context, yield func(Proposal) bool) error {
		return a.proposals(ctx, func(p Proposal) bool { return !all && p.State != ProposalOpen || yield(p) })
	})
}

// serveWithdraw ends the proposal of ?number=, which then nobody can confirm.
func (a *API) serveWithdraw(w http.ResponseWriter, r *http.Request) {
	a.approving.Lock()
	defer a.approving.Unlock()
	n, err := number(r, "number")
	if err == nil && (n < 1 || n > maxProposals) {
		err = errors.New("number: expected that of a proposal")
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	ctx := context.WithoutCancel(r.Context())
	p, err := a.proposal(ctx, int(n))
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, fmt.Errorf("there is no proposal %d", n))
		return
	case err == nil && p.State != ProposalOpen:
		writeError(w, http.StatusConflict, fmt.Errorf("proposal %d is %s", n, p.State))
		return
	case err == nil:
		err = a.proceed(ctx, &p, "withdrawn", ProposalWithdrawn, asking(r).name)
	}
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, &p)
}

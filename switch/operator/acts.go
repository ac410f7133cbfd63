package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/internal/pan"
	"switchyard/switch/journal"
)

// Who did what is recorded in the journal, for good. A call that changes something stands there twice: before anything
// is done, so that nothing is done that nobody knows of, and with what came of it, before that is answered. One that is
// refused before it begins stands there once, and so does a search for a whole card number, which changes nothing.

// How an act stands.
const (
	ActBegun = "begun" // what came of it another act says; if none does, the switch ended meanwhile
	ActDone  = "done"  //
	// ActProposed says that a second identity has to make the same call: with nothing done.
	ActProposed = "proposed"
	ActRefused  = "refused" // with nothing done
	ActFailed   = "failed"  // how far it came its error says
)

// maxActText bounds each parameter of an act, and its error, in bytes.
const maxActText = 1 << 9

// change carries out a call that changes something, between the two acts that are recorded of it.
func (a *API) change(e *endpoint, w http.ResponseWriter, r *http.Request) {
	// Whoever hangs up does not take back what they did.
	ctx := context.WithoutCancel(r.Context())
	refused := refuse(e, w, r)
	act := journal.Act{Who: asking(r).name, Role: string(e.Role), What: strings.TrimPrefix(r.URL.Path, "/v1/")}
	details := ActDetails{Parameters: parameters(e, r), Outcome: ActBegun}
	answer := &heldAnswer{header: w.Header(), status: http.StatusOK}
	if refused != nil {
		writeError(answer, refused.status, refused)
	} else {
		begun, err := a.recordAct(ctx, act, details)
		if err != nil {
			writeUnrecorded(w, fmt.Errorf("nothing was done, since who does it could not be recorded: %w", err))
			return
		}
		details.Begun = begun
		if a.wantsTwo(e) {
			a.byTwo(e, answer, r)
		} else {
			e.serve(a, answer, r)
		}
	}
	details.Outcome, details.Error = answer.outcome()
	if _, err := a.recordAct(ctx, act, details); err != nil {
		a.o.Logger.Error("what came of an act could not be recorded", zap.String("who", act.Who),
			zap.String("what", act.What), zap.String("outcome", details.Outcome), zap.Error(err))
		writeUnrecorded(w, fmt.Errorf("it is %s, and that could not be recorded: %w", details.Outcome, err))
		return
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body.Bytes()) // the reader has gone; there is nobody to tell
}

// recordAct appends to the record.
func (a *API) recordAct(ctx context.Context, act journal.Act, details ActDetails) (n uint64, err error) {
	if details.Outcome == ActRefused && mutant.On(mutant.ActNotRecorded) {
		return 0, nil
	}
	if act.Details, err = json.Marshal(details); err != nil {
		return 0, err
	}
	act.At = a.o.Clock.Now()
	act, err = a.o.Journal.Append(ctx, act)
	return act.Number, err
}

func writeUnrecorded(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, journal.ErrClosed) {
		status = http.StatusServiceUnavailable
	}
	writeError(w, status, err)
}

// parameters are those of a call that its path has: a body of another form has none. What could be a card number is
// masked (I12), wherever somebody has put one.
func parameters(e *endpoint, r *http.Request) map[string]string {
	all := map[string]string{}
	for _, name := range e.Parameters {
		if values := r.Form[name]; len(values) > 0 {
			all[name] = shortened(strings.Join(values, " "))
		}
	}
	return all
}

// shortened is a text as the record keeps it.
func shortened(text string) string {
	text = strings.ToValidUTF8(pan.MaskIn(text), "?")
	if len(text) <= maxActText {
		return text
	}
	const more = "…"
	return strings.ToValidUTF8(text[:maxActText-len(more)], "") + more
}

// heldAnswer is an answer that waits until what came of the call is recorded.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

// outcome is what the answer says came of the call.
func (h *heldAnswer) outcome() (outcome, reason string) {
	switch {
	case h.status == http.StatusAccepted:
		return ActProposed, ""
	case h.status < http.StatusBadRequest:
		return ActDone, ""
	case h.status < http.StatusInternalServerError:
		return ActRefused, shortened(errorOf(h.body.Bytes()))
	}
	return ActFailed, shortened(errorOf(h.body.Bytes()))
}

// serveActs streams the record as JSON lines, from the act after ?after= on.
func (a *API) serveActs(w http.ResponseWriter, r *http.Request) {
	after, err := number(r, "after")
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := ExportActs(r.Context(), a.o.Journal, w, after); err != nil {
		a.o.Logger.Error("export of acts failed", zap.Error(err))
		panic(http.ErrAbortHandler) // the status is sent: a broken body tells that the record is not whole
	}
}

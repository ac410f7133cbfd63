package operator

import (
	"context"
	"errors"
	"net/http"

	"switchyard/switch/incoming"
	"switchyard/switch/payment"
)

// serveRejects streams the rejected presentments that wait for a decision as JSON lines, with ?all=true also those that
// have one; or tells the one that ?id= names.
func (a *API) serveRejects(w http.ResponseWriter, r *http.Request) {
	if id := r.FormValue("id"); id != "" {
		told, err := a.o.Incoming.Reject(r.Context(), id)
		answerDecided(w, told, err)
		return
	}
	all, err := flag(r, "all")
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	serveLines(a, w, r, func(ctx context.Context, yield func(incoming.Reject) bool) error {
		return a.o.Incoming.Rejects(ctx, all, yield)
	})
}

// serveFix puts right what the next presentment of ?id= says.
func (a *API) serveFix(w http.ResponseWriter, r *http.Request) {
	fields := map[string]string{}
	for _, name := range incoming.Fixable() {
		if values := r.Form[name]; len(values) > 0 {
			fields[name] = values[0]
		}
	}
	told, err := a.o.Incoming.Fix(context.WithoutCancel(r.Context()), r.FormValue("id"), fields)
	answerDecided(w, told, err)
}

// serveResubmit presents ?id= again.
func (a *API) serveResubmit(w http.ResponseWriter, r *http.Request) {
	told, err := a.o.Incoming.Resubmit(context.WithoutCancel(r.Context()), r.FormValue("id"), asking(r).name)
	answerDecided(w, told, err)
}

var errNoReason = errors.New("reason: missing; expected why it is written off")

// mayWriteOff tells whether it could be done now.
func (a *API) mayWriteOff(w http.ResponseWriter, r *http.Request) bool {
	if r.FormValue("reason") == "" {
		writeError(w, http.StatusBadRequest, errNoReason)
		return false
	}
	err := a.o.Incoming.MayWriteOff(r.Context(), r.FormValue("id"))
	if err != nil {
		answerDecided(w, incoming.Reject{}, err)
	}
	return err == nil
}

// serveWriteOff gives ?id= up, for a ?reason=.
func (a *API) serveWriteOff(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("reason") == "" {
		writeError(w, http.StatusBadRequest, errNoReason)
		return
	}
	told, err := a.o.Incoming.WriteOff(
		context.WithoutCancel(r.Context()), r.FormValue("id"), asking(r).name, r.FormValue("reason"))
	answerDecided(w, told, err)
}

// answerDecided answers with what a presentment has become by a decision of a person's, or with why it has not.
func answerDecided[T any](w http.ResponseWriter, told T, err error) {
	asked, refused := (*incoming.AskedError)(nil), (*payment.Refusal)(nil)
	switch {
	case errors.Is(err, incoming.ErrNoReject), errors.Is(err, incoming.ErrNoDispute):
		writeError(w, http.StatusNotFound, err)
	case errors.As(err, &asked):
		writeError(w, http.StatusBadRequest, err)
	case errors.As(err, &refused):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, &told)
	}
}

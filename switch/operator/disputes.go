package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/incoming"
	"switchyard/switch/payment"
)

// serveDisputes streams the disputes of ?state= (open) as JSON lines, those that are due before ?due_before= alone; or
// tells the one that ?id= names.
func (a *API) serveDisputes(w http.ResponseWriter, r *http.Request) {
	if id := r.FormValue("id"); id != "" {
		told, err := a.o.Incoming.Dispute(r.Context(), id)
		answerDecided(w, told, err)
		return
	}
	state := r.FormValue("state")
	if state == "" {
		state = payment.DisputeOpen.String()
	}
	var before payment.Date
	err := incoming.CheckDisputeState(state)
	if text := r.FormValue("due_before"); text != "" && err == nil {
		before, err = payment.ParseDate(text)
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	serveLines(a, w, r, func(ctx context.Context, yield func(incoming.Dispute) bool) error {
		return a.o.Incoming.Disputes(ctx, state, before, yield)
	})
}

// serveRepresent presents a second time what ?id= took: all of it, or ?amount= minor units, for a ?reason=.
func (a *API) serveRepresent(w http.ResponseWriter, r *http.Request) {
	amount, wrong := amountOf(r)
	who, err := deciding(r)
	if err = errors.Join(wrong, err); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	told, err := a.o.Incoming.Represent(
		context.WithoutCancel(r.Context()), r.FormValue("id"), who, r.FormValue("reason"), amount)
	answerDecided(w, told, err)
}

// mayRepresent tells whether it could be done now.
func (a *API) mayRepresent(w http.ResponseWriter, r *http.Request) bool {
	amount, wrong := amountOf(r)
	_, err := deciding(r)
	if err = errors.Join(wrong, err); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return false
	}
	if err = a.o.Incoming.MayRepresent(r.Context(), r.FormValue("id"), r.FormValue("reason"), amount); err != nil {
		answerDecided(w, incoming.Dispute{}, err)
	}
	return err == nil
}

func amountOf(r *http.Request) (int64, error) {
	amount, err := number(r, "amount")
	if err == nil && amount > api.MaxAmountMinor {
		err = errors.New("amount: it has more than the twelve digits of DE4")
	}
	return int64(amount), err
}

// serveAcceptDispute ends ?id= with nothing presented.
func (a *API) serveAcceptDispute(w http.ResponseWriter, r *http.Request) {
	who, err := deciding(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	told, err := a.o.Incoming.AcceptDispute(context.WithoutCancel(r.Context()), r.FormValue("id"), who)
	answerDecided(w, told, err)
}

// mayAcceptDispute tells whether it could be done now.
func (a *API) mayAcceptDispute(w http.ResponseWriter, r *http.Request) bool {
	if _, err := deciding(r); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return false
	}
	err := a.o.Incoming.MayAcceptDispute(r.Context(), r.FormValue("id"))
	if err != nil {
		answerDecided(w, incoming.Dispute{}, err)
	}
	return err == nil
}

// deciding is who asks, as the operation keeps it, with the label that ?by= puts beside: it names nobody who may ask.
func deciding(r *http.Request) (string, error) {
	name, by := asking(r).name, r.FormValue(label)
	if by == "" {
		return name, nil
	}
	unprintable := func(c rune) bool { return c < 0x20 || c > 0x7e }
	if len(by) > maxNameLen || strings.IndexFunc(by, unprintable) >= 0 {
		return "", fmt.Errorf("by: expected 1 to %d printable characters", maxNameLen)
	}
	return name + " (" + pan.MaskIn(by) + ")", nil
}

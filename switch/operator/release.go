package operator

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"unicode"

	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// serveRelease lets the clearing files of ?date= out, which wait for it, or those of the window that ?destination= and
// ?window= name; it returns once they stand under their names.
func (a *API) serveRelease(w http.ResponseWriter, r *http.Request) {
	date, of, err := releaseOf(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	result, err := a.o.Cutover.Release(context.WithoutCancel(r.Context()), date, of, asking(r).name)
	if err != nil {
		a.refuseRelease(w, err)
		return
	}
	writeJSON(w, http.StatusOK, result)
}

// mayRelease tells whether it could be done now.
func (a *API) mayRelease(w http.ResponseWriter, r *http.Request) bool {
	date, of, err := releaseOf(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return false
	}
	if err = a.o.Cutover.MayRelease(r.Context(), date, of); err != nil {
		a.refuseRelease(w, err)
	}
	return err == nil
}

// releaseOf is what the parameters name.
func releaseOf(r *http.Request) (date payment.Date, of cutover.WindowName, err error) {
	if date, err = dateParameter(r, "date"); err != nil {
		return date, of, err
	}
	n, err := number(r, "window")
	of = cutover.WindowName{Destination: r.FormValue("destination"), Window: int(min(n, math.MaxInt32))}
	if err == nil && (of.Destination == "") != (n == 0) {
		err = errors.New("destination, window: expected both, the window from 1, or none of them")
	}
	return date, of, err
}

// serveRefusal keeps the clearing files of ?date=, which wait for their release, from ever being made, for a ?reason=;
// it returns once what stands in the date is carried on.
func (a *API) serveRefusal(w http.ResponseWriter, r *http.Request) {
	date, reason, err := refusalOf(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	result, err := a.o.Cutover.Refuse(context.WithoutCancel(r.Context()), date, asking(r).name, reason)
	if err != nil {
		a.refuseRelease(w, err)
		return
	}
	writeJSON(w, http.StatusOK, result)
}

// mayRefuse tells whether it could be done now.
func (a *API) mayRefuse(w http.ResponseWriter, r *http.Request) bool {
	date, _, err := refusalOf(r)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return false
	}
	if err = a.o.Cutover.MayRefuse(r.Context(), date); err != nil {
		a.refuseRelease(w, err)
	}
	return err == nil
}

// refusalOf is the date whose files are refused, and why, as it is kept.
func refusalOf(r *http.Request) (date payment.Date, reason string, err error) {
	reason = pan.MaskIn(r.FormValue("reason"))
	if reason == "" || strings.ContainsFunc(reason, unicode.IsControl) {
		return 0, "", errors.New("reason: expected why the files are refused, without control characters")
	}
	date, err = dateParameter(r, "date")
	return date, reason, err
}

func (a *API) refuseRelease(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, err)
	case errors.Is(err, cutover.ErrNotWaiting), errors.Is(err, cutover.ErrNoWindow),
		errors.Is(err, cutover.ErrEarlierWaits), errors.Is(err, cutover.ErrEarlierDateWaits),
		errors.Is(err, cutover.ErrOut), errors.Is(err, cutover.ErrLaterFiled), errors.Is(err, cutover.ErrWindowAlone):
		writeError(w, http.StatusConflict, err)
	default:
		a.o.Logger.Error("clearing files could not be released or refused", zap.Error(err))
		writeError(w, http.StatusInternalServerError, err)
	}
}

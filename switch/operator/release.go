package operator

import (
	"context"
	"errors"
	"math"
	"net/http"

	"go.uber.org/zap"

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

func (a *API) refuseRelease(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, err)
	case errors.Is(err, cutover.ErrNotWaiting), errors.Is(err, cutover.ErrNoWindow),
		errors.Is(err, cutover.ErrEarlierWaits):
		writeError(w, http.StatusConflict, err)
	default:
		a.o.Logger.Error("clearing files could not be released", zap.Error(err))
		writeError(w, http.StatusInternalServerError, err)
	}
}

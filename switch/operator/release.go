package operator

import (
	"context"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// serveRelease lets the clearing files of ?date= out, which wait for it; it returns once they stand under their names.
func (a *API) serveRelease(w http.ResponseWriter, r *http.Request) {
	date, ok := releaseDate(w, r)
	if !ok {
		return
	}
	result, err := a.o.Cutover.Release(context.WithoutCancel(r.Context()), date, asking(r).name)
	if err != nil {
		a.refuseRelease(w, err)
		return
	}
	writeJSON(w, http.StatusOK, result)
}

// mayRelease tells whether it could be done now.
func (a *API) mayRelease(w http.ResponseWriter, r *http.Request) bool {
	date, ok := releaseDate(w, r)
	if !ok {
		return false
	}
	err := a.o.Cutover.MayRelease(r.Context(), date)
	if err != nil {
		a.refuseRelease(w, err)
	}
	return err == nil
}

func releaseDate(w http.ResponseWriter, r *http.Request) (date payment.Date, ok bool) {
	date, err := dateParameter(r, "date")
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
	}
	return date, err == nil
}

func (a *API) refuseRelease(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, err)
	case errors.Is(err, cutover.ErrNotWaiting):
		writeError(w, http.StatusConflict, err)
	default:
		a.o.Logger.Error("clearing files could not be released", zap.Error(err))
		writeError(w, http.StatusInternalServerError, err)
	}
}

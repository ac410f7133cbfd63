package operator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"switchyard/switch/payment"
	"switchyard/switch/reconcile"
)

// serveReconciliations tells how the sealed business dates stand with the hosts; ?date= the one.
func (a *API) serveReconciliations(w http.ResponseWriter, r *http.Request) {
	var date payment.Date
	if r.FormValue("date") != "" {
		var ok bool
		if date, ok = reconciledDate(w, r); !ok {
			return
		}
	}
	days, err := a.o.Reconciler.Days(r.Context(), date)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, days)
}

// serveCounted streams what ?host= was told under ?date=, a JSON object a line.
func (a *API) serveCounted(w http.ResponseWriter, r *http.Request) {
	date, ok := reconciledDate(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	const bufferBytes = 64 << 10
	out := bufio.NewWriterSize(w, bufferBytes)
	enc := json.NewEncoder(out)
	err := a.o.Reconciler.Each(r.Context(), date, r.FormValue("host"), func(c *reconcile.Counted) error {
		return enc.Encode(c)
	})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		a.o.Logger.Error("export of what a host was told failed", zap.Error(err))
		panic(http.ErrAbortHandler) // the status is sent: a broken body tells that the list is not whole
	}
}

// serveReconcileAgain has the hosts asked anew about ?date=.
func (a *API) serveReconcileAgain(w http.ResponseWriter, r *http.Request) {
	date, ok := reconciledDate(w, r)
	if !ok {
		return
	}
	switch err := a.o.Reconciler.Again(r.Context(), date); {
	case errors.Is(err, reconcile.ErrNotAsked):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, map[string]string{"asked": date.String()})
	}
}

// reconciledDate reads ?date=; what is wrong with it is answered.
func reconciledDate(w http.ResponseWriter, r *http.Request) (payment.Date, bool) {
	date, err := payment.ParseDate(r.FormValue("date"))
	if err != nil {
		writeError(w, http.StatusBadRequest, fmt.Errorf("date: %w", err))
		return 0, false
	}
	return date, true
}

package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// maxExportYears bounds a range of business dates, of which each is looked for.
const maxExportYears = 10

// servePayments streams the journal's payments as JSON lines; with ?from= and ?to= those that clear on these business
// dates, with ?first= and ?last= those from one to the other; or the one that ?payment= names.
func (a *API) servePayments(w http.ResponseWriter, r *http.Request) {
	if text := r.FormValue("payment"); text != "" {
		id, err := payment.ParseID(text)
		if err != nil {
			writeError(w, http.StatusBadRequest, fmt.Errorf("payment: %w", err))
			return
		}
		p, err := a.o.Journal.Payment(r.Context(), id)
		switch {
		case errors.Is(err, journal.ErrNotFound):
			writeError(w, http.StatusNotFound, errors.New("no such payment"))
		case err != nil:
			writeError(w, http.StatusInternalServerError, err)
		default:
			a.servePayment(r.Context(), w, p)
		}
		return
	}
	export := func() error { return ExportPayments(r.Context(), a.o.Journal, w) }
	dated := r.FormValue("from") != "" || r.FormValue("to") != ""
	if r.FormValue("first") != "" || r.FormValue("last") != "" {
		first, err := paymentParameter(r, "first")
		last, err2 := paymentParameter(r, "last")
		if err = cmp.Or(err, err2); err == nil && dated {
			err = errors.New("first, last: expected without from and to")
		}
		if err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		export = func() error { return ExportRange(r.Context(), a.o.Journal, w, first, last) }
	}
	if dated {
		first, err := dateParameter(r, "from")
		last, err2 := dateParameter(r, "to")
		switch most := first.Time().AddDate(maxExportYears, 0, 0); {
		case err != nil || err2 != nil:
			err = fmt.Errorf("%w; a range has from and to", cmp.Or(err, err2))
		case last < first || last.Time().After(most):
			err = fmt.Errorf("to: %s: expected %s or a date of the %d years after it", last, first, maxExportYears)
		}
		if err != nil {
			writeError(w, http.StatusBadRequest, err)
			return
		}
		export = func() error { return ExportDated(r.Context(), a.o.Journal, w, first, last) }
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := export(); err != nil {
		// The status is sent already: a broken chunked body is how the reader learns that the export is not whole.
		a.o.Logger.Error("export of payments failed", zap.Error(err))
		panic(http.ErrAbortHandler)
	}
}

func (a *API) servePayment(ctx context.Context, w http.ResponseWriter, p *payment.Payment) {
	e, err := ExportPayment(ctx, a.o.Journal, p)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, e)
}

// paymentParameter reads one end of a range of payments; both are needed.
func paymentParameter(r *http.Request, name string) (payment.ID, error) {
	id, err := payment.ParseID(r.FormValue(name))
	if err != nil {
		return id, fmt.Errorf("%s: %w; a range has first and last", name, err)
	}
	return id, nil
}

// dateParameter reads a business date; both ends of a range are needed.
func dateParameter(r *http.Request, name string) (payment.Date, error) {
	date, err := payment.ParseDate(r.FormValue(name))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return date, nil
}

package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// maxCutoverWait bounds ?wait= of a cutover.
const maxCutoverWait = 10 * time.Minute

func (a *API) serveDays(w http.ResponseWriter, r *http.Request) {
	days, err := ExportDays(r.Context(), a.o.Journal)
	problems := a.o.Cutover.Problems()
	for i := range days {
		if days[i].State == dayState(journal.DayOpen) {
			date, err := payment.ParseDate(days[i].Date)
			if err != nil {
				writeError(w, http.StatusInternalServerError, err)
				return
			}
			days[i].NoSettlement = a.o.Cutover.NoSettlement(date)
		}
		for _, p := range problems {
			if p.Date.String() == days[i].Date {
				days[i].Problem = p.Err.Error()
			}
		}
	}
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, days)
}

func dayState(s journal.DayState) string {
	switch s {
	case journal.DayOpen:
		return "open"
	case journal.DayClosing:
		return "closing"
	case journal.DaySealed:
		return "sealed"
	case journal.DayWritten:
		return "written"
	}
	return fmt.Sprintf("state %d", s)
}

// serveCutover closes the open business date; it returns once its files stand under their final names. ?ahead=true
// closes the date after the calendar's, too; ?to=DATE opens that date and not the next. With ?window=DESTINATION the
// date stays open, and a window of that destination ends.
func (a *API) serveCutover(w http.ResponseWriter, r *http.Request) {
	wait := time.Minute
	if text := r.FormValue("wait"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > maxCutoverWait {
			writeError(w, http.StatusBadRequest, fmt.Errorf("wait: %q: expected a duration of at most %s", text, maxCutoverWait))
			return
		}
		wait = d
	}
	ahead, err := flag(r, "ahead")
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	to, err := cutoverDate(r)
	window := r.FormValue("window")
	if err == nil && window != "" && (to != 0 || r.FormValue("ahead") != "") {
		err = errors.New("window: given together with ahead or to; expected one of them")
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	// A caller that hangs up does not leave the day half closed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), wait)
	defer cancel()
	var result cutover.Result
	switch {
	case window != "":
		result, err = a.o.Cutover.Window(ctx, window)
	case to != 0:
		result, err = a.o.Cutover.CutoverTo(ctx, to)
	default:
		result, err = a.o.Cutover.Cutover(ctx, ahead)
	}
	switch {
	case refusedCutover(err):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		a.o.Logger.Error("cutover failed", zap.Error(err))
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, result)
	}
}

// cutoverDate is ?to=, 0 without it.
func cutoverDate(r *http.Request) (payment.Date, error) {
	text := r.FormValue("to")
	if text == "" {
		return 0, nil
	}
	if r.FormValue("ahead") != "" {
		return 0, errors.New("to: given together with ahead; expected one of them")
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("to: %q: expected a business date, like 2026-11-21", text)
	}
	return payment.DateOf(day), nil
}

// refusedCutover tells whether a cutover, or a window, was refused for what the date is, with nothing done.
func refusedCutover(err error) bool {
	return slices.ContainsFunc([]error{
		cutover.ErrNotBegun, cutover.ErrOvertaken, cutover.ErrTooFar, cutover.ErrUsed, cutover.ErrPast,
		cutover.ErrUnconfirmed, cutover.ErrNoDestination, cutover.ErrNotSettling, cutover.ErrNoFileIDs,
	}, func(reason error) bool { return errors.Is(err, reason) })
}

package operator

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"go.uber.org/zap"

	"switchyard/switch/cutover"
	"switchyard/switch/journal"
)

// serveClearingCheck makes the clearing files of ?date= once more from the journal, tells what they are, and where the
// delivered ones are other ones. It writes nothing.
func (a *API) serveClearingCheck(w http.ResponseWriter, r *http.Request) {
	date, err := dateParameter(r, "date")
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	rebuilt, err := a.o.Cutover.Check(r.Context(), date)
	a.writeRebuilt(w, rebuilt, err)
}

// serveRebuild writes the clearing files of ?date= once more, to the new folder ?dir=.
func (a *API) serveRebuild(w http.ResponseWriter, r *http.Request) {
	date, err := dateParameter(r, "date")
	dir := r.FormValue("dir")
	if err == nil && !filepath.IsAbs(dir) {
		err = fmt.Errorf("dir: %q: expected the absolute path of a new folder", dir)
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	rebuilt, err := a.o.Cutover.Rebuild(r.Context(), date, dir)
	a.writeRebuilt(w, rebuilt, err)
}

func (a *API) writeRebuilt(w http.ResponseWriter, rebuilt *cutover.Rebuilt, err error) {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, err)
	case errors.Is(err, cutover.ErrUnwritten), errors.Is(err, cutover.ErrExists):
		writeError(w, http.StatusConflict, err)
	case err != nil:
		a.o.Logger.Error("clearing files could not be made again", zap.Error(err))
		writeError(w, http.StatusInternalServerError, err)
	default:
		writeJSON(w, http.StatusOK, rebuilt)
	}
}

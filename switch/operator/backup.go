package operator

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// serveBackup writes a consistent copy of the journal to the new folder ?dir=, while the switch runs.
func (a *API) serveBackup(w http.ResponseWriter, r *http.Request) {
	dir := r.FormValue("dir")
	if dir == "" {
		writeError(w, http.StatusBadRequest, errors.New("dir: missing; expected a new folder"))
		return
	}
	if _, err := a.o.FS.Stat(dir); err == nil {
		writeError(w, http.StatusConflict, fmt.Errorf("dir: %s exists; expected a new folder", dir))
		return
	}
	begin := time.Now()
	position, err := a.o.Journal.Backup(dir)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	a.backedUp.Store(a.o.Clock.Wall().UnixMilli())
	a.o.Logger.Info("backup written", zap.String("dir", dir), zap.Uint64("position", position), zap.Duration("took",
		time.Since(begin)))
	writeJSON(w, http.StatusOK, map[string]any{"dir": dir, "position": position})
}

// BackedUp returns when the newest backup was made since the API began, by the wall clock, or the zero time.
func (a *API) BackedUp() time.Time {
	at := a.backedUp.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMilli(at)
}

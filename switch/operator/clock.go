package operator

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/clock"
)

// ClockStatus is what GET /v1/clock answers.
type ClockStatus struct {
	// Unconfirmed says why the clock is in doubt; empty while it is not.
	Unconfirmed string    `json:"unconfirmed,omitempty"`
	Wall        time.Time `json:"wall"` // what it shows
	Now         time.Time `json:"now"`  // what is dated by
	// Confirmed is the time that is beyond doubt; nothing is swept, expires or is cut over by a later one.
	Confirmed     time.Time `json:"confirmed"`
	AheadSeconds  int64     `json:"ahead_seconds"`  // Wall before Now
	BehindSeconds int64     `json:"behind_seconds"` // Now before the latest time seen: it was set back
	Synchronized  bool      `json:"synchronized"`   // a time service says that it is right
	Warning       string    `json:"warning,omitempty"`
}

// Clock tells how the clock stands.
func (a *API) Clock() ClockStatus {
	st := a.o.Clock.Look()
	c := ClockStatus{
		Wall: st.Wall, Now: st.Now, Confirmed: st.Confirmed, AheadSeconds: int64(st.Wall.Sub(st.Now) / time.Second),
		BehindSeconds: int64(st.Behind / time.Second), Synchronized: st.Synchronized, Warning: st.Warning(),
	}
	if st.Doubt != clock.Confirmed {
		c.Unconfirmed = st.Doubt.String()
	}
	return c
}

func (a *API) serveClock(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, a.Clock())
}

// serveConfirmClock takes an operator's word that what the clock shows is right.
func (a *API) serveConfirmClock(w http.ResponseWriter, r *http.Request) {
	confirmed := a.o.Clock.Confirm()
	if err := a.o.Journal.KeepTime(context.WithoutCancel(r.Context())); err != nil {
		writeError(w, http.StatusInternalServerError, fmt.Errorf("the time could not be kept: %w", err))
		return
	}
	a.o.Logger.Info("an operator confirmed the clock", zap.Time("wall", confirmed))
	writeJSON(w, http.StatusOK, a.Clock())
}

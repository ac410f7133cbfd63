package txswitch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
)

const (
	clockInterval = time.Second
	// clockKept is how often the time is written down while nothing is committed: a start after a stop may take it for as
	// much earlier.
	clockKept = 10 * time.Second
	// clockSetBack is how far behind the clock must be for an alarm: no time server steps it so far in good order.
	clockSetBack = time.Minute
)

// clockStands is what a clock in doubt keeps from happening.
const clockStands = "no key is swept, nothing expires and no date is closed on schedule"

// clockAdvice is what a person does about a clock in doubt or set back.
const clockAdvice = "set it right, or if it is confirm it with switchctl clock confirm"

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
func (s *Switch) Clock() ClockStatus {
	st := s.clock.Look()
	c := ClockStatus{
		Wall: st.Wall, Now: st.Now, Confirmed: st.Confirmed, AheadSeconds: int64(st.Wall.Sub(st.Now) / time.Second),
		BehindSeconds: int64(st.Behind / time.Second), Synchronized: st.Synchronized, Warning: clockWarning(&st),
	}
	if st.Doubt != clock.Confirmed {
		c.Unconfirmed = st.Doubt.String()
	}
	return c
}

// clockWarning is what is wrong with the clock and what to do, or "".
func clockWarning(st *clock.Status) string {
	switch {
	case st.Doubt != clock.Confirmed:
		return fmt.Sprintf("the clock shows %s and is %s: "+clockStands+"; %s",
			st.Wall.Format(time.RFC3339), st.Doubt, clockAdvice)
	case st.Behind > clockSetBack:
		return fmt.Sprintf("the clock shows %s, %s behind the latest time that it has shown: %s",
			st.Wall.Format(time.RFC3339), st.Behind.Round(time.Second), clockAdvice)
	}
	return ""
}

// watchClock looks at the clock, keeps the time that it shows for the next start, and says when it is in doubt or was
// set back, also while the switch was not running, and when it is right again. The schedule looks at it after each
// change.
func (s *Switch) watchClock(ctx context.Context) {
	ticker := time.NewTicker(clockInterval)
	defer ticker.Stop()
	var last clock.Status
	var kept time.Time
	for {
		st := s.clock.Look()
		s.clockChanged(&last, &st)
		if st.Doubt != last.Doubt || time.Since(kept) >= clockKept {
			kept = time.Now()
			if err := s.journal.KeepTime(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) {
				s.o.Logger.Error("the time could not be kept", zap.Error(err))
			}
		}
		last = st
		select {
		case <-ticker.C:
		case <-s.clock.Changed():
			s.engine.Recheck()
		case <-ctx.Done():
			return
		}
	}
}

// clockChanged says what is new about the clock.
func (s *Switch) clockChanged(last, st *clock.Status) {
	fields := []zap.Field{zap.Time("wall", st.Wall), zap.Time("now", st.Now)}
	switch back := st.Behind > clockSetBack; {
	case st.Doubt != clock.Confirmed && st.Doubt != last.Doubt:
		s.o.Logger.Error("the clock is unconfirmed: "+clockStands+"; "+clockAdvice,
			append(fields, zap.Stringer("it_is", st.Doubt), zap.Duration("ahead", st.Wall.Sub(st.Now).Round(time.Second)))...)
	case last.Doubt != clock.Confirmed && st.Doubt == clock.Confirmed:
		s.o.Logger.Info("the clock is confirmed", fields...)
	case back && last.Behind <= clockSetBack:
		s.o.Logger.Error("the clock was set back: new payments are dated wrong, or earlier ones were; "+clockAdvice,
			append(fields, zap.Duration("behind", st.Behind.Round(time.Second)))...)
	case !back && last.Behind > clockSetBack:
		s.o.Logger.Info("the clock has caught up with the latest time that it had shown, or was confirmed", fields...)
	}
}

// clockMetrics shows the clock to whoever watches.
func (s *Switch) clockMetrics() error {
	gauge := func(name, help string, value func(*clock.Status) float64) error {
		return s.o.Registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			st := s.clock.Look()
			return value(&st)
		}))
	}
	return errors.Join(
		gauge("switchyard_clock_unconfirmed", "1 while the clock is in doubt: "+clockStands+".",
			func(st *clock.Status) float64 {
				if st.Doubt != clock.Confirmed {
					return 1
				}
				return 0
			}),
		gauge("switchyard_clock_behind_seconds", "How far the clock is behind the latest time that it has shown.",
			func(st *clock.Status) float64 { return st.Behind.Seconds() }),
	)
}

func (s *Switch) serveClock(w http.ResponseWriter, r *http.Request) {
	if err := knownParameters(r); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	writeJSON(w, http.StatusOK, s.Clock())
}

// serveConfirmClock takes an operator's word that what the clock shows is right.
func (s *Switch) serveConfirmClock(w http.ResponseWriter, r *http.Request) {
	if err := knownParameters(r); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	confirmed := s.clock.Confirm()
	if err := s.journal.KeepTime(context.WithoutCancel(r.Context())); err != nil {
		writeError(w, http.StatusInternalServerError, fmt.Errorf("the time could not be kept: %w", err))
		return
	}
	s.o.Logger.Info("an operator confirmed the clock", zap.Time("wall", confirmed))
	writeJSON(w, http.StatusOK, s.Clock())
}

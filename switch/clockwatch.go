package txswitch

import (
	"context"
	"errors"
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
)

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
	switch back := st.Behind > clock.SetBack; {
	case st.Doubt != clock.Confirmed && st.Doubt != last.Doubt:
		s.o.Logger.Error("the clock is unconfirmed: "+clock.InDoubt+"; "+clock.Advice,
			append(fields, zap.Stringer("it_is", st.Doubt), zap.Duration("ahead", st.Wall.Sub(st.Now).Round(time.Second)))...)
	case last.Doubt != clock.Confirmed && st.Doubt == clock.Confirmed:
		s.o.Logger.Info("the clock is confirmed", fields...)
	case back && last.Behind <= clock.SetBack:
		s.o.Logger.Error("the clock was set back: new payments are dated wrong, or earlier ones were; "+clock.Advice,
			append(fields, zap.Duration("behind", st.Behind.Round(time.Second)))...)
	case !back && last.Behind > clock.SetBack:
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
		gauge("switchyard_clock_unconfirmed", "1 while the clock is in doubt: "+clock.InDoubt+".",
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

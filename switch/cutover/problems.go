package cutover

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/payment"
)

// Problem says why a business date that is closed has not all its files yet.
type Problem struct {
	Date  payment.Date
	Since time.Time // of the first attempt that failed in this run
	Err   error     // of the last
}

// problems are the dates whose last attempt failed. Safe for concurrent use.
type problems struct {
	mu     sync.Mutex
	byDate map[payment.Date]Problem
}

// Problems lists the closed business dates that could not be sealed or written so far, in their order. Each is tried
// again every minute.
func (e *Engine) Problems() []Problem {
	e.problems.mu.Lock()
	defer e.problems.mu.Unlock()
	all := slices.Collect(maps.Values(e.problems.byDate))
	slices.SortFunc(all, func(a, b Problem) int { return int(a.Date - b.Date) })
	return all
}

// note keeps what an attempt at a date came to. One that its caller gave up says nothing of the date.
func (e *Engine) note(ctx context.Context, date payment.Date, err error) {
	if err != nil && (ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded)) {
		return
	}
	e.problems.mu.Lock()
	defer e.problems.mu.Unlock()
	was, known := e.problems.byDate[date]
	switch {
	case err == nil:
		delete(e.problems.byDate, date)
	case known:
		e.problems.byDate[date] = Problem{Date: date, Since: was.Since, Err: err}
	default:
		if e.problems.byDate == nil {
			e.problems.byDate = map[payment.Date]Problem{}
		}
		e.problems.byDate[date] = Problem{Date: date, Since: e.o.Clock.Now(), Err: err}
	}
	e.metrics.unwritten.Set(float64(len(e.problems.byDate)))
}

type metrics struct{ unwritten, aside, unreleased, unreleasedWindows prometheus.Gauge }

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		unwritten: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "switchyard_clearing_dates_failing",
			Help: "Closed business dates that could not be sealed or written so far; each is tried again every minute.",
		}),
		aside: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "switchyard_clearing_records_aside",
			Help: "Records that could not be built when the last business date was sealed: they stand in no file.",
		}),
		unreleased: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "switchyard_clearing_dates_unreleased",
			Help: "Sealed business dates whose files are not made before people have released them.",
		}),
		unreleasedWindows: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "switchyard_clearing_windows_unreleased",
			Help: "Windows within business dates whose files are not made before people have released them.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.unwritten, m.aside, m.unreleased, m.unreleasedWindows)
	}
	return m
}

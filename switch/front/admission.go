package front

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/internal/mutant"
	"switchyard/switch/api"
)

// enter takes room for one more request, of the caller and of all, or refuses it.
func (f *Front) enter(c *Caller) *api.Error {
	if c.most > 0 && !take(&c.inFlight, c.most) && !mutant.On(mutant.GatewayTakesAll) {
		c.refused.Inc()
		return api.NewError(api.CodeBusy, "as many requests of this gateway are in flight as may be")
	}
	if !take(&f.inFlight, f.most) {
		if c.most > 0 {
			c.inFlight.Add(-1)
		}
		return api.NewError(api.CodeBusy, "as many requests are in flight as may be")
	}
	return nil
}

// leave gives the room of one request back.
func (f *Front) leave(c *Caller) {
	f.inFlight.Add(-1)
	if c.most > 0 {
		c.inFlight.Add(-1)
	}
}

// take counts one more unless there are as many as may be. The count never passes the bound, not for a moment either:
// what the flows reserve for what is in flight rests on it.
func take(count *atomic.Int64, most int64) bool {
	for {
		n := count.Load()
		if n >= most {
			return false
		}
		if count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// InFlight returns how many requests are with the flows.
func (f *Front) InFlight() int { return int(f.inFlight.Load()) }

// measure registers the metrics. They are of gateways, whichever door they come by.
func (f *Front) measure(reg prometheus.Registerer) error {
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchyard_gateway_requests_in_flight", Help: "Requests that are with the flow.",
	}, func() float64 { return float64(f.inFlight.Load()) })
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchyard_gateway_refused_at_bound_total",
		Help: "Requests refused busy at the bound of their gateway.",
	}, []string{"gateway"})
	for _, c := range []prometheus.Collector{inFlight, refused} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	if f.callers != nil {
		for name, c := range f.callers.byName {
			c.refused = refused.WithLabelValues(name)
		}
	}
	return f.callers.measureWrong(reg)
}

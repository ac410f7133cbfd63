package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"switchyard/internal/loadgen/record"
)

// Names of metrics. They are in use: they keep their meaning.
var (
	descAsked = desc("asked_total", "Requests that were due in the window; open loop only.", "operation")
	descSent  = desc("sent_total", "Requests that were due in the window and were sent.", "operation")
	descEnded = desc("requests_total", "Requests that were due in the window and are over, by what came of them.",
		"operation", "class", "code")
	descInFlight = desc("in_flight", "Requests that were sent and are not over.")
	descLatency  = desc("latency_seconds", "Time since requests were due, of those of the window that are over.")
	descRecent   = desc("recent_latency_seconds", "The same of requests that ended in the last whole seconds.", "quantile")
	descRate     = desc("recent_rate", "Requests a second in the last whole seconds: asked, sent, reached; and flows.",
		"what")
	descConnections = desc("connections_total", "Connections that were lost, and that were redialled then.", "what")
	descFlows       = desc("flows_total", "Flows that were due in the window and ended, and those that were complete.",
		"what")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("switchyard_load_"+name, help, labels, nil)
}

// collector shows a run once it has begun.
type collector struct {
	mu       sync.Mutex
	recorder *record.Recorder
	began    time.Time
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descAsked, descSent, descEnded, descInFlight, descLatency, descRecent, descRate,
		descFlows, descConnections,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	recorder, began := c.recorder, c.began
	c.mu.Unlock()
	if recorder == nil {
		return
	}
	s := recorder.Snapshot(time.Since(began))
	count := func(d *prometheus.Desc, n float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	gauge := func(d *prometheus.Desc, x float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
	}
	for _, op := range s.Operations {
		if op.Asked != nil {
			count(descAsked, float64(*op.Asked), op.Name)
		}
		count(descSent, float64(op.Sent), op.Name)
		for _, o := range op.Outcomes {
			count(descEnded, float64(o.N), op.Name, o.Class.String(), o.Code)
		}
	}
	if f := s.Flows; f != nil {
		count(descFlows, float64(f.Ended), "ended")
		count(descFlows, float64(f.Complete), "complete")
		if s.RecentSpan > 0 {
			gauge(descRate, s.Recent.Flows, "flows")
		}
	}
	if c := s.Connections; c != nil {
		count(descConnections, float64(c.Lost), "lost")
		count(descConnections, float64(c.Redialled), "redialled")
	}
	gauge(descInFlight, float64(s.InFlight))
	mean, _ := s.All.Mean()
	to <- prometheus.MustNewConstSummary(
		descLatency, s.All.Count(), mean.Seconds()*float64(s.All.Count()), secondsOf(s.All),
	)
	for q, x := range secondsOf(s.Recent.Latency) {
		gauge(descRecent, x, fmt.Sprint(q))
	}
	if s.RecentSpan > 0 {
		if s.Asked > 0 || s.Recent.Asked > 0 {
			gauge(descRate, s.Recent.Asked, "asked")
		}
		gauge(descRate, s.Recent.Sent, "sent")
		gauge(descRate, s.Recent.Answered, "reached")
	}
}

// secondsOf are the quantiles of a distribution; none where there is nothing.
func secondsOf(h record.Hist) map[float64]float64 {
	list := map[float64]float64{}
	for _, q := range quantiles {
		if d, ok := h.Quantile(q.percent); ok {
			list[q.percent/100] = d.Seconds()
		}
	}
	return list
}

// Metrics is an endpoint of Prometheus.
type Metrics struct {
	run    collector
	server http.Server
	at     net.Addr
	done   chan error
}

// headerLimit is how long a scraper may take to say what it wants.
const headerLimit = 5 * time.Second

// Serve makes one at /metrics of an address, until Close. It shows nothing until Show.
func Serve(ctx context.Context, address string) (*Metrics, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	registry, mux := prometheus.NewPedanticRegistry(), http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	m := &Metrics{
		server: http.Server{Handler: mux, ReadHeaderTimeout: headerLimit}, at: listener.Addr(), done: make(chan error, 1),
	}
	registry.MustRegister(&m.run)
	go func() { m.done <- m.server.Serve(listener) }()
	return m, nil
}

// Show shows a run from now on, which began at a moment.
func (m *Metrics) Show(r *record.Recorder, began time.Time) {
	m.run.mu.Lock()
	defer m.run.mu.Unlock()
	m.run.recorder, m.run.began = r, began
}

// Address is where it listens.
func (m *Metrics) Address() string { return m.at.String() }

// Close ends it.
func (m *Metrics) Close() error {
	err := m.server.Close()
	if ended := <-m.done; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

package link

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are a host's. Their label host is fixed by the registerer's wrapper, so that each host registers its own.
type metrics struct {
	h          *Host
	registerer prometheus.Registerer // nil: kept, but shown nowhere

	sent, received, reconnects *prometheus.CounterVec
	strays, malformed, misread *prometheus.CounterVec
	roundTrip                  *prometheus.HistogramVec
	dropped                    prometheus.Counter
}

// linkMetrics are a link's share, looked up once.
type linkMetrics struct {
	sent, received, reconnects prometheus.Counter
	strays                     [kindCount]prometheus.Counter
	malformed                  map[string]prometheus.Counter // by reason
	misread                    map[int]prometheus.Counter    // by DE
	roundTrip                  prometheus.Observer
}

func newMetrics(h *Host) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchyard_link_" +
			name, Help: help}, append([]string{"link"}, labels...))
	}
	m := &metrics{
		h:          h,
		sent:       counter("sent_total", "Frames written to the host, or tried to."),
		received:   counter("received_total", "Messages received from the host."),
		reconnects: counter("reconnects_total", "Times that a link was lost or could not be made, and will be tried again."),
		strays:     counter("strays_total", "Messages of the host that completed no request.", "kind"),
		malformed:  counter("malformed_total", "Frames of the host that are no message.", "reason"),
		misread:    counter("misread_total", "Answers that fit in all else and differ in what the request carried.", "field"),
		roundTrip: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "switchyard_link_round_trip_seconds",
			Help: "From a request's being queued for the socket to its response.",
			// 50 µs to 26 s, doubling.
			Buckets: prometheus.ExponentialBuckets(50e-6, 2, 20),
		}, []string{"link"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "switchyard_link_events_dropped_total",
			Help: "Stray responses that could not be handed over because too many were waiting.",
		}),
	}
	if h.cfg.Registerer == nil {
		return m, nil
	}
	m.registerer = prometheus.WrapRegistererWith(prometheus.Labels{"host": h.cfg.Host}, h.cfg.Registerer)
	for i, c := range m.collectors() {
		if err := m.registerer.Register(c); err != nil {
			for _, registered := range m.collectors()[:i] {
				m.registerer.Unregister(registered)
			}
			return nil, fmt.Errorf("options: Registerer: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.sent, m.received, m.reconnects, m.strays, m.malformed, m.misread, m.roundTrip, m.dropped, linkGauges{m.h},
	}
}

func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.collectors() {
		m.registerer.Unregister(c)
	}
}

// misreadFields are the label values of what an answer may differ in; with the first two it completes nothing.
var misreadFields = map[int]string{
	deCard: "card", deProcessing: "processing_code", deExpiry: "expiry", deTrack2: "track2",
}

// link returns the share of one link, with every series there from the start.
func (m *metrics) link(name string) *linkMetrics {
	l := &linkMetrics{
		sent:       m.sent.WithLabelValues(name),
		received:   m.received.WithLabelValues(name),
		reconnects: m.reconnects.WithLabelValues(name),
		malformed:  map[string]prometheus.Counter{},
		misread:    map[int]prometheus.Counter{},
		roundTrip:  m.roundTrip.WithLabelValues(name),
	}
	for k := range l.strays {
		l.strays[k] = m.strays.WithLabelValues(name, Kind(k).String())
	}
	for de, field := range misreadFields {
		l.misread[de] = m.misread.WithLabelValues(name, field)
	}
	for _, reason := range []string{refusedEmpty, refusedLong, refusedFormat, refusedFraming} {
		l.malformed[reason] = m.malformed.WithLabelValues(name, reason)
	}
	return l
}

// linkGauges reads the state of the links when it is asked for.
type linkGauges struct{ h *Host }

var (
	upDesc = prometheus.NewDesc(
		"switchyard_link_up", "1 while the link is signed on and takes requests.", []string{"link"}, nil,
	)
	inUseDesc = prometheus.NewDesc(
		"switchyard_link_window_in_use", "Requests that hold a slot in the link's window.", []string{"link"}, nil,
	)
	windowDesc = prometheus.NewDesc(
		"switchyard_link_window", "Slots in the link's window at the moment.", []string{"link"}, nil,
	)
)

// Describe implements prometheus.Collector.
func (linkGauges) Describe(out chan<- *prometheus.Desc) {
	out <- upDesc
	out <- inUseDesc
	out <- windowDesc
}

// Collect implements prometheus.Collector.
func (g linkGauges) Collect(out chan<- prometheus.Metric) {
	for _, l := range g.h.Links() {
		up := 0.0
		if l.State == stateUp.String() {
			up = 1
		}
		out <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, up, l.Link)
		out <- prometheus.MustNewConstMetric(inUseDesc, prometheus.GaugeValue, float64(l.InUse), l.Link)
		out <- prometheus.MustNewConstMetric(windowDesc, prometheus.GaugeValue, float64(l.Window), l.Link)
	}
}

package lines

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/api"
)

// reason is why a connection was closed; a metric's label and, for the peer, documented in docs/gateway-protocol.md.
type reason uint8

const (
	stillOpen        reason = iota
	peerClosed              // EOF between lines, every line answered
	halfLine                // EOF within a line: the half is dropped
	lost                    // reset, or another error of the network
	tooLarge                // a line beyond the bound
	unauthorized            // no hello, a wrong one or a second one
	helloTimeout            // no hello (or TLS handshake) in time
	handshake               // the TLS handshake failed
	unsentBytes             // answers beyond UnsentLimit await a peer that does not read
	unsentTimeout           // answers awaited it for UnsentTimeout
	idle                    // nothing for IdleTimeout
	shutdown                // the server stops
	surplus                 // MaxConnections are open
	surplusOfAddress        // MaxPerAddress are
	gaveWay                 // it had not said who it is when others came, MaxUnknown of them
	reasonCount
)

var reasonNames = [reasonCount]string{
	"", "peer_closed", "half_line", "lost", "too_large", "unauthorized", "hello_timeout", "handshake",
	"unsent_bytes", "unsent_timeout", "idle", "shutdown", "max_connections", "max_connections_per_address", "gave_way"}

func (r reason) String() string { return reasonNames[r] }

// ours tells whether we ended the connection while the peer might still be sending.
func (r reason) ours() bool {
	switch r {
	case tooLarge, unauthorized, helloTimeout, idle, shutdown, surplus:
		return true
	}
	return false
}

// outcome is how a request that was not refused ended.
type outcome uint8

const (
	approved outcome = iota
	notApproved
	answered // status, ping, hello
	outcomeCount
)

var outcomeNames = [outcomeCount]string{"approved", "not_approved", "answered"}

func outcomeOf(a *api.Answer) outcome {
	switch {
	case a.Op == api.OpStatus || a.Op == api.OpPing:
		return answered
	case a.Approved:
		return approved
	}
	return notApproved
}

// byCode counts refusals by their code. It has every code that there is; one that is not listed counts as internal, so
// that a counter is never nil.
type byCode map[api.Code]prometheus.Counter

func (c byCode) of(code api.Code) prometheus.Counter {
	if counter := c[code]; counter != nil {
		return counter
	}
	return c[api.CodeInternal]
}

// metrics holds every series ready, so that counting on the path of a payment is an atomic addition.
type metrics struct {
	connections prometheus.Gauge
	paused      prometheus.Counter
	rejected    byCode
	closed      [reasonCount]prometheus.Counter
	hello       prometheus.Counter
	ops         [api.OpCount]opMetrics
}

// opMetrics are the series of one operation.
type opMetrics struct {
	outcomes [outcomeCount]prometheus.Counter
	errors   byCode
	seconds  prometheus.Observer
}

// answered counts an answered request.
func (m *metrics) answered(a *api.Answer, took time.Duration) {
	op := &m.ops[a.Op]
	op.seconds.Observe(took.Seconds())
	if a.Err != nil {
		op.errors.of(a.Err.Code).Inc()
		return
	}
	op.outcomes[outcomeOf(a)].Inc()
}

func newMetrics(reg prometheus.Registerer, held *atomic.Int64) (*metrics, error) {
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchyard_gateway_connections",
			Help: "Connections of gateways."}),
		paused: prometheus.NewCounter(prometheus.CounterOpts{Name: "switchyard_gateway_reads_paused_total",
			Help: "Times that a connection was read no further because its answers or requests in flight were at their bound."}),
		rejected: byCode{},
	}
	rejected := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchyard_gateway_lines_rejected_total",
		Help: "Lines answered with an error before they reached the flow."}, []string{"code"})
	closed := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchyard_gateway_connections_closed_total",
		Help: "Connections closed, by the reason."}, []string{"reason"})
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchyard_gateway_requests_total",
		Help: "Requests answered, by operation and outcome."}, []string{"op", "outcome"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "switchyard_gateway_request_seconds",
		Help:    "Time from a request's line read to its answer queued.",
		Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30}}, []string{"op"})
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "switchyard_gateway_hellos_held",
		Help: "Wrong hellos whose refusal is held back."}, func() float64 { return float64(held.Load()) })
	for _, c := range []prometheus.Collector{m.connections, m.paused, rejected, closed, requests, seconds, waiting} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	for _, code := range api.Codes() {
		m.rejected[code] = rejected.WithLabelValues(string(code))
	}
	for r := peerClosed; r < reasonCount; r++ {
		m.closed[r] = closed.WithLabelValues(r.String())
	}
	m.hello = requests.WithLabelValues("hello", outcomeNames[answered])
	for _, op := range api.Ops() {
		o := &m.ops[op]
		o.seconds, o.errors = seconds.WithLabelValues(op.String()), byCode{}
		for i, name := range outcomeNames {
			o.outcomes[i] = requests.WithLabelValues(op.String(), name)
		}
		for _, code := range api.Codes() {
			o.errors[code] = requests.WithLabelValues(op.String(), string(code))
		}
	}
	return m, nil
}

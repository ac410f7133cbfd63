package lines

import (
	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/api"
)

// reason is why a connection was closed; a metric's label and, for the peer, documented in docs/gateway-protocol.md.
type reason uint8

const (
	stillOpen     reason = iota
	peerClosed           // EOF between lines, every line answered
	halfLine             // EOF within a line: the half is dropped
	lost                 // reset, or another error of the network
	tooLarge             // a line beyond the bound
	unauthorized         // no hello, a wrong one or a second one
	helloTimeout         // no hello (or TLS handshake) in time
	handshake            // the TLS handshake failed
	unsentBytes          // answers beyond UnsentLimit await a peer that does not read
	unsentTimeout        // answers awaited it for UnsentTimeout
	idle                 // nothing for IdleTimeout
	shutdown             // the server stops
	surplus              // MaxConnections are open
	reasonCount
)

var reasonNames = [reasonCount]string{"", "peer_closed", "half_line", "lost", "too_large", "unauthorized", "hello_timeout", "handshake",
	"unsent_bytes", "unsent_timeout", "idle", "shutdown", "max_connections"}

func (r reason) String() string { return reasonNames[r] }

// ours tells whether we ended the connection while the peer might still be sending.
func (r reason) ours() bool {
	switch r {
	case tooLarge, unauthorized, helloTimeout, idle, shutdown, surplus:
		return true
	}
	return false
}

// outcome is how a request ended.
type outcome uint8

const (
	approved outcome = iota
	notApproved
	answered // status, ping, hello
	firstError
)

var errorCodes = [...]api.Code{api.CodeInvalidRequest, api.CodeInvalidField, api.CodeUnknownOp, api.CodeUnknownPayment, api.CodeUnauthorized,
	api.CodeConflict, api.CodeInvalidState, api.CodeAmountExceeds, api.CodeNoRoute, api.CodeBusy, api.CodeIssuerUnavailable,
	api.CodeTooLarge, api.CodeInternal, api.CodeLimitExceeded}

const outcomeCount = int(firstError) + len(errorCodes)

func outcomeOf(a *api.Answer) outcome {
	switch {
	case a.Err != nil:
		return firstError + outcome(codeIndex(a.Err.Code))
	case a.Op == api.OpStatus || a.Op == api.OpPing || a.Op == api.OpHello:
		return answered
	case a.Approved:
		return approved
	}
	return notApproved
}

// codeIndex is the place of a code in errorCodes; one that is not there counts as internal.
func codeIndex(code api.Code) int {
	for i, c := range errorCodes {
		if c == code {
			return i
		}
	}
	return len(errorCodes) - 1
}

// metrics holds every series ready, so that counting on the path of a payment is an atomic addition.
type metrics struct {
	connections prometheus.Gauge
	inFlight    prometheus.GaugeFunc
	paused      prometheus.Counter
	rejected    [len(errorCodes)]prometheus.Counter
	closed      [reasonCount]prometheus.Counter
	requests    [api.OpCount][outcomeCount]prometheus.Counter
	seconds     [api.OpCount]prometheus.Observer
}

func newMetrics(reg prometheus.Registerer, inFlight func() float64) (*metrics, error) {
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchyard_gateway_connections", Help: "Connections of gateways."}),
		inFlight: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "switchyard_gateway_requests_in_flight",
			Help: "Requests that are with the flow."}, inFlight),
		paused: prometheus.NewCounter(prometheus.CounterOpts{Name: "switchyard_gateway_reads_paused_total",
			Help: "Times that a connection was read no further because its answers or requests in flight were at their bound."}),
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
	for _, c := range []prometheus.Collector{m.connections, m.inFlight, m.paused, rejected, closed, requests, seconds} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	for i, code := range errorCodes {
		m.rejected[i] = rejected.WithLabelValues(string(code))
	}
	for r := peerClosed; r < reasonCount; r++ {
		m.closed[r] = closed.WithLabelValues(r.String())
	}
	for op := api.OpAuthorize; op < api.OpCount; op++ {
		m.seconds[op] = seconds.WithLabelValues(op.String())
		m.requests[op][approved] = requests.WithLabelValues(op.String(), "approved")
		m.requests[op][notApproved] = requests.WithLabelValues(op.String(), "not_approved")
		m.requests[op][answered] = requests.WithLabelValues(op.String(), "answered")
		for i, code := range errorCodes {
			m.requests[op][int(firstError)+i] = requests.WithLabelValues(op.String(), string(code))
		}
	}
	return m, nil
}

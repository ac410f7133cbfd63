package flow

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/api"
	"switchyard/switch/payment"
)

type metrics struct {
	requests *prometheus.CounterVec
	outcomes *prometheus.CounterVec
	unasked  *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	stage    *prometheus.HistogramVec

	issuer, intent, outcome, slot prometheus.Observer
	begun                         prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	buckets := prometheus.ExponentialBuckets(0.0001, 2, 18) // 100 µs to 13 s
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_requests_total",
			Help: "Requests by operation and outcome: approved, declined, reversing, failed, replayed or an error code.",
		}, []string{"op", "outcome"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_intents_total", Help: "Intents by their first outcome; begun counts them all (I11).",
		}, []string{"outcome"}),
		unasked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_due_total",
			Help: "What was done for payments because it was due: capture, expire, at the end of a capture window, " +
				"and release, of what was undone as a whole.",
		}, []string{"what"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "switchyard_request_seconds", Help: "Time from a decoded request to its durable answer.", Buckets: buckets,
		}, []string{"op"}),
		stage: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "switchyard_stage_seconds", Help: "Time in a stage of a request: slot, intent, issuer, outcome.",
			Buckets: buckets,
		}, []string{"stage"}),
	}
	reg.MustRegister(m.requests, m.outcomes, m.unasked, m.seconds, m.stage)
	m.slot, m.intent = m.stage.WithLabelValues("slot"), m.stage.WithLabelValues("intent")
	m.issuer, m.outcome = m.stage.WithLabelValues("issuer"), m.stage.WithLabelValues("outcome")
	m.begun = m.outcomes.WithLabelValues("begun")
	return m
}

// concluded counts an intent by its first outcome (I11).
func (m *metrics) concluded(op *payment.Op) {
	outcome := op.State
	if outcome == payment.StateQueued || outcome == payment.StateParked {
		outcome = payment.StateUnknown
	}
	m.outcomes.WithLabelValues(outcome.String()).Inc()
}

// accepted counts an operation that is final with its intent: a capture, a stand-in, a reversal presentment.
func (m *metrics) accepted() {
	m.begun.Inc()
	m.outcomes.WithLabelValues("approved").Inc()
}

// due counts what was done although nobody asked.
func (m *metrics) due(what payment.Due) {
	name := "capture"
	switch what {
	case payment.DueExpire:
		name = "expire"
	case payment.DueRelease:
		name = "release"
	case payment.DueCapture, payment.DueNothing, payment.DueLater:
	}
	m.unasked.WithLabelValues(name).Inc()
}

// request counts an answered request.
func (m *metrics) request(op api.Op, a *api.Answer, took time.Duration) {
	m.seconds.WithLabelValues(op.String()).Observe(took.Seconds())
	outcome := "declined"
	switch {
	case a.Err != nil:
		outcome = string(a.Err.Code)
	case a.Replayed:
		outcome = "replayed"
	case a.NoIntent:
		outcome = "answered"
	case a.Approved:
		outcome = "approved"
	case a.Status == api.StatusReversing:
		outcome = "reversing"
	case a.Status == api.StatusFailed:
		outcome = "failed"
	}
	m.requests.WithLabelValues(op.String(), outcome).Inc()
}

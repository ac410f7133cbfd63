package incoming

import (
	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/payment"
)

type metrics struct{ files, records *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		files: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_clearing_incoming_files_total", Help: "Incoming clearing files: taken or refused.",
		}, []string{"outcome"}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_clearing_incoming_records_total",
			Help: "What incoming clearing files came to: presentments moved, by how, and exceptions.",
		}, []string{"outcome"}),
	}
	// Each series is there from the start: of one that begins with 1 nobody sees that it has risen.
	for _, outcome := range []string{"taken", "refused"} {
		m.files.WithLabelValues(outcome)
	}
	m.records.WithLabelValues("exception")
	for _, kind := range []payment.Kind{payment.KindReject, payment.KindChargeback, payment.KindSettle} {
		m.records.WithLabelValues(kind.String())
	}
	if reg != nil {
		reg.MustRegister(m.files, m.records)
	}
	return m
}

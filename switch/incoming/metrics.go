package incoming

import "github.com/prometheus/client_golang/prometheus"

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
	if reg != nil {
		reg.MustRegister(m.files, m.records)
	}
	return m
}

package reconcile

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/switch/payment"
)

// told says what an answer came to.
func (e *Engine) told(date payment.Date, r *Result) {
	e.metrics.results.WithLabelValues(r.Host, string(r.Status)).Inc()
	logger := e.o.Logger.With(zap.Stringer("date", date), zap.String("host", r.Host), zap.String("acquirer", r.Acquirer),
		zap.String("currency", r.Currency), zap.Any("ours", r.Ours), zap.Any("theirs", r.Theirs),
		zap.String("response_code", r.Code), zap.Int("waiting", r.Open))
	switch r.Status {
	case InBalance:
		logger.Info("a business date is in balance with the host")
	case OutOfBalance:
		logger.Error("a business date is out of balance with the host (switchctl reconcile shows what makes the difference)")
	case Refused:
		logger.Error("the host does not reconcile a business date: see its response code")
	case Unanswered:
		logger.Warn("the host cannot say whether a business date is in balance; it is asked again")
	}
}

// unanswered says why there is no answer.
func (e *Engine) unanswered(at hostDate, r *Result, err error) {
	e.metrics.results.WithLabelValues(r.Host, string(Unanswered)).Inc()
	e.o.Logger.Warn("a host has not answered whether a business date is in balance; it is asked again",
		zap.Stringer("date", at.date), zap.String("host", r.Host), zap.String("currency", r.Currency), zap.Error(err))
}

type metrics struct {
	results      *prometheus.CounterVec
	open, differ *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "switchyard_reconciliations_total",
			Help: "Reconciliations (0500) by host and result: in_balance, out_of_balance, refused, unanswered.",
		}, []string{"host", "result"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "switchyard_reconciliations_open",
			Help: "Business dates that are sealed and that a host has not answered for yet.",
		}, []string{"host"}),
		differ: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "switchyard_reconciliations_out_of_balance",
			Help: "Business dates of the last 60 days whose last answer of a host was that they are out of balance.",
		}, []string{"host"}),
	}
	if reg != nil {
		reg.MustRegister(m.results, m.open, m.differ)
	}
	return m
}

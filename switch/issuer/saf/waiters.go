package saf

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/switch/payment"
)

// waiters counts the queued advices of each payment and wakes those who wait for a payment to have none.
type waiters struct {
	mu     sync.Mutex
	count  map[payment.ID]int
	wake   map[payment.ID]chan struct{}
	parked int
}

// park counts durable rows that wait for a person.
func (w *waiters) park(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parked += n
}

// add counts a row that is in memory.
func (w *waiters) add(id payment.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count[id]++
}

// drop counts off a row that is in memory no more.
func (w *waiters) drop(id payment.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count[id]--; w.count[id] > 0 {
		return
	}
	delete(w.count, id)
	if c := w.wake[id]; c != nil {
		close(c)
		delete(w.wake, id)
	}
}

func (w *waiters) parkedRows() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.parked
}

func (w *waiters) wait(ctx context.Context, id payment.ID) error {
	w.mu.Lock()
	if w.count[id] == 0 {
		w.mu.Unlock()
		return nil
	}
	c := w.wake[id]
	if c == nil {
		c = make(chan struct{})
		w.wake[id] = c
	}
	w.mu.Unlock()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type metrics struct {
	queued *prometheus.GaugeVec
	parked prometheus.Gauge
	// Attempts by what came of them.
	unanswered, repeat, lapsed prometheus.Counter
	ended                      map[payment.State]prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		queued: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "switchyard_saf_queued", Help: "Advices that wait for the issuer's acknowledgement, by host.",
		}, []string{"host"}),
		parked: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "switchyard_saf_parked", Help: "Advices that the issuer refused for good; a person decides.",
		}),
	}
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchyard_saf_attempts_total", Help: "Advices sent, by what came of it.",
	}, []string{"outcome"})
	m.unanswered, m.repeat = attempts.WithLabelValues("unanswered"), attempts.WithLabelValues("repeat")
	m.lapsed = attempts.WithLabelValues("lapsed")
	m.ended = map[payment.State]prometheus.Counter{}
	for _, state := range [...]payment.State{payment.StateApproved, payment.StateParked} {
		m.ended[state] = attempts.WithLabelValues(state.String())
	}
	reg.MustRegister(m.queued, m.parked, attempts)
	return m
}

// countEnd counts the attempt that ended an advice: apart where it gave up a hold that the issuer does not find.
func (m *metrics) countEnd(op *payment.Op, state payment.State) {
	if op.Kind == payment.KindExpire && state == payment.StateApproved && payment.Meaning(op.ResponseCode).NotFound {
		m.lapsed.Inc()
		return
	}
	m.ended[state].Inc()
}

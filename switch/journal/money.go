package journal

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// BrokenMoney is what the log says, at level error, of each transition that would leave or leaves I7 broken. It is an
// alarm: a fault of the switch, never of a request.
const BrokenMoney = "a money invariant is broken"

// BrokenError refuses a transition whose payment breaks I7.
type BrokenError struct{ Invariant string }

// Error implements error.
func (e *BrokenError) Error() string { return "journal: " + e.Invariant }

// IsBroken tells whether a transition was refused because its payment breaks I7.
func IsBroken(err error) bool {
	if err == nil {
		return false // of nearly all, and errors.As allocates
	}
	var broken *BrokenError
	return errors.As(err, &broken)
}

// Money is the one place where I7 is held against all that is committed, whoever it comes from: each engine has one and
// asks it before anything else.
type Money struct {
	logger *zap.Logger
	broken prometheus.Counter
}

// NewMoney makes it. Its alarms go to a logger.
func NewMoney(logger *zap.Logger) *Money {
	return &Money{logger, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "switchyard_money_invariant_broken_total",
		Help: "Transitions whose payment breaks a money invariant: refused, or stored because they were received.",
	})}
}

// Metric counts the alarms; the engine registers it.
func (m *Money) Metric() prometheus.Counter { return m.broken }

// Check refuses a transition that breaks I7 with *BrokenError, unless it is EvenBroken. Either way it is an alarm.
func (m *Money) Check(t *Transition) error {
	invariant := t.Payment.Invariant()
	if invariant == "" {
		return nil
	}
	m.broken.Inc()
	m.logger.Error(BrokenMoney, zap.Stringer("payment", t.Payment.ID), zap.String("invariant", invariant),
		zap.Uint64("version", t.Payment.Version), zap.Bool("committed", t.EvenBroken))
	if t.EvenBroken {
		return nil
	}
	return &BrokenError{invariant}
}

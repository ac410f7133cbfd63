package journal

import (
	"errors"

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
	var broken *BrokenError
	return errors.As(err, &broken)
}

// checkMoney is the one place where I7 is held against all that is committed, whoever it comes from.
func (j *Pebble) checkMoney(t *Transition) error {
	invariant := t.Payment.Invariant()
	if invariant == "" {
		return nil
	}
	j.metrics.broken.Inc()
	j.logger.Error(BrokenMoney, zap.Stringer("payment", t.Payment.ID), zap.String("invariant", invariant),
		zap.Uint64("version", t.Payment.Version), zap.Bool("committed", t.EvenBroken))
	if t.EvenBroken {
		return nil
	}
	return &BrokenError{invariant}
}

package journal

import (
	"errors"
	"fmt"
)

// The errors of Commit. Each leaves nothing of its transition behind.
var (
	ErrVersion   = errors.New("journal: the payment has another version")
	ErrDayClosed = errors.New("journal: the business date is closed")
	// ErrUnknown says that nobody knows whether the transition was applied: the caller re-reads by id and version.
	// Pebble never returns it.
	ErrUnknown = errors.New("journal: outcome unknown")
	ErrClosed  = errors.New("journal: closed")
	// ErrNotFound is returned by reads.
	ErrNotFound = errors.New("journal: not found")
)

// KeyTakenError says which claim was refused and what holds the key.
type KeyTakenError struct {
	Claim KeyClaim
	Holds KeyEntry
}

// Error implements error.
func (e *KeyTakenError) Error() string {
	return fmt.Sprintf("journal: key %q of merchant %q is taken", e.Claim.Key, e.Claim.Merchant)
}

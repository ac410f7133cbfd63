package journal

import (
	"context"
	"slices"
	"time"
)

// Hold says why a journal is held: it may be an earlier copy of one that has gone on, so nothing may be decided by it
// until a person has looked.
type Hold struct {
	Since   time.Time `json:"since"`
	Reasons []string  `json:"reasons"`
}

// With is the hold with another reason.
func (h *Hold) With(reason string, now time.Time) *Hold {
	if h == nil {
		return &Hold{Since: now.UTC(), Reasons: []string{reason}}
	}
	if slices.Contains(h.Reasons, reason) {
		return h
	}
	return &Hold{Since: h.Since, Reasons: append(slices.Clone(h.Reasons), reason)}
}

// Held is a journal that can tell that it is an earlier copy of one that has gone on, or be told so. It takes what it
// is
// given all the same: what may be decided meanwhile is the callers' to say.
type Held interface {
	// Hold returns why the journal is held, nil if it is not.
	Hold() *Hold
	// AddHold holds the journal for one more reason, until Release; both durably.
	AddHold(ctx context.Context, reason string) error
	Release(ctx context.Context) error
	// Lost tells up to which batch something outside of the journal knows of it, where the journal, which is held, ends
	// before it.
	Lost() (batch uint64, ok bool)
}

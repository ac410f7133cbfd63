package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"switchyard/switch/payment"
)

// Event tells those who follow the journal what a transition did (I15). It is stored in the transition's commit, so it
// is there if and only if the change is.
type Event struct {
	// Position is where it stands in the order of commits, which Commit decides: it rises and has gaps.
	Position uint64
	Payment  payment.ID // the transition's; Commit fills it in
	// Kind is a number of the follower's protocol. It is stored: it is written out, and never changes its meaning.
	Kind uint16
	Data []byte // at most MaxEventData
}

func (e *Event) check() error {
	if len(e.Data) > MaxEventData {
		return fmt.Errorf("journal: an event of %d bytes, expected at most %d", len(e.Data), MaxEventData)
	}
	return nil
}

// Events is the part of a journal that a follower needs.
type Events interface {
	// Events calls yield for the events from a position on, in commit order, and returns the position to go on from.
	Events(ctx context.Context, from uint64, yield func(Event) bool) (next uint64, err error)
	PutMeta(ctx context.Context, name string, value []byte) error
	Meta(ctx context.Context, name string) ([]byte, error)
}

// followerMeta begins the names of the values that keep the followers' positions.
const followerMeta = "follower/"

// Followed returns the position that a follower goes on from, 0 for one that never followed.
func Followed(ctx context.Context, j Events, follower string) (position uint64, err error) {
	value, err := j.Meta(ctx, followerMeta+follower)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(value) != 8:
		return 0, fmt.Errorf("journal: position of follower %s: %d bytes, expected 8", follower, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

// Follow hands a follower the events that it has not taken yet, at most most of them, and then keeps its position.
// Where it ends before that, with an error of handle's or the process, the next call hands them out again: each event
// comes at least once, in order, and none before its change is durable (I15). It returns how many were taken.
func Follow(ctx context.Context, j Events, follower string, most int, handle func(Event) error) (taken int, err error) {
	from, err := Followed(ctx, j, follower)
	if err != nil {
		return 0, err
	}
	var failed error
	at := from
	_, err = j.Events(ctx, from, func(e Event) bool {
		if taken == most {
			return false
		}
		if failed = handle(e); failed != nil {
			return false
		}
		taken++
		at = e.Position + 1
		return true
	})
	if at != from {
		kept := j.PutMeta(context.WithoutCancel(ctx), followerMeta+follower, binary.BigEndian.AppendUint64(nil, at))
		err = errors.Join(err, kept)
	}
	return taken, errors.Join(failed, err)
}

// EventPosition is the position of event i of the commit at a place in commit order: unique and rising.
func EventPosition(commit uint64, i int) uint64 { return commit*MaxEvents + uint64(i) }

// CheckEventSweep refuses a limit that SweepEvents does not take.
func CheckEventSweep(limit int) error {
	if limit < 1 || limit > MaxSweep {
		return fmt.Errorf("journal: SweepEvents of %d events, expected 1 to %d", limit, MaxSweep)
	}
	return nil
}

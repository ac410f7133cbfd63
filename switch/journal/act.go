package journal

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Act is what a person did, in an append-only record that is kept for good. Each names the hash of the one before, so
// that none can be changed, taken out or put in between without all that follow.
type Act struct {
	Number  uint64          // 1 for the first; Append sets it
	At      time.Time       // with nanoseconds
	Who     string          // never empty
	Role    string          // in which role
	What    string          // what was done: never empty
	Details json.RawMessage // more of it, at most MaxDetails bytes of JSON, or empty; no card data
	Before  [sha256.Size]byte
}

// Check refuses an act that cannot be kept.
func (a *Act) Check() error {
	switch {
	case a.Who == "" || a.What == "":
		return errors.New("journal: an act needs who and what")
	case max(len(a.Who), len(a.Role), len(a.What)) > MaxText:
		return fmt.Errorf("journal: an act with a text of more than %d bytes", MaxText)
	case len(a.Details) > MaxDetails:
		return fmt.Errorf("journal: details of an act of %d bytes, expected at most %d", len(a.Details), MaxDetails)
	case len(a.Details) > 0 && !json.Valid(a.Details):
		return errors.New("journal: details of an act: expected JSON")
	case a.At.IsZero() || !Storable(a.At):
		return errors.New("journal: an act: its time is out of range")
	}
	return nil
}

// Hash is what the next act names as Before: SHA-256 over Before, the number (8 bytes, big-endian), the time (8 bytes,
// nanoseconds since 1970), and who, role, what and details, each with its length before it (4 bytes).
func (a *Act) Hash() [sha256.Size]byte {
	b := append([]byte(nil), a.Before[:]...)
	b = binary.BigEndian.AppendUint64(b, a.Number)
	b = binary.BigEndian.AppendUint64(b, uint64(a.At.UnixNano()))
	for _, part := range [...]string{a.Who, a.Role, a.What, string(a.Details)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return sha256.Sum256(b)
}

// Acts is the record of what people did.
type Acts interface {
	// Append adds an act durably and returns it with its number and the hash of the one before.
	Append(ctx context.Context, a Act) (Act, error)
	// Acts calls yield for the acts from a number on, in their order.
	Acts(ctx context.Context, from uint64, yield func(Act) bool) error
}

// CheckActs reads all acts and holds each against the one before. It returns how many there are and the hash of the
// last: noted elsewhere, they tell later that none was taken from the end.
func CheckActs(ctx context.Context, j Acts) (count uint64, last [sha256.Size]byte, err error) {
	var broken error
	err = j.Acts(ctx, 0, func(a Act) bool {
		switch {
		case a.Number != count+1:
			broken = fmt.Errorf("journal: act %d follows act %d", a.Number, count)
		case a.Before != last:
			broken = fmt.Errorf("journal: act %d does not follow from act %d: one of them was changed", a.Number, count)
		}
		count, last = a.Number, a.Hash()
		return broken == nil
	})
	return count, last, errors.Join(broken, err)
}

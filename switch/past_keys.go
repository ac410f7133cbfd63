package txswitch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"switchyard/internal/pan"
	"switchyard/switch/journal"
)

// metaSealed names the value that lists the ids of the keys that ever sealed a card of this journal, four bytes each.
const metaSealed = "keys/sealed"

// rememberKey refuses a key file that lacks a key under which cards of the journal are sealed: they could be
// captured and not sent, and their date could not be cleared. It remembers the key that seals from now on.
func rememberKey(j journal.Engine, keys *pan.Keyring) error {
	v, err := j.Meta(context.Background(), metaSealed)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	var ids []uint32
	for b := v; len(b) >= 4; b = b[4:] {
		ids = append(ids, binary.BigEndian.Uint32(b))
	}
	for _, id := range ids {
		if !keys.Has(id) {
			return fmt.Errorf("key: cards of this journal are sealed with key %08x, which is not in the key file: a line of "+
				"it was taken out; put it back, since keys are only ever appended", id)
		}
	}
	if slices.Contains(ids, keys.SealingKey()) {
		return nil
	}
	return j.PutMeta(context.Background(), metaSealed, binary.BigEndian.AppendUint32(v, keys.SealingKey()))
}

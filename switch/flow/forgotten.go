package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/journal"
)

// A journal that was put back does not know the keys that were used after its copy was made, and a gateway may ask
// about one of them once an operator has let the switch serve again. So what it does not know is not taken for what
// never was, until gateways have had the time to ask.

const (
	// forgottenMeta names the value that says when a journal that was put back was let serve again: nanoseconds since
	// 1970, eight bytes.
	forgottenMeta = "keys/forgotten"
	// forgottenFor is how long from then on a key may be one that is forgotten. Whoever waits for an answer asks again
	// within minutes, and was refused as busy until then; longer, each request that is lost on the way would end with
	// nobody knowing.
	forgottenFor = 24 * time.Hour
)

// keepForgotten notes that the journal may have forgotten keys.
func (f *Flow) keepForgotten(ctx context.Context) error {
	now := uint64(f.o.Clock.Now().UnixNano())
	return f.o.Journal.PutMeta(ctx, forgottenMeta, binary.BigEndian.AppendUint64(nil, now))
}

// forgotten is the answer about a key, or a reference, that no request has used: nil where none can have, else that it
// cannot be told. of is the field that names it.
func (f *Flow) forgotten(ctx context.Context, of string) *api.Error {
	value, err := f.o.Journal.Meta(ctx, forgottenMeta)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return nil
	case err != nil:
		return f.fault("read whether keys are forgotten", err)
	case len(value) != 8:
		return f.fault("read whether keys are forgotten", errors.New("value "+forgottenMeta+": expected 8 bytes"))
	}
	since := time.Unix(0, int64(binary.BigEndian.Uint64(value))).UTC()
	if f.o.Clock.Now().After(since.Add(forgottenFor)) {
		return nil
	}
	message := "the switch does not know it, and was put back to an earlier state of itself at " +
		since.Format(time.RFC3339) + ": a request with it may have been approved and be forgotten; ask its operator"
	return &api.Error{Code: api.CodeUnknownPayment, Field: of, Message: message}
}

package operator

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"switchyard/internal/slowlock"
	"switchyard/switch/journal"
)

// Act is one entry of the record of who did what.
type Act struct {
	N    uint64    `json:"n"` // counts up from 1 without a gap
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	Role Role      `json:"role"` // that it needs
	What string    `json:"what"` // the request's path, without its version
	// Parameters are those of the request, without card numbers.
	Parameters map[string]string `json:"parameters,omitempty"`
	Begun      uint64            `json:"begun,omitempty"` // the act by which it was begun
	Outcome    string            `json:"outcome"`         // begun, done, refused, failed
	Error      string            `json:"error,omitempty"`
}

// RecordedAct is an act as it is kept, and as a line of GET /v1/acts has it. Hash is the SHA-256, in hex, of the hash
// before (32 bytes, of zeros for the first act) and the bytes of Record. So none can be changed, left out or put between
// others unseen by whoever knows a later hash.
type RecordedAct struct {
	Record json.RawMessage `json:"record"` // an Act
	Hash   string          `json:"hash"`
}

// ActLog is the record, in the journal's small named values. Safe for concurrent use.
type ActLog struct {
	journal Values

	mu     slowlock.Mutex
	newest uint64
	hash   [sha256.Size]byte // of the newest
}

func actName(n uint64) string { return fmt.Sprintf("acts/%020d", n) }

// NewActLog makes the record of a journal, with what it holds.
func NewActLog(ctx context.Context, j Values) (*ActLog, error) {
	l := &ActLog{journal: j}
	var failed error
	there := func(n uint64) bool {
		_, err := j.Meta(ctx, actName(n))
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			failed = err
		}
		return err == nil
	}
	// They have no gap: the first that is not there is behind the newest.
	most := 1
	for there(uint64(most)) {
		most *= 2
	}
	l.newest = uint64(sort.Search(most, func(n int) bool { return n > 0 && !there(uint64(n)) }) - 1)
	if failed != nil || l.newest == 0 {
		return l, failed
	}
	kept, err := readAct(ctx, j, l.newest)
	if err == nil {
		err = decodeHash(&l.hash, kept.Hash)
	}
	return l, err
}

func readAct(ctx context.Context, j Values, n uint64) (kept RecordedAct, err error) {
	text, err := j.Meta(ctx, actName(n))
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err != nil {
		return kept, fmt.Errorf("act %d: %w", n, err)
	}
	return kept, nil
}

func decodeHash(into *[sha256.Size]byte, text string) error {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("an act's hash: expected %d hex digits", hex.EncodedLen(sha256.Size))
	}
	copy(into[:], sum)
	return nil
}

// Append adds an act, as the newest one, and returns its number once it is durable.
func (l *ActLog) Append(ctx context.Context, act Act) (n uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	act.N = l.newest + 1
	record, err := json.Marshal(act)
	if err != nil {
		return 0, err
	}
	hash := sha256.Sum256(append(l.hash[:], record...))
	line, err := json.Marshal(RecordedAct{record, hex.EncodeToString(hash[:])})
	if err != nil {
		return 0, err
	}
	if err := l.journal.PutMeta(ctx, actName(act.N), line); err != nil {
		return 0, err
	}
	l.newest, l.hash = act.N, hash
	return act.N, nil
}

// ExportActs writes the acts of a journal after a number, as JSON lines.
func ExportActs(ctx context.Context, j Values, w io.Writer, after uint64) error {
	const bufferBytes = 64 << 10
	out := bufio.NewWriterSize(w, bufferBytes)
	for n := after + 1; ctx.Err() == nil; n++ {
		line, err := j.Meta(ctx, actName(n))
		if errors.Is(err, journal.ErrNotFound) {
			return out.Flush()
		}
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

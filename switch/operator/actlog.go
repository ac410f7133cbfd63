package operator

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"switchyard/switch/journal"
)

// Act is one entry of the record of who did what, as a line of GET /v1/acts has it. Before and Hash are hex:
// [journal.Act.Hash] says of what, and none can be changed, left out or put between others unseen by whoever knows a
// later hash.
type Act struct {
	N       uint64          `json:"n"` // counts up from 1 without a gap
	At      time.Time       `json:"at"`
	Who     string          `json:"who"`
	Role    Role            `json:"role"` // that it needs
	What    string          `json:"what"` // the request's path, without its version
	Details json.RawMessage `json:"details,omitempty"`
	Before  string          `json:"before"`
	Hash    string          `json:"hash"`
}

// ActDetails is what an act's details have.
type ActDetails struct {
	// Parameters are those of the request, without card numbers.
	Parameters map[string]string `json:"parameters,omitempty"`
	Begun      uint64            `json:"begun,omitempty"` // the act by which it was begun
	Outcome    string            `json:"outcome"`         // begun, done, proposed, refused, failed
	Error      string            `json:"error,omitempty"`
}

// Read reads the details.
func (a *Act) Read() (d ActDetails, err error) {
	if err := json.Unmarshal(a.Details, &d); err != nil {
		return d, fmt.Errorf("act %d: details: %w", a.N, err)
	}
	return d, nil
}

// ExportActs writes the acts of a journal after a number, as JSON lines.
func ExportActs(ctx context.Context, j journal.Acts, w io.Writer, after uint64) error {
	const bufferBytes = 64 << 10
	out := bufio.NewWriterSize(w, bufferBytes)
	enc := json.NewEncoder(out)
	var failed error
	err := j.Acts(ctx, after+1, func(a journal.Act) bool {
		hash := a.Hash()
		failed = enc.Encode(&Act{
			a.Number, a.At.UTC(), a.Who, Role(a.Role), a.What, a.Details, hex.EncodeToString(a.Before[:]),
			hex.EncodeToString(hash[:]),
		})
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

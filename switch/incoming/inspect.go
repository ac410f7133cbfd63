package incoming

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"switchyard/switch/clearing"
)

// inspected is a file that was looked through and may be taken.
type inspected struct {
	id       string // PDS0105
	sha256   string // hex
	bytes    int64
	messages int
}

// processorDigits is how PDS0105 has a processor id.
const processorDigits = 11

// inspect looks through a file before anything of it is done. What makes it one that cannot be taken is a
// *RefusedError; what a record says by itself is not looked at.
func (d *Desk) inspect(path string) (*inspected, error) {
	f, err := d.o.FS.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &RefusedError{Why: "it is no file"}
	case info.Size() > d.o.MaxBytes:
		return nil, &RefusedError{Why: fmt.Sprintf("it has more than %d bytes", d.o.MaxBytes)}
	}
	hash := sha256.New()
	in := io.TeeReader(f, hash)
	report, err := clearing.Verify(in, clearing.VerifyOptions{Envelope: true})
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // what stands behind what ended the reading
		return nil, err
	}
	if err := d.admissible(report); err != nil {
		return nil, err
	}
	return &inspected{
		id: report.FileID, sha256: hex.EncodeToString(hash.Sum(nil)), bytes: info.Size(), messages: report.Totals.Messages,
	}, nil
}

// admissible refuses a file that is broken, or not for us.
func (d *Desk) admissible(report *clearing.Report) error {
	refuse := func(format string, args ...any) error {
		return &RefusedError{FileID: report.FileID, Why: fmt.Sprintf(format, args...)}
	}
	if err := report.Err(); err != nil {
		return refuse("%s", strings.TrimPrefix(err.Error(), "clearing: "))
	}
	id, err := clearing.ParseFileID(report.FileID)
	if err != nil {
		return refuse("%v", err)
	}
	mode := "T"
	if d.o.Production {
		mode = "P"
	}
	ours := strings.Repeat("0", processorDigits-len(d.o.ProcessorID)) + d.o.ProcessorID
	switch {
	case len(report.FurtherIDs) > 0:
		return refuse("another file stands behind it, %s: expected one", report.FurtherIDs[0])
	case id.Type == "":
		return refuse("PDS0105: its type is 002, a file that a member made: expected one of a clearing system")
	case id.ProcessorID != ours:
		return refuse("PDS0105: it is for the member %s: expected %s (clearing.processor_id)", id.ProcessorID, ours)
	case report.Mode != mode:
		return refuse("PDS0122: its mode is %s: expected %s (clearing.production)", report.Mode, mode)
	}
	return nil
}

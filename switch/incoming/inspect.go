package incoming

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
)

// inspected is a file that was looked through and may be taken.
type inspected struct {
	id       string // PDS0105
	sha256   string // hex
	bytes    int64
	messages int
	// foreign says why it is not for us, as the configuration has it today; nil where it is. What was begun is gone on
	// with all the same.
	foreign error
}

// processorDigits is how PDS0105 has a processor id.
const processorDigits = 11

// inspect looks through a file before anything of it is done. What makes it one that cannot be taken is a
// *RefusedError; what a record says by itself is not looked at.
func (d *Desk) inspect(path string) (*inspected, error) {
	f, err := d.o.FS.Open(path)
	if irregular := (*vfs.NotRegularError)(nil); errors.As(err, &irregular) {
		return nil, &RefusedError{Why: "it is " + irregular.Is}
	}
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
	in := io.TeeReader(io.LimitReader(d.untilClose(f), info.Size()), hash) // one that grows is another file
	whole := 0
	report, err := clearing.Verify(in, clearing.VerifyOptions{Envelope: true, Each: func(r *clearing.Record) {
		if is := r.MTI + "/" + r.FunctionCode(); is == fileRejected || is == fileSettled {
			whole++
		}
	}})
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // what stands behind what ended the reading
		return nil, err
	}
	id, err := admissible(report)
	if err != nil {
		return nil, err
	}
	if whole > mostWhole {
		return nil, &RefusedError{FileID: report.FileID, Why: fmt.Sprintf(
			"it has %d records about whole files (%s, %s): expected %d at most", whole, fileSettled, fileRejected, mostWhole)}
	}
	is := &inspected{
		id: report.FileID, sha256: hex.EncodeToString(hash.Sum(nil)), bytes: info.Size(), messages: report.Totals.Messages,
	}
	is.foreign, err = d.foreign(id, report.Mode)
	return is, err
}

// admissible refuses a file that is broken, or no clearing system's.
func admissible(report *clearing.Report) (id clearing.FileID, err error) {
	refuse := func(format string, args ...any) error {
		return &RefusedError{FileID: report.FileID, Why: fmt.Sprintf(format, args...)}
	}
	if err := report.Err(); err != nil {
		return id, refuse("%s", strings.TrimPrefix(err.Error(), "clearing: "))
	}
	switch id, err = clearing.ParseFileID(report.FileID); {
	case err != nil:
		return id, refuse("%v", err)
	case len(report.FurtherIDs) > 0:
		return id, refuse("another file stands behind it, %s: expected one", report.FurtherIDs[0])
	case report.TakesBack != "":
		return id, refuse("PDS0026: it takes an earlier file back, which is for a person to see to")
	case id.Type == "":
		return id, refuse("PDS0105: its type is 002, a file that a member made: expected one of a clearing system")
	}
	return id, nil
}

// foreign says why a file is not for us: it is for another member, or of another mode. A member that one of our sealed
// files was of is ours, too: answers come to the processor id under which a file was sent, whatever it is today.
func (d *Desk) foreign(id clearing.FileID, is string) (foreign, err error) {
	refuse := func(format string, args ...any) error {
		return &RefusedError{FileID: id.String(), Why: fmt.Sprintf(format, args...)}
	}
	mode := "T"
	if d.o.Production {
		mode = "P"
	}
	if is != mode {
		return refuse("PDS0122: its mode is %s: expected %s (clearing.production)", is, mode), nil
	}
	ours := strings.Repeat("0", processorDigits-len(d.o.ProcessorID)) + d.o.ProcessorID
	if id.ProcessorID == ours {
		return nil, nil
	}
	sent, err := d.sentAs(id.ProcessorID)
	if err != nil || sent {
		return nil, err
	}
	return refuse("PDS0105: it is for the member %s: expected %s (clearing.processor_id), or one that had a file of ours",
		id.ProcessorID, ours), nil
}

// sentAs tells whether a file of ours was of a member.
func (d *Desk) sentAs(processorID string) (sent bool, err error) {
	var failed error
	err = d.o.Journal.Days(d.running, func(day journal.Day) bool {
		var files []cutover.SealedFile
		var ids []string
		if files, ids, failed = cutover.SealedFiles(day); failed != nil {
			return false
		}
		for _, f := range files {
			ids = append(ids, f.FileID)
		}
		sent = slices.ContainsFunc(ids, func(text string) bool {
			id, err := clearing.ParseFileID(text)
			return err == nil && id.ProcessorID == processorID
		})
		return !sent
	})
	return sent, errors.Join(failed, err)
}

// untilClose reads what in reads until the desk is closed: a stop does not wait for the rest of a long file.
func (d *Desk) untilClose(in io.Reader) io.Reader { return &stoppable{d.running, in} }

type stoppable struct {
	running context.Context
	in      io.Reader
}

// Read implements io.Reader.
func (s *stoppable) Read(b []byte) (int, error) {
	if err := s.running.Err(); err != nil {
		return 0, err
	}
	return s.in.Read(b)
}

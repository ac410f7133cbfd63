package incoming

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"switchyard/switch/journal"
)

// File is an incoming file as the journal keeps it: JSON under a name of its own. Its counts are of what was applied by
// now.
type File struct {
	Number   int       `json:"number"`  // among all that were taken, from 1
	FileID   string    `json:"file_id"` // PDS0105
	SHA256   string    `json:"sha256"`
	Bytes    int64     `json:"bytes"`
	Name     string    `json:"name"` // that it came under, see shownName
	Begun    time.Time `json:"begun"`
	Taken    time.Time `json:"taken,omitzero"` // applied to its end
	Messages int       `json:"messages"`       // records, header and trailer counted in
	Next     int       `json:"next"`           // the record to go on from

	Rejected     int `json:"rejected"` // presentments
	ChargedBack  int `json:"charged_back"`
	Settled      int `json:"settled"`
	Noted        int `json:"noted"`      // records that move no presentment by what they are: header, trailer, 1644/688
	Exceptions   int `json:"exceptions"` // see Exception
	Lists        int `json:"lists"`      // that the exceptions stand in
	RejectLists  int `json:"reject_lists"`
	DisputeLists int `json:"dispute_lists,omitempty"`
}

// Exception is a record that moved nothing, or more than there was, so that a person has to look.
type Exception struct {
	FileID    string `json:"file_id"`
	Record    int    `json:"record"`  // DE71
	Message   string `json:"message"` // MTI and DE24
	ARN       string `json:"arn,omitempty"`
	RRN       string `json:"rrn,omitempty"`
	Card      string `json:"card,omitempty"` // first six and last four
	Amount    int64  `json:"amount_minor,omitempty"`
	Currency  string `json:"currency,omitempty"`
	Reason    string `json:"reason,omitempty"`    // DE25, or the entries of PDS0005
	Payment   string `json:"payment,omitempty"`   // where one was found
	Operation int    `json:"operation,omitempty"` // of the payment, where the record is booked as one
	Excess    int64  `json:"excess_minor,omitempty"`
	Why       string `json:"why"`
	// IssuerReference is DE95.
	IssuerReference string `json:"issuer_reference,omitempty"`
}

// maxFiles is as many as have numbers.
const maxFiles = 999_999

func fileName(number int) string { return fmt.Sprintf("incoming/%06d", number) }

func exceptionsName(number, list int) string {
	return fmt.Sprintf("%s/exceptions/%06d", fileName(number), list)
}

// load reads which files are known.
func (d *Desk) load() error {
	for n := 1; ; n++ {
		f, err := d.file(d.running, n)
		if errors.Is(err, journal.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		d.byID[f.FileID] = n
	}
}

func (d *Desk) file(ctx context.Context, number int) (f File, err error) {
	err = d.get(ctx, fileName(number), &f)
	return f, err
}

func (d *Desk) get(ctx context.Context, name string, into any) error {
	text, err := d.o.Journal.Meta(ctx, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (d *Desk) put(ctx context.Context, f *File) error { return d.putJSON(ctx, fileName(f.Number), f) }

func (d *Desk) putJSON(ctx context.Context, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return d.o.Journal.PutMeta(ctx, name, text)
}

// except keeps an exception. A list of them is one of the file's once the file's record counts it.
func (a *applying) except(ctx context.Context, e *Exception) error {
	a.found = append(a.found, *e)
	if len(a.found) < mostOfAList {
		return nil
	}
	return a.listExceptions(ctx)
}

func (a *applying) listExceptions(ctx context.Context) error {
	if len(a.found) == 0 {
		return nil
	}
	if err := a.putJSON(ctx, exceptionsName(a.file.Number, a.file.Lists+1), a.found); err != nil {
		return err
	}
	a.file.Lists++
	a.file.Exceptions += len(a.found)
	a.counted += len(a.found)
	a.found = a.found[:0]
	return nil
}

// advance makes durable that the file is applied up to a record, with the exceptions and rejects that came up on the
// way: these first, so that none is missing from what the file's record counts.
func (a *applying) advance(ctx context.Context, next int) error {
	if err := a.putLists(ctx); err != nil {
		return err
	}
	if err := a.listExceptions(ctx); err != nil {
		return err
	}
	a.file.Next = next
	if err := a.put(ctx, a.file); err != nil {
		return err
	}
	a.metrics.records.WithLabelValues("exception").Add(float64(a.counted)) // not before: they may come again
	a.counted = 0
	return nil
}

// Files calls yield for the files that were taken, in their order.
func (d *Desk) Files(ctx context.Context, yield func(File) bool) error {
	for n := 1; ; n++ {
		f, err := d.file(ctx, n)
		if errors.Is(err, journal.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !yield(f) {
			return nil
		}
	}
}

// Exceptions calls yield for all exceptions, in the order of files and records.
func (d *Desk) Exceptions(ctx context.Context, yield func(Exception) bool) error {
	more := true
	var failed error
	err := d.Files(ctx, func(f File) bool {
		for list := 1; list <= f.Lists && more; list++ {
			var found []Exception
			if failed = d.get(ctx, exceptionsName(f.Number, list), &found); failed != nil {
				return false
			}
			for i := range found {
				if more = more && yield(found[i]); !more {
					break
				}
			}
		}
		return more
	})
	return errors.Join(failed, err)
}

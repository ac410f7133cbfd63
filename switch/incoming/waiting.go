package incoming

import (
	"errors"
	"fmt"
	"io/fs"

	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/payment"
)

// Nobody has a file that waits for people's release: nothing of it is made before. So where it stands in the clearing
// folder all the same, the journal was put back to before they released it. Then it is out, and what comes back of it
// is booked like that of any other: should its date be released again, the same file is made.

// waiting finds out which files of a date are out, and which of its runs wait.
func (d *Desk) waiting(date payment.Date, s *sealedDay) error {
	out := map[run]bool{}
	for i := range s.files {
		f := &s.files[i]
		if f.Waiting {
			if err := d.lookForOut(date, s, f); err != nil {
				return err
			}
		}
		if !f.Waiting {
			s.ids = append(s.ids, f.FileID)
		}
		of := run{f.Destination, f.Window}
		out[of] = out[of] || !f.Waiting
	}
	for of, is := range out {
		if !is {
			s.waits[of] = true
		}
	}
	return nil
}

// lookForOut has a file that stands in the clearing folder wait no more. Where it has not as many presentments as the
// journal would put into it, or their amounts come to something else, it is another one: which are in it is not known.
func (d *Desk) lookForOut(date payment.Date, s *sealedDay, f *cutover.SealedFile) error {
	in, err := d.o.FS.Open(d.o.FS.PathJoin(d.o.ClearingDir, date.String(), f.FileID+".manifest.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var m *clearing.Manifest
	if err == nil {
		m, err = clearing.ReadManifest(in)
		err = errors.Join(err, in.Close())
	}
	if err != nil {
		return fmt.Errorf("whether file %s, which waits for its release, is out already: its manifest: %w", f.FileID, err)
	}
	f.Waiting = false
	known := f.Records >= 0
	s.delivered = s.delivered || known && m.Totals.Presentments != f.Records ||
		known && f.SumMinor != 0 && m.Totals.SumMinor != f.SumMinor
	return nil
}

package cutover

import (
	"encoding/json"
	"fmt"

	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// SealedFile is a clearing file as the plan of its date has it.
type SealedFile struct {
	FileID      string // PDS0105
	Destination string
	Window      int // of the destination's on its date, from 1; 0: it has what is in none
	// Records is how many of the destination's presentments in the window it takes, in the journal's order, after those of
	// the files before it; below 0: all.
	Records int
	// SumMinor is what the amounts of these come to, whatever their currency; 0 also where the plan does not say.
	SumMinor int64
	// Waiting: it is not made before people have released it.
	Waiting bool
}

// SealedFiles lists the files of a date that is sealed or written, and of another those of its windows. delivered are
// the ids of files that were there before, since the journal was put back: which presentments stand in those it does
// not know.
func SealedFiles(d journal.Day) (files []SealedFile, delivered []string, err error) {
	var p plan
	if len(d.Data) > 0 {
		if err := json.Unmarshal(d.Data, &p); err != nil {
			return nil, nil, fmt.Errorf("record of business date %s: %w", d.Date, err)
		}
	}
	for _, part := range p.parts() {
		for _, f := range part.Files {
			id, err := part.fileID(d.Date, f.Sequence)
			if err != nil {
				return nil, nil, err
			}
			if part.Format == 0 {
				f.Records = -1
			}
			files = append(files, SealedFile{
				FileID: id.String(), Destination: f.Destination, Window: part.Window, Records: f.Records,
				SumMinor: f.SumMinor, Waiting: part.waits(),
			})
		}
		delivered = append(delivered, part.Delivered...)
	}
	return files, delivered, nil
}

// CarriedUntil is the last business date into which what stood in a date may have been carried when it was sealed: into
// the one that was open then. 0 where nothing was, or the date is not sealed.
func CarriedUntil(d journal.Day) (payment.Date, error) {
	if d.State != journal.DaySealed && d.State != journal.DayWritten {
		return 0, nil
	}
	var p plan
	if err := json.Unmarshal(d.Data, &p); err != nil {
		return 0, fmt.Errorf("record of business date %s: %w", d.Date, err)
	}
	if len(p.Held) == 0 && p.Aside == nil {
		return 0, nil
	}
	// Of several dates that wait to be sealed the open one is some days behind the first of them.
	return max(d.Date.Next(), payment.DateOf(p.SealedAt).Next()), nil
}

// fileID is PDS0105 of the file of a sequence.
func (p *plan) fileID(date payment.Date, sequence int) (id clearing.FileID, err error) {
	id = clearing.FileID{Date: date.Time(), ProcessorID: p.ProcessorID, Sequence: sequence}
	if p.Node != nil {
		id.Sequence, err = clearing.NodeSequence(*p.Node, sequence)
	}
	return id, err
}

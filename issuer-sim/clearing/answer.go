package clearing

import (
	"errors"
	"fmt"
	"strings"

	"switchyard/internal/vfs"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/switch/clearing"
)

// An outgoing is a file of the clearing system while it is written: under a temporary name until it is whole, and
// until the log says that it is made.
type outgoing struct {
	desk *Desk
	id   string
	file vfs.File
	out  *clearing.Writer
}

// errDayFull ends a date's files.
var errDayFull = fmt.Errorf("more than %d files of a date", maxFilesOfADay)

// outgoing begins a file to a member. Its number is the date's next; it is given once the file is made.
func (d *Desk) outgoing(member, mode string, page clearing.CodePage, framing clearing.Framing) (*outgoing, error) {
	date := d.o.Now().UTC()
	id := clearing.FileID{
		Type: clearing.MadeByClearing, Date: date, ProcessorID: member,
		Sequence: d.books.Sequence(date.Format(fileIDDateLayout)),
	}
	for taken := true; taken; { // by one that is being made, or of a data folder that is gone
		if id.Sequence++; id.Sequence > maxFilesOfADay {
			return nil, errDayFull
		}
		_, there := d.fs.Stat(d.outName(id.String(), ending))
		_, begun := d.fs.Stat(d.outName(id.String(), temporary))
		taken = there == nil || begun == nil
	}
	if err := d.fs.MkdirAll(d.o.Out, 0o700); err != nil {
		return nil, err
	}
	o := &outgoing{desk: d, id: id.String()}
	var err error
	if o.file, err = d.fs.Create(d.outName(o.id, temporary), vfs.WriteCategoryUnspecified); err != nil {
		return nil, err
	}
	o.out, err = clearing.NewWriter(o.file, clearing.Header{
		FileID: id, Production: mode == "P", CodePage: page, Blocked: framing.Blocked,
		RDW: framing.RDW,
	})
	if err != nil {
		return nil, errors.Join(err, o.discard())
	}
	return o, nil
}

func (d *Desk) outName(id, end string) string { return d.fs.PathJoin(d.o.Out, id+end) }

// finish ends the file and makes it durable, under its temporary name: once the log says that it is made a crash takes
// nothing of it.
func (o *outgoing) finish() error {
	if _, err := o.out.Close(); err != nil {
		return err
	}
	if err := o.file.Sync(); err != nil {
		return err
	}
	err := o.file.Close()
	o.file = nil
	return errors.Join(err, o.desk.keep())
}

// keep makes the names in the folder of files durable, and at first those of the folders above, which may be new. One
// of these that cannot be opened is not ours, and was there before.
func (d *Desk) keep() error {
	if err := d.sync(d.o.Out); err != nil || d.kept {
		return err
	}
	for dir, above := d.o.Out, d.fs.PathDir(d.o.Out); above != dir; dir, above = above, d.fs.PathDir(above) {
		_ = d.sync(above)
	}
	d.kept = true
	return nil
}

func (d *Desk) sync(path string) error {
	dir, err := d.fs.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// publish gives the file its name, once the log says that it is made.
func (o *outgoing) publish() error { return o.desk.publish(o.id) }

func (d *Desk) publish(id string) error {
	if err := d.fs.Rename(d.outName(id, temporary), d.outName(id, ending)); err != nil {
		return err
	}
	return d.sync(d.o.Out)
}

// discard removes the file: it was never made.
func (o *outgoing) discard() error {
	var err error
	if o.file != nil {
		err = o.file.Close()
	}
	return errors.Join(err, o.desk.fs.Remove(o.desk.outName(o.id, temporary)))
}

// Recover ends what a crash has left: files that the log says were made get their names, others are removed.
func (d *Desk) Recover() error {
	if err := d.sweepSpool(); err != nil {
		return fmt.Errorf("issuersim: clearing, spool: %w", err)
	}
	if d.o.Out == "" {
		return nil
	}
	names, err := d.fs.List(d.o.Out)
	if err != nil {
		return nil // there is none yet
	}
	for _, name := range names {
		id, ok := strings.CutSuffix(name, temporary)
		if !ok || len(id) != fileIDDigits || !allDigits(id) {
			continue
		}
		if d.books.Made(id) {
			err = d.publish(id)
		} else {
			err = d.fs.Remove(d.outName(id, temporary))
		}
		if err != nil {
			return fmt.Errorf("issuersim: clearing, out: %w", err)
		}
	}
	return nil
}

// rejected writes a 1644/691, and behind it the record that it rejects as it came; one that cannot be taken apart does
// not come again.
func (o *outgoing) rejected(r *clearing.Record, source string, why *fault, whole bool) error {
	err := o.out.WriteMessage(&clearing.Message{MTI: "1644", FunctionCode: "691", PDS: []clearing.PDS{
		{Tag: 5, Value: why.entry(severityRecord)}, {Tag: 138, Value: fmt.Sprintf("%08d", r.Number)},
		{Tag: 280, Value: source},
	}})
	if err != nil || !whole {
		return err
	}
	return o.out.WriteRecord(r)
}

// refused writes a 1644/699.
func (o *outgoing) refused(source string, why *fault) error {
	return o.out.WriteMessage(&clearing.Message{
		MTI: "1644", FunctionCode: "699", Elements: []clearing.Element{{DE: 72, Value: ascii(why.words, maxWords)}},
		PDS: []clearing.PDS{{Tag: 5, Value: why.entry(severityFile)}, {Tag: 280, Value: source}},
	})
}

// maxWords is as much as DE72 holds.
const maxWords = 999

// ascii is text that every code page has, cut to a length.
func ascii(s string, most int) string {
	var b strings.Builder
	for _, c := range s {
		if c < ' ' || c > '~' {
			c = '?'
		}
		if b.Len() < most {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// filed is what was accepted of a file in a currency: as it was presented, and as it is settled.
type filed struct{ presented, settled book.Position }

// currencies names the currency that was presented, and the one that is settled in.
type currencies struct{ presented, settled uint16 }

// position writes a 1644/685: what was accepted of a file in a currency.
func (o *outgoing) position(source string, c currencies, f *filed) error {
	pds := []clearing.PDS{
		{Tag: 300, Value: source}, {Tag: 380, Value: number16(f.presented.Debits.AmountMinor)},
		{Tag: 381, Value: number16(f.presented.Credits.AmountMinor)}, {Tag: 384, Value: net(f.presented.Net())},
	}
	return o.out.WriteMessage(&clearing.Message{
		MTI: "1644", FunctionCode: "685", PDS: append(pds, settledPDS(&f.settled)...),
		Elements: []clearing.Element{{DE: 49, Value: number3(c.presented)}, {DE: 50, Value: number3(c.settled)}},
	})
}

// settledPDS are the sums of a position: debits and credits of cardholders, what the member is owed (C) or owes (D)
// without fees, in fees and at all, and how many there were.
func settledPDS(p *book.Position) []clearing.PDS {
	return []clearing.PDS{
		{Tag: 390, Value: number16(p.Debits.AmountMinor)}, {Tag: 391, Value: number16(p.Credits.AmountMinor)},
		{Tag: 394, Value: net(p.Net())}, {Tag: 395, Value: net(-p.Fees)}, {Tag: 396, Value: net(p.Net() - p.Fees)},
		{Tag: 400, Value: number10(p.Debits.Number)}, {Tag: 401, Value: number10(p.Credits.Number)},
		{Tag: 402, Value: number10(p.Debits.Number + p.Credits.Number)},
	}
}

func number16(n int64) string        { return fmt.Sprintf("%016d", n) }
func number10(n int64) string        { return fmt.Sprintf("%010d", n) }
func number3(currency uint16) string { return fmt.Sprintf("%03d", currency) }

// net is what a member is owed: C, or D where it owes, and the amount.
func net(minor int64) string {
	if minor < 0 {
		return "D" + number16(-minor)
	}
	return "C" + number16(minor)
}

// arnDigits is what ParseARN takes.
const arnDigits = 23

// parseARN reads an acquirer reference of an order.
func parseARN(text string) (message.ARN, error) {
	arn, ok := message.ParseARN([]byte(text))
	if !ok {
		return arn, fmt.Errorf("arn: expected %d digits", arnDigits)
	}
	return arn, nil
}

package cutover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// A file under its final name may have been delivered. So it is never written over by other bytes, and what stands in
// it is not presented again: not even where the journal knows nothing of it, because it was put back to an earlier
// copy of itself. A date that is sealed then takes sequences behind those that are there, and leaves out what stands
// in those files.

// manifestSuffix ends the name of the file that is written last.
const manifestSuffix = ".manifest.json"

// deliveredFiles looks at what stands in a date's folder: the highest sequence of the processor's files, and the ids
// of all that are whole, whichever processor id they were written under, but for the date's other plans' own. The ids
// that these have count for the highest sequence, too, whether they are written yet or not.
func (e *Engine) deliveredFiles(
	ctx context.Context, date payment.Date, p *plan, others []*plan,
) (highest int, whole []string, err error) {
	_, highest, err = filesOf(date, others)
	if err != nil || mutant.On(mutant.FileOverwritten) {
		return highest, nil, err
	}
	names, err := e.o.FS.List(e.o.FS.PathJoin(e.o.Dir, date.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return highest, nil, nil
	}
	if err != nil {
		return highest, nil, err
	}
	const sequenceDigits = 5
	ours := clearing.FileID{Date: date.Time(), ProcessorID: p.ProcessorID}.String()
	for _, name := range names {
		text, _, _ := strings.Cut(name, ".")
		id, err := clearing.ParseFileID(text)
		if err != nil || strings.HasSuffix(name, temporary) {
			continue
		}
		if text[:len(text)-sequenceDigits] == ours[:len(ours)-sequenceDigits] {
			highest = max(highest, p.sequenceOf(id))
		}
	}
	whole, err = e.notOwn(ctx, date, others, wholeFiles(names))
	return highest, whole, err
}

// wholeFiles are the ids of the files in a folder that are whole, in their order.
func wholeFiles(names []string) (whole []string) {
	for _, name := range names {
		id, isManifest := strings.CutSuffix(name, manifestSuffix)
		if _, err := clearing.ParseFileID(id); isManifest && err == nil {
			whole = append(whole, id)
		}
	}
	slices.Sort(whole)
	return whole
}

// notOwn leaves out of the whole files of a date those that some of its plans have written. What stands under the ids
// of a plan that is not known to be written may be of before the journal was put back: a window that was being filled
// then is filled anew, with other records where one cannot be built any more, and takes the same ids. So such files are
// a plan's own as long as nothing stands in them but what it has.
func (e *Engine) notOwn(ctx context.Context, date payment.Date, plans []*plan, whole []string) ([]string, error) {
	for _, p := range plans {
		ids, _, err := filesOf(date, []*plan{p})
		if err != nil {
			return nil, err
		}
		there := slices.DeleteFunc(slices.Clone(whole), func(id string) bool { return !ids[id] })
		if len(there) > 0 && p.Result == nil {
			has, err := e.hasAll(ctx, date, p, there)
			if err != nil {
				return nil, err
			}
			if !has {
				continue
			}
		}
		whole = slices.DeleteFunc(whole, func(id string) bool { return ids[id] })
	}
	return whole, nil
}

// hasAll tells whether a plan writes all that stands in some files.
func (e *Engine) hasAll(ctx context.Context, date payment.Date, p *plan, files []string) (bool, error) {
	if mutant.On(mutant.TakenForOwn) {
		return true, nil
	}
	stand, err := e.source.inFiles(files)
	if err != nil {
		return false, err
	}
	before, err := e.source.delivered(ctx, date, p)
	if err != nil {
		return false, err
	}
	walk := e.o.Journal.Walk()
	defer func() { _ = walk.Close() }() // it was only read
	var failed error
	err = e.o.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
		if !p.has(&row) {
			return true
		}
		var of *payment.Payment
		if of, failed = walk.Payment(row.Payment); failed == nil && !before.has(of, row.Op) {
			if name := deliveredAs(of, row.Op); stand.rows[name] > 1 {
				stand.rows[name]--
			} else {
				delete(stand.rows, name)
			}
		}
		return failed == nil
	})
	return len(stand.rows) == 0, errors.Join(err, failed)
}

// filesOf are the ids that plans of a date have files under, and the highest of their sequences.
func filesOf(date payment.Date, plans []*plan) (ids map[string]bool, highest int, err error) {
	ids = map[string]bool{}
	for _, p := range plans {
		for _, f := range p.Files {
			id, err := p.fileID(date, f.Sequence)
			if err != nil {
				return nil, 0, err
			}
			ids[id.String()], highest = true, max(highest, f.Sequence)
		}
	}
	return ids, highest, nil
}

// deliveredLater lists the ids of the whole files of later dates that the journal has not sealed, but for those that it
// writes as the files of windows. What the journal, put back, has on this date may stand in them: it was put aside when
// the date was closed, and carried on.
func (e *Engine) deliveredLater(ctx context.Context, date payment.Date) (whole []string, err error) {
	folders, err := e.o.FS.List(e.o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(folders)
	for _, folder := range folders {
		at, err := time.Parse(time.DateOnly, folder)
		later := payment.DateOf(at)
		if err != nil || later <= date {
			continue
		}
		day, err := e.o.Journal.Day(ctx, later)
		if err == nil && (day.State == journal.DaySealed || day.State == journal.DayWritten) {
			_, before, err := SealedFiles(day) // those that were there when it was sealed
			if err != nil {
				return nil, err
			}
			whole = append(whole, before...)
			continue
		}
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return nil, err
		}
		windows, err := windowsOf(&day)
		if err != nil {
			return nil, err
		}
		names, err := e.o.FS.List(e.o.FS.PathJoin(e.o.Dir, folder))
		if err != nil {
			return nil, err
		}
		unknown, err := e.notOwn(ctx, later, windows, wholeFiles(names))
		if err != nil {
			return nil, err
		}
		whole = append(whole, unknown...)
	}
	slices.Sort(whole)
	return slices.Compact(whole), nil
}

// sequenceOf is the plan's sequence of a file of its processor, 0 for another node's.
func (p *plan) sequenceOf(id clearing.FileID) int {
	if p.Node == nil {
		return id.Sequence
	}
	node, sequence := clearing.SplitNodeSequence(id.Sequence)
	if node != *p.Node {
		return 0
	}
	return sequence
}

// deliveredRecords are the presentments in files that a plan knows were there before it.
type deliveredRecords struct {
	// rows are how often each stands there: what was rejected has the name of what it is presented again with.
	rows map[deliveredRecord]int
	// windows are the same of the date's windows but the plan's own: what is in one stands there, or in its own files.
	windows map[WindowName]deliveredRecords
}

// deliveredRecord names a presentment: a reversal has the ARN of what it takes back, a second one that of the first
// and, as there may be several, the issuer's reference of the chargeback that it answers.
type deliveredRecord struct {
	arn              string
	reversal, second bool
	issuerReference  string
}

// deliveredAs is the name of the presentment of operation i.
func deliveredAs(p *payment.Payment, i int) deliveredRecord {
	op := &p.Ops[i]
	is := deliveredRecord{arn: op.ARN, reversal: op.Kind == payment.KindVoidPresentment}
	if op.Kind == payment.KindRepresent {
		is.second, is.issuerReference = true, p.Ops[op.Target].IssuerReference
	}
	return is
}

// delivered reads what stands in the files that were there before a date, or one of its windows, was sealed, its own
// and those of later dates.
func (s *Source) delivered(ctx context.Context, date payment.Date, p *plan) (all deliveredRecords, err error) {
	if len(p.Delivered) == 0 {
		return all, nil
	}
	if all, err = s.inFiles(p.Delivered); err != nil {
		return all, err
	}
	d, err := s.Journal.Day(ctx, date)
	if err != nil {
		return all, err
	}
	windows, err := windowsOf(&d)
	if err != nil {
		return all, err
	}
	all.windows = map[WindowName]deliveredRecords{}
	for _, w := range windows {
		if w.Window == p.Window && w.Destination == p.Destination {
			continue
		}
		own, _, err := filesOf(date, []*plan{w})
		if err != nil {
			return all, err
		}
		there := slices.Clone(w.Delivered)
		for _, id := range p.Delivered { // also under an id of a window that had other records then
			if own[id] {
				there = append(there, id)
			}
		}
		if all.windows[WindowName{w.Destination, w.Window}], err = s.inFiles(there); err != nil {
			return all, err
		}
	}
	return all, nil
}

// inFiles reads what stands in some files.
func (s *Source) inFiles(ids []string) (deliveredRecords, error) {
	all := deliveredRecords{rows: map[deliveredRecord]int{}}
	for _, text := range ids {
		id, err := clearing.ParseFileID(text)
		if err != nil {
			return all, fmt.Errorf("a file that was there when the date was sealed: %w", err)
		}
		name := s.FS.PathJoin(s.Dir, id.Date.Format(time.DateOnly), text)
		seconds, err := all.read(s.FS, name+".detail.csv")
		if err == nil && seconds {
			err = all.readSeconds(s.FS, name+".ipm")
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// read takes what a detail file tells of first presentments, and tells whether there are second ones in it.
func (d deliveredRecords) read(fsys vfs.FS, name string) (seconds bool, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return false, fmt.Errorf("a file that was there when the date was sealed: %w", err)
	}
	for row, failed := range clearing.ReadDetail(f) {
		if failed != nil {
			err = failed
			break
		}
		if row.FunctionCode != firstPresentment {
			seconds = true
			continue
		}
		d.rows[deliveredRecord{arn: row.ARN, reversal: row.Reversal}]++
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	return seconds, nil
}

// readSeconds takes the second presentments of a clearing file: what they answer stands there alone (DE95).
func (d deliveredRecords) readSeconds(fsys vfs.FS, name string) (err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return fmt.Errorf("a file that was there when the date was sealed: %w", err)
	}
	in, err := clearing.NewReader(f)
	for err == nil {
		var r *clearing.Record
		r, err = in.Next()
		if err == nil && r.MTI == "1240" && r.FunctionCode() != firstPresentment {
			d.rows[deliveredRecord{arn: r.Text(31), second: true, issuerReference: r.IssuerReference()}]++
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// has tells whether the presentment of operation i stands there. Its name is the operation's own, so that it is told of
// one of which no record can be built, too. Of several with one name that a date has, since what was rejected in one
// window is presented again in another, those that stand there are the first ones, but for what stands in a window's
// own files.
func (d deliveredRecords) has(p *payment.Payment, i int) bool {
	name, earlier := deliveredAs(p, i), 0
	for j := range i {
		before := &p.Ops[j]
		if before.ARN != name.arn || deliveredAs(p, j) != name || before.Filed() != p.Ops[i].Filed() {
			continue
		}
		if of, apart := d.windows[WindowName{p.Route, before.Window}]; !apart || of.has(p, j) {
			earlier++
		}
	}
	if mutant.On(mutant.AgainIsDelivered) {
		earlier = 0
	}
	return earlier < d.rows[name]
}

// OccupiedError says that a file with other bytes stands where one was to be written.
type OccupiedError struct{ Name string }

// Error implements error.
func (e *OccupiedError) Error() string {
	return fmt.Sprintf("%s is there with other bytes, and is not written over", e.Name)
}

// sumOf is the SHA-256 of a file.
func sumOf(fsys vfs.FS, path string) (string, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// resequence gives the files of a plan sequences behind all that are there, because one of them is occupied. What the
// plan's own earlier attempts have written stays where it is, and counts as delivered like the rest. others are the
// date's other plans.
func (e *Engine) resequence(
	ctx context.Context, date payment.Date, p *plan, others []*plan, occupied *OccupiedError,
) error {
	highest, whole, err := e.deliveredFiles(ctx, date, p, others)
	if err != nil {
		return err
	}
	later, err := e.deliveredLater(ctx, date)
	if err != nil {
		return err
	}
	e.o.Logger.Error("a clearing file stands there with other bytes; it is kept, and the date's records "+
		"that do not stand in a file "+
		"are written under new sequences: see what is in it with switchctl audit", zap.Stringer("date", date),
		zap.String("file", occupied.Name), zap.Int("first_sequence", highest+1))
	p.Delivered = append(whole, later...)
	for i := range p.Files {
		p.Files[i].Sequence = highest + 1 + i
	}
	delete(e.written, date)
	return nil
}

// look finds the files that are there already, which a plan leaves as they are: its own sequences come behind highest,
// and so behind those of the date's other plans, whether all that is there could be looked at or not.
func (e *Engine) look(ctx context.Context, date payment.Date, p *plan, others []*plan) (highest int, err error) {
	highest, whole, err := e.deliveredFiles(ctx, date, p, others)
	if err != nil {
		return highest, err
	}
	later, err := e.deliveredLater(ctx, date)
	if err != nil {
		return highest, err
	}
	if len(whole) > 0 {
		e.o.Logger.Error("clearing files of a date that is being sealed only now stand there already; they are kept, "+
			"what stands in them is not written again, and the rest is written under new sequences",
			zap.Stringer("date", date), zap.Strings("files", whole))
	}
	p.Delivered = append(whole, later...)
	return highest, nil
}

// lookAgain looks at the clearing folder where it could not be looked at when the date was sealed, before anything is
// written there, and changes the plan durably.
func (e *Engine) lookAgain(ctx context.Context, d *journal.Day, p *plan) error {
	highest, err := e.look(ctx, d.Date, p, p.Windows)
	if err != nil {
		return err
	}
	p.Unseen = false
	for i := range p.Files {
		p.Files[i].Sequence = highest + 1 + i
	}
	return e.move(ctx, d, journal.DaySealed, p)
}

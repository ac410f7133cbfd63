package incoming

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// sealedDay is what the journal knows of the files of a date.
type sealedDay struct {
	sealed    bool
	files     []cutover.SealedFile
	delivered bool     // others were there before: which presentments stand in which file is not known
	ids       []string // of both, but for those that wait and are not out
	// waits are the runs of which no file is out yet, since people have not released them.
	waits map[run]bool
	// carriedUntil is the last date into which what stood in this one may have been carried; 0: nothing was.
	carriedUntil payment.Date
}

// sealedDays remembers those of which nothing changes any more.
type sealedDays struct {
	mu    sync.Mutex
	known map[payment.Date]*sealedDay
}

// day tells which files a date has.
func (d *Desk) day(ctx context.Context, date payment.Date) (*sealedDay, error) {
	d.days.mu.Lock()
	known := d.days.known[date]
	d.days.mu.Unlock()
	if known != nil {
		return known, nil
	}
	day, err := d.o.Journal.Day(ctx, date)
	if errors.Is(err, journal.ErrNotFound) {
		return &sealedDay{}, nil
	}
	if err != nil {
		return nil, err
	}
	files, delivered, err := cutover.SealedFiles(day)
	if err != nil {
		return nil, err
	}
	until, err := cutover.CarriedUntil(day)
	if err != nil {
		return nil, err
	}
	s := &sealedDay{
		sealed: day.State == journal.DaySealed || day.State == journal.DayWritten, files: files,
		delivered: len(delivered) > 0, ids: delivered, carriedUntil: until, waits: map[run]bool{},
	}
	if err := d.waiting(date, s); err != nil {
		return nil, err
	}
	if day.State == journal.DayWritten {
		d.days.mu.Lock()
		d.days.known[date] = s
		d.days.mu.Unlock()
	}
	return s, nil
}

// mayHold tells whether a file of the date is of a window, 0: of what is in none. Of one that was there before nobody
// knows.
func (s *sealedDay) mayHold(id string, window int) bool {
	return !slices.ContainsFunc(s.files, func(f cutover.SealedFile) bool { return f.FileID == id && f.Window != window })
}

// filed tells whether the presentment of an operation, for a destination, stands in a file that is out, or on its way.
func (s *sealedDay) filed(destination string, op *payment.Op) bool {
	return (s.sealed || op.Window != 0) && !s.waits[run{destination, op.Window}]
}

// layout tells as which message of which file of a date each of its presentments stands, as they come in their order.
type layout map[run]*laid

// run are the presentments of a destination in one of its windows, 0: in none.
type run struct {
	destination string
	window      int
}

// laid is how far the presentments of a run have come.
type laid struct {
	files []cutover.SealedFile // not full yet
	rows  int                  // of the first of them
}

func (s *sealedDay) layout() layout {
	l := layout{}
	for _, f := range s.files {
		of := run{f.Destination, f.Window}
		if l[of] == nil {
			l[of] = &laid{}
		}
		l[of].files = append(l[of].files, f)
	}
	return l
}

// next is the place of the next presentment; the zero message where it stands in no file.
func (l layout) next(row *journal.Presentment) message {
	at := l[run{row.Destination, presentment.WindowOf(row.Data)}]
	if at == nil {
		return message{}
	}
	for len(at.files) > 0 && at.files[0].Records >= 0 && at.rows == at.files[0].Records {
		at.files, at.rows = at.files[1:], 0
	}
	if len(at.files) == 0 {
		return message{}
	}
	at.rows++
	return message{at.files[0].FileID, 1 + at.rows} // behind the header
}

// wholeRecord is what a record says of a whole file.
type wholeRecord struct {
	kind           payment.Kind
	file, currency string
}

const (
	// mostWhole is how many records of a file may be about whole files of ours, each of which is gone through for them.
	mostWhole = 10_000
	// mostUnmoved is how many presentments that such a record does not move are told of one by one.
	mostUnmoved = 100
)

// wholeFile applies a record that is about all presentments of a file of ours: a file reject, or what a file came to.
func (a *applying) wholeFile(ctx context.Context, it *item) error {
	says := wholeRecord{it.kind, it.file, it.currency}
	if before := a.said[says]; before != 0 {
		return a.except(ctx, a.exception(it, nil, payment.NoTarget,
			fmt.Sprintf("record %d says the same of file %s: it moves nothing again", before, it.file)))
	}
	file, why, err := a.ourFile(ctx, it.file)
	if err == nil && why == "" && it.sums {
		why, err = a.addsUp(ctx, file, it)
	}
	if err != nil {
		return err
	}
	if why != "" {
		return a.except(ctx, a.exception(it, nil, payment.NoTarget, why))
	}
	a.said[says] = it.number
	return a.bookAll(ctx, file, it)
}

// ourFile is a file of ours with its date.
type ourFile struct {
	date payment.Date
	day  *sealedDay
	id   string
}

// ourFile finds a file by its id, or says why its presentments cannot be told.
func (d *Desk) ourFile(ctx context.Context, id string) (file ourFile, why string, err error) {
	parsed, err := clearing.ParseFileID(id)
	if err != nil {
		return file, "the file that it names is none: " + err.Error(), nil
	}
	file = ourFile{date: payment.DateOf(parsed.Date), id: id}
	if file.day, err = d.day(ctx, file.date); err != nil {
		return file, "", err
	}
	for i := range file.day.files {
		f := &file.day.files[i]
		switch {
		case f.FileID != id:
		case f.Waiting:
			return file, fmt.Sprintf("file %s waits for its release: nobody can have it yet", id), nil
		case !file.day.delivered:
			return file, "", nil
		}
	}
	if file.day.delivered {
		return file, fmt.Sprintf("the journal was put back before %s was sealed or released: which of its presentments "+
			"stand in file %s is not known", file.date, id), nil
	}
	return file, fmt.Sprintf("file %s is none of ours", id), nil
}

// presentments calls yield for the presentments of a file, in its order.
func (d *Desk) presentments(ctx context.Context, file ourFile, yield func(journal.PresentmentRef) error) error {
	laid := file.day.layout()
	var failed error
	err := d.o.Journal.Presentments(ctx, file.date, func(row journal.Presentment) bool {
		if laid.next(&row).file == file.id {
			failed = yield(row.PresentmentRef)
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}

// fileSums are what the presentments of a file of ours come to that are not rejected, by currency.
type fileSums struct {
	debits, credits map[string]int64
	// begun are records of the file that is being applied by which some of them are settled already: these were found to
	// add up, and the switch stopped before all were booked.
	begun map[string]bool
}

// sumsOf goes through a file of ours once, until something is rejected.
func (a *applying) sumsOf(ctx context.Context, file ourFile) (*fileSums, error) {
	if known := a.sums[file.id]; known != nil {
		return known, nil
	}
	s := &fileSums{debits: map[string]int64{}, credits: map[string]int64{}, begun: map[string]bool{}}
	err := a.presentments(ctx, file, func(ref journal.PresentmentRef) error {
		p, err := a.o.Journal.Payment(ctx, ref.Payment)
		if err != nil {
			return err
		}
		of := original(p, ref.Op)
		for i := range p.Ops {
			op := &p.Ops[i]
			if op.Kind == payment.KindSettle && op.Target == of && strings.HasPrefix(op.Source, a.file.FileID) {
				s.begun[op.Source] = true
			}
		}
		if notTaken(p, ref.Op) {
			return nil
		}
		if op := &p.Ops[of]; op.Kind.Credits() || op.Kind == payment.KindVoidPresentment {
			s.credits[p.Currency] += op.Clears()
		} else {
			s.debits[p.Currency] += op.Clears()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.sums[file.id] = s
	return s, nil
}

// addsUp holds what a settlement says that a file came to, in a currency, against what was presented in it and not
// rejected. Where it differs nobody can say what is settled: a person has to look. What it was begun to settle it goes
// on to settle, whatever was rejected since.
func (a *applying) addsUp(ctx context.Context, file ourFile, it *item) (why string, err error) {
	s, err := a.sumsOf(ctx, file)
	if err != nil || s.begun[a.source(it)] {
		return "", err
	}
	debits, credits := s.debits[it.currency], s.credits[it.currency]
	if debits == it.debits && credits == it.credits {
		return "", nil
	}
	return fmt.Sprintf("it says that file %s came to %d and %d minor units of %s, debits and credits; presented and not "+
		"rejected are %d and %d: nothing of it is moved", file.id, it.debits, it.credits, it.currency, debits, credits), nil
}

// bookAll makes the record an operation of each payment in the file. Those that cannot take it are exceptions, the
// first of them one by one.
func (a *applying) bookAll(ctx context.Context, file ourFile, it *item) error {
	refs := make([]journal.PresentmentRef, 0, batchItems)
	unmoved := 0
	flush := func() error {
		outcomes, about := make([]outcome, len(refs)), make([]int, len(refs))
		var todo changes
		for i, ref := range refs {
			todo.add(ref.Payment, func(p *payment.Payment) (adds payment.Kind, err error) {
				if it.currency != "" && p.Currency != it.currency || it.kind == payment.KindSettle && notTaken(p, ref.Op) {
					return payment.KindNone, nil
				}
				one := *it
				one.file, one.currency = "", p.Currency
				about[i] = original(p, ref.Op)
				if again := p.LastPresented(about[i]); it.kind == payment.KindReject && again != ref.Op &&
					p.Told(a.source(it), about[i]) == payment.NoTarget {
					outcomes[i].exception = a.exception(it, p, about[i], fmt.Sprintf(
						"it was presented again since, in the file of %s: that stands", p.Ops[again].Filed()))
					return payment.KindNone, nil
				}
				outcomes[i], adds, err = a.book(ctx, p, about[i], &one)
				return adds, err
			})
		}
		if err := a.change(ctx, &todo); err != nil {
			return err
		}
		for i, o := range outcomes {
			if o.exception != nil && o.booked == payment.KindNone {
				if unmoved++; unmoved > mostUnmoved {
					continue
				}
			}
			if err := a.came(ctx, it, refs[i].Payment, about[i], o); err != nil {
				return err
			}
		}
		refs = refs[:0]
		return nil
	}
	err := a.presentments(ctx, file, func(ref journal.PresentmentRef) error {
		if refs = append(refs, ref); len(refs) < batchItems {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil || unmoved <= mostUnmoved {
		return err
	}
	return a.except(ctx, a.exception(it, nil, payment.NoTarget, fmt.Sprintf(
		"%d presentments of file %s are not moved by it, of which the first %d stand before this", unmoved, file.id,
		mostUnmoved)))
}

// notTaken tells whether the presentment in a file that an operation made was rejected: what was is not settled. It may
// have been presented again since, in another file.
func notTaken(p *payment.Payment, op int) bool {
	of := original(p, op)
	s := p.Presentment(of)
	return p.LastPresented(of) != op || s == payment.PresentmentRejected || s == payment.PresentmentWrittenOff
}

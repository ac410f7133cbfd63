package incoming

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// sealedDay is what the journal knows of the files of a date.
type sealedDay struct {
	sealed    bool
	files     []cutover.SealedFile
	delivered bool     // others were there before: which presentments stand in which file is not known
	ids       []string // of both
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
	s := &sealedDay{
		sealed: day.State == journal.DaySealed || day.State == journal.DayWritten, files: files,
		delivered: len(delivered) > 0, ids: delivered,
	}
	for _, f := range files {
		s.ids = append(s.ids, f.FileID)
	}
	if day.State == journal.DayWritten {
		d.days.mu.Lock()
		d.days.known[date] = s
		d.days.mu.Unlock()
	}
	return s, nil
}

// wholeFile applies a record that is about all presentments of a file of ours: a file reject, or what a file came to.
func (d *Desk) wholeFile(ctx context.Context, f *File, it *item) error {
	file, why, err := d.ourFile(ctx, it.file)
	if err == nil && why == "" && it.sums {
		why, err = d.addsUp(ctx, file, it)
	}
	var found []Exception
	if err == nil && why == "" {
		var booked int
		booked, why, err = d.bookAll(ctx, f, file, it)
		d.count(f, it.kind, booked)
	}
	if err != nil {
		return err
	}
	if why != "" {
		found = append(found, *exception(f, it, nil, why))
		d.metrics.records.WithLabelValues("exception").Inc()
	}
	return d.advance(ctx, f, it.next, found)
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
		if file.day.files[i].FileID == id && !file.day.delivered {
			return file, "", nil
		}
	}
	if file.day.delivered {
		return file, fmt.Sprintf("the journal was put back before %s was sealed: which of its presentments stand in file %s "+
			"is not known", file.date, id), nil
	}
	return file, fmt.Sprintf("file %s is none of ours", id), nil
}

// presentments calls yield for the presentments of a file, in its order.
func (d *Desk) presentments(ctx context.Context, file ourFile, yield func(journal.PresentmentRef) error) error {
	at := map[string]int{}     // by destination: how many have come
	first := map[string]int{}  // and where the file begins
	last := map[string]int{}   // and ends; below 0: nowhere
	before := map[string]int{} // records of the files before it
	for _, f := range file.day.files {
		if f.FileID == file.id {
			first[f.Destination] = before[f.Destination]
			last[f.Destination] = before[f.Destination] + f.Records
			if f.Records < 0 {
				last[f.Destination] = -1
			}
		}
		before[f.Destination] += f.Records
	}
	var failed error
	err := d.o.Journal.Presentments(ctx, file.date, func(row journal.Presentment) bool {
		n := at[row.Destination]
		at[row.Destination]++
		end, of := last[row.Destination]
		if of && n >= first[row.Destination] && (end < 0 || n < end) {
			failed = yield(row.PresentmentRef)
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}

// addsUp holds what a settlement says that a file came to, in a currency, against what was presented in it and not
// rejected. Where it differs nobody can say what is settled: a person has to look.
func (d *Desk) addsUp(ctx context.Context, file ourFile, it *item) (why string, err error) {
	var debits, credits int64
	err = d.presentments(ctx, file, func(ref journal.PresentmentRef) error {
		p, err := d.o.Journal.Payment(ctx, ref.Payment)
		if err != nil || p.Currency != it.currency || notTaken(p, ref.Op) {
			return err
		}
		op := &p.Ops[original(p, ref.Op)]
		if op.Kind.Credits() || op.Kind == payment.KindVoidPresentment {
			credits += op.Clears()
		} else {
			debits += op.Clears()
		}
		return nil
	})
	if err != nil || debits == it.debits && credits == it.credits {
		return "", err
	}
	return fmt.Sprintf("it says that file %s came to %d and %d minor units of %s, debits and credits; presented and not "+
		"rejected are %d and %d: nothing of it is moved", file.id, it.debits, it.credits, it.currency, debits, credits), nil
}

// bookAll makes the record an operation of each payment in the file. why tells of those that could not take it.
func (d *Desk) bookAll(ctx context.Context, f *File, file ourFile, it *item) (booked int, why string, err error) {
	var refs []journal.PresentmentRef
	refused := 0
	flush := func() error {
		outcomes, rejectedOps := make([]outcome, len(refs)), make([]int, len(refs))
		var todo changes
		for i, ref := range refs {
			todo.add(ref.Payment, func(p *payment.Payment) (changed bool, err error) {
				if it.currency != "" && p.Currency != it.currency || it.kind == payment.KindSettle && notTaken(p, ref.Op) {
					return false, nil
				}
				one := *it
				one.file, one.currency = "", p.Currency
				rejectedOps[i] = original(p, ref.Op)
				outcomes[i], changed, err = d.book(ctx, f, p, rejectedOps[i], &one)
				return changed, err
			})
		}
		err := d.change(ctx, &todo)
		var rejects []rejected
		for i, o := range outcomes {
			if o.booked != payment.KindNone {
				booked++
			}
			if o.booked == payment.KindReject {
				rejects = append(rejects, rejected{rejectID(refs[i].Payment, rejectedOps[i]), source(f, it)})
			} else if o.exception != nil {
				if refused++; refused == 1 {
					why = fmt.Sprintf("%s of payment %s", o.exception.Why, o.exception.Payment)
				}
			}
		}
		refs = refs[:0]
		return errors.Join(err, d.listRejects(ctx, f, rejects))
	}
	err = d.presentments(ctx, file, func(ref journal.PresentmentRef) error {
		if refs = append(refs, ref); len(refs) < batchItems {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if refused > 0 {
		why = fmt.Sprintf("%d presentments of file %s are not moved by it; the first: %s", refused, file.id, why)
	}
	return booked, why, err
}

// notTaken tells whether the presentment in a file that an operation made was rejected: what was is not settled. It may
// have been presented again since, in another file.
func notTaken(p *payment.Payment, op int) bool {
	of := original(p, op)
	s := p.Presentment(of)
	return p.LastPresented(of) != op || s == payment.PresentmentRejected || s == payment.PresentmentWrittenOff
}

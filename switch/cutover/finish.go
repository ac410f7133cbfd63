package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// unfinished lists the dates that are neither open nor written, in their order.
func (e *Engine) unfinished(ctx context.Context) (days []journal.Day, err error) {
	err = e.o.Journal.Days(ctx, func(d journal.Day) bool {
		if d.State == journal.DayClosing || d.State == journal.DaySealed {
			days = append(days, d)
		}
		return true
	})
	return days, err
}

// resume finishes the dates that are neither open nor written. One that cannot be written holds up no other; one that
// cannot be sealed keeps the later ones from being sealed, since a record may depend on the dates before its own.
func (e *Engine) resume(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	days, err := e.unfinished(ctx)
	err = errors.Join(err, e.resumeWindows(ctx))
	stuck := false // a date could not be sealed
	for _, d := range days {
		if d.State == journal.DayClosing && stuck {
			continue
		}
		if d.State == journal.DaySealed {
			var p plan
			if json.Unmarshal(d.Data, &p) == nil && p.rests() { // finish tells what is wrong with it
				e.noteWaiting(d.Date, &p)
				continue
			}
		}
		e.o.Logger.Info("finishing a business date that was being closed", zap.Stringer("date", d.Date))
		_, failed := e.finish(ctx, &d)
		err = errors.Join(err, failed)
		stuck = stuck || d.State == journal.DayClosing
	}
	return err
}

// sealEarlier finishes what is not sealed before a date.
func (e *Engine) sealEarlier(ctx context.Context, date payment.Date) error {
	days, err := e.unfinished(ctx)
	if err != nil {
		return err
	}
	for _, d := range days {
		if d.State != journal.DayClosing || d.Date >= date {
			continue
		}
		if _, err := e.finish(ctx, &d); d.State == journal.DayClosing {
			return err
		}
	}
	return nil
}

// plan is what a date's files are made with, or those of one of its windows, fixed when that is sealed; JSON in the
// journal's record of the day.
type plan struct {
	// Destination and Window say which window the plan is of; a date's plan is of what is in none, and has Windows.
	Destination string  `json:"destination,omitempty"`
	Window      int     `json:"window,omitempty"` // from 1 on each date, by destination
	Windows     []*plan `json:"windows,omitempty"`
	// After is, of a window, the highest sequence that the date had before it: Files come behind it. While there are none
	// the window is being filled.
	After int `json:"after,omitempty"`

	// Format is 4 where card numbers in references and keys are masked in the detail files. Before it was 3, where DE12 of
	// what takes a record back, or presents it again, is in the zone of that one's file; 2, where manifests say which
	// window their file is of, or which is the last of a date; 1, where Files say how many records each takes; and 0, with
	// a file a destination.
	Format      int       `json:"format,omitempty"`
	SealedAt    time.Time `json:"sealed_at"`
	AcquirerID  string    `json:"acquirer_id"`
	ProcessorID string    `json:"processor_id"`
	CodePage    string    `json:"code_page"`
	Blocked     bool      `json:"blocked"`
	RDW         bool      `json:"rdw,omitempty"`
	// Forms are those of destinations whose files have another code page, blocking or framing than the others.
	Forms map[string]planForm `json:"forms,omitempty"`

	Production bool    `json:"production"`
	Location   string  `json:"location"`
	Node       *uint32 `json:"node,omitempty"` // in the file ids; none: it is not
	// PastWindow: some record is of a capture that came past its window, so that the detail files have a column for it.
	PastWindow bool       `json:"past_window,omitempty"`
	Files      []planFile `json:"files"`
	// Delivered are the ids of files that were there when the date was sealed: the journal had been put back to an
	// earlier copy. What stands in them is counted in Files and not written.
	Delivered []string `json:"delivered,omitempty"`
	// Unseen: the clearing folder could not be looked at when the date was sealed. It is before anything is written.
	Unseen bool `json:"unseen,omitempty"`
	// Held are the destinations without settlement on the date, which have no files of it: what stood in it for them was
	// carried into the next one.
	Held []string `json:"held,omitempty"`
	// Refused is there where people have refused the files of the date, which has none then. Held are all destinations.
	Refused *Refusal `json:"refused,omitempty"`
	// Release is there where the files wait until people have released them, or did so.
	Release *Release `json:"release,omitempty"`
	Aside   *Aside   `json:"aside,omitempty"`
	Result  *Result  `json:"result,omitempty"` // once written
}

// planFormat is that of the plans made now.
const (
	planFormat   = 4
	maskedFormat = 4 // the first that masks references and keys
)

// planForm is a Form as it is stored.
type planForm struct {
	CodePage string `json:"code_page"`
	Blocked  bool   `json:"blocked"`
	RDW      bool   `json:"rdw,omitempty"`
}

// form is that of the files of a destination.
func (p *plan) form(destination string) (f Form, err error) {
	is, own := p.Forms[destination]
	if !own {
		is = planForm{p.CodePage, p.Blocked, p.RDW}
	}
	f.Blocked, f.RDW = is.Blocked, is.RDW
	f.CodePage, err = clearing.ParseCodePage(is.CodePage)
	return f, err
}

type planFile struct {
	Destination string `json:"destination"`
	Sequence    int    `json:"sequence"` // in PDS0105, over all destinations of the date
	// Records is how many of the destination's presentments the file takes, in their order, after those of the files
	// before it.
	Records int `json:"records"`
	// SumMinor is what their amounts come to, whatever their currency; 0 in plans from before it was kept.
	SumMinor int64 `json:"sum_minor,omitempty"`
}

// Aside tells of the presentments of a date whose records could not be built: they stand in no file of it and are in
// the next date's clearing.
type Aside struct {
	Count   int           `json:"count"`
	Records []AsideRecord `json:"records"` // the first of them
}

// AsideRecord is one of them.
type AsideRecord struct {
	Payment     string `json:"payment"`
	Operation   int    `json:"operation"`
	Merchant    string `json:"merchant"`
	Destination string `json:"destination"`
	Why         string `json:"why"`
	CarriedTo   string `json:"carried_to"` // the business date in whose clearing it is now
}

// finish takes a date from closing or sealed to written; d says how far it got.
func (e *Engine) finish(ctx context.Context, d *journal.Day) (result Result, err error) {
	defer func() { e.note(ctx, d.Date, err) }()
	if d.State == journal.DayClosing {
		if err := e.o.Days.Seal(ctx, d.Date); err != nil {
			return Result{}, fmt.Errorf("business date %s: waiting for outcomes: %w", d.Date, err)
		}
		was, err := e.closeWindows(ctx, d)
		if err != nil {
			return Result{}, fmt.Errorf("seal business date %s: %w", d.Date, err)
		}
		p, err := e.seal(ctx, d.Date, was)
		if err != nil {
			return Result{}, fmt.Errorf("seal business date %s: %w", d.Date, err)
		}
		if err := e.move(ctx, d, journal.DaySealed, p); err != nil {
			return Result{}, fmt.Errorf("seal business date %s: %w", d.Date, err)
		}
		e.sealed(d.Date, p)
	}
	var p plan
	if err := json.Unmarshal(d.Data, &p); err != nil {
		return Result{}, fmt.Errorf("record of business date %s: %w", d.Date, err)
	}
	if p.Unseen {
		if err := e.lookAgain(ctx, d, &p); err != nil {
			return Result{}, fmt.Errorf("clearing files of %s: look at what is there: %w", d.Date, err)
		}
	}
	e.noteWaiting(d.Date, &p)
	keep := func() error { return e.move(ctx, d, journal.DaySealed, &p) }
	windowErr := e.writeWindows(ctx, d.Date, &p, keep)
	if p.waits() {
		if windowErr != nil {
			return Result{}, fmt.Errorf("clearing files of %s: %w", d.Date, windowErr)
		}
		result = p.waiting(d.Date)
		result.Aside = p.Aside
		return result, nil
	}
	result, err = e.writeOnce(ctx, d.Date, &p, p.Windows, keep)
	if err = errors.Join(windowErr, err); err != nil {
		return Result{}, fmt.Errorf("clearing files of %s: %w", d.Date, err)
	}
	for i := range slices.Backward(p.Windows) {
		result.Files = slices.Concat(p.Windows[i].Result.Files, result.Files)
	}
	p.Result = &result
	if err := e.move(ctx, d, journal.DayWritten, &p); err != nil {
		return Result{}, fmt.Errorf("close business date %s: %w", d.Date, err)
	}
	delete(e.written, d.Date)
	e.o.Logger.Info("clearing files written", zap.Stringer("date", d.Date), zap.Int("files", len(result.Files)))
	result.Aside, result.Refused = p.Aside, p.Refused
	return result, nil
}

// move takes the record of a date to its next state.
func (e *Engine) move(ctx context.Context, d *journal.Day, state journal.DayState, p *plan) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	next := journal.Day{Date: d.Date, State: state, Data: data}
	if err := e.o.Journal.SetDay(ctx, next); err != nil {
		return err
	}
	*d = next
	return nil
}

// lastAside sets the metric after a start.
func (e *Engine) lastAside(ctx context.Context) error {
	var last journal.Day
	err := e.o.Journal.Days(ctx, func(d journal.Day) bool {
		if (d.State == journal.DaySealed || d.State == journal.DayWritten) && d.Date > last.Date {
			last = d
		}
		return true
	})
	if err != nil || last.Date == 0 {
		return err
	}
	var p plan
	if err := json.Unmarshal(last.Data, &p); err != nil {
		return fmt.Errorf("record of business date %s: %w", last.Date, err)
	}
	if p.Aside != nil {
		e.metrics.aside.Set(float64(p.Aside.Count))
	}
	return nil
}

// sealed tells what was put aside when a date was sealed.
func (e *Engine) sealed(date payment.Date, p *plan) {
	count := 0
	if p.Aside != nil {
		count = p.Aside.Count
		e.o.Logger.Error("records could not be built; they stand in no file, and are in the next business date's clearing",
			zap.Stringer("date", date), zap.Int("count", count))
	}
	e.metrics.aside.Set(float64(count))
	e.o.Sealed(date)
}

package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// A date whose files wait may be refused for good: they are never made. What stands in it is carried into the open
// date, as from a date without settlement, and leaves in that one's files, under the acquirer references that it has.
// For that the date goes back from sealed to closing, with the refusal in its record, and is sealed again without
// files; whoever finds it in between goes on with it.
//
// A window is not refused by itself: file ids are numbered over all windows of a date without a gap, and name one file
// for all time, so that the number of one that is never made would be missed by whoever gets the others.
//
// What takes a record back stands in the same file or in a later one. So nothing of the date may be out, and no later
// date may have files: that one is refused first.

// Refusal is why a date has no files, and what it was to have.
type Refusal struct {
	By     string        `json:"by"`
	At     time.Time     `json:"at"`
	Reason string        `json:"reason"`
	Files  []RefusedFile `json:"files"`
}

// RefusedFile is a clearing file that is never made. No other has its id.
type RefusedFile struct {
	Destination string `json:"destination"`
	FileID      string `json:"file_id"`
	Records     int    `json:"presentments"`
}

// ErrOut is returned for the refusal of a date of which files are out.
var ErrOut = errors.New("a file of it is released already, or stands in the clearing folder")

// ErrLaterFiled is returned for the refusal of a date behind which another one has files.
var ErrLaterFiled = errors.New("a later date has files, which may take back what stands in this one: it is refused " +
	"before, or not at all")

// ErrWindowAlone is returned for the refusal of a date of which windows wait, and which is not sealed.
var ErrWindowAlone = errors.New("windows of it wait, and none is refused by itself, as the numbers of a date's files " +
	"have no gap: it is refused as a whole once it is closed")

// MayRefuse says what Refuse would have against a date now.
func (e *Engine) MayRefuse(ctx context.Context, date payment.Date) error {
	_, err := e.refusable(ctx, date)
	return err
}

// refusable is the plan of a date that can be refused.
func (e *Engine) refusable(ctx context.Context, date payment.Date) (*plan, error) {
	_, p, waiting, err := e.waitingParts(ctx, date, WindowName{})
	if errors.Is(err, ErrNotWaiting) && windowWaits(p.Windows) {
		why := ErrWindowAlone
		if slices.ContainsFunc(p.Windows, func(w *plan) bool { return !w.waits() }) {
			why = ErrOut
		}
		err = fmt.Errorf("business date %s: %w", date, why)
	}
	if err != nil {
		return nil, err
	}
	there, err := e.anyFile(date)
	if err == nil && (there || len(p.Delivered) > 0 || len(waiting) < 1+len(p.Windows)) {
		err = ErrOut
	}
	if err == nil {
		err = e.noneFiledLater(ctx, date, p)
	}
	if err != nil {
		return nil, fmt.Errorf("business date %s: %w", date, err)
	}
	return p, nil
}

// anyFile tells whether a clearing file, or a part of one, stands in a date's folder.
func (e *Engine) anyFile(date payment.Date) (bool, error) {
	names, err := e.o.FS.List(e.o.FS.PathJoin(e.o.Dir, date.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, name := range names {
		id, _, _ := strings.Cut(name, ".")
		if _, failed := clearing.ParseFileID(id); failed == nil {
			return true, err
		}
	}
	return false, err
}

// noneFiledLater is ErrLaterFiled where a date that was closed behind one has files, or a window that is to have some.
func (e *Engine) noneFiledLater(ctx context.Context, date payment.Date, of *plan) error {
	var filed error
	err := e.o.Journal.Days(ctx, func(d journal.Day) bool {
		if d.Date != date && filed == nil {
			later, err := closedBehind(date, of, &d)
			if err != nil || !later {
				filed = err
				return err == nil
			}
			files, _, err := SealedFiles(d)
			windows, failed := windowsOf(&d)
			if err = errors.Join(err, failed); err == nil && len(files)+len(windows) > 0 {
				err = fmt.Errorf("%w: %s", ErrLaterFiled, d.Date)
			}
			filed = err
		}
		return filed == nil
	})
	return errors.Join(err, filed)
}

// closedBehind tells whether another date was closed behind one whose files wait, or is open.
func closedBehind(date payment.Date, of *plan, other *journal.Day) (bool, error) {
	var p plan
	if len(other.Data) > 0 {
		if err := json.Unmarshal(other.Data, &p); err != nil {
			return false, fmt.Errorf("record of business date %s: %w", other.Date, err)
		}
	}
	if slices.ContainsFunc(p.parts(), func(part *plan) bool { return part.Format >= 3 && part.behind(other.Date, date) }) {
		return true, nil
	}
	return other.Date > date && !slices.ContainsFunc(of.parts(), func(part *plan) bool {
		return part.Format >= 3 && part.behind(date, other.Date)
	}), nil
}

// Refuse keeps the files of a sealed date that wait from ever being made: that they are refused, by whom and why, is
// durable before anything is carried on. Should that fail, the schedule goes on with it.
func (e *Engine) Refuse(ctx context.Context, date payment.Date, by, reason string) (Result, error) {
	if err := e.ready(ctx); err != nil {
		return Result{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running.Err() != nil {
		return Result{}, ErrClosed
	}
	p, err := e.refusable(ctx, date)
	if err != nil {
		return Result{}, err
	}
	is := Refusal{By: by, At: e.o.Clock.Now().UTC().Truncate(time.Millisecond), Reason: reason, Files: []RefusedFile{}}
	for _, part := range p.parts() {
		for _, f := range part.Files {
			id, err := part.fileID(date, f.Sequence)
			if err != nil {
				return Result{}, err
			}
			is.Files = append(is.Files, RefusedFile{f.Destination, id.String(), f.Records})
		}
	}
	data, err := json.Marshal(openDate{Refused: &is, Aside: p.Aside})
	if err != nil {
		return Result{}, err
	}
	d := journal.Day{Date: date, State: journal.DayClosing, Data: data}
	if err := e.o.Journal.SetDay(ctx, d); err != nil {
		return Result{}, fmt.Errorf("refuse business date %s: %w", date, err)
	}
	e.o.Logger.Warn("clearing files are refused, and never made", zap.Stringer("date", date), zap.String("by", by),
		zap.String("reason", reason), zap.Int("files", len(is.Files)))
	e.noteWaiting(date, &plan{})
	result, err := e.finish(ctx, &d)
	if err != nil {
		e.Recheck()
		return Result{}, fmt.Errorf("%s is refused, and what stands in it is not carried on yet, which is tried again: %w",
			date, err)
	}
	return result, nil
}

// refuse has a sealing carry all on that its date has.
func (s *sealing) refuse(was openDate) {
	if s.plan.Refused = was.Refused; was.Refused == nil {
		return
	}
	s.plan.Aside = was.Aside
	for _, f := range was.Refused.Files {
		s.plan.Held = append(s.plan.Held, f.Destination)
	}
}

// outOfWindow takes a presentment that moves to another date out of its window.
func outOfWindow(p *payment.Payment, row *journal.Presentment) error {
	op := &p.Ops[row.Op]
	if op.Window == 0 {
		return nil
	}
	snapshot, err := presentment.DecodeSnapshot(row.Data)
	if err != nil {
		return fmt.Errorf("payment %s, operation %d: presentment record: %w", p.ID, row.Op, err)
	}
	op.Window, snapshot.Window = 0, 0
	row.Data = snapshot.Encode()
	return nil
}

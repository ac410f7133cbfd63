package cutover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// seal fixes what the files of a date are made from. Nothing enters the date or leaves it any more. Each record is
// built once: which place it has among its authorization's is known now, and what cannot be built is carried into the
// next date.
//
// was is the record of the date, its windows all filled: what is in them stays as it is. Of a date that was refused all
// is carried on.
func (e *Engine) seal(ctx context.Context, date payment.Date, was openDate) (*plan, error) {
	set, windows := e.o.Settings, was.Windows
	p := e.newPlan()
	p.Windows = windows
	s := e.newSealing(ctx, p)
	s.walk = e.o.Journal.Walk()
	defer func() { _ = s.walk.Close() }() // it was only read
	var err error
	if s.later, err = e.laterClosed(ctx, date); err != nil {
		return nil, err
	}
	p.Held = e.NoSettlement(date)
	s.refuse(was)
	settles := func(destination string) bool {
		return p.Refused == nil && set.Calendar.Settles(destination, date)
	}
	destinations := slices.DeleteFunc(slices.Clone(set.Destinations), func(name string) bool { return !settles(name) })
	for _, w := range windows { // the last file of a date with windows is never of one, whatever the config says by now
		destinations = append(destinations, w.Destination)
	}
	s.files = newSplitter(e.o.Bounds, destinations)
	highest, err := e.look(ctx, date, p, windows)
	if err != nil {
		// The date is sealed all the same: nothing can be written to what cannot be read, and it is looked at before that.
		e.o.Logger.Error("the clearing folder could not be looked at", zap.Stringer("date", date), zap.Error(err))
		p.Unseen, s.unseen = true, err
	}
	var rows []journal.Presentment // of one payment
	var failed error
	flush := func() {
		if len(rows) > 0 && failed == nil {
			if settles(rows[0].Destination) {
				failed = s.payment(rows)
			} else {
				failed = s.hold(rows)
			}
			rows = rows[:0]
		}
	}
	err = e.o.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
		if presentment.WindowOf(row.Data) != 0 && p.Refused == nil {
			return failed == nil
		}
		if len(rows) > 0 && (row.Payment != rows[0].Payment || row.Destination != rows[0].Destination) {
			flush()
		}
		rows = append(rows, row)
		return failed == nil
	})
	flush()
	if err = errors.Join(err, failed, s.mover.wait()); err != nil {
		return nil, err
	}
	if err := s.amend(); err != nil {
		return nil, err
	}
	if len(p.Held) == 0 && len(s.files.parts) == 0 && !settles(emptyDay) {
		p.Held = []string{emptyDay}
	}
	slices.Sort(p.Held)
	p.Held = slices.Compact(p.Held)
	if windowWaits(windows) {
		p.Release = &Release{}
	}
	if len(p.Held) > 0 && len(s.files.parts) == 0 {
		return p, nil
	}
	records := 0
	if p.Files, records, err = s.files.plan(MostFiles(set.NodeInFileID) - highest); err != nil {
		return nil, err
	}
	if records > e.o.Bounds.Records {
		e.o.Logger.Warn("clearing files hold more records than configured: there are not enough file ids for smaller ones",
			zap.Stringer("date", date), zap.Int("files", len(p.Files)), zap.Int("configured", e.o.Bounds.Records),
			zap.Int("records", records))
	}
	for i := range p.Files {
		p.Files[i].Sequence += highest
	}
	others, err := e.waitingDates(ctx, date, false)
	if err != nil {
		return nil, err
	}
	others = slices.DeleteFunc(others, func(w waitingDate) bool { return w.behind(date) })
	var of []string
	for _, f := range p.Files {
		of = append(of, f.Destination)
	}
	p.Release = newRelease(p.Release != nil || set.Release && len(p.Files) > 0, others, of...)
	return p, nil
}

// newPlan is a plan with what the config says now.
func (e *Engine) newPlan() *plan {
	set := &e.o.Settings
	p := &plan{
		Format: planFormat, SealedAt: e.o.Clock.Now().Truncate(time.Millisecond), AcquirerID: set.AcquirerID,
		ProcessorID: set.ProcessorID, CodePage: set.CodePage.String(), Blocked: set.Blocked, RDW: set.RDW,
		Production: set.Production, Location: e.o.Location.String(),
	}
	for name, f := range set.Forms {
		if p.Forms == nil {
			p.Forms = map[string]planForm{}
		}
		p.Forms[name] = planForm{f.CodePage.String(), f.Blocked, f.RDW}
	}
	if set.NodeInFileID && !mutant.On(mutant.NodeNotInFileID) {
		p.Node = &set.Node
	}
	return p
}

func (e *Engine) newSealing(ctx context.Context, p *plan) *sealing {
	return &sealing{
		e: e, ctx: ctx, now: e.o.Clock.Confirmed(), plan: p, mover: newMover(),
		maker: maker{keyring: e.o.Keyring, plan: p, location: e.o.Location},
	}
}

// sealing is one attempt to seal a date, or to fill a window.
type sealing struct {
	e       *Engine
	ctx     context.Context
	now     time.Time // confirmed: what windows end by
	plan    *plan
	maker   maker
	checker clearing.Checker
	files   *splitter
	walk    journal.Walk // of the payments whose presentments are decided on; nil for a window
	mover   *mover
	later   []payment.Date        // closed and not sealed: see laterClosed
	amended []journal.Presentment // to be rewritten

	unseen error             // why the clearing folder could not be looked at
	before *deliveredRecords // what stands in files that are there already; nil until it is asked for
}

// most that is rewritten with one sync, and that the plan names of what was put aside.
const (
	amendedAtOnce = 1000
	asideNamed    = 100
)

// payment decides on the presentments of one payment.
func (s *sealing) payment(rows []journal.Presentment) error {
	p, err := s.walk.Payment(rows[0].Payment)
	if err != nil {
		return err
	}
	var decided map[int]*presentment.Snapshot // by operation; nil: put aside
	if len(rows) > 1 {
		decided = map[int]*presentment.Snapshot{}
	}
	for _, row := range rows {
		if row.Op >= len(p.Ops) {
			return fmt.Errorf("payment %s has %d operations, and a presentment of operation %d", p.ID, len(p.Ops), row.Op)
		}
		snapshot, record, fault, err := s.decide(p, row, decided)
		if err != nil {
			return fmt.Errorf("payment %s, operation %d: %w", p.ID, row.Op, err)
		}
		if decided != nil {
			decided[row.Op] = snapshot
		}
		if fault != nil {
			stands, err := s.stands(p, row.Op)
			if err != nil {
				return fmt.Errorf("payment %s, operation %d: no record can be built (%w), and whether it stands in a file "+
					"already cannot be told: %w", p.ID, row.Op, fault, err)
			}
			if stands {
				if decided != nil {
					decided[row.Op] = s.asItStands(row)
				}
				s.files.add(row.Destination, p.Merchant, p.Currency, 0)
				continue
			}
			if err := s.carry(row, fault); err != nil {
				return fmt.Errorf("payment %s, operation %d: %w", p.ID, row.Op, err)
			}
			continue
		}
		if data := snapshot.Encode(); !bytes.Equal(data, row.Data) {
			row.Data = data
			s.amended = append(s.amended, row)
		}
		s.plan.PastWindow = s.plan.PastWindow || record.PastWindow
		s.files.add(row.Destination, record.Merchant, record.Currency, record.AmountMinor)
	}
	if len(s.amended) >= amendedAtOnce {
		return s.amend()
	}
	return nil
}

// stands tells whether a presentment stands in a file that is there already: then it needs no record.
func (s *sealing) stands(p *payment.Payment, i int) (bool, error) {
	if s.unseen != nil {
		return false, s.unseen
	}
	if s.before == nil {
		before, err := s.e.source.delivered(s.ctx, p.Ops[i].Filed(), s.plan)
		if err != nil {
			return false, err
		}
		s.before = &before
	}
	return s.before.has(p, i) && !mutant.On(mutant.DeliveredIsCarried), nil
}

// asItStands is what a reversal repeats of a presentment that was delivered and of which no record can be built now.
func (s *sealing) asItStands(row journal.Presentment) *presentment.Snapshot {
	snapshot, err := presentment.DecodeSnapshot(row.Data)
	if err != nil {
		snapshot = presentment.Snapshot{} // the reversal says of its merchant what is said today
	}
	return &snapshot
}

func (s *sealing) amend() error {
	if len(s.amended) == 0 {
		return nil
	}
	err := s.e.o.Journal.Amend(s.ctx, s.amended...)
	s.amended = s.amended[:0]
	return err
}

// decide finds what a presentment's record says. fault tells why there is none.
func (s *sealing) decide(p *payment.Payment, row journal.Presentment, decided map[int]*presentment.Snapshot) (
	_ *presentment.Snapshot, _ *clearing.Presentment, fault, err error,
) {
	op := &p.Ops[row.Op]
	snapshot, fault := presentment.DecodeSnapshot(row.Data)
	switch {
	case fault != nil:
		fault = fmt.Errorf("presentment record: %w", fault)
	case op.Kind == payment.KindVoidPresentment:
		snapshot, fault, err = s.original(p, row, decided)
	case op.Kind == payment.KindResubmit, op.Kind == payment.KindRepresent:
		// It says what the record before it said, and what was put right, or why it comes a second time.
	default:
		snapshot.SetPlace(p, row.Op, s.now)
		snapshot.SetAnswers(p, row.Op)
	}
	if err != nil || errors.Is(fault, errOriginalAside) {
		return nil, nil, fault, err
	}
	if fault == nil {
		var record *clearing.Presentment
		if record, fault, err = s.build(p, row.Op, &snapshot); err != nil || fault == nil {
			return &snapshot, record, nil, err
		}
	}
	profile := s.profile(p.Merchant)
	if profile == nil {
		return nil, nil, fault, nil
	}
	today := presentment.SnapshotOf(p, row.Op, s.now, profile)
	if op.Kind == payment.KindVoidPresentment || op.Kind == payment.KindResubmit || op.Kind == payment.KindRepresent {
		today = snapshot
		today.SetMerchant(profile)
	}
	record, still, err := s.build(p, row.Op, &today)
	if err != nil || still != nil {
		return nil, nil, fault, err
	}
	return &today, record, nil, nil
}

func (s *sealing) profile(id string) *merchant.Profile {
	if s.e.o.Merchants == nil {
		return nil
	}
	if profile := s.e.o.Merchants.Lookup(id); profile != nil {
		return profile
	}
	return s.e.o.Merchants.Fallback(id)
}

// build makes a record and holds it against the layout.
func (s *sealing) build(p *payment.Payment, op int, snapshot *presentment.Snapshot) (
	record *clearing.Presentment, fault, err error,
) {
	record, fault, err = s.maker.record(p, op, snapshot)
	if err == nil && fault == nil {
		fault = s.checker.Check(record)
	}
	if mutant.On(mutant.BrokenRecordHoldsAll) && fault != nil {
		return nil, nil, fault
	}
	return record, fault, err
}

// errOriginalAside says that a reversal waits for the record that it takes back.
var errOriginalAside = errors.New("the record that it takes back is put aside")

// original is what the record of a reversal repeats: that which its original says.
func (s *sealing) original(p *payment.Payment, row journal.Presentment, decided map[int]*presentment.Snapshot) (
	snapshot presentment.Snapshot, fault, err error,
) {
	target := p.Ops[row.Op].Target
	filed := p.Ops[target].Filed()
	if same, here := decided[target]; here {
		if same == nil {
			return snapshot, errOriginalAside, nil
		}
		return *same, nil, nil
	}
	if p.Ops[target].Window == 0 {
		if day, err := s.e.o.Journal.Day(s.ctx, filed); err != nil {
			return snapshot, nil, err
		} else if day.State == journal.DayOpen || day.State == journal.DayClosing {
			return snapshot, errOriginalAside, nil
		}
	}
	ref := journal.PresentmentRef{Date: filed, Destination: row.Destination, Payment: row.Payment, Op: target}
	switch first, err := s.e.o.Journal.Presentment(s.ctx, ref); {
	case errors.Is(err, journal.ErrNotFound): // nothing but what was fixed when the reversal was accepted
		snapshot, fault = presentment.DecodeSnapshot(row.Data)
	case err != nil:
		return snapshot, nil, err
	default:
		snapshot, fault = presentment.DecodeSnapshot(first.Data)
	}
	snapshot.Window = 0
	if snapshot.Format == 0 {
		snapshot.SetAnswers(p, target)
	}
	return snapshot, fault, nil
}

// carry puts a presentment aside: it leaves its date and stands in the open one.
func (s *sealing) carry(row journal.Presentment, fault error) error {
	to, err := s.move(row, 0)
	if err != nil {
		return err
	}
	if s.plan.Aside == nil {
		s.plan.Aside = &Aside{}
	}
	s.plan.Aside.Count++
	if len(s.plan.Aside.Records) < asideNamed {
		p, err := s.e.o.Journal.Payment(s.ctx, row.Payment)
		if err != nil {
			return err
		}
		told := AsideRecord{
			Payment: p.ID.String(), Operation: row.Op, Merchant: p.Merchant, Destination: row.Destination,
			Why: fault.Error(), CarriedTo: to.String(),
		}
		s.plan.Aside.Records = append(s.plan.Aside.Records, told)
		s.e.o.Logger.Error("a record cannot be built; it is put aside",
			zap.Stringer("date", row.Date), zap.Any("record", told))
	}
	return nil
}

package cutover_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"

	"switchyard/internal/vfs"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// refilled is a book that was put back to the moment at which the first window of a date was being filled. The window
// was filled with a capture of 100 and one of 700, and its file was released. The record of the second cannot be built
// without the merchants' profiles that withMerchants gives.
type refilled struct {
	*book
	first         payment.ID // of which 100 is captured
	withMerchants func(*cutover.Options)
}

func refilledWindow(t *testing.T) *refilled {
	t.Helper()
	at(t, "UTC", "2026-11-21 12:00:00")
	b := &refilled{book: openBook(t, vfs.NewMem())}
	directory, err := merchant.NewDirectory([]merchant.Profile{{
		ID: "M1", Name: "Shop", City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5999",
	}}, true, merchant.DefaultProfile())
	b.must(err)
	b.withMerchants = func(o *cutover.Options) { o.Merchants = directory }
	b.must(b.j.Cutover(t.Context(), 0, 20261121))
	b.first = b.captured("visa", 1).ID
	broken := b.authorized("visa", 700)
	b.must(b.present(broken, capture(700, 1), presentment.Snapshot{}))
	b.blank(broken, 1)
	data, err := json.Marshal(map[string]any{"windows": []map[string]any{{
		"destination": "visa", "window": 1, "format": 3, "sealed_at": "2026-11-21T11:00:00Z", "acquirer_id": "400001",
		"processor_id": "400002", "code_page": "cp500", "blocked": true, "location": "UTC", "release": map[string]any{},
	}}})
	b.must(err)
	b.must(b.j.SetDay(t.Context(), journal.Day{Date: 20261121, State: journal.DayOpen, Data: data}))
	b.must(b.j.Checkpoint("earlier"))

	e, stop := b.run(settings(waiting, b.withMerchants))
	_, err = e.Release(t.Context(), 20261121, cutover.WindowName{Destination: "visa", Window: 1}, "ann and bob")
	b.must(err)
	stop()
	b.wantParts("visa 00001: 2 of 800")
	b.book = b.putBack()
	return b
}

func (b *refilled) wantParts(want ...string) {
	b.t.Helper()
	if got := parts(b.t, b.fs, 20261121); !slices.Equal(got, want) {
		b.t.Errorf("the date's files are %q, want %q", got, want)
	}
}

// presentAgain has the first capture rejected and presented again, on the open date, by the operation that it returns.
func (b *refilled) presentAgain() (*payment.Payment, int) {
	b.t.Helper()
	p := b.stored(b.first)
	of := p.Ops[1]
	p.Ops = append(p.Ops, payment.Op{
		Kind: payment.KindReject, State: payment.StateApproved, Target: 1, Amount: of.Amount, Granted: of.Amount,
		At: of.At, DoneAt: of.At, Source: "0012611210000012345600001/2",
	})
	b.must(b.present(p, payment.Op{
		Kind: payment.KindResubmit, State: payment.StateApproved, Target: 1, Amount: of.Amount, Granted: of.Amount,
		Number: of.Number, ARN: of.ARN,
	}, presentment.Snapshot{}))
	return p, len(p.Ops) - 1
}

// closeAndRelease closes the date, which puts some records aside, and releases it where the merchants' profiles are
// there.
func (b *refilled) closeAndRelease(e *cutover.Engine, aside int) {
	b.t.Helper()
	result, err := e.Cutover(b.t.Context(), false)
	b.must(err)
	if is := result.Aside; is == nil && aside > 0 || is != nil && is.Count != aside {
		b.t.Errorf("put aside is %+v, want %d", is, aside)
	}
	e.Close()
	e, stop := b.run(settings(waiting, b.withMerchants))
	defer stop()
	_, err = e.Release(b.t.Context(), 20261121, cutover.WindowName{}, "ann and bob")
	b.must(err)
	wantDay(b.t, b.j, 20261121, journal.DayWritten)
	if checked, err := e.Check(b.t.Context(), 20261121); err != nil || len(checked.Differences) > 0 {
		b.t.Errorf("made again: %+v, %v", checked, err)
	}
}

// I8: a window that was being filled is filled anew once the journal is put back, and takes the id of the file in which
// it was delivered. What stands there and is not in the window any more, as no record of it can be built meanwhile,
// leaves with no other file of the date: not with the date, and with no window behind it; and it is out of reach of a
// void.
func TestDeliveredAndNotInTheWindowAnyMore(t *testing.T) {
	for name, closing := range map[string]func(*refilled, *cutover.Options){
		"nor in another file": func(*refilled, *cutover.Options) {},
		"built again":         func(b *refilled, o *cutover.Options) { b.withMerchants(o) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := refilledWindow(t)
				defer func() { b.close() }()
				_, stop := b.run(settings(waiting))
				stop()
				e, _ := b.run(settings(waiting, func(o *cutover.Options) { closing(b, o) }))
				b.closeAndRelease(e, 0)
				b.wantParts("visa 00001: 2 of 800", "visa 00002: 0 of 0", "visa 00003: 0 of 0")
			})
		})
	}
	t.Run("in a window behind it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := refilledWindow(t)
			defer func() { b.close() }()
			e := b.engine(settings(waiting))
			b.must(e.TakeDelivered(t.Context()))
			b.must(e.TakeDelivered(t.Context())) // at the next start
			b.must(e.Start(t.Context()))
			for i, id := range []payment.ID{b.first, payment.NewID(1, b.first.Counter()+1)} {
				if p := b.stored(id); p.Ops[1].Window != 1+i {
					t.Errorf("payment %s is in window %d, want %d", p.ID, p.Ops[1].Window, 1+i)
				}
			}
			b.closeAndRelease(e, 0)
			b.wantParts("visa 00001: 2 of 800", "visa 00002: 0 of 0", "visa 00003: 0 of 0", "visa 00004: 0 of 0")
		})
	})
}

// What is in the window again, and is rejected and presented again on the date, leaves a second time: with the date, or
// with the next one where no record of it can be built.
func TestPresentedAgainBehindAWindowThatWaits(t *testing.T) {
	for name, c := range map[string]struct {
		blank bool
		aside int
		date  string
	}{"with the date": {false, 0, "visa 00002: 1 of 100"}, "with the next": {true, 1, "visa 00002: 0 of 0"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := refilledWindow(t)
				defer func() { b.close() }()
				e, _ := b.run(settings(waiting))
				if p, again := b.presentAgain(); c.blank {
					b.blank(p, again)
				}
				b.closeAndRelease(e, c.aside)
				b.wantParts("visa 00001: 2 of 800", c.date, "visa 00003: 0 of 0")
			})
		})
	}
}

// A window whose file has nothing but what is in it again is released as it was: its file is its own, the date has none
// that was there before, and what is presented again leaves with the date.
func TestReleasedWindowThatTheJournalForgot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := refilledWindow(t)
		defer func() { b.close() }()
		e := b.engine(settings(waiting, b.withMerchants))
		b.must(e.Start(t.Context())) // fills it
		b.must(e.TakeDelivered(t.Context()))
		b.presentAgain()
		b.closeAndRelease(e, 0)
		b.wantParts("visa 00001: 2 of 800", "visa 00002: 1 of 100")
		d, err := b.j.Day(t.Context(), 20261121)
		b.must(err)
		if files, before, err := cutover.SealedFiles(d); err != nil || len(files) != 2 || len(before) > 0 {
			t.Errorf("its files are %+v, beside %q, %v", files, before, err)
		}
	})
}

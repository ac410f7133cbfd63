package day_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen/day"
	"switchyard/switch/api"
)

// What the issuer does not answer is followed to its end, and is in no clearing.
func TestUnansweredIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := testPlan(3)
		f := newFake(declines(plan))
		f.silent = 10
		book, err := day.Run(
			t.Context(), day.Options{Plan: plan, Clients: []day.Client{f}, Payments: 1000, InFlight: 8, Faults: true},
		)
		if err != nil {
			t.Fatal(err)
		}
		if n, examples := book.Mismatches(); n != 0 {
			t.Fatalf("%d mismatches: %s", n, strings.Join(examples, "\n"))
		}
		counts := map[string]uint64{}
		for _, l := range book.Lines() {
			if l.Outcome.Outcome == string(api.StatusReversing) {
				counts[l.Op] += l.Count
			}
		}
		if book.Unanswered() != uint64(f.atIssuer/10) || counts["authorize"] == 0 || counts["sale"] == 0 ||
			counts["refund"] == 0 {
			t.Errorf("%d unanswered of %d at the issuer, told as reversing: %v", book.Unanswered(), f.atIssuer, counts)
		}
		var owed day.Total
		for _, total := range book.Clearing() {
			owed.Messages += total.Messages
			owed.SumMinor += total.SumMinor
		}
		if have := f.presentments(); owed != have {
			t.Errorf("the book expects %+v in clearing, the switch has %+v", owed, have)
		}
	})
}

// A day whose issuer is to answer takes a missing answer for a fault.
func TestUnansweredIsAFaultWhereNoneIsExpected(t *testing.T) {
	plan := testPlan(3)
	f := newFake(declines(plan))
	f.silent = 10
	if n, _ := play(t, f, plan, 100).Mismatches(); n == 0 {
		t.Error("not seen")
	}
}

// flaky loses connections, before a request arrives and after it was answered.
type flaky struct {
	day.Client
	requests atomic.Int64
	lost     atomic.Int64
}

var errBroken = errors.New("connection reset")

func (f *flaky) Do(ctx context.Context, req *api.Request) (*api.Answer, error) {
	n := f.requests.Add(1)
	if n%7 == 0 {
		f.lost.Add(1)
		return nil, errBroken
	}
	a, err := f.Client.Do(ctx, req)
	if n%5 == 0 {
		f.lost.Add(1)
		return nil, errBroken
	}
	return a, err
}

// Broken connections change nothing: requests are sent again, and each is done once.
func TestBrokenConnectionsAreOutlived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := testPlan(3)
		f := newFake(declines(plan))
		client := &flaky{Client: f}
		book, err := day.Run(t.Context(), day.Options{
			Plan: plan, Clients: []day.Client{client}, Payments: 500, InFlight: 8, Outage: time.Minute, Remember: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if n, examples := book.Mismatches(); n != 0 {
			t.Fatalf("%d mismatches: %s", n, strings.Join(examples, "\n"))
		}
		if lost := uint64(client.lost.Load()); lost == 0 || book.Disconnected() != lost || book.Payments() != 500 ||
			len(f.byID) != 500 {
			t.Errorf(
				"%d connections lost, the book has %d; %d payments, the switch has %d", lost, book.Disconnected(), book.Payments(),
				len(f.byID),
			)
		}
		if book.Acknowledged() != len(f.byKey) {
			t.Errorf("%d answers remembered of %d operations", book.Acknowledged(), len(f.byKey))
		}
		if err := book.Recheck(t.Context(), []day.Client{f}, 4); err != nil {
			t.Fatal(err)
		}
		if n, examples := book.Mismatches(); n != 0 {
			t.Errorf("%d mismatches in the end: %s", n, strings.Join(examples, "\n"))
		}
	})
}

// An outage that lasts longer than it may ends the day.
func TestOutageEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := day.Run(t.Context(), day.Options{
			Plan: testPlan(1), Clients: []day.Client{brokenClient{}}, Payments: 100, InFlight: 4, Outage: time.Minute,
		})
		if took := time.Since(begin); err == nil || took < time.Minute || took > 2*time.Minute {
			t.Errorf("error %v after %s", err, took)
		}
	})
}

// Recheck sees what was acknowledged and no longer holds.
func TestRecheckSeesWhatIsLost(t *testing.T) {
	for name, bend := range map[string]func(req *api.Request, a *api.Answer){
		"gone": func(_ *api.Request, a *api.Answer) {
			*a = api.Answer{Err: api.NewError(api.CodeUnknownPayment, "no such key")}
		},
		"no longer approved":   func(_ *api.Request, a *api.Answer) { a.Approved = false },
		"another RRN":          func(_ *api.Request, a *api.Answer) { a.RRN += "X" },
		"another amount":       func(_ *api.Request, a *api.Answer) { a.Amount++ },
		"another payment":      func(_ *api.Request, a *api.Answer) { a.Payment += "X" },
		"a capture is lost":    func(_ *api.Request, a *api.Answer) { a.Capture = "" },
		"still without an end": func(_ *api.Request, a *api.Answer) { a.Status = api.StatusReversing },
	} {
		t.Run(name, func(t *testing.T) {
			plan := testPlan(3)
			f := newFake(declines(plan))
			book, err := day.Run(context.Background(), day.Options{
				Plan: plan, Clients: []day.Client{f}, Payments: 100, InFlight: 8, Remember: true,
			})
			if n, examples := book.Mismatches(); err != nil || n != 0 {
				t.Fatalf("error %v, %d mismatches: %s", err, n, strings.Join(examples, "\n"))
			}
			f.fault = bend
			if err := book.Recheck(context.Background(), []day.Client{f}, 2); err != nil {
				t.Fatal(err)
			}
			if n, _ := book.Mismatches(); n == 0 {
				t.Error("not seen")
			}
		})
	}
}

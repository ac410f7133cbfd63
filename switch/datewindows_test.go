package txswitch_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

// A date with three files for a destination, all taken by the clearing system: what stands in a window's file stays
// there, so a void of it is a record of its own in a later one; what stands in none yet is voided at the issuer. An
// answer to a window's file is booked while its date is open.
func TestWindowsOfADate(t *testing.T) {
	ctx := context.Background()
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, IssuerOut: true})
	captured := func(key string) string {
		t.Helper()
		p := s.Do(switchtest.Authorize("a"+key, 1000)).Payment
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c"+key, p, 1000)), "")
		s.AwaitDrained()
		return p
	}
	state := func(payment string) string {
		t.Helper()
		return s.Do(switchtest.On(api.OpStatus, "", payment, 0)).History[1].Presentment
	}
	sale := switchtest.Authorize("s", 500)
	sale.Op = api.OpSale
	wantApproved(t, s.Do(sale), "00")
	kept, back, voided := captured("1"), captured("2"), captured("3")
	wantApproved(t, s.Do(void("v3", voided, voided+"-1")), "00") // the issuer's answer

	first, err := s.API().Cutover(ctx, client.Cutover{Window: "visa"})
	if err != nil || first.Window != 1 || len(first.Files) != 1 || first.Files[0].SumMinor != 2500 {
		t.Fatalf("the first window: %+v, %v", first, err)
	}
	if got := state(kept); got != "presented" {
		t.Errorf("what is in the window's file is %q", got)
	}
	s.CrashSwitch()
	s.StartSwitch()
	if r := comesBack(t, s, goesOut(t, s, first.Files[0].IPM)); r.Settled != 3 || r.Exceptions != 0 {
		t.Errorf("the answer to the first window: %+v", r)
	}
	if got := state(kept); got != "settled" {
		t.Errorf("with the answer it is %q", got)
	}
	wantApproved(t, s.Do(void("v2", back, back+"-1")), "") // nobody asks the issuer
	if ops, void := operations(s, back), last(s, back); ops[1].Window != 1 || void.Op != "void_presentment" ||
		void.Window != 0 {
		t.Errorf("what is taken back: %+v", ops)
	}
	captured("4")
	second, err := s.API().Cutover(ctx, client.Cutover{Window: "visa"})
	if err != nil || second.Window != 2 || len(second.Files) != 1 || second.Files[0].Records != 2 {
		t.Fatalf("the second window: %+v, %v", second, err)
	}
	fifth := captured("5")
	wantApproved(t, s.Do(void("v5", fifth, fifth+"-1")), "00")
	s.AwaitDrained()
	s.Audit()

	day, err := s.API().Cutover(ctx, client.Cutover{})
	if err != nil || len(day.Files) != 3 || day.Files[2].Records != 0 {
		t.Fatalf("the date: %+v, %v", day, err)
	}
	for i, f := range day.Files {
		if want := fmt.Sprintf("%05d", i+1); f.FileID[20:] != want {
			t.Errorf("file %s: want the sequence %s", f.FileID, want)
		}
	}
	for _, f := range day.Files[1:] {
		if r := comesBack(t, s, goesOut(t, s, f.IPM)); r.Exceptions != 0 {
			t.Errorf("the answer to %s: %+v", f.FileID, r)
		}
	}
	checked, err := s.API().CheckClearing(ctx, day.BusinessDate)
	if err != nil || len(checked.Differences) > 0 || len(checked.Files) != 12 {
		t.Errorf("made again: %+v, %v", checked, err)
	}
	if _, err := s.API().Cutover(ctx, client.Cutover{Window: "nobody"}); err == nil {
		t.Error("a window of nobody")
	} else if _, refused := client.Refused(err); !refused {
		t.Error(err)
	}
	if _, err := s.API().Cutover(ctx, client.Cutover{Window: "visa", Ahead: true}); err == nil {
		t.Error("a window and a cutover at once")
	}
	s.Audit()
}

// Voids and windows that end beside each other: each capture is in a file and taken back there, or in none and taken
// back at the issuer. The audit holds the files against the issuer's book.
func TestVoidsBesideWindows(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	var payments []string
	for n := range 40 {
		p := s.Do(switchtest.Authorize(fmt.Sprint("a", n), 1000)).Payment
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, fmt.Sprint("c", n), p, 1000)), "")
		payments = append(payments, p)
	}
	s.AwaitDrained()
	done := make(chan error, 1)
	go func() {
		var err error
		for range 5 {
			if _, failed := s.API().Cutover(context.Background(), client.Cutover{Window: "visa"}); failed != nil {
				err = failed
			}
		}
		done <- err
	}()
	for n, p := range slices.Backward(payments) {
		if a := s.Do(void(fmt.Sprint("v", n), p, p+"-1")); !a.Approved {
			t.Errorf("the void of payment %d: %+v, %v", n, a, a.Err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	cutover(t, s, false)
	s.AwaitDrained()
	s.Audit()
}

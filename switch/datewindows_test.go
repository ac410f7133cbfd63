package txswitch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/audit"
	"switchyard/switch/operator"
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
	if r := s.ComesBack(s.GoesOut(first.Files[0].IPM)); r.Settled != 3 || r.Exceptions != 0 {
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
		if r := s.ComesBack(s.GoesOut(f.IPM)); r.Exceptions != 0 {
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

// A journal that is put back to before a window knows nothing of the window's file, which the issuer has: what stands
// in it is taken back by a record of its own all the same, and never at the issuer.
func TestPutBackBeforeAWindow(t *testing.T) {
	ctx := context.Background()
	s := switchtest.Start(t, switchtest.Options{IssuerData: true})
	var payments []string
	for _, key := range []string{"1", "2"} {
		p := s.Do(switchtest.Authorize("a"+key, 1000)).Payment
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c"+key, p, 1000)), "")
		payments = append(payments, p)
	}
	s.AwaitDrained()
	s.StopSwitch()
	copyData(t, s, s.Config.Data, "earlier")
	s.StartSwitch()
	first, err := s.API().Cutover(ctx, client.Cutover{Window: "visa"})
	if err != nil {
		t.Fatal(err)
	}
	s.GoesOut(first.Files[0].IPM)
	s.StopSwitch()
	putBackJournal(t, s)
	s.StartSwitch()
	var r operator.Review
	s.Operator("GET", "/v1/restore", &r)
	if !r.Held || len(r.Files) != 1 {
		t.Fatalf("review %+v", r)
	}
	s.Operator("POST", "/v1/restore/confirm?token="+r.Token, nil)
	s.AwaitReady()
	wantApproved(t, s.Do(void("v", payments[0], payments[0]+"-1")), "")
	if void := last(s, payments[0]); void.Op != "void_presentment" {
		t.Errorf("what stands in a delivered file is taken back by %+v", void)
	}
	s.StopSwitch()
	s.StartSwitch()
	cutover(t, s, false)
	folder := s.FS.PathJoin(s.Config.Data, "clearing", first.BusinessDate)
	days, err := s.FS.List(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range days {
		if path := s.FS.PathJoin(folder, name); strings.HasSuffix(name, ".ipm") && path != first.Files[0].IPM {
			s.GoesOut(path)
		}
	}
	s.AwaitDrained()
	s.AuditBut(audit.FileUnknown, audit.Manifest) // of the file that the journal did not write
}

// putBackJournal replaces the data of a stopped switch by its copy "earlier", beside the clearing files that are there
// by now.
func putBackJournal(t *testing.T, s *switchtest.System) {
	t.Helper()
	root := s.FS.PathJoin(s.Config.Data, "clearing")
	dates, err := s.FS.List(root)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string][]byte{}
	for _, date := range dates {
		folder := s.FS.PathJoin(root, date)
		names, err := s.FS.List(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			kept[s.FS.PathJoin(folder, name)] = s.Contents(s.FS.PathJoin(folder, name))
		}
	}
	copyData(t, s, "earlier", s.Config.Data)
	for path, text := range kept {
		if err := s.FS.MkdirAll(s.FS.PathDir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := s.FS.Create(path, vfs.WriteCategoryUnspecified)
		if err == nil {
			_, err = f.Write(text)
			err = errors.Join(err, f.Sync(), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
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
	// All but one are voided: a date that has nothing for a destination of no config has no window for it.
	for n, p := range slices.Backward(payments[1:]) {
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

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/incoming"
	"switchyard/switch/operator/client"
	"switchyard/switch/settlement"
	"switchyard/switch/switchtest"
)

// stated makes the statement of a date's one merchant.
func stated(t *testing.T, clearing, date string, more ...string) (*settlement.Run, error) {
	t.Helper()
	out, _, err := execute(t, newSettlementCmd(), append([]string{
		"statement", "--clearing", clearing, "--plan", "../../configs/settlement.yaml", "--from", date, "--to", date,
		"--json",
	}, more...)...)
	if err != nil && !errors.Is(err, errNo) {
		return nil, err
	}
	run, failed := settlement.ReadRun(strings.NewReader(out))
	if failed != nil || len(run.Statements) != 1 || !run.Proof[0].Holds {
		t.Fatalf("%v, %v\n%s", err, failed, out)
	}
	return run, err
}

// A sale and a refund are rejected, put right and presented again within a date, and the sale is charged back and
// in part presented a second time: the sale stands in all three files of the date, the refund in two. The books agree.
func TestPresentedAgainWithinADate(t *testing.T) {
	const wrong, right = "5999", "5411"
	ctx := context.Background()
	s := switchtest.Start(t, switchtest.Options{
		IssuerData: true, IssuerOut: true,
		Rules: fmt.Sprintf("clearing: [{name: no such category, when: {category: [%q]}, reject: {element: 26, code: %q}}]",
			wrong, "0150"),
	})
	sold := func(key string) string {
		t.Helper()
		sale := switchtest.Authorize(key, 1000)
		sale.Op = api.OpSale
		return s.Do(sale).Payment
	}
	charged, refunded := sold("k1"), sold("k2")
	if a := s.Do(switchtest.On(api.OpRefund, "k3", refunded, 400)); !a.Approved {
		t.Fatalf("%+v", a)
	}
	date := ""
	answered := func(window string) *incoming.Received {
		t.Helper()
		s.AwaitDrained()
		day, err := s.API().Cutover(ctx, client.Cutover{Window: window})
		if err != nil || len(day.Files) == 0 {
			t.Fatal(day, err)
		}
		date = day.BusinessDate
		return s.ComesBack(s.GoesOut(day.Files[len(day.Files)-1].IPM))
	}
	if r := answered("visa"); r.Rejected != 3 || r.Exceptions != 0 {
		t.Fatalf("the first window: %+v", r)
	}
	var ids []string
	err := s.API().EachReject(ctx, false, func(r *incoming.Reject) error {
		ids = append(ids, r.ID)
		return nil
	})
	if err != nil || len(ids) != 3 {
		t.Fatal(ids, err)
	}
	for _, id := range ids {
		if _, err := s.API().FixReject(ctx, id, map[string]string{"mcc": right}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.API().ResubmitReject(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if r := answered("visa"); r.Settled != 3 || r.Exceptions != 0 {
		t.Fatalf("the second window: %+v", r)
	}
	p, err := s.API().Payment(ctx, charged)
	if err != nil {
		t.Fatal(err)
	}
	s.ChargeBack(p.Ops[0].ARN, "")
	if r := s.ComesBack(s.EndIssuerWindow()); r.ChargedBack != 1 || r.Exceptions != 0 {
		t.Fatalf("the chargeback: %+v", r)
	}
	var dispute string
	err = s.API().EachDispute(ctx, "open", "", func(d *incoming.Dispute) error {
		dispute = d.ID
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.API().Represent(ctx, dispute, "2700", 600, "anna"); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	reconciled := func(clearing string, want ...string) error {
		t.Helper()
		out, said, err := execute(t, newReconcileCmd(), "--operator", s.OperatorAddr, "--date", date, "--as-of", date,
			"--clearing", clearing, "--incoming", in)
		for _, want := range want {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
				t.Errorf("reconcile = %v: want %q in\n%s%s", err, want, out, said)
			}
		}
		return err
	}
	// What a window's file should have is not there; what goes with the cutover cannot be yet.
	err = reconciled(t.TempDir(), "presented local only wrong 6 32.00 EUR 0", "presented local only late 1 6.00 EUR 0")
	if !errors.Is(err, errNo) {
		t.Errorf("before the cutover, with no file: %v", err)
	}
	open := filepath.Join(t.TempDir(), "clearing")
	if _, err := vfs.Clone(s.FS, vfs.Default, s.FS.PathJoin(s.Config.Data, "clearing"), open); err != nil {
		t.Fatal(err)
	}
	if _, err := stated(t, open, date); err == nil || !strings.Contains(err.Error(), "it is of window 2 of visa") {
		t.Errorf("statements of the open date: %v", err)
	}
	if r := answered(""); r.Settled != 1 || r.Exceptions != 0 {
		t.Fatalf("the cutover: %+v", r)
	}

	data := filepath.Join(t.TempDir(), "data")
	if _, err := vfs.Clone(s.FS, vfs.Default, s.Config.Data, data); err != nil {
		t.Fatal(err)
	}
	if _, err := vfs.Clone(s.IssuerFS, vfs.Default, "out", in); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(data, "clearing", date, "*.ipm"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	verify := append([]string{"verify", "--operator", s.OperatorAddr, "--date", date}, files...)
	out, err := clearingRun(t, nil, verify...)
	if err != nil || !strings.Contains(out, "\njournal: 7 presentments on "+date+"\n") {
		t.Errorf("verify = %v\n%s", err, out)
	}
	err = reconciled(filepath.Join(data, "clearing"), "presented matched 7 38.00 EUR 7", "rejected matched 3 16.00 EUR 3",
		"charged back matched 1 -10.00 EUR 1", "settled matched 4 22.00 EUR 2", " 0 wrong, 1 late")
	if err != nil {
		t.Error(err)
	}
	// All that was presented less what was rejected and charged back, and what is asked for again: 6.00 and 6.00.
	run, err := stated(t, filepath.Join(data, "clearing"), date, "--incoming", in)
	if err != nil {
		t.Fatalf("%v, %+v", err, run)
	}
	if got := run.Statements[0].Totals; got.GrossMinor != 4000 || got.RefundsMinor != 800 || got.RejectedMinor != 1600 ||
		got.ChargebacksMinor != 1000 || got.RepresentedMinor != 600 || got.NetMinor+got.FeesMinor != 1200 {
		t.Errorf("the statement: %+v", got)
	}
	// Without what came back each is counted once, and nothing a second time.
	run, err = stated(t, filepath.Join(data, "clearing"), date)
	if got := run.Statements[0].Totals; got.GrossMinor != 2000 || got.RefundsMinor != 400 || got.RepresentedMinor != 0 ||
		len(run.Exceptions) != 4 || !errors.Is(err, errNo) {
		t.Errorf("without what came back: %+v, %+v, %v", got, run.Exceptions, err)
	}
	out, err = clearingRun(t, nil, verify[:len(verify)-1]...)
	if err == nil || !strings.Contains(out, p.Ops[0].ARN+" of payment "+charged+": it is in the journal and in no file") {
		t.Errorf("without the file of the cutover, verify = %v\n%s", err, out)
	}
}

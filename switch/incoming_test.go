package txswitch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/incoming"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

// A day goes to the clearing system and comes back: accepted, and then charged back.
func TestFilesComeBack(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, IssuerOut: true})
	sale := switchtest.Authorize("k1", 1000)
	sale.Op = api.OpSale
	a := s.Do(sale)
	wantApproved(t, a, "00")
	authorized := s.Do(switchtest.Authorize("k2", 700))
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k3", authorized.Payment, 300)), "")
	s.AwaitDrained()
	state := func(payment string, at int) string {
		t.Helper()
		return s.Do(switchtest.On(api.OpStatus, "", payment, 0)).History[at].Presentment
	}
	if got := state(a.Payment, 0); got != "" {
		t.Errorf("before the date is closed the sale is %q", got)
	}
	day, err := s.API().Cutover(context.Background(), client.Cutover{})
	if err != nil || len(day.Files) != 1 {
		t.Fatal(day, err)
	}
	if got := state(a.Payment, 0); got != "presented" {
		t.Errorf("in a file the sale is %q", got)
	}

	if r := s.ComesBack(s.GoesOut(day.Files[0].IPM)); r.Settled != 2 || r.Rejected != 0 || r.Exceptions != 0 {
		t.Errorf("the answer to the file: %+v", r)
	}
	if got := state(authorized.Payment, 1); got != "settled" {
		t.Errorf("the capture is %q", got)
	}

	p, err := s.API().Payment(context.Background(), a.Payment)
	if err != nil {
		t.Fatal(err)
	}
	s.ChargeBack(p.Ops[0].ARN, "")
	window := s.EndIssuerWindow()
	if r := s.ComesBack(window); r.ChargedBack != 1 || r.Exceptions != 0 {
		t.Errorf("the window's file: %+v", r)
	}
	for range 2 {
		status := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
		if status.Status != api.StatusChargedBack || status.ChargedBack != 1000 || status.Refundable != 0 ||
			status.History[0].Presentment != "charged_back" || status.History[2].Op != "chargeback" {
			t.Errorf("charged back, its status is %+v", status)
		}
		refund := s.Do(switchtest.On(api.OpRefund, "k4", a.Payment, 0))
		if refund.Err == nil || refund.Err.Code != api.CodeInvalidState {
			t.Errorf("a refund of what was charged back: %+v", refund)
		}
		if r := s.ComesBack(window); !r.Again {
			t.Errorf("the same file again: %+v", r)
		}
		s.CrashSwitch()
		s.StartSwitch()
	}
	story, err := s.API().Explain(context.Background(), a.Payment)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(story); !strings.Contains(text, "chargeback of 10.00 EUR, of the presentment of the sale") {
		t.Errorf("its story: %s", text)
	}
	if _, err := s.API().Receive(context.Background(), "half", strings.NewReader("half")); err == nil {
		t.Error("half a file is taken")
	} else if why, unfit := client.Unfit(err); !unfit {
		t.Errorf("half a file: %v, %q", err, why)
	}
	files := 0
	err = s.API().EachIncoming(context.Background(), func(*incoming.File) error { files++; return nil })
	if err != nil || files != 2 {
		t.Errorf("%d files are listed (%v)", files, err)
	}
	err = s.API().EachException(context.Background(), func(e *incoming.Exception) error {
		t.Errorf("an exception: %+v", e)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	s.Audit()
}

// What the clearing system rejects is put right, presented again on another date, and settled.
func TestRejectedAndPresentedAgain(t *testing.T) {
	const wrong, right = "5999", "5411"
	s := switchtest.Start(t, switchtest.Options{
		IssuerData: true, IssuerOut: true,
		Rules: fmt.Sprintf("clearing: [{name: no such category, when: {category: [%q]}, reject: {element: 26, code: %q}}]",
			wrong, "0150"),
	})
	sale := switchtest.Authorize("k1", 1000)
	sale.Op = api.OpSale
	a := s.Do(sale)
	wantApproved(t, a, "00")
	refund := s.Do(switchtest.On(api.OpRefund, "k2", a.Payment, 400))
	wantApproved(t, refund, "00")
	closed := func() string {
		t.Helper()
		day, err := s.API().Cutover(context.Background(), client.Cutover{Ahead: true})
		if err != nil || len(day.Files) != 1 {
			t.Fatal(day, err)
		}
		return day.Files[0].IPM
	}
	if r := s.ComesBack(s.GoesOut(closed())); r.Rejected != 2 || r.Exceptions != 0 {
		t.Fatalf("%+v", r)
	}
	if void := s.Do(switchtest.On(api.OpVoid, "k3", a.Payment, 0)); void.Err == nil {
		t.Errorf("what was rejected is voided: %+v", void)
	}
	var ids []string
	err := s.API().EachReject(context.Background(), false, func(r *incoming.Reject) error {
		ids = append(ids, r.ID)
		return nil
	})
	if err != nil || len(ids) != 2 {
		t.Fatal(ids, err)
	}
	for _, id := range ids {
		if _, err := s.API().FixReject(context.Background(), id, map[string]string{"mcc": right}); err != nil {
			t.Fatal(err)
		}
		if r, err := s.API().ResubmitReject(context.Background(), id); err != nil || r.State != "presented" {
			t.Fatal(r, err)
		}
		if _, err := s.API().WriteOffReject(context.Background(), id, "too late"); err == nil {
			t.Error("what is presented again is written off")
		} else if why, refused := client.Refused(err); !refused {
			t.Error(why, err)
		}
	}
	s.CrashSwitch()
	s.StartSwitch()
	if r := s.ComesBack(s.GoesOut(closed())); r.Settled != 2 || r.Rejected != 0 || r.Exceptions != 0 {
		t.Errorf("presented again: %+v", r)
	}
	status := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
	if status.Refundable != 600 || status.History[0].Presentment != "settled" ||
		status.History[1].Presentment != "settled" {
		t.Errorf("%+v", status)
	}
	s.Audit()
}

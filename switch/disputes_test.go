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

// A sale is charged back, presented a second time in the next file, taken by the issuer and settled; a part of another
// is accepted. All books agree.
func TestDisputeIsRepresented(t *testing.T) {
	ctx := context.Background()
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, IssuerOut: true})
	var sales []api.Answer
	for _, key := range []string{"k1", "k2"} {
		sale := switchtest.Authorize(key, 1000)
		sale.Op = api.OpSale
		a := s.Do(sale)
		wantApproved(t, a, "00")
		sales = append(sales, a)
	}
	closed := func() string {
		t.Helper()
		day, err := s.API().Cutover(ctx, client.Cutover{Ahead: true})
		if err != nil || len(day.Files) != 1 {
			t.Fatal(day, err)
		}
		return day.Files[0].IPM
	}
	if r := s.ComesBack(s.GoesOut(closed())); r.Settled != 2 {
		t.Fatalf("%+v", r)
	}
	for i, amount := range []int{1000, 300} {
		p, err := s.API().Payment(ctx, sales[i].Payment)
		if err != nil {
			t.Fatal(err)
		}
		s.ChargeBack(p.Ops[0].ARN, fmt.Sprintf(`,"amount":%d`, amount))
	}
	if r := s.ComesBack(s.EndIssuerWindow()); r.ChargedBack != 2 || r.Exceptions != 0 {
		t.Fatalf("%+v", r)
	}
	var ids []string
	list := func(state string) (found []string) {
		t.Helper()
		err := s.API().EachDispute(ctx, state, "", func(d *incoming.Dispute) error {
			found = append(found, d.ID)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if ids = list("open"); len(ids) != 2 {
		t.Fatal(ids)
	}
	if err := s.API().EachDispute(ctx, "won", "", nil); err == nil {
		t.Error("disputes of a state that is none are listed")
	}
	if d, err := s.API().Represent(ctx, ids[0], "2700", 0, "desk 2"); err != nil || d.State != "represented" ||
		!strings.HasSuffix(d.Steps[1].By, " (desk 2)") {
		t.Fatal(d, err)
	}
	if _, err := s.API().Represent(ctx, ids[0], "2700", 0, ""); err == nil {
		t.Error("presented a second time twice")
	} else if why, refused := client.Refused(err); !refused || !strings.Contains(why, "a second time already") {
		t.Error(why, err)
	}
	if d, err := s.API().AcceptDispute(ctx, ids[1], ""); err != nil || d.State != "accepted" {
		t.Fatal(d, err)
	}
	if _, err := s.API().Dispute(ctx, sales[0].Payment+"-0"); !client.NotFound(err) {
		t.Errorf("a sale is a dispute: %v", err)
	}
	s.CrashSwitch()
	s.StartSwitch()
	if r := s.ComesBack(s.GoesOut(closed())); r.Settled != 1 || r.Rejected != 0 || r.Exceptions != 0 {
		t.Errorf("presented a second time: %+v", r)
	}
	status := s.Do(switchtest.On(api.OpStatus, "", sales[0].Payment, 0))
	if status.ChargedBack != 0 || status.Refundable != 1000 || status.History[0].Presentment != "represented" {
		t.Errorf("represented: %+v", status)
	}
	if status := s.Do(switchtest.On(api.OpStatus, "", sales[1].Payment, 0)); status.Refundable != 700 {
		t.Errorf("accepted: %+v", status)
	}
	if got := list("represented"); len(got) != 1 || got[0] != ids[0] {
		t.Errorf("represented are %v", got)
	}
	story, err := s.API().Explain(ctx, sales[0].Payment)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"represent of 10.00 EUR by loopback (desk 2), of the chargeback of the sale of",
		"of the second presentment of the sale",
	} {
		if text := fmt.Sprint(story); !strings.Contains(text, want) {
			t.Errorf("its story does not say %q: %s", want, text)
		}
	}
	s.Audit()
}

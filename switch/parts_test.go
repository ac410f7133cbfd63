package txswitch_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
	"switchyard/switch/operator/client"
	"switchyard/switch/switchtest"
)

// partFile is a file of the clearing system with a chargeback of a part of a presentment for each issuer reference.
func partFile(t *testing.T, of *clearing.Record, id clearing.FileID, amountMinor int64, references ...string) []byte {
	t.Helper()
	id.Type = clearing.MadeByClearing
	var out bytes.Buffer
	w, err := clearing.NewWriter(&out, clearing.Header{FileID: id})
	for _, reference := range references {
		m := clearing.Message{MTI: "1442", FunctionCode: "453", Elements: []clearing.Element{
			{DE: 4, Value: fmt.Sprintf("%012d", amountMinor)}, {DE: 25, Value: "4853"},
			{DE: 30, Value: of.Text(4) + "000000000000"}, {DE: 95, Value: reference},
		}}
		for _, de := range []int{2, 3, 12, 31, 37, 38, 49, 94} {
			m.Elements = append(m.Elements, clearing.Element{DE: de, Value: of.Text(de)})
		}
		if err == nil {
			err = w.WriteMessage(&m)
		}
	}
	if err == nil {
		_, err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// records hands on the presentments of a file.
func records(t *testing.T, s *switchtest.System, path string, take func(r *clearing.Record)) {
	t.Helper()
	in, err := clearing.NewReader(bytes.NewReader(s.Contents(path)))
	for err == nil {
		var r *clearing.Record
		if r, err = in.Next(); err == nil && r.MTI == "1240" {
			take(r)
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
}

// Two parts of a sale, of the same amount, are charged back: both are presented a second time, in one file, each with
// the reference by which the issuer knows its chargeback, over a crash, and all books agree.
func TestPartsArePresentedASecondTime(t *testing.T) {
	ctx := context.Background()
	s := switchtest.Start(t, switchtest.Options{})
	sale := switchtest.Authorize("k1", 1000)
	sale.Op = api.OpSale
	a := s.Do(sale)
	wantApproved(t, a, "00")
	closed := func() (fileID, path string) {
		t.Helper()
		day, err := s.API().Cutover(ctx, client.Cutover{Ahead: true})
		if err != nil || len(day.Files) != 1 {
			t.Fatal(day, err)
		}
		return day.Files[0].FileID, day.Files[0].IPM
	}
	fileID, path := closed()
	var back []byte
	records(t, s, path, func(r *clearing.Record) {
		id, err := clearing.ParseFileID(fileID)
		if err != nil {
			t.Fatal(err)
		}
		back = partFile(t, r, id, 300, "REF-A", "REF-B")
	})
	r, err := s.API().Receive(ctx, "parts", bytes.NewReader(back))
	if err != nil || r.ChargedBack != 2 || r.Exceptions != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	var ids []string
	err = s.API().EachDispute(ctx, "open", "", func(d *incoming.Dispute) error {
		ids = append(ids, d.ID)
		return nil
	})
	if err != nil || len(ids) != 2 {
		t.Fatal(ids, err)
	}
	for _, id := range ids {
		if d, err := s.API().Represent(ctx, id, "2700", 0, ""); err != nil || d.State != "represented" {
			t.Fatal(d, err)
		}
		s.CrashSwitch()
		s.StartSwitch()
	}
	var got []string
	_, path = closed()
	records(t, s, path, func(r *clearing.Record) {
		got = append(got, fmt.Sprintf("%s %s %s", r.FunctionCode(), r.Text(4), r.Text(95)))
	})
	if want := "[205 000000000300 REF-A 205 000000000300 REF-B]"; fmt.Sprint(got) != want {
		t.Errorf("presented are %v, want %s", got, want)
	}
	status := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
	if status.ChargedBack != 0 || status.Refundable != 1000 || status.History[0].Presentment != "represented" {
		t.Errorf("%+v", status)
	}
	s.Audit()
}

// The issuer charges two parts of a sale back, takes the second presentment of each, and charges one back again: the
// switch, the issuer's ledger, the clearing files and the audit agree at each step.
func TestPartsThereAndBack(t *testing.T) {
	ctx := context.Background()
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, IssuerOut: true})
	sale := switchtest.Authorize("k1", 1000)
	sale.Op = api.OpSale
	a := s.Do(sale)
	wantApproved(t, a, "00")
	closed := func() *incoming.Received {
		t.Helper()
		day, err := s.API().Cutover(ctx, client.Cutover{Ahead: true})
		if err != nil || len(day.Files) != 1 {
			t.Fatal(day, err)
		}
		return s.ComesBack(s.GoesOut(day.Files[0].IPM))
	}
	if r := closed(); r.Settled != 1 {
		t.Fatalf("%+v", r)
	}
	p, err := s.API().Payment(ctx, a.Payment)
	if err != nil {
		t.Fatal(err)
	}
	order := func(amountMinor int, rest string) {
		t.Helper()
		s.ChargeBack(p.Ops[0].ARN, fmt.Sprintf(`,"amount":%d%s`, amountMinor, rest))
	}
	charged := func() {
		t.Helper()
		if r := s.ComesBack(s.EndIssuerWindow()); r.ChargedBack == 0 || r.Exceptions != 0 {
			t.Fatalf("%+v", r)
		}
	}
	disputes := func(state string) (found []incoming.Dispute) {
		t.Helper()
		err := s.API().EachDispute(ctx, state, "", func(d *incoming.Dispute) error {
			found = append(found, *d)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	order(300, "")
	order(300, "")
	charged()
	open := disputes("open")
	if len(open) != 2 || open[0].IssuerReference == "" || open[0].IssuerReference == open[1].IssuerReference {
		t.Fatalf("open are %+v", open)
	}
	for i := range open {
		if _, err := s.API().Represent(ctx, open[i].ID, "2700", 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	s.CrashSwitch()
	s.StartSwitch()
	if r := closed(); r.Settled != 2 || r.Rejected != 0 || r.Exceptions != 0 {
		t.Fatalf("%+v", r)
	}
	s.Audit()
	order(300, fmt.Sprintf(`,"second":true,"reference":%q`, open[1].IssuerReference))
	charged()
	if lost := disputes("lost"); len(lost) != 1 || lost[0].ID != open[1].ID {
		t.Errorf("lost are %+v, want %s", lost, open[1].ID)
	}
	status := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
	if status.ChargedBack != 300 || status.Refundable != 700 || status.History[0].Presentment != "charged_back" {
		t.Errorf("%+v", status)
	}
	s.Audit()
}

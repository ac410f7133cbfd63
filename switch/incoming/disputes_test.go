package incoming_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// disputes lists those of a state.
func (b *bench) disputes(state string, dueBefore payment.Date) (all []string) {
	b.t.Helper()
	must(b.t, b.desk.Disputes(ctx, state, dueBefore, func(d incoming.Dispute) bool {
		all = append(all, fmt.Sprintf("%s %s %s %d of %d", d.ID, d.State, d.Due, d.Amount, d.Of))
		return true
	}))
	return all
}

// sealOpen closes the open date with a file of so many records, and returns the file's id.
func (b *bench) sealOpen(records int) string {
	b.t.Helper()
	open := b.journal.OpenDay()
	must(b.t, b.journal.Cutover(ctx, open, open.Next()))
	plan := fmt.Sprintf(`{"format":1,"processor_id":"400001","files":[{"destination":"visa","sequence":1,"records":%d}]}`,
		records)
	must(b.t, b.journal.SetDay(ctx, journal.Day{Date: open, State: journal.DaySealed, Data: []byte(plan)}))
	return clearing.FileID{Date: open.Time(), ProcessorID: "400001", Sequence: 1}.String()
}

// steps tells what became of a dispute.
func (b *bench) steps(id string) string {
	b.t.Helper()
	d, err := b.desk.Dispute(ctx, id)
	must(b.t, err)
	var all []string
	for _, s := range d.Steps {
		text := fmt.Sprintf("%s %d by %s", s.Op, s.Amount, s.By)
		if s.State != "" {
			text += fmt.Sprintf(" in %s: %s", s.Date, s.State)
		}
		all = append(all, text)
	}
	return d.State + ": " + strings.Join(all, "; ")
}

// rejectSecond is a 1644/691 and the second presentment behind it.
func rejectSecond(source, reference, rrn string, amountMinor int64) []*clearing.Message {
	all := reject(source, reference, rrn)
	all[1] = &clearing.Message{
		MTI: "1240", FunctionCode: "205", Elements: append(about(reference, rrn, amountMinor, "978"),
			clearing.Element{DE: 25, Value: "2700"}),
	}
	return all
}

// A chargeback opens a dispute, which is due as many days after its file's date as its reason has. It is presented a
// second time once, or accepted; charged back again it is lost.
func TestDisputes(t *testing.T) {
	b := newBench(t)
	b.received(answer(t))
	whole, part := b.payment(2).ID.String()+"-5", b.payment(3).ID.String()+"-7"
	const due = "2027-01-06" // 45 days after 2026-11-22
	open := []string{whole + " open " + due + " 1000 of 1000", part + " open " + due + " 400 of 1000"}
	if got := b.disputes("open", 0); !slices.Equal(got, open) {
		t.Fatalf("open are %v, want %v", got, open)
	}
	if got := b.disputes("open", 20270106); len(got) != 0 {
		t.Errorf("due before they are due are %v", got)
	}
	if got := b.disputes(incoming.AllDisputes, 20270107); !slices.Equal(got, open) {
		t.Errorf("due before the day after are %v", got)
	}
	if d, err := b.desk.Dispute(ctx, whole); err != nil || d.Card != masked || d.ARN != arn(t, 21) || d.Reason != "4853" ||
		d.Capture != b.payment(2).ID.String()+"-1" || d.Steps[0].By != theirs+"/00000005" {
		t.Errorf("%+v, %v", d, err)
	}
	var wrong *incoming.AskedError
	var refused *payment.Refusal
	for _, c := range []struct {
		id, reason string
		amount     int64
		says       string
	}{
		{whole, "", 0, "DE25"}, {whole, "27OO", 0, "DE25"},
		{whole, "2700", 1001, "only 1000"}, {part, "2700", 401, "only 400"},
		{whole, "2700", -1, "more than 0"}, {b.payment(2).ID.String() + "-1", "2700", 0, "no dispute"},
		{"P10000000009-1", "2700", 0, "no dispute"}, {"nothing", "2700", 0, "no dispute"},
		{b.payment(2).ID.String() + "-99", "2700", 0, "no dispute"},
	} {
		_, err := b.desk.Represent(ctx, c.id, "anna", c.reason, c.amount)
		if err == nil || !strings.Contains(err.Error(), c.says) || !errors.As(err, &wrong) && !errors.As(err, &refused) &&
			!errors.Is(err, incoming.ErrNoDispute) {
			t.Errorf("%s, reason %q, amount %d: %v, want %q", c.id, c.reason, c.amount, err, c.says)
		}
	}
	b.expect(answered)

	if d, err := b.desk.Represent(ctx, whole, "anna", "2700", 0); err != nil || d.State != "represented" {
		t.Fatalf("%+v, %v", d, err)
	}
	if d, err := b.desk.Represent(ctx, part, "anna", "2701", 300); err != nil || d.State != "represented" {
		t.Fatalf("%+v, %v", d, err)
	}
	b.open()
	if _, err := b.desk.Represent(ctx, whole, "anna", "2700", 0); !errors.As(err, &refused) {
		t.Errorf("presented a second time twice: %v", err)
	}
	if _, err := b.desk.AcceptDispute(ctx, whole, "anna"); !errors.As(err, &refused) {
		t.Errorf("accepted although it is presented a second time: %v", err)
	}
	p := b.payment(2)
	op := p.Ops[6]
	if op.Kind != payment.KindRepresent || op.ARN != arn(t, 21) || op.Target != 5 || op.Date != date.Next() ||
		op.Source != "anna" || op.Granted != original || op.Reason != "2700" || !p.WholeDispute(6) {
		t.Errorf("the second presentment is %+v", op)
	}
	row, err := b.journal.Presentment(ctx, presentment.RefOf(p, 6, date.Next()))
	must(t, err)
	if s, err := presentment.DecodeSnapshot(row.Data); err != nil || s.Reason != "2700" || s.Name != "Shop" {
		t.Errorf("it says %+v (%v)", s, err)
	}
	if p := b.payment(3); p.WholeDispute(8) || p.Refundable() != 900 {
		t.Errorf("of 400 300 are presented again, whole %t, refundable %d", p.WholeDispute(8), p.Refundable())
	}

	// Nobody can have read it yet: one that comes now is the first once more.
	b.received(file(t, next(2), false, chargeback(arn(t, 21), rrn(2), original)))
	if all := b.exceptions(); len(all) != 1 || all[0].Excess != original ||
		!strings.HasPrefix(b.steps(whole), "represented") {
		t.Errorf("%+v, %s", all, b.steps(whole))
	}
	ours := b.sealOpen(2)
	b.received(file(t, next(3), false, settlement(ours, original+300, 0)))
	if got, want := b.steps(part), "represented: chargeback 400 by "+theirs+"/00000006; "+
		"represent 300 by anna in 2026-11-22: settled; settle 300 by "+next(3)+"/00000002"; got != want {
		t.Errorf("settled:\n%s, want\n%s", got, want)
	}
	second := chargeback(arn(t, 21), rrn(2), original)
	second.FunctionCode = "451"
	b.received(file(t, next(4), false, second))
	if all := b.exceptions(); len(all) != 1 {
		t.Errorf("a second chargeback is an exception: %+v", all[1:])
	}
	if got := b.disputes("lost", 0); !slices.Equal(got, []string{whole + " lost " + due + " 1000 of 1000"}) {
		t.Errorf("lost are %v", got)
	}
	if _, err := b.desk.Represent(ctx, whole, "anna", "2700", 0); !errors.As(err, &refused) {
		t.Errorf("presented a third time: %v", err)
	}
	if d, err := b.desk.AcceptDispute(ctx, whole, "bert"); err != nil || d.State != "accepted" {
		t.Errorf("%+v, %v", d, err)
	}
	if got := b.steps(whole); !strings.HasSuffix(got, "; accept_dispute 1000 by bert") {
		t.Error(got)
	}
	b.expect("1: rejected settled, charged back 0, refundable 1600\n" +
		"2: charged_back settled settled, charged back 1000, refundable 1000\n" +
		"3: represented settled settled settled, charged back 100, refundable 900\n")
}

// What is due is presented a second time no more, whatever was configured since.
func TestDisputesAreDue(t *testing.T) {
	b := newBench(t)
	b.days = incoming.Days{Any: 60, ByReason: map[string]int{"4837": 10}}
	b.open()
	soon := chargeback(arn(t, 21), rrn(2), original)
	soon.Elements[len(soon.Elements)-1].Value = "4837"
	b.received(file(t, theirs, false, soon, chargeback(arn(t, 31), rrn(3), original)))
	b.days = incoming.Days{}
	b.open()
	first := b.payment(2).ID.String() + "-3"
	if got, want := b.disputes("open", 0), []string{
		first + " open 2026-12-02 1000 of 1000", b.payment(3).ID.String() + "-4 open 2027-01-21 1000 of 1000",
	}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	must(t, b.journal.Cutover(ctx, date.Next(), 20261203))
	if got := b.disputes("lost", 0); len(got) != 1 || !strings.HasPrefix(got[0], first) {
		t.Errorf("lost are %v", got)
	}
	if _, err := b.desk.Represent(ctx, first, "anna", "2700", 0); err == nil ||
		!strings.Contains(err.Error(), "the last day for a second presentment was 2026-12-02") {
		t.Errorf("a day late: %v", err)
	}
	if d, err := b.desk.AcceptDispute(ctx, first, "anna"); err != nil || d.State != "accepted" {
		t.Errorf("%+v, %v", d, err)
	}
}

// A second presentment that is rejected, by itself or with its file, opens its dispute again and rejects nothing else.
func TestSecondPresentmentIsRejected(t *testing.T) {
	for name, messages := range map[string]func(ours string) []*clearing.Message{
		"by itself": func(ours string) []*clearing.Message { return rejectSecond(ours, arn(t, 21), rrn(2), original) },
		"with its file": func(ours string) []*clearing.Message {
			return []*clearing.Message{{
				MTI: "1644", FunctionCode: "699", PDS: []clearing.PDS{{Tag: 5, Value: "P0301090519000"}, {Tag: 280, Value: ours}},
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.received(answer(t))
			id := b.payment(2).ID.String() + "-5"
			_, err := b.desk.Represent(ctx, id, "anna", "2700", 0)
			must(t, err)
			b.received(file(t, next(2), false, messages(b.sealOpen(1))...))
			if got := b.steps(id); !strings.HasPrefix(got, "open: ") || !strings.Contains(got, "; reject 1000 by "+next(2)) {
				t.Error(got)
			}
			if p := b.payment(2); p.Presentment(1) != payment.PresentmentChargedBack || p.Refundable() != original {
				t.Errorf("the presentment is %s, refundable %d", p.Presentment(1), p.Refundable())
			}
			rejects := 0
			must(t, b.desk.Rejects(ctx, true, func(r incoming.Reject) bool {
				if strings.HasPrefix(r.ID, b.payment(2).ID.String()) {
					rejects++
				}
				return true
			}))
			if rejects != 0 || len(b.exceptions()) != 0 {
				t.Errorf("%d of it are among the rejects; exceptions %+v", rejects, b.exceptions())
			}
			if d, err := b.desk.Represent(ctx, id, "anna", "2701", 0); err != nil || d.State != "represented" {
				t.Errorf("once more: %+v, %v", d, err)
			}
		})
	}
	b := newBench(t)
	b.received(answer(t))
	b.received(file(t, next(2), false, rejectSecond(ourFile, arn(t, 21), rrn(2), original)...))
	if all := b.exceptions(); len(all) != 1 || !strings.Contains(all[0].Why, "there was none") {
		t.Errorf("a reject of a second presentment that there was none of: %+v", all)
	}
	b.expect(answered)
}

// A crash at any write of the journal, through all steps of a dispute: what is done again is done once.
func TestCrashBetweenStepsOfADispute(t *testing.T) {
	crash := errors.New("crash")
	for stop := 1; ; stop++ {
		b := newBench(t)
		n := 0
		b.refuse = func() error {
			if n++; n == stop {
				return crash
			}
			return nil
		}
		// do repeats a step that a crash broke off.
		do := func(step func() error) {
			t.Helper()
			err := step()
			if errors.Is(err, crash) {
				b.open()
				err = step()
			}
			must(t, err)
		}
		take := func(text []byte) { do(func() error { _, err := b.receive(text); return err }) }
		represent := func() { do(func() error { return b.represented(b.payment(2).ID.String() + "-5") }) }
		take(answer(t))
		represent()
		take(file(t, next(2), false, rejectSecond(b.sealOpen(1), arn(t, 21), rrn(2), original)...))
		represent()
		b.sealOpen(1)
		take(file(t, next(3), false, chargeback(arn(t, 21), rrn(2), original)))
		do(func() error {
			_, err := b.desk.AcceptDispute(ctx, b.payment(2).ID.String()+"-5", "anna")
			return err
		})
		if got, want := b.steps(b.payment(2).ID.String()+"-5"), "accepted: chargeback 1000 by "+theirs+
			"/00000005; represent 1000 by anna in 2026-11-22: rejected; reject 1000 by "+next(2)+
			"/00000002; represent 1000 by anna in 2026-11-23: presented; chargeback 1000 by "+next(3)+
			"/00000002; accept_dispute 1000 by anna"; got != want {
			t.Errorf("a crash at write %d:\n%s, want\n%s", stop, got, want)
		}
		if got := b.disputes(incoming.AllDisputes, 0); len(got) != 2 {
			t.Errorf("a crash at write %d: the disputes are %v", stop, got)
		}
		if n < stop {
			if stop < 12 {
				t.Fatalf("all of it took %d writes", n)
			}
			return
		}
	}
}

// represented presents a dispute a second time.
func (b *bench) represented(id string) error {
	_, err := b.desk.Represent(context.Background(), id, "anna", "2700", 0)
	return err
}

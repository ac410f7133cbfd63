package operator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"switchyard/switch/journal"
	"switchyard/switch/journal/journaltest"
	"switchyard/switch/journal/memory"
	"switchyard/switch/operator"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// What is handed on of a date is what the export of the date writes: each payment with all its operations, and what
// stands of these in the clearing of whichever date.
func TestEachDated(t *testing.T) {
	const day1, day2 = payment.Date(20261121), payment.Date(20261122)
	j := memory.NewStore().Open(nil, nil)
	row := func(p *payment.Payment, op int) []journal.Presentment {
		s := presentment.Snapshot{Name: "Shop " + p.ID.String(), Sequence: op, Count: len(p.Ops) - 1, Format: 1}
		return []journal.Presentment{{PresentmentRef: journaltest.Ref(p, op), Data: s.Encode()}}
	}
	commit := func(tr *journal.Transition) {
		t.Helper()
		if err := j.Commit(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
	}
	capture := func(n uint64, day payment.Date) *payment.Payment {
		p := journaltest.Captured(n, day)
		p.Ops[1].Amount = 400
		commit(&journal.Transition{Payment: p, Day: day, Present: row(p, 1)})
		return p
	}
	again := func(p *payment.Payment, day payment.Date) {
		p.Version++
		p.Ops = append(p.Ops, p.Ops[1])
		p.Ops[2].Number, p.Ops[2].Date, p.Ops[2].Amount = 2, day, 100
		commit(&journal.Transition{Payment: p, Day: day, Present: row(p, 2)})
	}
	if err := j.Cutover(t.Context(), 0, day1); err != nil {
		t.Fatal(err)
	}
	both := capture(1, day1)
	again(capture(2, day1), day1)
	commit(&journal.Transition{Payment: journaltest.Fresh(3)})
	capture(4, day1)
	if err := j.Cutover(t.Context(), day1, day2); err != nil {
		t.Fatal(err)
	}
	again(both, day2)
	capture(5, day2)
	for day, payments := range map[payment.Date]int{day1: 3, day2: 2, 20261123: 0} {
		var want, got bytes.Buffer
		if err := operator.ExportDated(t.Context(), j, &want, day, day); err != nil {
			t.Fatal(err)
		}
		enc := json.NewEncoder(&got)
		err := operator.EachDated(t.Context(), j, day, func(p *operator.PaymentExport) error { return enc.Encode(p) })
		if err != nil || got.String() != want.String() || bytes.Count(got.Bytes(), []byte{'\n'}) != payments {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", day, err, &got, &want)
		}
	}
	stop, calls := errors.New("enough"), 0
	err := operator.EachDated(t.Context(), j, day1, func(*operator.PaymentExport) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("an error ends it: %d calls, %v", calls, err)
	}
}

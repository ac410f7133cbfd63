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

// A range of payments has both its ends and nothing beyond them, also where an end is no payment.
func TestExportRange(t *testing.T) {
	j := memory.NewStore().Open(nil, nil)
	var ids []payment.ID
	for n := range uint64(6) {
		p := journaltest.Fresh(2*n + 1)
		if err := j.Commit(t.Context(), &journal.Transition{Payment: p}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.ID)
	}
	node := ids[0].Node()
	for _, c := range []struct {
		first, last payment.ID
		want        []payment.ID
	}{
		{ids[1], ids[3], ids[1:4]},
		{payment.NewID(node, ids[1].Counter()+1), payment.NewID(node, ids[3].Counter()-1), ids[2:3]},
		{ids[0], payment.NewID(node, 1<<40), ids},
		{payment.NewID(node, 0), ids[0], ids[:1]},
		{payment.ID{}, payment.NewID(node+1, 0), ids},
		{payment.NewID(node, 1<<30), payment.NewID(node, 1<<40), nil},
	} {
		var out, want bytes.Buffer
		if err := operator.ExportRange(t.Context(), j, &out, c.first, c.last); err != nil {
			t.Fatal(err)
		}
		for dec := json.NewDecoder(&out); dec.More(); {
			var p operator.PaymentExport
			if err := dec.Decode(&p); err != nil {
				t.Fatal(err)
			}
			want.WriteString(p.Payment + " ")
		}
		names := ""
		for _, id := range c.want {
			names += id.String() + " "
		}
		if want.String() != names {
			t.Errorf("%s to %s: %s, want %s", c.first, c.last, &want, names)
		}
	}
}

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

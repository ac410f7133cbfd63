package payment_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/payment"
)

func authorized(amount int64) payment.Op {
	return payment.Op{
		Kind: payment.KindAuthorize, State: payment.StateApproved, Amount: amount, Granted: amount, Target: payment.NoTarget,
	}
}

// Sequence and count are those of what stands in files, as DE25 says them.
func TestPlace(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	take := func(amount int64) payment.Op {
		return payment.Op{Kind: payment.KindCapture, State: payment.StateQueued, Amount: amount, Target: payment.NoTarget}
	}
	final := take(300)
	final.Final = true
	void := func(target int, state payment.State) payment.Op {
		return payment.Op{Kind: payment.KindVoid, State: state, Target: target}
	}
	undone := func(target int) payment.Op { return void(target, payment.StateApproved) }
	inFile := func(target int) payment.Op {
		return payment.Op{Kind: payment.KindVoidPresentment, State: payment.StateApproved, Target: target}
	}
	givenUp := func(amount int64) payment.Op {
		return payment.Op{Kind: payment.KindReverse, State: payment.StateApproved, Amount: amount, Target: payment.NoTarget}
	}
	refund := func(state payment.State) payment.Op {
		return payment.Op{Kind: payment.KindRefund, State: state, Amount: 1, Granted: 1, Target: payment.NoTarget}
	}
	refused, paid := refund(payment.StateDeclined), refund(payment.StateApproved)
	type ops []payment.Op // behind the authorization
	for name, c := range map[string]struct {
		ops  ops
		of   int
		want string
	}{
		"all of it":                          {ops{take(1000)}, 1, "1 of 1"},
		"a part":                             {ops{take(300)}, 1, "1 of 2"},
		"the first of three":                 {ops{take(300), take(200), take(500)}, 1, "1 of 3"},
		"the last of three":                  {ops{take(300), take(200), take(500)}, 3, "3 of 3"},
		"the last so far":                    {ops{take(300), take(200)}, 2, "2 of 3"},
		"captured again after a void":        {ops{take(1000), undone(1), take(1000)}, 3, "1 of 1"},
		"the last one voided, rest given up": {ops{take(300), take(700), undone(2), givenUp(700)}, 1, "1 of 1"},
		"the last one voided, rest there":    {ops{take(300), take(700), undone(2)}, 1, "1 of 2"},
		"the first one voided":               {ops{take(300), take(200), undone(1)}, 2, "1 of 2"},
		"the first one's void declined":      {ops{take(300), take(200), void(1, payment.StateDeclined)}, 2, "2 of 3"},
		"the last one's void under way":      {ops{take(300), take(700), void(2, payment.StateQueued)}, 1, "1 of 2"},
		"taken back in a file":               {ops{take(300), take(700), inFile(2)}, 1, "1 of 2"},
		"a final one":                        {ops{final}, 1, "1 of 1"},
		"a refund behind a declined one":     {ops{take(1000), refused, paid}, 3, "1 of 1"},
		"a second refund":                    {ops{take(1000), paid, paid}, 3, "2 of 2"},
	} {
		for i := range c.ops {
			if v := &c.ops[i]; v.Kind == payment.KindVoid || v.Kind == payment.KindVoidPresentment {
				v.Amount = c.ops[v.Target-1].Amount
			}
		}
		root := authorized(1000)
		p := &payment.Payment{Expires: now.AddDate(0, 0, 30), Ops: append([]payment.Op{root}, c.ops...)}
		sequence, count := p.Place(c.of, now)
		if got := fmt.Sprintf("%d of %d", sequence, count); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if _, count = p.Place(c.of, p.Expires.Add(time.Second)); count > len(p.Ops)-1 {
			t.Errorf("%s: %d captures once the window has ended", name, count)
		}
	}
}

// Whatever is captured and voided: the captures that stand are numbered from 1 without a gap, no count is less than the
// sequence, and at most the last one says that nothing more comes.
func TestPlacesWithoutGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		root := authorized(1000)
		p := &payment.Payment{Expires: now.AddDate(0, 0, 30), Ops: []payment.Op{root}}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			amount, r := p.CheckCapture(rapid.Int64Range(0, 400).Draw(t, "amount"), now)
			if r == nil && rapid.Bool().Draw(t, "capture") {
				op := payment.Op{Kind: payment.KindCapture, State: payment.StateQueued, Amount: amount, Target: payment.NoTarget}
				p.Ops = append(p.Ops, op)
				continue
			}
			if target, r := p.CheckVoid(rapid.IntRange(1, len(p.Ops)).Draw(t, "target"), now); r == nil {
				state := rapid.SampledFrom([]payment.State{payment.StateApproved, payment.StateDeclined}).Draw(t, "void")
				op := payment.Op{Kind: payment.KindVoid, State: state, Amount: p.Ops[target].Amount, Target: target}
				p.Ops = append(p.Ops, op)
			}
		}
		next := 1
		last := false
		for i := range p.Ops {
			if p.Ops[i].Kind != payment.KindCapture || p.Voided(i) {
				continue
			}
			sequence, count := p.Place(i, now)
			if sequence != next || count < sequence || last {
				t.Fatalf("operation %d is %d of %d, want %d; %+v", i, sequence, count, next, p.Ops)
			}
			last = count == sequence
			next++
		}
		if captured := p.Sums().Captured; last && captured != 1000 || captured == 1000 && !last {
			t.Fatalf("captured %d of 1000, and the last record says that it is %t", captured, last)
		}
	})
}

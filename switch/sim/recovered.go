package sim

import (
	"context"
	"hash/fnv"
	"slices"
	"strings"

	"switchyard/switch/operator"
)

// doubts is what an operator decides about what is in doubt after a journal was put back: some payments go on as after
// a crash, the others are parked. He has asked the issuer, and names those only of which nobody was told anything
// that this would undo.
type doubts struct {
	r        *restorePart
	all      []operator.Doubt
	captures []operator.AwaitingCapture // by the switch
	recovers []string                   // payments
}

// decide chooses. told are the books as they were before the journal was put back.
func (r *restorePart) decide(ctx context.Context, told *books, review *operator.Review) *doubts {
	d := &doubts{r: r, all: review.InDoubt, captures: review.Captures}
	if len(d.all) != review.InDoubtCount || len(d.captures) != review.CapturesCount {
		r.w.failf("restore, a review does not list what it counts", "%d of %d, %d captures of %d", len(d.all),
			review.InDoubtCount, len(d.captures), review.CapturesCount)
	}
	r.w.faults.add("in doubt after a restore", len(d.all))
	r.w.faults.add("capture by the switch not made after a restore", len(d.captures))
	if !r.Recovers {
		return d
	}
	kept := map[string]bool{} // what waits for a person already is not in doubt, and whatever follows it waits as well
	err := r.n.api().EachAdvice(ctx, true, func(a *operator.Advice) error {
		kept[a.Payment] = true
		return nil
	})
	if err != nil {
		r.w.failf("restore, the advices cannot be read", "%v", err)
	}
	for i := range d.captures { // made since, or nothing was left to be captured
		if p := told.byID[d.captures[i].Payment]; p == nil || p.Ops[0].State == "approved" {
			kept[d.captures[i].Payment] = true
		}
	}
	for i := range d.all {
		if x := &d.all[i]; !mayRecover(told.byID[x.Payment], x) || !r.chosen(x.Payment) {
			kept[x.Payment] = true
		}
	}
	for i := range d.all {
		if id := d.all[i].Payment; !kept[id] && !slices.Contains(d.recovers, id) {
			d.recovers = append(d.recovers, id)
		}
	}
	r.w.faults.add("payment recovered after a restore", len(d.recovers))
	return d
}

func (r *restorePart) chosen(id string) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	return r.w.chance.of("recover", h.Sum64())%4 > 0
}

// mayRecover tells whether what was in doubt may go on as after a crash, by what became of it: an advice that the
// issuer has acknowledged is its repeat; of a request that came to nothing nothing is left to be undone, nor of one
// that takes something back.
func mayRecover(p *exported, x *operator.Doubt) bool {
	if p == nil || x.Op >= len(p.Ops) {
		return false // it was begun after all that is told of
	}
	for i := range p.Ops {
		if s := p.Ops[i].State; s != "approved" && s != "declined" && s != "failed" && s != "unknown" {
			return false
		}
	}
	op := &p.Ops[x.Op]
	if x.State == "queued" || op.Op == "reverse" || op.Op == "void" {
		return op.State == "approved"
	}
	return op.State != "approved"
}

// check wants that what was recovered has ended, at the issuer as well, and that the rest is parked and nothing of it
// was sent. since is the number of messages before.
func (d *doubts) check(ctx context.Context, since int) {
	w := d.r.w
	now, err := w.read(ctx, d.r.n)
	if err != nil {
		w.failf("the books cannot be read", "%v", err)
		return
	}
	sent := map[string]bool{} // RRNs
	for _, f := range w.wire.all()[since:] {
		if f.node == d.r.n && f.financial() {
			sent[f.rrn] = true
		}
	}
	for i := range d.captures {
		x := &d.captures[i]
		p := now.byID[x.Payment]
		if p == nil || slices.Contains(d.recovers, x.Payment) {
			continue
		}
		for j := range p.Ops {
			if op := &p.Ops[j]; op.Automatic || j == 0 && !strings.Contains(op.Reason, "is cancelled") {
				w.failf("restore, a capture by the switch is not cancelled", "%+v: operation %d is %+v", *x, j, *op)
			}
		}
	}
	for i := range d.all {
		x := &d.all[i]
		p := now.byID[x.Payment]
		if p == nil || x.Op >= len(p.Ops) {
			w.failf("restore, what was in doubt is gone", "%+v", *x)
			continue
		}
		recovered, is := slices.Contains(d.recovers, x.Payment), endOf(p, x.Op)
		want := "parked"
		if recovered {
			want = "approved"
		}
		if is != want {
			w.failf("restore, what was in doubt does not end as the operator says", "%+v is %s, want %s", *x, is, want)
		}
		if sent[x.RRN] != recovered {
			w.failf("restore, what is sent is not what was recovered", "%+v recovered %t, sent %t", *x, recovered, sent[x.RRN])
		}
	}
}

// endOf is how far an operation that was in doubt is: its own state, or that of its undo where it is unknown.
func endOf(p *exported, op int) string {
	if p.Ops[op].State != "unknown" {
		return p.Ops[op].State
	}
	for i := range p.Ops {
		if u := &p.Ops[i]; u.Op == "timeout_reversal" && u.Target == op {
			return u.State
		}
	}
	return "unknown"
}

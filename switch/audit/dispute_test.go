package audit_test

import (
	"testing"

	"switchyard/switch/audit"
)

// represent answers a chargeback with a second presentment, in the file of a date.
func (p *payment) represent(back *op, amount int64, date string) *op {
	target := p.Ops[back.Target]
	o := p.came("represent", "anna", back, amount, amount)
	o.RRN, o.ARN, o.BusinessDate = target.RRN, target.ARN, date
	note := *target.Clearing
	note.Reason = "2700"
	o.Clearing = &note
	again := *target.in
	again.of, again.date, again.Key, again.AcceptedAt = o, date, "", o.At
	again.FunctionCode, again.MessageReason, again.OriginalMinor = "282", "2700", target.posted.Amount
	again.IssuerReference = back.IssuerRef
	if again.AmountMinor = amount; amount == back.Amount {
		again.FunctionCode = "205"
	}
	o.in = &again
	p.w.presentments = append(p.w.presentments, o.in)
	return o
}

// A second presentment stands once in the file of its date, with what was charged back of its presentment.
func TestSecondPresentments(t *testing.T) {
	for name, c := range map[string]struct {
		amount int64
		change func(w *world, second *op)
		want   audit.Kind
	}{
		"of all of it":    {400, func(*world, *op) {}, ""},
		"of a part of it": {300, func(*world, *op) {}, ""},
		"in no file":      {400, func(w *world, o *op) { w.withdraw(o.in) }, audit.PresentmentMissing},
		"in a file once more": {
			400, func(w *world, o *op) { w.presentments = append(w.presentments, o.in) }, audit.PresentmentTwice,
		},
		"with another amount": {400, func(_ *world, o *op) { o.in.AmountMinor = 399 }, audit.PresentmentAmount},
		"with another function": {
			400, func(_ *world, o *op) { o.in.FunctionCode = "282" }, audit.PresentmentData,
		},
		"of another amount": {400, func(_ *world, o *op) { o.in.OriginalMinor = 401 }, audit.PresentmentData},
		"for another reason": {
			400, func(_ *world, o *op) { o.in.MessageReason = "2701" }, audit.PresentmentData,
		},
		"of more than was charged back": {401, func(*world, *op) {}, audit.Invariant},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			p := w.authorize(700, "EUR")
			capture := p.capture(700, monday)
			c.change(w, p.represent(p.came("chargeback", "f/2", capture, 400, 400), c.amount, tuesday))
			report := w.run(t)
			if c.want == "" && !report.Clean() || c.want != "" && report.ByKind[c.want] == 0 {
				t.Errorf("%d differences %+v, want %q", report.DifferenceCount, report.Differences, c.want)
			}
		})
	}
}

// One that the journal does not have is found, and so is one of what is presented a second time already, or was
// accepted; a reject of it takes it back.
func TestAnswersToChargebacks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *payment, back *op)
		want   audit.Kind
	}{
		"twice": {func(p *payment, back *op) {
			p.represent(back, 200, monday)
			p.represent(back, 200, tuesday)
		}, audit.PresentmentTwice},
		"rejected between": {func(p *payment, back *op) {
			p.came("reject", "f/3", p.represent(back, 400, monday), 400, 400)
			p.represent(back, 400, tuesday)
		}, ""},
		"accepted before": {func(p *payment, back *op) {
			p.came("accept_dispute", "anna", back, 400, 400)
			p.represent(back, 400, tuesday)
		}, audit.Invariant},
		"accepted": {func(p *payment, back *op) { p.came("accept_dispute", "anna", back, 400, 400) }, ""},
		"charged back again": {func(p *payment, back *op) {
			p.represent(back, 400, tuesday)
			p.came("chargeback", "f/3", p.Ops[back.Target], 700, 700)
		}, ""},
		"charged back again, and more": {func(p *payment, back *op) {
			p.represent(back, 300, tuesday)
			p.came("chargeback", "f/3", p.Ops[back.Target], 700, 700)
		}, audit.Invariant},
		"of no chargeback": {func(p *payment, back *op) {
			p.came("accept_dispute", "anna", p.Ops[back.Target], 400, 400)
		}, audit.History},
		"unknown to the journal": {func(p *payment, back *op) {
			p.represent(back, 400, tuesday)
			p.Ops = p.Ops[:len(p.Ops)-1]
		}, audit.PresentmentTwice},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			p := w.authorize(700, "EUR")
			capture := p.capture(700, monday)
			c.change(p, p.came("chargeback", "f/2", capture, 400, 400))
			report := w.run(t)
			if c.want == "" && !report.Clean() || c.want != "" && report.ByKind[c.want] == 0 {
				t.Errorf("%d differences %+v, want %q", report.DifferenceCount, report.Differences, c.want)
			}
		})
	}
}

// part is a chargeback of a part of an operation's presentment, with an issuer reference.
func (p *payment) part(record, reference string, about *op, amount, counts int64) *op {
	o := p.came("chargeback", record, about, amount, counts)
	o.IssuerRef = reference
	return o
}

// Parts that are charged back under references of the issuer's are answered one by one: what counts twice, is presented
// a second time twice, or under another reference, is found.
func TestPartsOfAChargeback(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *payment, capture, a, b *op)
		want   audit.Kind
	}{
		"both presented": {func(p *payment, _, a, b *op) {
			p.represent(a, 200, tuesday)
			p.represent(b, 200, tuesday)
		}, ""},
		"one presented twice": {func(p *payment, _, a, b *op) {
			p.represent(a, 200, monday)
			p.represent(b, 200, tuesday)
			p.represent(a, 200, tuesday)
		}, audit.PresentmentTwice},
		"presented as the other": {func(p *payment, _, a, b *op) {
			p.represent(a, 200, tuesday)
			p.represent(b, 200, tuesday).in.IssuerReference = a.IssuerRef
		}, audit.PresentmentData},
		"presented without": {func(p *payment, _, a, _ *op) {
			p.represent(a, 200, tuesday).in.IssuerReference = ""
		}, audit.PresentmentData},
		"once more": {func(p *payment, capture, _, _ *op) { p.part("f/9", "A", capture, 200, 0) }, ""},
		"counts twice": {func(p *payment, capture, _, _ *op) {
			p.part("f/9", "A", capture, 200, 200)
		}, audit.RecordTwice},
		"charged back again": {func(p *payment, capture, a, _ *op) {
			p.represent(a, 200, tuesday)
			p.part("f/9", "A", capture, 200, 200).Number = 2
		}, ""},
		"charged back again twice": {func(p *payment, capture, a, b *op) {
			p.represent(a, 200, tuesday)
			p.represent(b, 200, tuesday)
			p.part("f/8", "A", capture, 200, 200).Number = 2
			p.part("f/9", "A", capture, 200, 200).Number = 2
		}, audit.RecordTwice},
		"more than was presented": {func(p *payment, capture, a, _ *op) {
			p.represent(a, 200, tuesday)
			p.part("f/9", "C", capture, 400, 400)
		}, audit.Invariant},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			p := w.authorize(700, "EUR")
			capture := p.capture(700, monday)
			c.change(p, capture, p.part("f/2", "A", capture, 200, 200), p.part("f/3", "B", capture, 200, 200))
			report := w.run(t)
			if c.want == "" && !report.Clean() || c.want != "" && report.ByKind[c.want] == 0 {
				t.Errorf("%d differences %+v, want %q", report.DifferenceCount, report.Differences, c.want)
			}
		})
	}
}

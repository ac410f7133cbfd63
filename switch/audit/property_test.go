package audit_test

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"switchyard/switch/audit"
)

// drawWorld makes a few payments of random histories whose books agree.
func drawWorld(t *rapid.T) *world {
	w := newWorld()
	for range rapid.IntRange(1, 6).Draw(t, "payments") {
		drawPayment(t, w)
	}
	for _, date := range w.written {
		if rapid.Bool().Draw(t, "settled "+date) {
			w.settle(date)
		}
	}
	return w
}

func drawPayment(t *rapid.T, w *world) {
	amount := rapid.Int64Range(100, 100_000).Draw(t, "amount")
	currency := rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(t, "currency")
	var p *payment
	switch rapid.SampledFrom([]string{
		"authorize", "authorize", "authorize", "sale", "voice", "undone", "declined", "verify",
	}).Draw(t, "kind") {
	case "authorize":
		p = w.authorize(amount, currency)
	case "sale":
		p = w.sale(amount, currency, drawDate(t))
	case "voice":
		p = w.voice(amount, currency, drawDate(t))
	case "undone":
		w.undone(amount, currency, rapid.Bool().Draw(t, "seen"))
		return
	case "declined":
		w.begin("authorize", "declined", amount, currency)
		return
	case "verify":
		w.begin("verify", "approved", 0, currency)
		return
	}
	for range rapid.IntRange(0, 5).Draw(t, "steps") {
		drawStep(t, p)
	}
}

func drawDate(t *rapid.T) string {
	return rapid.SampledFrom([]string{monday, tuesday, wednesday}).Draw(t, "date")
}

// money is what a payment's history leaves, kept by the model itself.
func (p *payment) money() (capturable, refundable int64) {
	captured := p.held.Captured
	for _, o := range p.Ops {
		switch o.Op {
		case "void_presentment":
			captured -= o.Amount
		case "refund":
			refundable -= o.Granted
		}
	}
	return p.held.Hold, captured + refundable
}

// voidable returns the captures and sales that stand and whose money is not refunded.
func (p *payment) voidable() (found []*op) {
	_, refundable := p.money()
	for _, o := range p.Ops {
		if o.posted == nil || o.Op == "refund" || o.posted.Amount > refundable {
			continue
		}
		if !slices.ContainsFunc(p.Ops, func(v *op) bool {
			return v.Target == o.N && (v.Op == "void" || v.Op == "void_presentment")
		}) {
			found = append(found, o)
		}
	}
	return found
}

func drawStep(t *rapid.T, p *payment) {
	capturable, refundable := p.money()
	authorization := p.held.Kind == "authorization"
	switch step := rapid.SampledFrom([]string{
		"capture", "capture", "increment", "reverse", "refund", "void", "void", "decline",
	}).Draw(t, "step"); {
	case step == "capture" && authorization && capturable > 0:
		p.capture(rapid.Int64Range(1, capturable).Draw(t, "captured"), drawDate(t))
	case step == "increment" && authorization && capturable > 0:
		p.increment(rapid.Int64Range(1, 1000).Draw(t, "added"))
	case step == "reverse" && authorization && capturable > 0 && p.held.Captured > 0:
		p.reverse("reverse", rapid.Int64Range(1, capturable).Draw(t, "released"))
	case step == "refund" && refundable > 0:
		p.refund(rapid.Int64Range(1, refundable).Draw(t, "refunded"), drawDate(t))
	case step == "void":
		targets := p.voidable()
		if len(targets) == 0 {
			return
		}
		target := rapid.SampledFrom(targets).Draw(t, "target")
		if target.BusinessDate != wednesday && rapid.Bool().Draw(t, "sealed") {
			p.voidSealed(target, rapid.SampledFrom([]string{tuesday, wednesday}).Draw(t, "on"))
		} else {
			p.void(target)
		}
	case step == "decline" && authorization:
		p.add("increment", "declined", 5)
	}
}

func TestRandomBooksThatAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		if report := w.audit(t); !report.Clean() {
			t.Fatalf("differences in books that agree: %+v", report.Differences)
		}
	})
}

func (w *world) audit(t *rapid.T) *audit.Report {
	report, err := audit.Run(context.Background(), w.sources(), audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// A spoiler is one change of one book. It returns false where its books give it nothing to change.
type spoiler struct {
	name  string
	spoil func(t *rapid.T, w *world) bool
}

// onOp spoils an operation that fits.
func onOp(name string, fits func(*op) bool, spoil func(*op)) spoiler {
	return spoiler{"journal: " + name, func(t *rapid.T, w *world) bool {
		var ops []*op
		for _, p := range w.payments {
			for _, o := range p.Ops {
				if fits(o) {
					ops = append(ops, o)
				}
			}
		}
		return spoilOne(t, ops, spoil)
	}}
}

func onHolding(name string, fits func(*holding) bool, spoil func(*holding)) spoiler {
	return spoiler{"issuer: " + name, func(t *rapid.T, w *world) bool {
		var fit []*holding
		for _, h := range w.holdings {
			if fits(h) {
				fit = append(fit, h)
			}
		}
		return spoilOne(t, fit, spoil)
	}}
}

func onPosting(name string, spoil func(*posting)) spoiler {
	return spoiler{"issuer: " + name, func(t *rapid.T, w *world) bool {
		var all []*posting
		for _, h := range w.holdings {
			all = append(all, h.Postings...)
		}
		return spoilOne(t, all, spoil)
	}}
}

func onPresentment(name string, spoil func(*presentment)) spoiler {
	return spoiler{"files: " + name, func(t *rapid.T, w *world) bool {
		return spoilOne(t, w.filed(), spoil)
	}}
}

// filed are the presentments that stand in a file.
func (w *world) filed() (in []*presentment) {
	for _, p := range w.presentments {
		if slices.Contains(w.written, p.date) {
			in = append(in, p)
		}
	}
	return in
}

func spoilOne[T any](t *rapid.T, from []*T, spoil func(*T)) bool {
	if len(from) == 0 {
		return false
	}
	spoil(rapid.SampledFrom(from).Draw(t, "spoiled"))
	return true
}

func requested(o *op) bool {
	return o.State == "approved" && (o.Op == "authorize" || o.Op == "sale" || o.Op == "increment" || o.Op == "refund")
}

func cleared(o *op) bool { return o.posted != nil }

func standing(h *holding) bool { return !h.Reversed }

var spoilers = []spoiler{
	onOp("an amount granted", requested, func(o *op) { o.Amount++; o.Granted++ }),
	onOp("an amount captured", func(o *op) bool { return o.Op == "capture" }, func(o *op) { o.Amount++ }),
	onOp("an amount released", func(o *op) bool { return o.Op == "reverse" }, func(o *op) { o.Amount++ }),
	onOp("an approval", requested, func(o *op) { o.State, o.Granted = "declined", 0 }),
	onOp("a decline", func(o *op) bool { return o.State == "declined" }, func(o *op) {
		o.State, o.Granted = "approved", o.Amount
	}),
	onOp("a void", func(o *op) bool { return o.Op == "void" }, func(o *op) { o.State = "declined" }),
	onOp("an undone request", func(o *op) bool { return o.State == "unknown" }, func(o *op) {
		o.State, o.Granted = "approved", o.Amount
	}),
	onOp("an RRN", requested, func(o *op) { o.RRN = "632099999999" }),
	onOp("an ARN", cleared, func(o *op) { o.ARN = "14000016320999999999991" }),
	onOp("a business date", cleared, func(o *op) { o.BusinessDate = "2026-12-31" }),
	onOp("a response code", func(o *op) bool {
		return requested(o) &&
			o.Op != "increment"
	}, func(o *op) { o.ResponseCode = "11" }),
	onOp("an authorization code", func(o *op) bool {
		return requested(o) &&
			o.Op != "increment"
	}, func(o *op) { o.AuthCode = "" }),
	{"journal: a payment lost", func(t *rapid.T, w *world) bool {
		var traced []*payment
		for _, p := range w.payments {
			if p.held != nil {
				traced = append(traced, p)
			}
		}
		return spoilOne(t, traced, w.forget)
	}},
	{"journal: a payment's currency", func(t *rapid.T, w *world) bool {
		var traced []*payment
		for _, p := range w.payments {
			if p.held != nil && !p.held.Reversed {
				traced = append(traced, p)
			}
		}
		return spoilOne(t, traced, func(p *payment) { p.Currency = "USD" })
	}},

	onHolding("a line twice", standing, func(h *holding) { h.RRN = "632099999999" }),
	onHolding(
		"authorized", func(h *holding) bool { return h.Kind == "authorization" }, func(h *holding) { h.Authorized++ },
	),
	onHolding("captured", func(h *holding) bool {
		return h.Kind == "authorization" &&
			!h.Reversed
	}, func(h *holding) { h.Captured++ }),
	onHolding("held", func(h *holding) bool { return h.Kind == "authorization" }, func(h *holding) { h.Hold++ }),
	onHolding("an increment more", standing, func(h *holding) {
		h.Increments = append(h.Increments, &increase{RRN: "632099999999", Amount: 1})
	}),
	onHolding("a posting more", standing, func(h *holding) {
		h.Postings = append(h.Postings, &posting{Number: "99", Amount: 1, State: "unsettled"})
	}),
	onHolding("a posting less", func(h *holding) bool { return len(h.Postings) > 0 }, func(h *holding) {
		h.Postings = h.Postings[1:]
	}),
	onHolding("a card", standing, func(h *holding) { h.PAN = "510000******0000" }),
	{"issuer: a line lost", func(t *rapid.T, w *world) bool {
		var live []*holding
		for _, h := range w.holdings {
			if !h.Reversed {
				live = append(live, h)
			}
		}
		return spoilOne(t, live, w.drop)
	}},
	onPosting("an amount posted", func(p *posting) { p.Amount++ }),
	onPosting("a sign", func(p *posting) { p.Credit = !p.Credit }),
	onPosting("an ARN", func(p *posting) { p.ARN = "14000016320999999999991" }),
	onPosting("a date", func(p *posting) { p.BusinessDate = "1231" }),
	{"issuer: a posting's state", func(t *rapid.T, w *world) bool {
		var certain []*posting
		for _, p := range w.payments {
			for _, o := range p.Ops {
				if o.posted != nil &&
					!slices.ContainsFunc(p.Ops, func(v *op) bool { return v.Op == "void_presentment" && v.Target == o.N }) {
					certain = append(certain, o.posted)
				}
			}
		}
		return spoilOne(t, certain, func(p *posting) {
			if p.State == "reversed" {
				p.State = "unsettled"
			} else {
				p.State = "reversed"
			}
		})
	}},

	onPresentment("an amount", func(p *presentment) { p.AmountMinor++ }),
	onPresentment("a currency", func(p *presentment) { p.Currency = "USD" }),
	onPresentment("a sign", func(p *presentment) { p.Credit = !p.Credit }),
	onPresentment("a card", func(p *presentment) { p.PAN = "5100000000000008" }),
	onPresentment("an RRN", func(p *presentment) { p.RRN = "632099999999" }),
	onPresentment("a merchant", func(p *presentment) { p.Merchant = "SHOP-8" }),
	onPresentment("an ARN", func(p *presentment) { p.ARN = "14000016320999999999991" }),
	onPresentment("a reversal", func(p *presentment) {
		if p.ReversalOf.IsZero() {
			p.ReversalOf = dayOf(p.date)
		} else {
			p.ReversalOf = dayOf(wednesday)
		}
	}),
	onPresentment("a file", func(p *presentment) {
		if p.date == monday {
			p.date = tuesday
		} else {
			p.date = monday
		}
	}),
	{"files: a presentment lost", func(t *rapid.T, w *world) bool { return spoilOne(t, w.filed(), w.withdraw) }},
	{"files: a presentment twice", func(t *rapid.T, w *world) bool {
		return spoilOne(t, w.filed(), func(p *presentment) { w.copyTo(p, p.date) })
	}},
}

// mostWorlds are drawn until a spoiler finds what it needs.
const mostWorlds = 30

// TestRandomSpoiledBooks changes one thing in books that agree: no change passes in silence.
func TestRandomSpoiledBooks(t *testing.T) {
	for _, s := range spoilers {
		t.Run(s.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				// Few worlds have what some spoilers need. rapid gives up where most draws are skipped.
				w := drawWorld(t)
				for worlds := 1; !s.spoil(t, w); worlds++ {
					if worlds == mostWorlds {
						t.Skip("nothing to spoil")
					}
					w = drawWorld(t)
				}
				if report := w.audit(t); report.Clean() {
					t.Fatal("no difference was found")
				}
			})
		})
	}
}

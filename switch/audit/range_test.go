package audit_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"switchyard/switch/audit"
)

// clearing lists the payments with a presentment on one of some dates, as the journal's export of a range has them.
func (w *world) clearing(from, to string) []*payment {
	return slices.DeleteFunc(slices.Clone(w.payments), func(p *payment) bool {
		return !slices.ContainsFunc(p.Ops, func(o *op) bool {
			return o.in != nil && slices.Contains(w.presentments, o.in) && from <= o.in.date && o.in.date <= to
		})
	})
}

// A borderland is a world of which Tuesday is audited: payments that reach over its bounds, and many beyond them.
type borderland struct {
	*world
	late     *payment // begun on Monday, captured on Tuesday
	refunded *payment // begun and captured on Monday, refunded on Tuesday
	inside   *payment
	early    *payment // begun and captured on Tuesday, refunded on Wednesday
	strange  *payment // begun and captured on Monday

	lines int // that the issuer gave
}

// beyond is how many payments are begun on each of the days around.
const beyond = 50

func newBorderland() *borderland {
	b := &borderland{world: newWorld()}
	others := func(day string) {
		b.rrnDay = day
		for range beyond {
			b.authorize(100, "EUR")
		}
	}
	others("6300")
	others("6320")
	b.late = b.authorize(2000, "EUR")
	b.refunded = b.authorize(900, "EUR")
	b.refunded.capture(900, monday)
	b.strange = b.authorize(300, "EUR")
	b.strange.capture(300, monday)
	b.rrnDay = "6321"
	b.late.capture(1500, tuesday)
	b.refunded.refund(200, tuesday)
	b.inside = b.authorize(700, "EUR")
	b.inside.capture(700, tuesday)
	b.early = b.authorize(800, "EUR")
	b.early.capture(800, tuesday)
	others("6322")
	b.early.refund(100, wednesday)
	b.tellAll()
	return b
}

// audit audits Tuesday with an issuer that gives what it is asked for, or all that it has.
func (b *borderland) audit(t *testing.T, from, to string, whole bool) *audit.Report {
	t.Helper()
	src := b.sources()
	readings := 0
	src.Switch = func(context.Context) (io.ReadCloser, error) {
		if readings++; readings == 2 && b.between != nil {
			b.between()
		}
		return ndjson(b.clearing(from, to))
	}
	src.Authorizations = func(_ context.Context, prefixes []string) (io.ReadCloser, error) {
		given := slices.Clone(b.holdings)
		if !whole && prefixes != nil {
			given = slices.DeleteFunc(given, func(h *holding) bool {
				return !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(h.RRN, p) })
			})
		}
		b.lines = len(given)
		return ndjson(given)
	}
	report, err := audit.Run(t.Context(), src, audit.Options{Acquirer: acquirer, From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestRangeReadsNoMore: the issuer is asked for the days on which the range's payments were at it, and of what it and
// the gateways' logs give nothing else is kept.
func TestRangeReadsNoMore(t *testing.T) {
	const (
		holdings = 4 + 2 // those begun on these days, and two refunds
		told     = 4*2 + 2
	)
	for _, c := range []struct {
		whole bool
		lines int
	}{{false, 2*beyond + holdings + 1}, {true, 3*beyond + holdings + 1}} {
		b := newBorderland()
		r := b.audit(t, tuesday, tuesday, c.whole)
		if !r.Clean() || r.Payments != 4 || r.Holdings != holdings || r.Told != told || b.lines != c.lines ||
			*r.Outside != (audit.Outside{Holdings: c.lines - holdings, Told: len(b.told) - told}) {
			t.Errorf("an issuer that gives all, %t: %d lines; %d payments, %d holdings, %d told, outside %+v, differences %+v",
				c.whole, b.lines, r.Payments, r.Holdings, r.Told, *r.Outside, r.Differences)
		}
	}
	b := newBorderland()
	if r := b.audit(t, "2026-11-10", "2026-11-10", false); !r.Clean() || r.Payments != 0 || b.lines != 0 {
		t.Errorf("a date without payments: %d payments, %d lines, differences %+v", r.Payments, b.lines, r.Differences)
	}
}

// TestRangeSeesOverItsBounds: a payment of the range is audited whole, whenever it began or went on.
func TestRangeSeesOverItsBounds(t *testing.T) {
	toldOf := func(b *borderland, p *payment, change func(request, answer map[string]any)) {
		b.tell(p, p.Ops[0], change)
	}
	for name, c := range map[string]struct {
		spoil func(*borderland)
		want  audit.Kind
	}{
		"the hold of what began before": {func(b *borderland) { b.late.held.Hold++ }, audit.HoldUnowned},
		"a refund of what began before": {func(b *borderland) { b.refunded.Ops[2].posted.Amount++ }, audit.PostingAmount},
		"the authorization of a refund": {func(b *borderland) { b.drop(b.refunded.held) }, audit.MissingAtIssuer},
		"a refund after the range":      {func(b *borderland) { b.early.Ops[2].posted.Credit = false }, audit.PostingSign},
		"an answer before the range": {func(b *borderland) {
			at := slices.IndexFunc(b.told, func(line string) bool { return strings.Contains(line, b.late.Ops[0].Key) })
			b.told[at] = strings.Replace(b.told[at], b.late.Ops[0].RRN, "632009999999", 1)
		}, audit.ToldData},
		"an answer after the range": {func(b *borderland) {
			b.early.Ops[2].State = "declined"
		}, audit.ToldOutcome},
		"a key of the range, told of another payment before": {func(b *borderland) {
			toldOf(b, b.strange, func(request, _ map[string]any) { request["key"] = b.inside.Ops[0].Key })
			b.told = append(b.told[len(b.told)-1:], b.told[:len(b.told)-1]...)
		}, audit.ToldTwice},
		"nothing is done under a key of the range, it was said": {func(b *borderland) {
			b.told = append(b.told, `{"request":{"op":"reverse","key":"r-1","merchant":"SHOP-7","of_key":"`+
				b.inside.Ops[0].Key+`"},"answer":{"approved":true}}`)
		}, audit.ToldOutcome},
		"an operation of the range that is not there": {func(b *borderland) {
			toldOf(b, b.inside, func(request, _ map[string]any) { request["key"] = "other" })
		}, audit.ToldMissing},
	} {
		for _, whole := range []bool{false, true} {
			b := newBorderland()
			c.spoil(b)
			if r := b.audit(t, tuesday, tuesday, whole); r.ByKind[c.want] != 1 {
				t.Errorf("%s: differences %+v, want %s", name, r.Differences, c.want)
			}
		}
	}
	// What is wrong with others is not said.
	b := newBorderland()
	b.strange.held.Hold++
	toldOf(b, b.strange, func(_, answer map[string]any) { answer["amount"] = 1 })
	if r := b.audit(t, tuesday, tuesday, true); !r.Clean() {
		t.Errorf("differences %+v of what is not asked for", r.Differences)
	}
}

// A payment whose last record of the range was voided while the books were read is no longer of the range: neither its
// authorization nor what was told of it is a difference.
func TestRangeIsLeft(t *testing.T) {
	b := newBorderland()
	p := b.authorize(400, "EUR")
	o := p.capture(400, wednesday)
	b.tell(p, p.Ops[0])
	b.tell(p, o)
	b.between = func() {
		b.withdraw(o.in)
		p.void(o)
	}
	if r := b.audit(t, wednesday, wednesday, false); !r.Clean() || r.Payments != 1 {
		t.Errorf("%d payments, differences %+v", r.Payments, r.Differences)
	}
}

// A line that names no payment is refused, also where it could be of another.
func TestRangeRefusesWhatItCannotPlace(t *testing.T) {
	for line, want := range map[string]string{
		`{"request":{"op":"sale","key":"k"},"answer":{"payment":"P1"}}`: "line 1: answer: field payment",
		`{"request":{"key":"k"},"answer":{"payment":"P1ZZZZZZZZZZ"}}`:   "line 1: field request.op: missing",
		`{"request":{"op":"sale"},"answer":{"payment":7}}`:              "line 1: field answer.payment",
	} {
		src := newWorld().sources()
		src.Told = []audit.Open{text(line + "\n")}
		_, err := audit.Run(t.Context(), src, audit.Options{From: tuesday, To: tuesday})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", line, err, want)
		}
	}
}

// TestRangeOfPayments: payments are audited by their ids, whether they clear or not; nothing is said of files.
func TestRangeOfPayments(t *testing.T) {
	run := func(t *testing.T, b *borderland, asked *[]string) *audit.Report {
		t.Helper()
		src := b.sources()
		first, last := b.late.ID, b.strange.ID
		src.Switch = func(context.Context) (io.ReadCloser, error) {
			return ndjson(slices.DeleteFunc(slices.Clone(b.payments), func(p *payment) bool {
				return p.ID < first || p.ID > last
			}))
		}
		src.Authorizations = func(_ context.Context, prefixes []string) (io.ReadCloser, error) {
			*asked = prefixes
			return ndjson(b.holdings)
		}
		r, err := audit.Run(t.Context(), src, audit.Options{Acquirer: acquirer, First: first, Last: last})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var asked []string
	b := newBorderland()
	r := run(t, b, &asked)
	if !r.Clean() || r.Payments != 3 || r.Files != 0 || r.Presentments != 0 || r.Range != b.late.ID+" to "+b.strange.ID ||
		r.Holdings != 4 || r.Outside.Holdings != len(b.holdings)-4 {
		t.Errorf("%d payments, %d holdings, %d files of %q, outside %+v, differences %+v", r.Payments, r.Holdings, r.Files,
			r.Range, r.Outside, r.Differences)
	}
	if len(asked) == 0 || slices.ContainsFunc(asked, func(p string) bool { return len(p) != 9 }) {
		t.Errorf("the issuer is asked for %q, want beginnings of nine", asked)
	}
	for name, c := range map[string]struct {
		spoil func(*borderland)
		want  audit.Kind // "": none
	}{
		"a hold":                    {func(b *borderland) { b.late.held.Hold++ }, audit.HoldUnowned},
		"a hold beside the range":   {func(b *borderland) { b.early.held.Hold++ }, ""},
		"a file":                    {func(b *borderland) { b.presentments = b.presentments[1:] }, ""},
		"a payment not known there": {func(b *borderland) { b.drop(b.late.held) }, audit.MissingAtIssuer},
	} {
		b := newBorderland()
		c.spoil(b)
		if r := run(t, b, &asked); r.Clean() != (c.want == "") || c.want != "" && r.ByKind[c.want] != 1 {
			t.Errorf("%s: %v, want %q", name, r.ByKind, c.want)
		}
	}
	for want, o := range map[string]audit.Options{
		`"late": expected P and`:                 {First: "late", Last: b.late.ID},
		"for both its ends":                      {First: b.late.ID},
		b.strange.ID + " is after " + b.late.ID:  {First: b.strange.ID, Last: b.late.ID},
		"expected without one of business dates": {First: b.late.ID, Last: b.strange.ID, From: tuesday, To: tuesday},
	} {
		if _, err := audit.Run(t.Context(), b.sources(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/switch/reconcile"
)

// Each way in which a message of ours and the issuer's book differ, or do not, by what makes the difference.
func TestComparison(t *testing.T) {
	ours := func(change func(*reconcile.Counted)) []reconcile.Counted {
		c := reconcile.Counted{Payment: "P1", Operation: 1, Kind: "capture", RRN: "R1", Number: 1, ARN: "A1", AmountMinor: 70}
		change(&c)
		return []reconcile.Counted{c}
	}
	theirs := func(change func(*reconcile.Posted)) []reconcile.Posted {
		p := reconcile.Posted{Number: 1, ARN: "A1", AmountMinor: 70, Date: "1121"}
		change(&p)
		return []reconcile.Posted{p}
	}
	asIs, asItIs := func(*reconcile.Counted) {}, func(*reconcile.Posted) {}
	for name, c := range map[string]struct {
		ours   []reconcile.Counted
		theirs []reconcile.Posted
		want   string
	}{
		"the same":    {ours(asIs), theirs(asItIs), ""},
		"ours only":   {ours(asIs), nil, "ours_only 70 0 wrong"},
		"theirs only": {nil, theirs(asItIs), "theirs_only 0 70 wrong"},
		"another sum": {
			ours(asIs), theirs(func(p *reconcile.Posted) { p.AmountMinor = 71 }), "amount 70 71 wrong",
		},
		"another's ARN": {
			ours(asIs), theirs(func(p *reconcile.Posted) { p.ARN = "A2" }),
			"ours_only 70 0 wrong; theirs_only 0 70 wrong",
		},
		"no ARN":                 {ours(asIs), theirs(func(p *reconcile.Posted) { p.ARN = "" }), ""},
		"neither ARN nor number": {ours(asIs), theirs(func(p *reconcile.Posted) { p.ARN, p.Number = "", 0 }), ""},
		"a credit that is a debit there": {ours(func(o *reconcile.Counted) { o.Credit = true }), theirs(asItIs),
			"ours_only 70 0 wrong; theirs_only 0 70 wrong"},
		"another date":           {ours(asIs), theirs(func(p *reconcile.Posted) { p.Date = "1122" }), "ours_only 70 0 late"},
		"theirs of another date": {nil, theirs(func(p *reconcile.Posted) { p.Date = "1122" }), ""},
		"queued, and the issuer has it": {ours(func(o *reconcile.Counted) { o.Open = true }), theirs(asItIs),
			"theirs_only 0 70 late"},
		"queued, and the issuer has it not": {ours(func(o *reconcile.Counted) { o.Open = true }), nil, ""},
		"taken back here": {
			ours(func(o *reconcile.Counted) { o.Reversed = true }), theirs(asItIs), "reversal 0 70 wrong",
		},
		"taken back there": {
			ours(asIs), theirs(func(p *reconcile.Posted) { p.Reversed = true }), "reversal 70 0 wrong",
		},
		"taken back on both sides": {ours(func(o *reconcile.Counted) { o.Reversed = true }),
			theirs(func(p *reconcile.Posted) { p.Reversed = true }), ""},
		"taken back, and never seen": {ours(func(o *reconcile.Counted) { o.Reversed = true }), nil, ""},
		"told by a file alone":       {nil, theirs(func(p *reconcile.Posted) { p.FileAlone = true }), ""},
		"told by a file, and we have an answer": {ours(asIs), theirs(func(p *reconcile.Posted) { p.FileAlone = true }),
			"ours_only 70 0 wrong"},
		"two captures of one RRN": {
			append(ours(asIs), ours(func(o *reconcile.Counted) { o.Number, o.ARN, o.AmountMinor = 2, "A2", 5 })...),
			append(theirs(func(p *reconcile.Posted) { p.ARN, p.Number, p.AmountMinor = "A2", 2, 6 }), theirs(asItIs)...),
			"amount 5 6 wrong",
		},
	} {
		x := reconcile.NewComparison(20261121)
		for i := range c.ours {
			x.Count(&c.ours[i])
		}
		var found []string
		add := func(f *reconcile.Finding) {
			when := "wrong"
			if f.Late {
				when = "late"
			}
			if difference := f.OursMinor - f.TheirsMinor; f.Credit != (f.DifferenceMinor() == -difference) {
				t.Errorf("%s: it adds %d to the difference", name, f.DifferenceMinor())
			}
			found = append(found, fmt.Sprintf("%s %d %d %s", f.Difference, f.OursMinor, f.TheirsMinor, when))
		}
		x.Book("R1", c.theirs, add)
		x.Rest(add)
		slices.Sort(found)
		if got := strings.Join(found, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

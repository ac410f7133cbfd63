package folder

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
)

// First chargebacks all together come to no more than was presented, those of second presentments (arbitrations) to no
// more than was presented again, and what is charged back at a time is never more than was presented. A chargeback
// goes beyond that as a whole or not at all.

// What a chargeback takes.
const (
	ofFirst  = 0 // the first presentment
	ofEither = 1 // nothing tells which
	ofSecond = 2 // what was presented again
)

// A part is what came of a chargeback that has a reference of the issuer's.
type part struct {
	firstMinor int64 // charged back at first
	backMinor  int64 // less what was presented again, and with what was charged back of that
}

// answered is the part that a second presentment is of. One without a reference, as those were of which no reference of
// the chargeback was kept, is of what was charged back without one, or else of the only part that it fits; doubt says
// that it is of one of several.
func (s *subject) answered(issuerReference string, minor int64) (of *part, doubt string) {
	if issuerReference != "" || minor <= 0 {
		return s.parts[issuerReference], ""
	}
	withoutMinor := s.chargedBackMinor
	var back, fit []string
	for _, reference := range slices.Sorted(maps.Keys(s.parts)) {
		backMinor := s.parts[reference].backMinor
		withoutMinor -= backMinor
		if backMinor > 0 {
			back = append(back, reference)
		}
		if backMinor >= minor {
			fit = append(fit, reference)
		}
	}
	switch {
	case withoutMinor >= minor, s.chargedBackMinor < minor:
		return nil, ""
	case len(fit) == 1:
		return s.parts[fit[0]], ""
	case len(fit) == 0:
		return nil, "DE95: it has none, and is of more than any of the chargebacks " + named(back)
	}
	return nil, "DE95: it has none, and may answer any of the chargebacks " + named(fit)
}

// named lists references of the issuer's, of many the first ones.
func named(references []string) string {
	const most = 8
	if more := len(references) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(references[:most], ", "), more)
	}
	return strings.Join(references, ", ")
}

// answersAgain looks for the part once more that a second presentment of ours without a reference is of, and says why
// nobody knows which that is. It comes when all of its date is known: the files of a date do not say which chargeback
// of it was there before the second presentment.
func (s *subject) answersAgain(ours *ourRecord) (doubt string) {
	minor := signedMinor(&ours.Presented)
	s.presentAgain(ours.answers, "", -minor)
	ours.answers, doubt = s.answered("", minor)
	s.presentAgain(ours.answers, "", minor)
	return doubt
}

// seconds is what is presented again, with what is held and may count yet; loose is what of it has no reference of the
// issuer's.
func (s *subject) seconds() (minor, loose int64) {
	minor, loose = s.secondsMinor, s.looseMinor
	seen := map[clearing.RecordKey]bool{}
	for _, h := range s.held {
		if !h.presented.Second || s.records[h.key].stands() || seen[h.key] {
			continue
		}
		seen[h.key] = true
		minor += h.presented.AmountMinor
		if h.key.IssuerReference == "" {
			loose += h.presented.AmountMinor
		}
	}
	return minor, loose
}

// excessive is why more is charged back, or presented again, than may be; what may be is noted.
func (c *claim) excessive() *unfit {
	if c.what != settlement.Chargeback && c.what != settlement.Represented || c.isOurs {
		return nil
	}
	s := c.subject
	after := s.chargedBackMinor - c.effectMinor
	switch {
	case s.refund:
		return unfitf(settlement.Excess, "%s: a refund was presented under this reference", c.kind)
	case after > s.presentedMinor:
		return unfitf(settlement.Excess, "%s: DE4: %d: of %d that were presented %d are charged back already", c.kind,
			c.amountMinor, s.presentedMinor, s.chargedBackMinor)
	case after < 0:
		return unfitf(settlement.Excess, "%s: DE4: %d: only %d are charged back", c.kind, c.amountMinor, s.chargedBackMinor)
	}
	of, why := c.part()
	if why != nil {
		return why
	}
	if c.what == settlement.Represented {
		s.presentAgain(of, c.key.IssuerReference, c.effectMinor)
		return nil
	}
	taken := c.taken()
	seconds, _ := s.seconds()
	switch {
	case !c.reversal && taken[ofFirst] > s.presentedMinor:
		return unfitf(settlement.Excess, "%s: DE4: %d: first chargebacks of %d that were presented come to %d already",
			c.kind, c.amountMinor, s.presentedMinor, s.takenMinor[ofFirst])
	case !c.reversal && taken[ofSecond] > seconds:
		return unfitf(settlement.Excess, "%s: DE4: %d: of %d that were presented a second time %d are charged back already",
			c.kind, c.amountMinor, seconds, s.takenMinor[ofSecond])
	}
	s.chargedBackMinor, s.takenMinor = after, taken
	if of != nil {
		of.backMinor -= c.effectMinor
		if !c.arbitration() {
			of.firstMinor -= c.effectMinor
		}
		s.parts[c.key.IssuerReference] = of
	}
	return nil
}

// arbitration tells whether the function of a chargeback says that it takes what was presented again.
func (c *claim) arbitration() bool { return c.key.FunctionCode == "451" || c.key.FunctionCode == "454" }

// takes is what a chargeback takes, as far as what came by now tells. Of one without a reference the function says
// nothing once something is presented again without one.
func (c *claim) takes() int {
	seconds, loose := c.subject.seconds()
	switch reference := c.key.IssuerReference; {
	case seconds == 0:
		return ofFirst
	case reference == "" && loose > 0:
		return ofEither
	case c.arbitration():
		return ofSecond
	}
	return ofFirst
}

// taken is takenMinor with a chargeback. What takes one back gives back what its function says, as far as that was
// taken.
func (c *claim) taken() [3]int64 {
	taken := c.subject.takenMinor
	if !c.reversal {
		taken[c.takes()] += c.amountMinor
		return taken
	}
	order := [...]int{ofFirst, ofEither, ofSecond}
	if c.arbitration() {
		slices.Reverse(order[:])
	}
	left := c.amountMinor
	for _, of := range order {
		given := min(left, taken[of])
		taken[of] -= given
		left -= given
	}
	return taken
}

// part is the part that a record is of, or nil, and why it goes beyond that: what follows a first chargeback with a
// reference of the issuer's moves no more than that. Of an arbitration with another reference nobody knows which that
// is.
func (c *claim) part() (of *part, why *unfit) {
	s, reference := c.subject, c.key.IssuerReference
	first := c.what == settlement.Chargeback && !c.arbitration()
	switch of = s.parts[reference]; {
	case reference == "" && c.what == settlement.Represented:
		answered, doubt := s.answered(reference, c.effectMinor)
		if doubt != "" {
			return nil, unfitf(settlement.Unmatched, "%s: %s", c.kind, doubt)
		}
		return answered, nil
	case reference == "", of == nil && !first:
		return nil, nil
	case of == nil:
		of = &part{}
	}
	after := of.backMinor - c.effectMinor
	switch {
	case first && !c.reversal && of.firstMinor > 0:
		return nil, unfitf(settlement.Twice, "%s: DE95: a chargeback of %d with this reference came before", c.kind,
			of.firstMinor)
	case after < 0, !first && after > of.firstMinor:
		return nil, unfitf(settlement.Excess,
			"%s: DE4: %d: of %d that were charged back with the reference in DE95 %d are so now", c.kind, c.amountMinor,
			of.firstMinor, of.backMinor)
	}
	return of, nil
}

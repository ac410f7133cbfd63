package sim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/clock"
	"switchyard/switch/payment"
)

// Numbers near their ends: a plan begins where a year, February or an ordinary day ends, and the durable counters of a
// node stand, before its first life, as if it had given all but the last numbers before a carry. Payment numbers and
// RRNs go on beyond it, STANs come round, and acquirer references are used up: what takes one is busy until the next
// date, with an alarm, and none is given again.

func init() { addTopic(topic{name: "ends", draw: drawEnds}) }

const endsPercent = 25

// endsSection says which counters are near which end.
type endsSection struct {
	Carry uint64 // the number of payments that comes next but Left; 0: they begin as ever
	Left  int
	Dates int    // so many business dates, from the first on, have few acquirer references left
	ARNs  [2]int // how many of each
	BIN   bool   // acquirer_bins has a second one, which is not used up
	STANs int    // how many are left of the round; below 0: all
}

// carries are numbers at which digits of a payment's number or RRN carry over. The seven of an RRN come round at the
// last two.
var carries = []uint64{36 * 36 * 36, 36 * 36 * 36 * 36, 1 << 32, 36 * 36 * 36 * 36 * 36 * 36, rrnRound, 2 * rrnRound}

const rrnRound = 36 * 36 * 36 * 36 * 36 * 36 * 36

// turns are the ends of days at which more than a day ends, since the beginning of virtual time with the year 2000,
// which has a 29th of February: that and the day before it, the 28th of the year after, and the ends of both years.
var turns = []time.Duration{59, 60, 366 + 59, 366, 366 + 365}

func drawEnds(t *rapid.T, p *Plan) section {
	if !percent(t, endsPercent) {
		return nil
	}
	s := &endsSection{STANs: -1}
	if percent(t, 50) {
		s.Carry, s.Left = carries[bits(t, len(carries))], bits(t, 12)
	}
	if percent(t, 50) {
		s.Dates, s.ARNs, s.BIN = 1+bits(t, 2), [2]int{bits(t, 8), bits(t, 4)}, percent(t, 25)
		if percent(t, 60) { // the next date comes early
			p.Faults = append(p.Faults, Fault{Kind: Cutover, At: between(t, time.Second, span), Node: bits(t, p.Nodes)})
		}
	}
	if percent(t, 50) {
		s.STANs = bits(t, 25)
	}
	if percent(t, 50) {
		const day = 24 * time.Hour
		p.Begin = turns[bits(t, len(turns))]*day - 2*time.Second - between(t, 0, span/2)
	}
	return s
}

// String implements section.
func (s *endsSection) String() string {
	text := "ends:"
	if s.Carry > 0 {
		text += fmt.Sprintf(" %d numbers before %d;", s.Left, s.Carry)
	}
	if s.Dates > 0 {
		text += fmt.Sprintf(" acquirer references left on %d dates: %v, a second BIN %t;", s.Dates, s.ARNs[:s.Dates], s.BIN)
	}
	if s.STANs >= 0 {
		text += fmt.Sprintf(" %d STANs left of a round", s.STANs)
	}
	return text
}

func (s *endsSection) begin(w *world) any {
	part := &endsPart{endsSection: *s, w: w, given: map[string]uint64{}}
	_, clocks := sectionOf[*clockSection](w.plan)
	if _, restores := sectionOf[restoreSection](w.plan); clocks || restores {
		part.Dates = 0 // which dates are used is theirs to say
	}
	return part
}

type endsPart struct {
	endsSection
	w *world

	mu    sync.Mutex
	last  string            // the last date that has few acquirer references
	given map[string]uint64 // by BIN and date: up to which number acquirer references count as given
}

// configure implements configures.
func (e *endsPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	if e.Dates > 0 && e.BIN {
		o.Config.AcquirerBINs = []string{firstBIN, secondBIN}
	}
}

// BINs in acquirer references; and how many numbers a date, BIN and node has.
const (
	firstBIN, secondBIN = "400001", "400009"
	arnsOfADate         = 999_999_999
	stansOfARound       = 999_999
)

// spoil implements spoils: it is called last before a life, whose configuration is known then. The first one begins
// with a journal whose counters are near their ends.
func (e *endsPart) spoil(n *switchNode, life int, o *txswitch.Options) {
	if life > 1 {
		return
	}
	by := clock.New(clock.Options{Wall: o.Wall, Synchronized: o.Synchronized})
	n.moveCounters(by, func(take func(string, uint64) uint64) {
		if e.Carry > 0 {
			take("payment", e.Carry-uint64(e.Left)-1)
		}
		for i := 0; i < len(o.Config.Issuers) && e.STANs >= 0; i++ {
			n.stans = stansOfARound - uint64(e.STANs)
			take("stan/"+o.Config.AcquirerID+"/"+o.Config.Issuers[i].Name, n.stans)
		}
		date := payment.DateOf(o.Wall().UTC())
		for i := range e.Dates {
			bins := []string{firstBIN, "500002", "600003"} // of any life's acquirer
			if of := o.Config.AcquirerID[:len(firstBIN)]; !slices.Contains(bins, of) {
				bins = append(bins, of)
			}
			for _, bin := range bins {
				e.useUp(bin, date, arnsOfADate-uint64(e.ARNs[i]), take)
			}
			date = date.Next()
		}
	})
	e.w.faults.add("counters near their ends", 1)
}

// useUp leaves only what comes behind a number of the acquirer references of a BIN and date.
func (e *endsPart) useUp(bin string, date payment.Date, given uint64, take func(string, uint64) uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	take(fmt.Sprintf("arn/%s/%d", bin, int(date)), given)
	e.given[bin+" "+date.String()] = given
	e.last = max(e.last, date.String())
}

// unrest implements hastens: an operator closes the dates that have no acquirer references left, so that work goes on.
func (e *endsPart) unrest() string {
	e.mu.Lock()
	last := e.last
	e.mu.Unlock()
	for _, n := range e.w.nodes {
		if s, up := n.stats(); up && !e.BIN && s.OpenDay <= last {
			n.cutover(false)
			return "a business date without acquirer references is open" + n.suffix()
		}
	}
	return ""
}

// check implements checks.
func (e *endsPart) check(all []*books) {
	for _, b := range all {
		e.arns(b)
		e.found(b)
	}
	e.alarmed()
}

// arns wants that no acquirer reference was given that counts as given.
func (e *endsPart) arns(b *books) {
	for i := range b.list {
		for j := range b.list[i].Ops {
			op := &b.list[i].Ops[j]
			switch op.Op {
			case "void_presentment", "resubmit", "represent": // repeat their original's, of an earlier date
				continue
			}
			if op.ARN == "" {
				continue
			}
			bin, count := op.ARN[1:7], op.ARN[13:22] // behind BIN, date and node; one check digit follows
			n, err := strconv.ParseUint(count, 10, 64)
			if given, few := e.given[bin+" "+op.Date]; err != nil || few && n <= given {
				e.w.failf("I9 an acquirer reference is given again", "payment %s operation %d: %s of %s, up to %d were given",
					b.list[i].Payment, j, op.ARN, op.Date, given)
			}
		}
	}
}

// sought bounds the payments that are looked for.
const sought = 5

// found wants that a payment is found by its RRN, on which side of a carry it may be.
func (e *endsPart) found(b *books) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range min(sought, len(b.list)) {
		p := &b.list[i]
		if len(p.Ops) == 0 || p.Ops[0].RRN == "" {
			continue
		}
		if s, err := b.node.api().Explain(ctx, p.Ops[0].RRN); err != nil || s.Payment != p.Payment {
			e.w.failf("a payment is not found by its RRN", "%s by %s: %+v, %v", p.Payment, p.Ops[0].RRN, s, err)
		}
	}
}

// What a gateway is told where there is no acquirer reference, and what the log says.
const (
	toldUsedUp  = "the acquirer references of the business date are used up"
	alarmUsedUp = "captures, sales and refunds are refused until the next business date"
)

// alarmed wants an alarm where somebody was refused.
func (e *endsPart) alarmed() {
	refused := 0
	e.w.history.mu.Lock()
	for _, c := range e.w.history.calls {
		if c.answer != nil && c.answer.Err != nil && strings.Contains(c.answer.Err.Error(), toldUsedUp) {
			refused++
		}
	}
	e.w.history.mu.Unlock()
	e.w.faults.add("busy without an acquirer reference", refused)
	switch {
	case refused > 0 && e.Dates == 0:
		e.w.failf("acquirer references are used up early", "%d requests were refused", refused)
	case refused > 0 && e.w.trace.lost == 0 && !strings.Contains(e.w.trace.String(), alarmUsedUp):
		e.w.failf("acquirer references are used up without an alarm", "%d requests were refused", refused)
	}
}

package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/clearing"
)

// Days without settlement, of all destinations or of one: dates are closed on which some get files and others do not,
// one after another, while the switch crashes and voids go on. What was accepted then is carried, and stands in one
// file in the end. In some plans a later life has settlement every day.

func init() { addTopic(topic{name: "holidays", since: 2, draw: drawHolidays}) }

const (
	holidaysPercent = 25
	// longestHoliday is how many days follow each other without settlement, by one entry: each may need another day at
	// the end of a run, and nothing shall expire by then.
	longestHoliday = 3
)

// holidaysSection is the calendar of a plan.
type holidaysSection struct {
	Entries []txswitch.NoSettlementConfig
	Lives   int // only the first so many lives of each node have it; 0: all
}

func drawHolidays(t *rapid.T, p *Plan) section {
	if !percent(t, holidaysPercent) {
		return nil
	}
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(p.Begin) // virtual time begins with 2000
	if clock, ok := sectionOf[*clockSection](p); ok {
		begin = begin.Add(clock.Begin)
	}
	s := &holidaysSection{}
	named := [][]string{nil, {"visa"}, {"mastercard"}, {"mastercard", "visa"}}[bits(t, 4)]
	s.Entries = append(s.Entries, drawClosed(t, begin, named))
	if named != nil && percent(t, 50) {
		s.Entries = append(s.Entries, drawClosed(t, begin, nil))
	}
	if percent(t, 20) {
		s.Lives = 1 + bits(t, 2)
	}
	for range 1 + bits(t, 2) {
		p.Faults = append(p.Faults, Fault{Kind: Cutover, At: between(t, time.Second, span), Node: bits(t, p.Nodes)})
	}
	return s
}

// drawClosed draws days near the date with which a plan begins.
func drawClosed(t *rapid.T, begin time.Time, destinations []string) txswitch.NoSettlementConfig {
	e := txswitch.NoSettlementConfig{Destinations: destinations}
	from, weekly, yearly := bits(t, 3)-1, percent(t, 50), percent(t, 50)
	for i := range 1 + bits(t, longestHoliday) {
		day := begin.AddDate(0, 0, from+i)
		switch {
		case weekly:
			e.Weekdays = append(e.Weekdays, day.Weekday().String())
		case yearly:
			e.Dates = append(e.Dates, day.Format("01-02"))
		default:
			e.Dates = append(e.Dates, day.Format(time.DateOnly))
		}
	}
	return e
}

// String implements section.
func (s *holidaysSection) String() string {
	var b strings.Builder
	b.WriteString("no settlement")
	for _, e := range s.Entries {
		of := "others"
		if e.Destinations != nil {
			of = strings.Join(e.Destinations, ", ")
		}
		fmt.Fprintf(&b, "; of %s on %s", of, strings.Join(slices.Concat(e.Weekdays, e.Dates), ", "))
	}
	if s.Lives > 0 {
		fmt.Fprintf(&b, "; in the first %d lives", s.Lives)
	}
	return b.String()
}

// settles tells whether the calendar has settlement of a destination on a date.
func (s *holidaysSection) settles(destination, date string) bool {
	at := slices.IndexFunc(s.Entries, func(e txswitch.NoSettlementConfig) bool {
		return slices.Contains(e.Destinations, destination)
	})
	if at < 0 {
		at = slices.IndexFunc(s.Entries, func(e txswitch.NoSettlementConfig) bool { return e.Destinations == nil })
	}
	day, err := time.Parse(time.DateOnly, date)
	if at < 0 || err != nil {
		return true
	}
	e := &s.Entries[at]
	return !slices.Contains(e.Weekdays, day.Weekday().String()) && !slices.Contains(e.Dates, date) &&
		!slices.Contains(e.Dates, date[len("2000-"):])
}

func (s *holidaysSection) begin(w *world) any { return &holidaysPart{s, w} }

type holidaysPart struct {
	*holidaysSection
	w *world
}

// configure implements configures.
func (h *holidaysPart) configure(_ *switchNode, life int, o *txswitch.Options) {
	if h.Lives == 0 || life <= h.Lives {
		o.Config.Clearing.NoSettlement = h.Entries
	}
}

// close implements closes: dates are closed until nothing is carried any more.
func (h *holidaysPart) close(n *switchNode) {
	const most = 3 * longestHoliday // two entries may follow each other, and days that passed may be skipped
	for range most {
		if !n.carries() {
			return
		}
		h.w.faults.add("date closed for what was carried", 1)
		n.cutover(true)
	}
	h.w.failf("I8 what is carried is never cleared", "not after %d dates more%s", most, n.suffix())
}

// check implements checks: nothing is carried out of a date with settlement that was not refused, and no file is of a
// date without.
func (h *holidaysPart) check(all []*books) {
	broken, carried := false, 0
	if s, ok := sectionOf[*clearingSection](h.w.plan); ok {
		broken = s.Broken > 0 // a record that cannot be built is carried whatever the date
	}
	for _, b := range all {
		refused, err := refusedDates(b)
		if err != nil {
			h.w.failf("the books cannot be read", "%v", err)
			return
		}
		for i := range b.list {
			for j := range b.list[i].Ops {
				op := &b.list[i].Ops[j]
				if op.CarriedTo == "" || op.Clearing == nil {
					continue
				}
				carried++
				if !broken && !refused[op.Date] && h.settles(op.Clearing.Destination, op.Date) {
					h.w.failf("I8 a presentment is carried out of a date with settlement", "payment %s operation %d for %s, "+
						"from %s to %s", b.list[i].Payment, j, op.Clearing.Destination, op.Date, op.CarriedTo)
				}
			}
		}
		if h.Lives == 0 {
			h.noFiles(b)
		}
	}
	h.w.faults.add("presentment carried", carried)
}

// noFiles wants that the destinations of a node's files have settlement on their date.
func (h *holidaysPart) noFiles(b *books) {
	err := b.node.walk(func(path string, text []byte) error {
		if !isClearing(path) || !strings.HasSuffix(path, ".manifest.json") {
			return nil
		}
		m, err := clearing.ReadManifest(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !h.settles(m.Destination, m.BusinessDate) {
			h.w.failf("I8 a date without settlement has a file", "%s, for %s", path, m.Destination)
		}
		return nil
	})
	if err != nil {
		h.w.failf("I8 clearing files cannot be read", "%v", err)
	}
}

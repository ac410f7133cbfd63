package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"switchyard/internal/loadgen/drain"
	"switchyard/internal/loadgen/steady"
)

// row is a figure beside what it is to come to.
type row struct {
	Figure  string  `json:"figure"`
	Unit    string  `json:"unit,omitempty"`
	Reached float64 `json:"reached"`
	ToReach float64 `json:"to_reach,omitempty"` // 0: no aim, but for None
	Beyond  float64 `json:"beyond,omitempty"`
	// None says that it is to come to 0.
	None bool `json:"none,omitempty"`
	// Ceiling is the same figure of the bare relay in the same run, 0 where it has none.
	Ceiling float64 `json:"ceiling,omitempty"`
	// Least says that more is better; else less is.
	Least bool `json:"least,omitempty"`
	// Runs are those that it is of, and NotValid those of them whose figures may be the tool's own.
	Runs     int    `json:"runs,omitempty"`
	NotValid int    `json:"not_valid,omitempty"`
	Why      string `json:"why_not_valid,omitempty"`

	void bool   // of a series that it is of, most runs are not valid
	by   string // the command that would measure it, where it was not
}

// judged is a series of which each run says whether it is valid.
type judged interface {
	// doubts says how many runs there are, and of each that is not valid why.
	doubts() (runs int, why []string)
}

// of counts the runs that a row is of.
func (r row) of(all ...judged) row {
	var why []string
	for _, series := range all {
		runs, bad := series.doubts()
		r.Runs += runs
		r.NotValid += len(bad)
		r.void = r.void || 2*len(bad) > runs
		why = append(why, bad...)
	}
	slices.Sort(why)
	r.Why = strings.Join(slices.Compact(why), "; ")
	return r
}

// doubts implements judged; of no series there is nothing.
func (s *series[S]) doubts() (runs int, why []string) {
	if s == nil {
		return 0, nil
	}
	for i := range s.Runs {
		run, ok := any(&s.Runs[i]).(interface{ NotValid() string })
		if !ok {
			continue
		}
		if cause := run.NotValid(); cause != "" {
			why = append(why, cause)
		}
	}
	return len(s.Runs), why
}

// doubt is what is said of runs that are not valid; "" where all are.
func (r *row) doubt() string {
	if r.NotValid == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d runs not valid: %s", r.NotValid, r.Runs, r.Why)
}

// met is how far the figure has come.
func (r *row) met() string {
	passes := func(aim float64) bool {
		return aim != 0 && (r.Least && r.Reached >= aim || !r.Least && r.Reached <= aim)
	}
	switch {
	case r.ToReach == 0 && !r.None || r.by != "":
		return ""
	case r.None && r.Reached == 0:
		return "reached"
	case r.void:
		return "not valid"
	case passes(r.Beyond):
		return "beyond"
	case passes(r.ToReach):
		return "reached"
	}
	return "not yet"
}

// reached is the figure as a person reads it.
func (r *row) reached() string {
	if r.by != "" {
		return "not measured"
	}
	return number(r.Reached, r.Unit)
}

// toReach is the aim as a person reads it.
func (r *row) toReach() string {
	if r.None {
		return number(0, r.Unit)
	}
	return ifAny(r.ToReach, r.Unit)
}

// share is what the switch comes to of the ceiling, or of a cost the ceiling's part, in percent.
func (r *row) share() string {
	switch {
	case r.Ceiling == 0 || r.Reached == 0:
		return ""
	case r.Least:
		return fmt.Sprintf("%.0f%%", 100*r.Reached/r.Ceiling)
	}
	return fmt.Sprintf("%.0f%%", 100*r.Ceiling/r.Reached)
}

const (
	percent = "%"
	seconds = "a second"
	millis  = "ms"
	micros  = "µs"
	nanos   = "ns"
	mebis   = "MiB"
	byBytes = "bytes"
	times   = "times"
)

// asTheyWere is how many times as much of the processors the load and issuer-sim together took for a payment when the
// aim of switchd's share of theirs was set: measured in turn, docs/benchmarks.md, "The load and the issuer".
const asTheyWere = 1.6

// table makes the rows, in the order of what counts: those that have an aim are there whether they were measured or
// not.
func (r *result) table() []row {
	return slices.Concat(
		r.shareRows(), r.jposRows(), r.rateRows(), r.costRows(), r.codecRows(), r.storedRows(), r.fullRows(),
		r.clearingRows(), r.drainRows(),
	)
}

// rows are those of a measurement: where it was not made, with the command that would make it.
func rows(made bool, how string, all ...row) []row {
	for i := range all {
		if !made {
			all[i].by = "make bench " + how
		}
	}
	return all
}

// measured are the rows that have a figure.
func measured(all []row) []row {
	return slices.DeleteFunc(slices.Clone(all), func(r row) bool { return r.by != "" })
}

func (r *result) shareRows() (all []row) {
	for _, n := range []struct {
		size            int
		toReach, beyond float64
	}{{1024, 40, 60}, {128, 65, 85}, {4096, 0, 0}, {1, 0, 0}} {
		own, relay := r.find(theSwitch, inFlight(n.size)), r.find(theCeiling, inFlight(n.size))
		all = append(all, rows(own != nil, "ONLY=switch", row{
			Figure: "share of the ceiling, " + inFlight(n.size), Unit: percent, Least: true, Reached: shareOf(own, relay),
			ToReach: n.toReach, Beyond: n.beyond,
		}.of(own, relay))...)
	}
	return all
}

func (r *result) jposRows() []row {
	j := cmp.Or(r.JPOS, &jpos{})
	return rows(r.JPOS != nil, "ONLY=jpos JPOS=COMMAND", row{
		Figure: "against jPOS's bare relay without a sync, " + inFlight(sizeOfShare), Unit: times, Least: true,
		Reached: ratioOf(j.Switch, j.Relay, tps), ToReach: 1.3, Beyond: 1.6,
	}.of(j.Switch, j.Relay))
}

func (r *result) rateRows() (all []row) {
	for _, n := range sizes {
		own, relay := r.find(theSwitch, inFlight(n)), r.find(theCeiling, inFlight(n))
		all = append(all, rows(own != nil, "ONLY=switch", row{
			Figure: "synced authorizations, " + inFlight(n), Unit: seconds, Least: true,
			Reached: own.figure(tps), Ceiling: relay.figure(tps),
		}.of(own, relay))...)
	}
	best := r.best()
	return append(all, rows(best != nil, "ONLY=switch", row{
		Figure: "the same, best of these", Unit: seconds, Least: true, Reached: best.figure(tps), ToReach: 50_000,
		Beyond: 65_000,
	}.of(best))...)
}

// costRows are what a payment takes, of processors, memory and time.
func (r *result) costRows() (all []row) {
	for _, n := range []int{1024, 4096} {
		own := r.find(theSwitch, inFlight(n))
		all = append(all, rows(own != nil, "ONLY=switch", row{
			Figure:  "CPU of switchd over that of load and issuer-sim as they were, " + inFlight(n),
			Reached: own.figure(switchdOverOthers), ToReach: 1.5, Beyond: 1.2,
		}.of(own))...)
	}
	closed, open := "ONLY=switch", "ONLY=open"
	slow, fast := dueASecond(rates[0]), dueASecond(rates[1])
	for _, c := range []struct {
		figure, how, at string
		of              func(*steady.Summary) float64
		unit            string
		toReach, beyond float64
	}{
		{"CPU of switchd a payment", closed, inFlight(1024), switchdCPU, micros, 18, 13},
		{"CPU of switchd a payment", closed, inFlight(4096), switchdCPU, micros, 18, 13},
		{"CPU of switchd a payment", open, slow, switchdCPU, micros, 60, 30},
		{"heap allocations a payment in switchd", closed, inFlight(1024), allocs, "", 6, 2},
		{"CPU of issuer-sim a payment", closed, inFlight(1024), issuerCPU, micros, 4, 2},
		{"CPU of the load a payment", closed, inFlight(1024), loadCPU, micros, 3, 2},
		{"p50", open, slow, p50, millis, 0, 0},
		{"p99", open, slow, p99, millis, 5, 3},
		{"p50", open, fast, p50, millis, 0, 0},
		{"p99", open, fast, p99, millis, 8, 5},
	} {
		own, relay := r.find(theSwitch, c.at), r.find(theCeiling, c.at)
		all = append(all, rows(own != nil, c.how, row{
			Figure: c.figure + ", " + c.at, Unit: c.unit, Reached: own.figure(c.of), ToReach: c.toReach, Beyond: c.beyond,
			Ceiling: relay.figure(c.of),
		}.of(own, relay))...)
	}
	own, relay := r.find(theSwitch, inFlight(1)), r.find(theCeiling, inFlight(1))
	return append(all, rows(own != nil, closed, row{
		Figure: "p50 with one in flight, of two append + fsync", Unit: times, ToReach: 1.5, Beyond: 1.2,
		Reached: overSyncs(own, r.TwoSyncsMS), Ceiling: overSyncs(relay, r.TwoSyncsMS),
	}.of(own, relay))...)
}

func (r *result) codecRows() []row {
	c := cmp.Or(r.Codec, &codec{})
	pack, unpack, allocs := c.slowest()
	return slices.Concat(
		rows(r.Codec != nil, "ONLY=codec",
			row{Figure: "codec, 19 fields: pack", Unit: nanos, Reached: c.PackNS, ToReach: 400, Beyond: 250},
			row{Figure: "codec, 19 fields: unpack", Unit: nanos, Reached: c.UnpackNS, ToReach: 400, Beyond: 250},
			row{Figure: "codec: allocations of both", Reached: float64(c.PackAllocs + c.UnpackAllocs), None: true},
		),
		rows(len(c.Dialects) > 0, "ONLY=codec",
			row{Figure: "codec, slowest dialect: pack", Unit: nanos, Reached: pack, ToReach: 500, Beyond: 400},
			row{Figure: "codec, slowest dialect: unpack", Unit: nanos, Reached: unpack, ToReach: 500, Beyond: 400},
			row{Figure: "codec, slowest dialect: allocations", Reached: float64(allocs), None: true},
		),
	)
}

// storedOfAim is how many payments are stored where the aims hold. What was measured with fewer has none.
const storedOfAim = 10_000_000

func (r *result) storedRows() (all []row) {
	s := cmp.Or(r.Stored, &stored{Payments: storedOfAim})
	with := fmt.Sprintf("%d payments stored", s.Payments)
	all = rows(r.Stored != nil, fmt.Sprintf("ONLY=stored STORED=%d DURATION=30s", storedOfAim),
		row{
			Figure: "throughput with " + with + ", of that with none", Unit: percent, Least: true,
			Reached: shareOf(s.With, s.Empty), ToReach: 90, Beyond: 97,
		}.of(s.With, s.Empty),
		row{
			Figure: "memory of switchd at full rate, " + with, Unit: mebis, Reached: s.With.figure(switchdMiB), ToReach: 250,
			Beyond: 213,
		}.of(s.With),
		row{
			Figure: "disk a payment, compacted, " + with, Unit: byBytes, Reached: s.BytesAPayment, ToReach: 230, Beyond: 200,
		},
	)
	if s.Payments >= storedOfAim {
		return all
	}
	for i := range all {
		all[i].ToReach, all[i].Beyond = 0, 0
	}
	return append(all, new(result).storedRows()...)
}

func (r *result) fullRows() []row {
	return rows(r.Full != nil, "ONLY=full", row{
		Figure: "authorized, captured and cleared payments", Unit: seconds, Least: true, Reached: r.Full.figure(paymentsTPS),
		ToReach: 25_000, Beyond: 30_000,
	}.of(r.Full))
}

func (r *result) drainRows() []row {
	rate := drain.Defaults().Rate
	return rows(r.Drain != nil, "ONLY=drain",
		row{
			Figure: fmt.Sprintf("drain of %d advices beside %g a second", drainAdvices, rate), Unit: seconds, Least: true,
			Reached: r.Drain.figure(advicesPerS), ToReach: 25_000,
		}.of(r.Drain),
		row{
			Figure: fmt.Sprintf("p99 of the %g a second beside it", rate), Unit: millis,
			Reached: r.Drain.figure(duringP99), ToReach: 8,
		}.of(r.Drain),
	)
}

// The figures of a load.
func tps(s *steady.Summary) float64        { return s.TPS }
func p50(s *steady.Summary) float64        { return s.P50MS }
func p99(s *steady.Summary) float64        { return s.P99MS }
func switchdCPU(s *steady.Summary) float64 { return s.SwitchdCPUUS }
func issuerCPU(s *steady.Summary) float64  { return s.IssuerCPUUS }
func loadCPU(s *steady.Summary) float64    { return s.LoadCPUUS }
func allocs(s *steady.Summary) float64     { return s.SwitchdAllocs }
func switchdMiB(s *steady.Summary) float64 { return s.SwitchdMiB }
func paymentsTPS(s *fullSummary) float64   { return s.PaymentsTPS }

// The figures of a drain.
func advicesPerS(s *drain.Summary) float64 { return s.AdvicesPerS }
func duringP99(s *drain.Summary) float64   { return s.DuringP99MS }

// switchdOverOthers is what switchd takes of the processors for what the load and issuer-sim took as they were.
func switchdOverOthers(s *steady.Summary) float64 {
	if s.LoadCPUUS+s.IssuerCPUUS == 0 {
		return 0
	}
	return s.SwitchdCPUUS / ((s.LoadCPUUS + s.IssuerCPUUS) * asTheyWere)
}

// figure is the median of a figure over the runs; 0 of no series.
func (s *series[S]) figure(of func(*S) float64) float64 {
	if s == nil {
		return 0
	}
	values := make([]float64, len(s.Runs))
	for i := range s.Runs {
		values[i] = of(&s.Runs[i])
	}
	return medianOf(values)
}

// shareOf is what each run of one came to of the other's run in the same turn, in percent; the median.
func shareOf(own, other *series[steady.Summary]) float64 { return 100 * ratioOf(own, other, tps) }

// ratioOf is the median of a figure of one through that of the other's run in the same turn.
func ratioOf(own, other *series[steady.Summary], of func(*steady.Summary) float64) float64 {
	if own == nil || other == nil {
		return 0
	}
	var ratios []float64
	for i := range min(len(own.Runs), len(other.Runs)) {
		if base := of(&other.Runs[i]); base > 0 {
			ratios = append(ratios, of(&own.Runs[i])/base)
		}
	}
	return medianOf(ratios)
}

// overSyncs is the median of how many times as long a payment took as two syncs did in the same turn.
func overSyncs(s *series[steady.Summary], syncsMS []float64) float64 {
	if s == nil {
		return 0
	}
	var ratios []float64
	for i := range min(len(s.Runs), len(syncsMS)) {
		if syncsMS[i] > 0 {
			ratios = append(ratios, s.Runs[i].P50MS/syncsMS[i])
		}
	}
	return medianOf(ratios)
}

// best is the number in flight with which the switch does most; nil where none was measured.
func (r *result) best() (best *series[steady.Summary]) {
	for _, n := range sizes {
		if s := r.find(theSwitch, inFlight(n)); s != nil && (best == nil || s.figure(tps) > best.figure(tps)) {
			best = s
		}
	}
	return best
}

// print prints the table, what was not measured with the command that would, and below it what has no aim.
func (r *result) print(w io.Writer) error {
	m := &r.Machine
	fmt.Fprintf(w, "%s, %d cores, %s/%s, %s; %.0f synced writes a second on its disk, one after another\n",
		m.CPU, m.Cores, m.OS, m.Arch, m.Go, m.SyncsPerSecond)
	if r.Before != nil && r.After != nil {
		fmt.Fprintf(w, "load average%s before and%s after; %.1f%% of the processors' time went to others of the host\n",
			loads(r.Before), loads(r.After), m.stolen(r.Before, r.After))
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\treached\tto reach\tbeyond\t\tceiling\tshare\t")
	for _, row := range r.table() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.Figure, row.reached(), row.toReach(),
			ifAny(row.Beyond, row.Unit), row.met(), ifAny(row.Ceiling, row.Unit), row.share(), cmp.Or(row.by, row.doubt()))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.printRest(w)
}

// loads are the load averages of a moment.
func loads(m *moment) (text string) {
	for _, n := range m.LoadAverage {
		text += fmt.Sprintf(" %.2f", n)
	}
	return text
}

// printRest prints what has no aim.
func (r *result) printRest(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t)
	if c := r.Codec; c != nil {
		fmt.Fprintf(t, "codec against the library\tpack %.1f times as fast (%d allocations), unpack %.1f (%d)\n",
			c.PackRatio, c.LibraryPackAllocs, c.UnpackRatio, c.LibraryUnpackAllocs)
		for _, d := range c.Dialects {
			fmt.Fprintf(t, "codec in %s\tpack %.0f ns (%d allocations), unpack %.0f ns (%d)\n",
				d.Name, d.PackNS, d.PackAllocs, d.UnpackNS, d.UnpackAllocs)
		}
	}
	if r.JPOS != nil {
		fmt.Fprintf(t, "the relay on jPOS\t%s\n", restLine(r.JPOS.Relay))
	}
	if r.Issuer != nil {
		fmt.Fprintf(t, "issuer-sim by itself\t%s\n", restLine(r.Issuer))
	}
	if o := r.Overload; o != nil {
		fmt.Fprintf(t, "issuer paced to %d\t%s\n", o.PaceTPS, restLine(o.Full))
		fmt.Fprintf(t, "  and overloaded\t%s: %.0f %% of the goodput, %.1f times the p99\n",
			restLine(o.Over), 100*o.GoodputRatio, o.P99Ratio)
	}
	if r.Drain != nil {
		fmt.Fprintf(t, "drain\t%s\n", drainLine(&r.Drain.Median))
	}
	if r.Recovery != nil {
		fmt.Fprintf(t, "recovery\t%s\n", recoveryLine(&r.Recovery.Median))
	}
	return t.Flush()
}

// restLine is what a series came to.
func restLine(of *series[steady.Summary]) string {
	s, how := &of.Median, inFlight(of.Median.InFlight)
	if s.Rate > 0 {
		how = dueASecond(int(s.Rate))
	}
	line := fmt.Sprintf("%.0f a second, p50 %.1f ms, p99 %.1f ms, %s, %d errors", s.TPS, s.P50MS, s.P99MS, how, s.Errors)
	if why := (row{}).of(of); why.NotValid > 0 {
		line += ", " + why.doubt()
	}
	return line
}

// ifAny is a figure as a person reads it, nothing for 0, which stands for none.
func ifAny(v float64, unit string) string {
	if v == 0 {
		return ""
	}
	return number(v, unit)
}

// number is a figure as a person reads it.
func number(v float64, unit string) string {
	text := fmt.Sprintf("%.1f", v)
	switch {
	case v >= 100, v == float64(int(v)):
		text = fmt.Sprintf("%.0f", v)
	case v < 10:
		text = fmt.Sprintf("%.2f", v)
	}
	switch unit {
	case "":
		return text
	case percent:
		return text + percent
	}
	return text + " " + unit
}

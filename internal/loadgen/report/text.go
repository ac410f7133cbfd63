package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/words"
)

// Text writes a run for people.
func Text(w io.Writer, r *record.Run) error {
	t := &text{Writer: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0), run: r, all: r.Total()}
	t.setup()
	t.rates()
	t.latencies()
	t.failures()
	t.usage()
	t.made()
	t.verdict()
	return t.Flush()
}

// text is a text in the making: labels and what they say.
type text struct {
	*tabwriter.Writer
	run *record.Run
	all record.Operation
}

func (t *text) line(label, format string, args ...any) {
	fmt.Fprintf(t, "%s\t%s\n", label, fmt.Sprintf(format, args...))
}

// setup says what was asked for.
func (t *text) setup() {
	s := &t.run.Setup
	t.line("load", "%s", how(t.run))
	if s.Scenario != nil {
		t.line("scenario", "%s", s.Scenario.Name)
	}
	if s.Course != "" {
		t.line("course", "%s", s.Course)
	}
	for _, target := range s.Targets {
		t.line("target", "%s", where(target))
	}
	window := fmt.Sprintf("%s s", number(t.run.Window.Seconds()))
	if s.Warmup > 0 {
		window += fmt.Sprintf(" after a warm-up of %s s", number(s.Warmup.Seconds()))
	}
	if t.run.Ended != "" {
		window += fmt.Sprintf("; ended early, before %s s: %s", number(s.Window.Seconds()), t.run.Ended)
	}
	t.line("window", "%s", window)
	for _, note := range t.run.Notes {
		t.line("note", "%s", oneLine(note))
	}
}

// how says what a request waits for, in words.
func how(r *record.Run) string {
	s := &r.Setup
	if s.Model == record.Closed {
		text := fmt.Sprintf("closed loop: %d in flight", s.InFlight)
		if s.Think > 0 {
			text += fmt.Sprintf(", think time %s", s.Think)
		}
		return text + keysOf(s)
	}
	text := "open loop"
	if s.Arrivals != "" {
		text += ", " + s.Arrivals
	}
	if rate, of, ok := r.AskedRate(); ok {
		text += fmt.Sprintf(": %s %s due a second", number(rate), of)
	}
	return text + keysOf(s)
}

// keysOf says what the keys were like where they did not count up.
func keysOf(s *record.Setup) string {
	if s.Keys == "" {
		return ""
	}
	return ", " + s.Keys + " keys"
}

func where(t record.Target) string {
	parts := []string{t.Kind, t.Address}
	if t.Local {
		parts[1] = "started for it"
	}
	for _, part := range []string{t.Dialect, t.Framing} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if t.TLS {
		parts = append(parts, "TLS")
	}
	parts = append(parts, words.Count(t.Connections, "connection"))
	if t.Weight > 0 {
		parts = append(parts, "weight "+number(t.Weight))
	}
	return strings.Join(parts, ", ")
}

// rates says how many requests there were, and what came of them.
func (t *text) rates() {
	if t.all.Asked != nil {
		t.line("asked", "%s", t.perSecond(*t.all.Asked))
	}
	t.line("sent", "%s", t.perSecond(t.all.Sent))
	if f := t.run.Flows; f != nil {
		if f.Asked != nil {
			t.line("flows asked", "%s", t.perSecond(*f.Asked))
		}
		cut := ""
		if f.Cut > 0 {
			cut = fmt.Sprintf("; %d were under way when the window was over, and left there", f.Cut)
		}
		t.line("flows", "%s, of them with all of their requests %d%s", t.perSecond(f.Ended), f.Complete, cut)
	}
	t.line("approved", "%s", t.perSecond(t.all.Count(record.Approved)))
	if n := t.all.Count(record.Declined); n > 0 {
		t.line("declined", "%d (%s)", n, t.codes(func(c record.Class) bool { return c == record.Declined }))
	}
	failed := "0"
	if n := t.all.Failed(); n > 0 {
		failed = fmt.Sprintf("%d (%s)", n, t.codes(record.Class.Failed))
	}
	t.line("failed", "%s", failed)
	if c := t.run.Connections; c != nil {
		t.line("connections", "%d lost, %d redialled", c.Lost, c.Redialled)
	}
	if n := t.all.WithoutLatency; n > 0 {
		t.line("no latency", "%d that no connection took, or that could not be made: they are in no percentile", n)
	}
	if t.run.Unaccounted > 0 {
		t.line("unaccounted", "%d requests were due and have no outcome, or more than one", t.run.Unaccounted)
	}
}

// codes lists the outcomes of some classes: "51: 900, 54: 3".
func (t *text) codes(of func(record.Class) bool) string {
	var parts []string
	for _, c := range t.all.Outcomes {
		switch {
		case !of(c.Class):
		case c.Class == record.Declined:
			parts = append(parts, fmt.Sprintf("%s: %d", c.Code, c.N))
		default:
			parts = append(parts, fmt.Sprintf("%s: %d", c.Outcome, c.N))
		}
	}
	return strings.Join(parts, ", ")
}

func (t *text) perSecond(n uint64) string {
	if t.run.Window <= 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d, %s a second", n, number(float64(n)/t.run.Window.Seconds()))
}

// latencies is a table: for each operation the time since a request was due and since it was sent.
func (t *text) latencies() {
	if t.all.Latency.Count() == 0 {
		nothing := "no request was due in the window"
		if t.all.Ended() > 0 {
			nothing = "no request that was due in the window was sent"
		}
		t.line("latency", "%s", nothing)
		return
	}
	fmt.Fprintf(t, "\n\trequests\ta second\tp50\tp90\tp99\tp99.9\tmost\n")
	if len(t.run.Operations) > 1 {
		for i := range t.run.Operations {
			t.latency(&t.run.Operations[i], t.run.Operations[i].Name)
		}
	}
	t.latency(&t.all, "all")
	if late := record.QuantilesOf(t.run.Lateness); late != nil {
		t.quantiles("sent late", "", "", late)
	}
	if tails := shares(t.run); len(tails) > 0 {
		fmt.Fprintf(t, "  its share\t\t\t\t\t\t%s\n", strings.Join(tails, "\t"))
	}
	fmt.Fprintln(t)
}

// shares are how much of what the longest requests waited the tool was late: of those beyond p99.9, and of the longest.
func shares(r *record.Run) []string {
	if len(r.Tails) == 0 {
		return nil
	}
	share := func(t record.Tail) string { return fmt.Sprintf("%.1f%%", t.Share()) }
	return []string{share(r.Tails[0]), share(r.Tails[len(r.Tails)-1])}
}

func (t *text) latency(op *record.Operation, name string) {
	q := record.QuantilesOf(op.Latency)
	if q == nil {
		return
	}
	t.quantiles(name, fmt.Sprint(op.Ended()), number(float64(op.Ended())/t.run.Window.Seconds()), q)
	if q := record.QuantilesOf(op.Service); q != nil {
		t.quantiles("  since sent", "", "", q)
	}
}

func (t *text) quantiles(name, requests, perSecond string, q *record.Quantiles) {
	fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, requests, perSecond,
		millis(q.P50MS), millis(q.P90MS), millis(q.P99MS), millis(q.P999MS), millis(q.MaxMS))
}

// failures says what went wrong, with an example of each.
func (t *text) failures() {
	for _, f := range wrong(t.run) {
		t.line("failure", "%s", f.Outcome)
		var counts []string
		if f.Requests > 0 {
			counts = append(counts, words.Count(int(f.Requests), "request"))
		}
		if f.Frames > 0 {
			counts = append(counts, words.Count(int(f.Frames), "frame")+" that completed none")
		}
		t.line("", "%s, from %s s to %s s", strings.Join(counts, ", "), number(f.First.Seconds()), number(f.Last.Seconds()))
		if f.Example != "" {
			t.line("", "for example: %s", oneLine(f.Example))
		}
		if f.Nearest != "" {
			t.line("", "nearest: %s", oneLine(f.Nearest))
		}
	}
}

// wrong are the failures but for declines, which are an issuer's good right, unless there is an example to show.
func wrong(r *record.Run) (list []record.Failure) {
	for _, f := range r.Failures {
		if f.Class != record.Declined || f.Example != "" {
			list = append(list, f)
		}
	}
	return list
}

// oneLine keeps an example within its line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (t *text) usage() {
	for _, u := range t.run.Usage {
		var parts []string
		if u.PerRequest > 0 {
			parts = append(parts, fmt.Sprintf("%.1f µs CPU a request", float64(u.PerRequest)/float64(time.Microsecond)))
		}
		if u.Allocs > 0 {
			parts = append(parts, fmt.Sprintf("%.1f allocations a request", u.Allocs))
		}
		if u.PeakMiB > 0 {
			parts = append(parts, fmt.Sprintf("%.0f MiB at most", u.PeakMiB))
		}
		if len(parts) > 0 {
			t.line(u.Process, "%s", strings.Join(parts, ", "))
		}
	}
}

// made says where, by what and how it was measured.
func (t *text) made() {
	if m := machine(&t.run.Machine); m != "" {
		t.line("machine", "%s", m)
	}
	for _, v := range versions(t.run) {
		t.line("version", "%s %s", v.Name, v.Build)
	}
	if len(t.run.Command) > 0 {
		t.line("command", "%s", commandLine(t.run.Command))
	}
}

// machine is a machine in a line.
func machine(m *record.Machine) string {
	var parts []string
	if m.CPU != "" {
		parts = append(parts, m.CPU)
	}
	if m.Cores > 0 {
		parts = append(parts, words.Count(m.Cores, "core"))
	}
	if m.MemoryMiB > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB", m.MemoryMiB))
	}
	for _, part := range []string{strings.TrimSpace(m.OS + " " + m.Kernel), m.Arch} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// build is the version of a binary.
type build struct{ Name, Build string }

// versions are those of the tool, with that of Go, and of the daemons that were started for it.
func versions(r *record.Run) (list []build) {
	if tool := r.Tool.Version; tool != "" || r.Tool.Go != "" {
		if !strings.Contains(tool, r.Tool.Go) {
			tool = strings.TrimPrefix(tool+", "+r.Tool.Go, ", ")
		}
		list = append(list, build{"switchctl", tool})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		list = append(list, build{name, r.Versions[name]})
	}
	return list
}

// verdict says whether the figures mean something, and whether they are good enough.
func (t *text) verdict() {
	v := &t.run.Verdict
	if v.Valid {
		t.line("valid", "yes")
	} else {
		t.line("valid", "NO: the figures are not of the load that was asked for")
	}
	t.checks(v.Validity)
	switch {
	case !v.Valid:
		t.line("passed", "NO: what is not valid does not pass")
	case v.Passed:
		t.line("passed", "yes")
	default:
		t.line("passed", "NO")
	}
	t.checks(v.Thresholds)
}

func (t *text) checks(list []record.Check) {
	for _, c := range list {
		mark := "ok  "
		if !c.OK {
			mark = "FAIL"
		}
		t.line("", "%s %s", mark, Check(c))
	}
}

// Check says a check in words: "p99 of authorize 104 ms, at most 50 ms".
func Check(c record.Check) string {
	name := c.Name
	if c.Operation != "" {
		name += " of " + c.Operation
	}
	measured := "nothing to measure"
	if c.Measured != nil {
		measured = quantity(*c.Measured, c.Unit)
	}
	text := fmt.Sprintf("%s: %s, at %s %s", name, measured, c.Bound, quantity(c.Limit, c.Unit))
	if !c.OK && c.Why != "" {
		text += ": " + c.Why
	}
	return text
}

package live

import (
	"fmt"
	"strings"
	"time"

	"switchyard/internal/loadgen/record"
)

// barWidth is of the bar that shows how far the window is.
const barWidth = 32

// Frame is what a terminal shows.
func Frame(s *record.Snapshot, window time.Duration) []string {
	recent := "now"
	if s.RecentSpan > 0 {
		recent = fmt.Sprintf("last %.0f s", s.RecentSpan.Seconds())
	}
	lines := []string{
		where(s, window) + "  " + bar(s, window),
		fmt.Sprintf("%-11s%-16s%s", "", recent, "in all"),
	}
	row := func(name, recent, all string) {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-11s%-16s%s", name, recent, all), " "))
	}
	if s.Asked > 0 || s.Recent.Asked > 0 {
		row("asked", rate(s, s.Recent.Asked), whole(s.Asked))
	}
	if s.Flows != nil {
		row("flows", rate(s, s.Recent.Flows), whole(s.Flows.Ended))
	}
	row("sent", rate(s, s.Recent.Sent), whole(s.Sent))
	row("reached", rate(s, s.Recent.Answered), whole(answered(s)))
	row("in flight", fmt.Sprint(s.InFlight), "")
	if c := s.Connections; c != nil {
		row("connections", "", fmt.Sprintf("%d lost, %d redialled", c.Lost, c.Redialled))
	}
	for _, q := range quantiles {
		row(q.name, q.of(s.Recent.Latency), q.of(s.All))
	}
	for _, o := range outcomes(s) {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-27s%s", o.name, o.count), " "))
	}
	return lines
}

// Line is what is written where there is no terminal.
func Line(s *record.Snapshot, window time.Duration) string {
	parts := []string{where(s, window) + ":"}
	if s.RecentSpan > 0 {
		if s.Asked > 0 || s.Recent.Asked > 0 {
			parts = append(parts, "asked "+rate(s, s.Recent.Asked)+",")
		}
		if s.Flows != nil {
			parts = append(parts, "flows "+rate(s, s.Recent.Flows)+",")
		}
		parts = append(parts, "reached "+rate(s, s.Recent.Answered)+",")
	}
	parts = append(parts, fmt.Sprintf("%d in flight", s.InFlight))
	if s.Recent.Latency.Count() > 0 {
		for _, q := range quantiles {
			parts[len(parts)-1] += ","
			parts = append(parts, q.name+" "+q.of(s.Recent.Latency))
		}
	}
	separator := ";"
	for _, o := range outcomes(s) {
		parts[len(parts)-1] += separator
		separator = ","
		parts = append(parts, o.name+" "+o.count)
	}
	return strings.TrimRight(strings.Join(parts, " "), " ")
}

// where says how far the run is.
func where(s *record.Snapshot, window time.Duration) string {
	switch s.Phase {
	case record.WarmingUp:
		return fmt.Sprintf("warming up, %.0f s to go", (-s.At).Seconds())
	case record.Draining:
		return fmt.Sprintf("waiting for %d answers", s.InFlight)
	case record.Measuring:
	}
	return fmt.Sprintf("measuring, %.0f of %.0f s", s.At.Seconds(), window.Seconds())
}

func bar(s *record.Snapshot, window time.Duration) string {
	done := int(barWidth * min(max(s.At, 0), window) / max(window, 1))
	return "[" + strings.Repeat("=", done) + strings.Repeat(" ", barWidth-done) + "]"
}

// rate is a rate of the last seconds; a dash where there is none yet.
func rate(s *record.Snapshot, x float64) string {
	if s.RecentSpan == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f/s", x)
}

// answered is how many requests of the window something was answered to, as the rate beside it counts.
func answered(s *record.Snapshot) (n uint64) {
	for _, c := range s.Counts {
		if c.Class.Answered() {
			n += c.N
		}
	}
	return n
}

func whole(n uint64) string { return fmt.Sprint(n) }

// quantile is one of those shown.
type quantile struct {
	name    string
	percent float64
}

var quantiles = []quantile{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"most", 100}}

// of is a quantile's time; a dash where there is none.
func (q quantile) of(h record.Hist) string {
	d, ok := h.Quantile(q.percent)
	if !ok {
		return "-"
	}
	ms := record.MS(d)
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	default:
		return fmt.Sprintf("%.2f ms", ms)
	}
}

// mostShown bounds the outcomes shown.
const mostShown = 8

// outcome is what is said of one.
type outcome struct{ name, count string }

// outcomes lists what came of the requests.
func outcomes(s *record.Snapshot) (list []outcome) {
	for i, c := range s.Counts {
		if i == mostShown {
			return append(list, outcome{name: fmt.Sprintf("and %d more kinds", len(s.Counts)-i)})
		}
		list = append(list, outcome{c.String() + ":", fmt.Sprint(c.N)})
	}
	return list
}

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	dto "github.com/prometheus/client_model/go"

	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// patience is how long a switch may take to show it.
const patience = 10 * time.Second

// look is what a switch showed at a moment.
type look struct {
	at      time.Time // of this machine
	stats   *operator.Stats
	metrics map[string]*dto.MetricFamily
}

func lookAt(ctx context.Context, api *client.Client) (*look, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stats, err := api.Stats(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := api.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	return &look{time.Now(), stats, metrics}, nil
}

// by adds up the values of a counter or gauge that have the same values of some labels, which a slash joins.
func (l *look) by(name string, labels ...string) map[string]float64 {
	sums := map[string]float64{}
	for _, m := range l.metrics[name].GetMetric() {
		values := make([]string, len(labels))
		for _, pair := range m.GetLabel() {
			if i := slices.Index(labels, pair.GetName()); i >= 0 {
				values[i] = pair.GetValue()
			}
		}
		sums[strings.Join(values, "/")] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sums
}

// buckets are how many a histogram has counted up to each bound, all its labels together.
func (l *look) buckets(name string) map[float64]float64 {
	sums := map[float64]float64{}
	for _, m := range l.metrics[name].GetMetric() {
		for _, b := range m.GetHistogram().GetBucket() {
			sums[b.GetUpperBound()] += float64(b.GetCumulativeCount())
		}
	}
	return sums
}

// span is what happened between two looks.
type span struct{ before, after *look }

// since is how much a counter has grown. One that is lower than it was began anew with the switch.
func since(before, after float64) float64 {
	if after < before {
		return after
	}
	return after - before
}

// rates are those of a counter, a second.
func (s *span) rates(name string, labels ...string) map[string]float64 {
	before, rates := s.before.by(name, labels...), map[string]float64{}
	for key, after := range s.after.by(name, labels...) {
		rates[key] = since(before[key], after) / s.after.at.Sub(s.before.at).Seconds()
	}
	return rates
}

// quantiles are those of what a histogram of seconds has counted.
func (s *span) quantiles(name string) string {
	before, counts := s.before.buckets(name), s.after.buckets(name)
	if counts[math.Inf(1)] >= before[math.Inf(1)] {
		for bound := range counts {
			counts[bound] -= before[bound]
		}
	}
	if counts[math.Inf(1)] == 0 {
		return "–"
	}
	return fmt.Sprintf("p50 %s, p99 %s", quantile(counts, 0.5), quantile(counts, 0.99))
}

// quantile finds the time below which a share of what was counted is.
func quantile(counts map[float64]float64, share float64) time.Duration {
	const shown = 10 * time.Microsecond
	want, lower, below := share*counts[math.Inf(1)], 0.0, 0.0
	for _, bound := range slices.Sorted(maps.Keys(counts)) {
		if counts[bound] >= want {
			if !math.IsInf(bound, 1) {
				lower += (bound - lower) * (want - below) / (counts[bound] - below)
			}
			break
		}
		lower, below = bound, counts[bound]
	}
	return time.Duration(lower * float64(time.Second)).Round(shown)
}

// requests tells of those that reached the flows.
func (s *span) requests() string {
	rates := s.rates("switchyard_requests_total", "outcome")
	total := 0.0
	var parts []string
	for _, outcome := range slices.Sorted(maps.Keys(rates)) {
		if rate := rates[outcome]; rate > 0 {
			total += rate
			parts = append(parts, fmt.Sprintf("%s %.1f", outcome, rate))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f a second: %s", total, strings.Join(parts, ", "))
}

// writeSpan prints it for a person.
func writeSpan(w io.Writer, s *span) {
	const mib = 1 << 20
	st := s.after.stats
	state := "ready"
	if st.Unready != "" {
		state = "NOT READY: " + st.Unready
	}
	fmt.Fprintf(w, "switch    %s, business date %s, %s\n", st.Now.UTC().Format("2006-01-02 15:04:05 UTC"), st.OpenDay,
		state)
	if st.Clock != "" {
		fmt.Fprintf(w, "clock     %s\n", st.Clock)
	}
	fmt.Fprintf(w, "requests  %s\n", s.requests())
	fmt.Fprintf(w, "answers   %s\n", s.quantiles("switchyard_request_seconds"))
	fmt.Fprintf(w, "issuers   %s\n", s.quantiles("switchyard_link_round_trip_seconds"))
	fmt.Fprintf(w, "queue     %d queued, %d parked; %d requests in flight\n", st.SAF.Queued, st.SAF.Parked, st.InFlight)
	free := ""
	if st.DiskFreeBytes != nil {
		free = fmt.Sprintf("%.1f MiB free; ", float64(*st.DiskFreeBytes)/mib)
	}
	fmt.Fprintf(w, "disk      %sjournal %.1f MiB; syncs %s\n\n", free, s.after.by("switchyard_journal_disk_bytes")[""]/mib,
		s.quantiles("switchyard_journal_sync_seconds"))
	s.writeLinks(w)
}

// writeLinks prints a line a link.
func (s *span) writeLinks(w io.Writer) {
	sent := s.rates("switchyard_link_sent_total", "host", "link")
	received := s.rates("switchyard_link_received_total", "host", "link")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LINK\tSTATE\tIN USE\tWINDOW\tSENT/S\tRECEIVED/S")
	for _, host := range slices.Sorted(maps.Keys(s.after.stats.Links)) {
		for _, l := range s.after.stats.Links[host] {
			name := host + "/" + l.Link
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%.1f\t%.1f\n", name, l.State, l.InUse, l.Window, sent[name], received[name])
		}
	}
	_ = table.Flush() // what is written to is a text in memory
}

package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"switchyard/internal/loadgen/record"
)

// seriesColumns come first in a line of CSV; a column for each outcome follows.
var seriesColumns = []string{
	"t_s", "asked", "flows_asked", "sent", "answered", "in_flight", "requests", "failed",
	"p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms",
}

// CSV writes a line for each interval of the run. t_s counts from the window's first moment: lines before 0 are of the
// warm-up. requests, failed, the quantiles and the outcomes are of the requests that were due in the interval, the
// other columns of what happened in it.
func CSV(w io.Writer, r *record.Run) error {
	lines := csv.NewWriter(w)
	head := append([]string(nil), seriesColumns...)
	for _, o := range r.Outcomes {
		head = append(head, o.String())
	}
	if err := lines.Write(head); err != nil {
		return err
	}
	for i := range r.Intervals {
		if err := lines.Write(csvLine(r, &r.Intervals[i])); err != nil {
			return err
		}
	}
	lines.Flush()
	return lines.Error()
}

func csvLine(r *record.Run, iv *record.Interval) []string {
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	perhaps := func(n *uint64) string {
		if n == nil {
			return ""
		}
		return count(*n)
	}
	requests, failed := ended(r, iv)
	line := []string{
		seconds(iv.At), perhaps(iv.Asked), perhaps(iv.Flows), count(iv.Sent), count(iv.Answered), count(iv.InFlight),
		count(requests), count(failed),
	}
	for _, q := range quantiles(iv.Latency) {
		if q == nil {
			line = append(line, "")
			continue
		}
		line = append(line, strconv.FormatFloat(*q, 'f', 3, 64))
	}
	for i := range r.Outcomes {
		line = append(line, count(outcomeOf(iv, i)))
	}
	return line
}

// seconds is a time in seconds, as short as it is.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// outcomeOf is how many requests that were due in an interval came to outcome i.
func outcomeOf(iv *record.Interval, i int) uint64 {
	if i < len(iv.Outcomes) {
		return iv.Outcomes[i]
	}
	return 0
}

// ended counts the requests that were due in an interval, and those of them that have no outcome of their payment.
func ended(r *record.Run, iv *record.Interval) (all, failed uint64) {
	for i, n := range iv.Outcomes {
		all += n
		if r.Outcomes[i].Class.Failed() {
			failed += n
		}
	}
	return all, failed
}

// shown are the quantiles of a series, in percent; the longest follows.
var shown = [...]float64{50, 90, 99, 99.9}

// quantiles are those of shown and the longest, in milliseconds; nil where there is nothing.
func quantiles(h record.Sparse) (list [len(shown) + 1]*float64) {
	put := func(i int, d time.Duration, ok bool) {
		if ok {
			ms := record.MS(d)
			list[i] = &ms
		}
	}
	for i, percent := range shown {
		d, ok := h.Quantile(percent)
		put(i, d, ok)
	}
	d, ok := h.Max()
	put(len(shown), d, ok)
	return list
}

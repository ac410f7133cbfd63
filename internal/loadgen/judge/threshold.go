package judge

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/internal/loadgen/record"
)

// Threshold is a bound of a figure.
type Threshold struct {
	Text      string // as it was written
	Operation string // "" for all requests
	figure    figure
	percent   float64 // of a percentile
	limit     float64 // in the figure's unit
	least     bool
	strict    bool
}

// figure is what a threshold bounds.
type figure string

const (
	percentile figure = "p"
	longest    figure = "max"
	mean       figure = "mean"
	approved   figure = "approved"   // share
	declined   figure = "declined"   // share
	failed     figure = "errors"     // share
	noOutcome  figure = "unanswered" // share of what had no answer at all
	requests   figure = "requests"   // number
	rate       figure = "rate"       // approved a second
)

const figures = "p50 to p99.99, max, mean, approved, declined, errors, unanswered, requests, rate"

// Units of figures in a record.Check.
const (
	unitMS      = "ms"
	unitPercent = "%"
	unitPerS    = "/s"
)

// Parse reads a threshold: [operation.]figure, one of < <= > >=, and a bound: a duration such as 20ms for a percentile,
// max or mean, a share such as 1% for approved, declined, errors and unanswered, a number for requests and rate.
// operations are those there are; nil: any.
func Parse(text string, operations []string) (t Threshold, err error) {
	t.Text = strings.TrimSpace(text)
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return t, fmt.Errorf("threshold %q: expected one like \"p99 < 20ms\" or \"errors < 1%%\"", t.Text)
	}
	t.least, t.strict = text[at] == '>', true
	bound := text[at+1:]
	if rest, ok := strings.CutPrefix(bound, "="); ok {
		bound, t.strict = rest, false
	}
	if err := t.name(strings.TrimSpace(text[:at]), operations); err != nil {
		return t, fmt.Errorf("threshold %q: %w", t.Text, err)
	}
	if err := t.bound(strings.TrimSpace(bound)); err != nil {
		return t, fmt.Errorf("threshold %q: %w", t.Text, err)
	}
	return t, nil
}

// name reads what is bounded.
func (t *Threshold) name(name string, operations []string) error {
	// An operation's name has no point; p99.9 has one.
	if op, rest, ok := strings.Cut(name, "."); ok && (op == "" || op[0] != 'p' || !digit(op[1:])) {
		if operations != nil && !slices.Contains(operations, op) {
			return fmt.Errorf("no operation %q: expected %s", op, strings.Join(operations, ", "))
		}
		t.Operation, name = op, rest
	}
	if number, ok := strings.CutPrefix(name, "p"); ok && digit(number) {
		p, err := strconv.ParseFloat(number, 64)
		if err != nil || p <= 0 || p >= 100 {
			return fmt.Errorf("a percentile of %s: expected more than 0 and less than 100, or max", number)
		}
		t.figure, t.percent = percentile, p
		return nil
	}
	switch f := figure(name); f {
	case longest, mean, approved, declined, failed, noOutcome, requests, rate:
		t.figure = f
		return nil
	default:
	}
	return fmt.Errorf("no figure %q: expected %s", name, figures)
}

func digit(s string) bool { return s != "" && '0' <= s[0] && s[0] <= '9' }

// bound reads the bound.
func (t *Threshold) bound(text string) error {
	switch t.figure {
	case percentile, longest, mean:
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return fmt.Errorf("a bound of %q: expected a duration like 20ms", text)
		}
		t.limit = record.MS(d)
		return nil
	case approved, declined, failed, noOutcome:
		number, ok := strings.CutSuffix(text, "%")
		x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if !ok || err != nil || !(x >= 0 && x <= 100) {
			return fmt.Errorf("a bound of %q: expected a share from 0%% to 100%%", text)
		}
		t.limit = x
		return nil
	case requests, rate:
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0) || math.IsInf(x, 0) {
		return fmt.Errorf("a bound of %q: expected a number that is not negative", text)
	}
	t.limit = x
	return nil
}

// Check holds a run to the threshold.
func (t *Threshold) Check(run *record.Run) record.Check {
	op := run.Total()
	for i := range run.Operations {
		if t.Operation != "" && run.Operations[i].Name == t.Operation {
			op = run.Operations[i]
		}
	}
	c := record.Check{Name: t.title(), Operation: t.Operation, Limit: t.limit, Bound: record.Most}
	if t.least {
		c.Bound = record.Least
	}
	x, unit, ok := t.measure(run, &op)
	c.Unit = unit
	if !ok || t.Operation != "" && op.Name != t.Operation {
		c.Why = "nothing was measured"
		if op.WithoutLatency > 0 {
			c.Why = "too many requests have no latency: no connection took them"
		}
		return c
	}
	c.Measured = &x
	switch {
	case t.least && t.strict:
		c.OK = x > t.limit
	case t.least:
		c.OK = x >= t.limit
	case t.strict:
		c.OK = x < t.limit
	default:
		c.OK = x <= t.limit
	}
	return c
}

// of tells whether the threshold bounds one of these figures.
func (t *Threshold) of(list ...figure) bool { return slices.Contains(list, t.figure) }

// title is the figure's name, with its percent.
func (t *Threshold) title() string {
	if t.figure == percentile {
		return "p" + strconv.FormatFloat(t.percent, 'g', -1, 64)
	}
	return string(t.figure)
}

// measure is the figure of an operation; false where nothing was measured.
func (t *Threshold) measure(run *record.Run, op *record.Operation) (x float64, unit string, ok bool) {
	inMS := func(d time.Duration, ok bool) (float64, string, bool) { return record.MS(d), unitMS, ok }
	all := float64(op.Ended())
	share := func(n uint64) (float64, string, bool) { return 100 * float64(n) / all, unitPercent, all > 0 }
	switch t.figure {
	case percentile:
		return inMS(op.Quantile(t.percent))
	case longest:
		return inMS(op.Quantile(100))
	case mean:
		return inMS(op.Latency.Mean())
	case approved:
		return share(op.Count(record.Approved))
	case declined:
		return share(op.Count(record.Declined))
	case failed:
		return share(op.Failed())
	case noOutcome:
		return share(withoutAnswer(op))
	case requests:
		return all, "", true
	default:
		return float64(op.Count(record.Approved)) / run.Window.Seconds(), unitPerS, run.Window > 0
	}
}

// withoutAnswer is how many requests have no answer that says anything.
func withoutAnswer(op *record.Operation) uint64 { return op.Failed() - op.Count(record.Refused) }

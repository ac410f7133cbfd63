package arrival

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxTimes bounds how many moments a file may have: they are kept in memory.
const MaxTimes = 50_000_000

// Times is arrivals at given moments since the beginning.
type Times struct {
	times []time.Duration
	next  int
}

// NewTimes makes a schedule of moments, which it sorts. speed 2 makes it twice as fast.
func NewTimes(moments []time.Duration, speed float64) (*Times, error) {
	switch {
	case len(moments) == 0:
		return nil, fmt.Errorf("no moment at which a request is due")
	case len(moments) > MaxTimes:
		return nil, fmt.Errorf("%d moments, expected at most %d", len(moments), MaxTimes)
	case !(speed > 0) || math.IsInf(speed, 0):
		return nil, fmt.Errorf("a speed of %g, expected more than 0", speed)
	}
	t := &Times{times: slices.Clone(moments)}
	slices.Sort(t.times)
	first := t.times[0]
	for i := range t.times {
		t.times[i] = time.Duration(float64(t.times[i]-first) / speed)
	}
	return t, nil
}

// Next implements Schedule.
func (t *Times) Next() (time.Duration, bool) {
	if t.next == len(t.times) {
		return 0, false
	}
	t.next++
	return t.times[t.next-1], true
}

// Bounds of how long a schedule of moments goes on after the last one.
const (
	onlyGap = time.Second // where all are one moment
	mostGap = time.Minute
)

// Length implements Schedule. It ends a mean gap after the last moment, so that moments over length is their rate: a
// second after it where there is no gap, and a minute at the most.
func (t *Times) Length() time.Duration {
	last := t.times[len(t.times)-1]
	if last == 0 {
		return onlyGap
	}
	return last + min(max(last/time.Duration(len(t.times)-1), time.Nanosecond), mostGap)
}

// ReadTimes reads moments, one a line: seconds as a number (since the beginning or since 1970), a time as in RFC 3339,
// or a JSON object that has one of these as its "at", "time" or "timestamp". Empty lines and those that begin with #
// are passed over. What is returned counts from the earliest. An error names the file and the line.
func ReadTimes(name string, r io.Reader) ([]time.Duration, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	var moments []time.Duration
	var origin time.Time // of the first absolute time
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if len(moments) == MaxTimes {
			return nil, fmt.Errorf("%s: line %d: more than %d moments", name, n, MaxTimes)
		}
		at, err := moment(text, &origin)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, n, err)
		}
		moments = append(moments, at)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(moments) == 0 {
		return nil, fmt.Errorf("%s: no moment at which a request is due", name)
	}
	first := slices.Min(moments)
	for i := range moments {
		moments[i] -= first
	}
	return moments, nil
}

// moment reads one line.
func moment(text string, origin *time.Time) (time.Duration, error) {
	if text[0] == '{' {
		var err error
		if text, err = memberOf(text); err != nil {
			return 0, err
		}
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt64/1e9 {
			return 0, fmt.Errorf("%q is no time: expected seconds", text)
		}
		whole, part := math.Modf(seconds)
		return time.Duration(whole)*time.Second + time.Duration(math.Round(part*1e9)), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fmt.Errorf("%q is no time: expected seconds, or one like 2026-11-26T09:00:00.25Z", text)
	}
	if origin.IsZero() {
		*origin = at
	}
	return at.Sub(*origin), nil
}

// memberOf is the time in a JSON object.
func memberOf(text string) (string, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return "", fmt.Errorf("no JSON object: %w", err)
	}
	for _, key := range []string{"at", "time", "timestamp"} {
		value, there := object[key]
		if !there {
			continue
		}
		return strings.Trim(string(value), `"`), nil
	}
	return "", fmt.Errorf(`no time in the object: expected "at", "time" or "timestamp"`)
}

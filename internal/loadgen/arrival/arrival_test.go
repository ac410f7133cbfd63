package arrival_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/arrival"
)

func profile(t *testing.T, even bool, stages ...arrival.Stage) *arrival.Profile {
	t.Helper()
	p, err := arrival.NewProfile(stages, even, 7)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func all(s arrival.Schedule) (due []time.Duration) {
	for {
		at, ok := s.Next()
		if !ok {
			return due
		}
		due = append(due, at)
	}
}

// within counts the moments of a span.
func within(due []time.Duration, from, till time.Duration) (n int) {
	for _, at := range due {
		if from <= at && at < till {
			n++
		}
	}
	return n
}

// Each stage has as many arrivals as the area below its rate says, in any part of it, and they rise.
func TestProfilesAreTheirArea(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		stages []arrival.Stage
		want   map[[2]time.Duration]float64
	}{
		"constant": {
			[]arrival.Stage{arrival.Constant(100, 10*s)},
			map[[2]time.Duration]float64{{0, 10 * s}: 1000, {2 * s, 3 * s}: 100},
		},
		"step": {
			[]arrival.Stage{arrival.Constant(100, 5*s), arrival.Constant(400, 5*s)},
			map[[2]time.Duration]float64{{0, 5 * s}: 500, {5 * s, 10 * s}: 2000, {4 * s, 6 * s}: 500},
		},
		"ramp up": {
			[]arrival.Stage{{For: 10 * s, From: 0, To: 200}},
			map[[2]time.Duration]float64{{0, 5 * s}: 250, {5 * s, 10 * s}: 750},
		},
		"ramp down": {
			[]arrival.Stage{{For: 10 * s, From: 200, To: 0}},
			map[[2]time.Duration]float64{{0, 5 * s}: 750, {5 * s, 10 * s}: 250},
		},
		"sine": {
			[]arrival.Stage{{For: 20 * s, From: 100, To: 100, Amplitude: 100, Period: 20 * s}},
			map[[2]time.Duration]float64{
				{0, 10 * s}: 1000 + 2000/math.Pi, {10 * s, 20 * s}: 1000 - 2000/math.Pi, {0, 20 * s}: 2000,
			},
		},
		"spike": {
			arrival.Spike(100, 1000, 4*s, s, 10*s),
			map[[2]time.Duration]float64{{0, 4 * s}: 400, {4 * s, 5 * s}: 1000, {5 * s, 10 * s}: 500},
		},
		"nothing, then something": {
			[]arrival.Stage{arrival.Constant(0, 5*s), arrival.Constant(10, 5*s)},
			map[[2]time.Duration]float64{{0, 5 * s}: 0, {5 * s, 10 * s}: 50},
		},
		"the highest": {
			[]arrival.Stage{arrival.Constant(arrival.MaxRate, s/10)}, map[[2]time.Duration]float64{{0, s}: 100_000},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, even := range []bool{true, false} {
				p := profile(t, even, c.stages...)
				due := all(p)
				if !slices.IsSorted(due) || len(due) > 0 && due[len(due)-1] >= p.Length() {
					t.Errorf("even %v: the moments do not rise, or reach beyond the profile", even)
				}
				for span, want := range c.want {
					room := 1.5
					if !even {
						room = 4 * math.Sqrt(want)
					}
					if n := within(due, span[0], span[1]); math.Abs(float64(n)-want) > room {
						t.Errorf("even %v: %d are due from %s to %s, want %.0f", even, n, span[0], span[1], want)
					}
				}
			}
		})
	}
}

// An even profile of one rate has exact moments.
func TestEvenArrivalsAreExact(t *testing.T) {
	p := profile(t, true, arrival.Constant(4, time.Second), arrival.Constant(2, 2*time.Second))
	want := []time.Duration{250, 500, 750, 1000, 1500, 2000, 2500}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if due := all(p); !slices.Equal(due, want) {
		t.Errorf("due at %v, want %v", due, want)
	}
}

// The gaps of a Poisson process are exponential: their mean is their deviation.
func TestPoissonGaps(t *testing.T) {
	due := all(profile(t, false, arrival.Constant(1000, 20*time.Second)))
	var sum, squares float64
	for i := 1; i < len(due); i++ {
		gap := (due[i] - due[i-1]).Seconds() * 1000
		sum += gap
		squares += gap * gap
	}
	n := float64(len(due) - 1)
	mean := sum / n
	if deviation := math.Sqrt(squares/n - mean*mean); math.Abs(mean-1) > 0.03 || math.Abs(deviation-1) > 0.03 {
		t.Errorf("gaps of %.3f ms with a deviation of %.3f ms, want 1 and 1", mean, deviation)
	}
	if other := all(profile(t, false, arrival.Constant(1000, 20*time.Second))); !slices.Equal(due, other) {
		t.Error("the same seed gives other moments")
	}
}

func TestProfilesThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		stages []arrival.Stage
		want   string
	}{
		"none":      {nil, "no stages"},
		"no time":   {[]arrival.Stage{arrival.Constant(1, 0)}, "stage 1: a stage lasts longer"},
		"negative":  {[]arrival.Stage{arrival.Constant(1, 1), arrival.Constant(-1, 1)}, "stage 2: a rate from -1 to -1"},
		"too high":  {[]arrival.Stage{arrival.Constant(1e9, 1)}, "expected 0 to 1000000 a second"},
		"NaN":       {[]arrival.Stage{arrival.Constant(math.NaN(), 1)}, "a rate from NaN"},
		"amplitude": {[]arrival.Stage{{For: 1, From: 1, To: 1, Amplitude: 2, Period: 1}}, "an amplitude of 2"},
		"period":    {[]arrival.Stage{{For: 1, From: 1, To: 1, Amplitude: 1}}, "a sine needs a period"},
	} {
		if _, err := arrival.NewProfile(c.stages, true, 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestReadTimes(t *testing.T) {
	for name, text := range map[string]string{
		"seconds":  "# of a day\n1.5\n1\n\n3.25\n",
		"since":    "1795687201.5\n1795687201\n1795687203.25",
		"RFC 3339": "2026-11-26T09:00:01.5Z\n2026-11-26T10:00:01+01:00\n2026-11-26T09:00:03.25Z\n",
		"JSON":     `{"at":1.5,"x":{}}` + "\n" + `{"time":1}` + "\n" + `{"timestamp":"3.25"}`,
		"JSON time": `{"time":"2026-11-26T09:00:01.5Z"}` + "\n" + `{"time":"2026-11-26T09:00:01Z"}` + "\n" +
			`{"time":"2026-11-26T09:00:03.25Z"}`,
	} {
		moments, err := arrival.ReadTimes(name, strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s, err := arrival.NewTimes(moments, 2)
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 250 * time.Millisecond, 1125 * time.Millisecond}
		due := all(s)
		if len(due) != len(want) {
			t.Errorf("%s: %d moments, want %d", name, len(due), len(want))
		}
		for i, at := range due {
			if i >= len(want) || (at-want[i]).Abs() > time.Microsecond {
				t.Errorf("%s: %d is due at %s, want %v", name, i, at, want)
			}
		}
	}
	for text, want := range map[string]string{
		"":               "f.txt: no moment",
		"1\nsoon\n":      `f.txt: line 2: "soon" is no time: expected seconds, or one like 2026`,
		"{\"a\":1}":      `f.txt: line 1: no time in the object: expected "at", "time" or "timestamp"`,
		"1\n{":           "f.txt: line 2: no JSON object",
		"1e300":          `f.txt: line 1: "1e300" is no time`,
		"NaN":            `f.txt: line 1: "NaN" is no time`,
		`{"at":"never"}`: `f.txt: line 1: "never" is no time`,
	} {
		if _, err := arrival.ReadTimes("f.txt", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
	for _, speed := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := arrival.NewTimes([]time.Duration{1}, speed); err == nil {
			t.Errorf("a speed of %g is taken", speed)
		}
	}
}

// The window of moments ends a mean gap after the last one, so that their rate is that of the gaps.
func TestLengthOfMoments(t *testing.T) {
	every := func(n int, gap time.Duration) (moments []time.Duration) {
		for i := range n {
			moments = append(moments, time.Hour+time.Duration(i)*gap)
		}
		return moments
	}
	for name, c := range map[string]struct {
		moments []time.Duration
		want    time.Duration
	}{
		"one":                {every(1, 0), time.Second},
		"one burst":          {every(1000, 0), time.Second},
		"ten a second":       {every(10, 100*time.Millisecond), time.Second},
		"two":                {every(2, 3*time.Second), 6 * time.Second},
		"two hours apart":    {every(3, time.Hour), 2*time.Hour + time.Minute},
		"a burst, and later": {append(every(3, 0), time.Hour+3*time.Second), 4 * time.Second},
		"hardly apart":       {append(every(9, 0), time.Hour+2), 3},
	} {
		s, err := arrival.NewTimes(c.moments, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Length(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	p, err := arrival.NewProfile([]arrival.Stage{arrival.Constant(arrival.MaxRate, time.Hour)}, false, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for range b.N {
		p.Next()
	}
}

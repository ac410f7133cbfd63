package search_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/search"
)

// queue is a target that does capacity a second: the nearer a rate comes, the longer its callers wait.
func queue(
	t *testing.T, capacity, toolUpTo float64, tried *[]float64,
) func(context.Context, float64) (*record.Run, error) {
	return func(_ context.Context, rate float64) (*record.Run, error) {
		*tried = append(*tried, rate)
		rec, err := record.New(record.Config{Model: record.Open, Operations: []string{"authorize"}, Window: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		wait := time.Minute
		if rate < capacity {
			wait = time.Duration(float64(time.Second) / (capacity - rate))
		}
		late := time.Duration(0)
		if rate > toolUpTo {
			late = time.Hour
		}
		s := rec.Shard(0)
		for n := range 100 {
			due := time.Duration(n) * 10 * time.Millisecond
			s.Due(0, due)
			s.Sent(0, due, due+late)
			s.Done(0, due, due+late, due+late+wait, record.Approved, "")
		}
		run := rec.Finish(time.Second)
		judge.Judge(run, judge.Options{MaxLate: time.Second})
		return run, nil
	}
}

// The rate is found to the precision that was asked for, and rates left of it are sampled.
func TestFind(t *testing.T) {
	for _, capacity := range []float64{30, 1234, 98_765} {
		var tried []float64
		o := search.Defaults()
		o.Probe = queue(t, capacity, math.Inf(1), &tried)
		found, err := search.Find(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		// 20 ms are borne: the rate is 50 below the capacity.
		want := capacity - 50
		if want < 0 {
			if found.Best != nil {
				t.Errorf("of %g: best %g, want none", capacity, *found.Best)
			}
			continue
		}
		if found.Best == nil || *found.BestAsked > want || *found.BestAsked < want*(1-1.1*o.Precision) {
			t.Fatalf("of %g: %+v, want at most %g", capacity, found, want)
		}
		if !slices.IsSortedFunc(found.Samples, func(a, b *search.Sample) int { return int(a.Rate - b.Rate) }) {
			t.Error("the samples are in no order")
		}
		left := 0
		for _, s := range found.Samples {
			if s.Passed != (s.Rate <= want) || s.P99MS == nil || s.Valid != true {
				t.Errorf("%+v, want that it passed below %g", s, want)
			}
			if s.Rate < *found.BestAsked && s.Rate > *found.BestAsked*0.2 {
				left++
			}
		}
		if left < 4 || !strings.Contains(found.Why, "wait for too long") {
			t.Errorf("%d samples left of the cliff, %q", left, found.Why)
		}
	}
}

// Where the tool cannot go on that is said, and is not taken for the target's limit.
func TestFindTheToolsLimit(t *testing.T) {
	var tried []float64
	o := search.Defaults()
	o.Probe = queue(t, 1e9, 3000, &tried)
	found, err := search.Find(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if found.Best == nil || *found.BestAsked > 3000 || *found.BestAsked < 2700 ||
		!strings.Contains(found.Why, "the tool could not") {
		t.Errorf("%+v", found)
	}
	if most := slices.Max(tried); most != 3200 {
		t.Errorf("tried up to %g, want 3,200 and no further", most)
	}
}

func TestFindEndsWithItsProbe(t *testing.T) {
	gone := errors.New("nobody listens")
	o := search.Defaults()
	n := 0
	o.Probe = func(ctx context.Context, rate float64) (*record.Run, error) {
		if n++; n == 3 {
			return nil, gone
		}
		return queue(t, 1e9, math.Inf(1), new([]float64))(ctx, rate)
	}
	found, err := search.Find(t.Context(), o)
	if !errors.Is(err, gone) || len(found.Samples) != 2 {
		t.Errorf("%v, %+v; want the error, and the two rates of before", err, found)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*search.Options){
		"percentile": func(o *search.Options) { o.Quantile = 100 },
		"limit":      func(o *search.Options) { o.Limit = 0 },
		"from":       func(o *search.Options) { o.From = math.NaN() },
		"too high":   func(o *search.Options) { o.From = 1e9 },
		"repeats":    func(o *search.Options) { o.Repeats = 0 },
		"precision":  func(o *search.Options) { o.Precision = 0 },
	} {
		o := search.Defaults()
		change(&o)
		if _, err := search.Find(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// answering is a target that answers at once with an outcome.
func answering(t *testing.T, class record.Class, took time.Duration, valid bool) *record.Run {
	rec, err := record.New(record.Config{Model: record.Open, Operations: []string{"authorize"}, Window: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s := rec.Shard(0)
	s.Due(0, 0)
	s.Sent(0, 0, 0)
	s.Done(0, 0, 0, took, class, "")
	run := rec.Finish(time.Second)
	run.Verdict.Valid = valid
	return run
}

// A target that declines everything keeps nobody waiting, and is not measured by that.
func TestADeclinedRateDoesNotPass(t *testing.T) {
	o := search.Defaults()
	o.From = 1
	o.Probe = func(context.Context, float64) (*record.Run, error) {
		return answering(t, record.Declined, time.Millisecond, true), nil
	}
	found, err := search.Find(t.Context(), o)
	if err != nil || found.Best != nil || found.Why != "at 1 a second none is approved" {
		t.Errorf("%+v, %v; want no rate that passed", found, err)
	}
}

// Each rate that did not pass says why, and the search why it went no further: by the lowest of these. One that passed
// once is measured as often as those beyond it before it is what was found, and so are the rates left of it.
func TestWhy(t *testing.T) {
	n := map[float64]int{}
	o := search.Defaults()
	o.Precision = 0.4
	o.Probe = func(_ context.Context, rate float64) (*record.Run, error) {
		n[rate]++
		switch {
		case rate == 400 && n[rate] > 1: // it was luck
			return answering(t, record.Approved, 25*time.Millisecond, true), nil
		case rate >= 800:
			return answering(t, record.Refused, time.Millisecond, true), nil
		case rate > 250:
			run := answering(t, record.Approved, time.Millisecond, false)
			run.Verdict.Validity = []record.Check{{Name: "late p99"}}
			if rate == 400 {
				run.Verdict.Valid = true
			}
			return run, nil
		}
		return answering(t, record.Approved, time.Millisecond, true), nil
	}
	found, err := search.Find(t.Context(), o)
	if err != nil || found.Best == nil || *found.BestAsked != 200 {
		t.Fatalf("%+v, %v; want 200 a second", found, err)
	}
	why := map[float64]string{}
	for _, s := range found.Samples {
		why[s.Rate] = s.Why
		if s.Passed != (s.Why == "") || s.Repeats != o.Repeats {
			t.Errorf("%+v", s)
		}
	}
	for rate, want := range map[float64]string{
		200: "", 300: "not valid: late p99", 800: "none is approved",
		400: "callers wait for too long: p99 is 25.00 ms",
	} {
		if got, there := why[rate]; !there || got != want {
			t.Errorf("%g a second: %q, want %q", rate, got, want)
		}
	}
	if found.Why != "beyond it the tool could not send what was asked: not valid: late p99" {
		t.Errorf("it ended as %s", found.Why)
	}
}

// A rate left of the cliff that does not pass is told: what was found is not all that there is to know.
func TestALowRateThatDoesNotPass(t *testing.T) {
	o := search.Defaults()
	o.Probe = func(_ context.Context, rate float64) (*record.Run, error) {
		wait := time.Millisecond
		if rate > 100 || rate == 75 {
			wait = time.Second
		}
		return answering(t, record.Approved, wait, true), nil
	}
	found, err := search.Find(t.Context(), o)
	if err != nil || *found.BestAsked != 100 ||
		!strings.Contains(found.Why, "below it 75 a second did not pass, either: ") {
		t.Errorf("%+v, %v", found, err)
	}
}

// A measurement that is not valid is no part of the medians, unless there is no other.
func TestInvalidMeasurementsDoNotCount(t *testing.T) {
	for name, c := range map[string]struct {
		valid []bool // of 1, 3 and 5 ms, and so on, one after the other
		p99   float64
		want  bool
	}{
		"all":          {[]bool{true, true, true}, 3, true},
		"the fast one": {[]bool{false, true, true}, 4, true},
		"the slow one": {[]bool{true, true, false}, 2, true},
		"two":          {[]bool{false, true, false}, 3, false},
		"none":         {[]bool{false, false, false}, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			o := search.Defaults()
			var samples []search.Sample
			o.Told = func(s *search.Sample) { samples = append(samples, *s) }
			o.From = 1
			o.Probe = func(context.Context, float64) (*record.Run, error) {
				n++
				if n == 1 { // it is measured once, fails, and then as often as it counts
					return answering(t, record.Declined, time.Millisecond, true), nil
				}
				k := (n - 2) % 3
				return answering(t, record.Approved, time.Duration(2*k+1)*time.Millisecond, c.valid[k]), nil
			}
			if _, err := search.Find(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if s := samples[1]; math.Abs(*s.P99MS-c.p99) > 0.1 || s.Valid != c.want || s.Passed != c.want {
				t.Errorf("%+v with a p99 of %g ms, want %g", s, *s.P99MS, c.p99)
			}
		})
	}
}

// declining is a target that approves so many a second, and declines the rest with a code; at each rate it declines a
// tenth for the card's sake.
func declining(t *testing.T, capacity float64, code string) func(context.Context, float64) (*record.Run, error) {
	return func(_ context.Context, rate float64) (*record.Run, error) {
		rec, err := record.New(record.Config{Model: record.Open, Operations: []string{"authorize"}, Window: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		s := rec.Shard(0)
		for n := range int(rate) {
			due := time.Duration(n) * time.Second / time.Duration(rate)
			class, text := record.Approved, ""
			switch {
			case n%10 == 9:
				class, text = record.Declined, "51"
			case n > 0 && rate > capacity:
				class, text = record.Declined, code
			}
			s.Due(0, due)
			s.Sent(0, due, due)
			s.Done(0, due, due, due+time.Millisecond, class, text)
		}
		run := rec.Finish(time.Second)
		judge.Judge(run, judge.Options{})
		return run, nil
	}
}

// A target that refuses all but one when it has too much to do keeps nobody waiting, and is not found fast by that.
// What is found is what it approved.
func TestAHostThatRefusesWhatIsTooMuch(t *testing.T) {
	for code, want := range map[string]string{
		"96": "the host could not", "912": "the host could not", "05": "are approved, of 90",
	} {
		for _, from := range []float64{100, 4000} {
			o := search.Defaults()
			o.From, o.Probe = from, declining(t, 1000, code)
			found, err := search.Find(t.Context(), o)
			if err != nil || found.Best == nil {
				t.Fatalf("%s from %g: %+v, %v; want a rate", code, from, found, err)
			}
			if asked := *found.BestAsked; asked > 1000 || asked < 900 || *found.Best > 0.901*asked ||
				*found.Best < 0.89*asked {
				t.Errorf("%s from %g: %g of %g asked; want nine tenths of nearly 1,000", code, from, *found.Best, asked)
			}
			if !strings.Contains(found.Why, want) {
				t.Errorf("%s from %g: it ended as %q, want %q in it", code, from, found.Why, want)
			}
		}
	}
}

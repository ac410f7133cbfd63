package scenario

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchyard/internal/config"
	"switchyard/internal/infile"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/arrival"
	"switchyard/internal/loadgen/judge"
	"switchyard/internal/money"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/api"
)

// Load reads a scenario's file, and those that it names, which are relative to it.
func Load(name string) (*Plan, error) {
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return Read(name, text, func(file string) ([]byte, error) {
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(name), file)
		}
		return readFile(file)
	})
}

func readFile(name string) ([]byte, error) { return infile.Read(name, infile.MaxConfig) }

// Read reads a scenario; open reads a file that it names.
func Read(name string, text []byte, open func(file string) ([]byte, error)) (*Plan, error) {
	var f file
	if err := config.Decode(name, text, &f); err != nil {
		return nil, err
	}
	r := reader{name: name, text: text, file: &f, open: open}
	return r.plan()
}

// Bounds of a scenario.
const (
	maxStages = 1000
	maxSpan   = 7 * 24 * time.Hour
)

// reader makes a plan of a file.
type reader struct {
	name string
	text []byte
	file *file
	open func(string) ([]byte, error)
	out  Plan
}

// wrong is an error at a place.
func (r *reader) wrong(path []any, format string, args ...any) error {
	var place strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&place, "[%d]", step)
		default:
			if place.Len() > 0 {
				place.WriteByte('.')
			}
			fmt.Fprint(&place, step)
		}
	}
	if place.Len() > 0 {
		place.WriteString(": ")
	}
	if r.text == nil { // it was not read of a file
		return fmt.Errorf("%s%w", &place, fmt.Errorf(format, args...))
	}
	return fmt.Errorf("%s: line %d: %s%w", r.name, lineOf(r.text, path...), &place, fmt.Errorf(format, args...))
}

func at(path ...any) []any { return path }

// given is a value, or its default where it was left out.
func given[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}

func (r *reader) plan() (*Plan, error) {
	f, p := r.file, &r.out
	p.Name = cmp.Or(f.Name, strings.TrimSuffix(filepath.Base(r.name), filepath.Ext(r.name)))
	p.Text, p.Seed, p.ScaledRates, p.ScaledTime = string(r.text), f.Seed, 1, 1
	p.Connections, p.MaxInFlight = given(f.Connections, 4), given(f.MaxInFlight, loadgen.DefaultOpenInFlight)
	p.Warmup, p.Timeout = 2*time.Second, loadgen.DefaultDrain
	if f.Warmup != nil {
		p.Warmup = time.Duration(*f.Warmup)
	}
	if f.Timeout != nil {
		p.Timeout = time.Duration(*f.Timeout)
	}
	switch {
	case p.Connections < 1 || p.Connections > 1024:
		return nil, r.wrong(at("connections"), "%d, expected 1 to 1024", p.Connections)
	case p.MaxInFlight < 1 || p.MaxInFlight > loadgen.MaxInFlight:
		return nil, r.wrong(at("max_in_flight"), "%d, expected 1 to %d", p.MaxInFlight, loadgen.MaxInFlight)
	case p.Timeout <= 0:
		return nil, r.wrong(at("timeout"), "expected more than 0")
	}
	for _, step := range []func() error{r.traffic, r.load, r.faults, r.thresholds} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// load is how much there is and when.
func (r *reader) load() error {
	f, p := r.file, &r.out
	ways := 0
	for _, there := range []bool{len(f.Stages) > 0, f.Replay != nil, f.Closed != nil} {
		if there {
			ways++
		}
	}
	if ways != 1 {
		return r.wrong(nil, "expected one of stages, replay and closed")
	}
	switch f.Arrivals {
	case "", "poisson":
	case "even":
		p.Even = true
	default:
		return r.wrong(at("arrivals"), "%q, expected poisson or even", f.Arrivals)
	}
	switch f.RateOf {
	case "", "flows":
		p.RateOf = "flows"
	case "requests":
		p.RateOf = "requests"
	default:
		return r.wrong(at("rate_of"), "%q, expected flows or requests", f.RateOf)
	}
	switch {
	case f.Replay != nil:
		return r.replay()
	case f.Closed != nil:
		c := f.Closed
		if c.InFlight < 1 || c.InFlight > loadgen.MaxInFlight {
			return r.wrong(at("closed", "in_flight"), "%d, expected 1 to %d", c.InFlight, loadgen.MaxInFlight)
		}
		p.Closed, p.Think, p.Duration = c.InFlight, time.Duration(c.Think), time.Duration(c.For)
		if p.Duration <= 0 || p.Duration > maxSpan {
			return r.wrong(at("closed", "for"), "expected more than 0 and at most %s", maxSpan)
		}
		return nil
	}
	return r.stages()
}

func (r *reader) stages() error {
	p := &r.out
	if len(r.file.Stages) > maxStages {
		return r.wrong(at("stages"), "%d, expected at most %d", len(r.file.Stages), maxStages)
	}
	for i := range r.file.Stages {
		s := &r.file.Stages[i]
		span := time.Duration(s.For)
		p.Marks = append(p.Marks, Mark{At: p.Duration, Name: cmp.Or(s.Name, fmt.Sprintf("stage %d", i+1))})
		if span <= 0 {
			return r.wrong(at("stages", i, "for"), "expected more than 0, how long the stage is")
		}
		if p.Duration += span; p.Duration > maxSpan {
			return r.wrong(at("stages", i, "for"), "all stages last for %s, expected at most %s", p.Duration, maxSpan)
		}
		if err := r.rate(at("stages", i, "rate"), s.Rate, s.To != nil || s.Spike != nil); err != nil {
			return err
		}
		if err := r.stage(i, s, span); err != nil {
			return err
		}
	}
	return nil
}

// rate refuses a rate that is none; zero says that it may be 0.
func (r *reader) rate(path []any, rate float64, zero bool) error {
	if !(rate >= 0 && rate <= arrival.MaxRate) || rate == 0 && !zero {
		least := "more than 0"
		if zero {
			least = "0"
		}
		return r.wrong(path, "%g, expected %s to %d a second", rate, least, arrival.MaxRate)
	}
	return nil
}

func (r *reader) stage(i int, s *stage, span time.Duration) error {
	p := &r.out
	forms := 0
	for _, there := range []bool{s.To != nil, s.Sine != nil, s.Spike != nil} {
		if there {
			forms++
		}
	}
	switch {
	case forms > 1:
		return r.wrong(at("stages", i), "expected at most one of to, sine and spike")
	case s.To != nil:
		if err := r.rate(at("stages", i, "to"), *s.To, s.Rate > 0); err != nil {
			return err
		}
		p.Stages = append(p.Stages, arrival.Stage{For: span, From: s.Rate, To: *s.To})
	case s.Sine != nil:
		if !(s.Sine.Amplitude > 0 && s.Sine.Amplitude <= s.Rate) {
			return r.wrong(at("stages", i, "sine", "amplitude"), "%g, expected more than 0 to the rate", s.Sine.Amplitude)
		}
		if s.Sine.Period <= 0 {
			return r.wrong(at("stages", i, "sine", "period"), "expected more than 0")
		}
		p.Stages = append(p.Stages, arrival.Stage{
			For: span, From: s.Rate, To: s.Rate, Amplitude: s.Sine.Amplitude, Period: time.Duration(s.Sine.Period),
		})
	case s.Spike != nil:
		from, lasts := time.Duration(s.Spike.At), time.Duration(s.Spike.For)
		if err := r.rate(at("stages", i, "spike", "rate"), s.Spike.Rate, false); err != nil {
			return err
		}
		if lasts <= 0 || from+lasts > span {
			return r.wrong(at("stages", i, "spike", "for"), "expected more than 0, and an end within the stage")
		}
		p.Stages = append(p.Stages, arrival.Spike(s.Rate, s.Spike.Rate, from, lasts, span)...)
	default:
		p.Stages = append(p.Stages, arrival.Constant(s.Rate, span))
	}
	return nil
}

// traffic is what the requests are like.
func (r *reader) traffic() error {
	f, t := r.file, &r.out.Traffic
	if len(f.Flows) == 0 && f.Replay == nil {
		return r.wrong(at("flows"), "expected one flow or more")
	}
	for i := range f.Flows {
		if err := r.flow(i); err != nil {
			return err
		}
	}
	if err := r.people(); err != nil {
		return err
	}
	switch t.Terminals = given(f.Terminals, 100); {
	case t.Terminals < 1 || t.Terminals > 100_000:
		return r.wrong(at("terminals"), "%d, expected 1 to 100000 of each merchant", t.Terminals)
	case !(f.BadRequests >= 0 && f.BadRequests <= 1):
		return r.wrong(at("bad_requests"), "%g, expected a share from 0 to 1", f.BadRequests)
	}
	t.Bad = f.BadRequests
	if a := f.Amounts; a != nil {
		const most = 99_999_999_999
		if a.Min < 10 || a.Max < a.Min || a.Max > most {
			return r.wrong(at("amounts"), "%d to %d, expected 10 to %d minor units", a.Min, a.Max, most)
		}
		t.Amounts = [2]int64{a.Min, a.Max}
	}
	if f.Retry != nil {
		t.Retry = loadgen.Retry{Times: f.Retry.Times, Pause: time.Duration(f.Retry.Pause)}
		if t.Retry.Times < 1 || t.Retry.Times > 100 {
			return r.wrong(at("retry", "times"), "%d, expected 1 to 100", t.Retry.Times)
		}
	}
	t.Seed = r.out.Seed
	if len(f.Flows) == 0 {
		if err := r.recording(); err != nil {
			return err
		}
	}
	switch {
	case len(t.Flows) > 0 && !slices.ContainsFunc(t.Flows, func(f loadgen.Flow) bool { return f.Weight > 0 }):
		return r.wrong(at("flows"), "no weight is more than 0")
	case len(t.Merchants) > 0 &&
		!slices.ContainsFunc(t.Merchants, func(m loadgen.Merchant) bool { return m.Weight > 0 }):
		return r.wrong(at("merchants"), "no weight is more than 0")
	}
	check := *t
	if err := check.Prepare(); err != nil {
		return r.wrong(at("flows"), "%w", err)
	}
	r.out.Operations, r.out.PerFlow = check.Ops(), check.PerFlow()
	return nil
}

func (r *reader) flow(i int) error {
	in := &r.file.Flows[i]
	f := loadgen.Flow{Name: in.Flow, Weight: 1}
	if in.Weight != nil {
		f.Weight = *in.Weight
	}
	if !(f.Weight >= 0 && f.Weight <= 1e9) {
		return r.wrong(at("flows", i, "weight"), "%g, expected 0 to 1e9", f.Weight)
	}
	if in.Think != nil {
		f.Think = loadgen.Span{Min: time.Duration(in.Think.Min), Max: time.Duration(in.Think.Max)}
		if f.Think.Max < f.Think.Min {
			return r.wrong(at("flows", i, "think"), "from %s to %s: expected that max is at least min", f.Think.Min, f.Think.Max)
		}
	}
	for k, name := range in.Steps {
		s, err := loadgen.ParseStep(name)
		if err != nil {
			return r.wrong(at("flows", i, "steps", k), "%w", err)
		}
		f.Steps = append(f.Steps, s)
	}
	if len(in.Steps) == 0 {
		steps, ok := loadgen.Flows[in.Flow]
		if !ok {
			names := make([]string, 0, len(loadgen.Flows))
			for name := range loadgen.Flows {
				names = append(names, name)
			}
			slices.Sort(names)
			return r.wrong(at("flows", i, "flow"), "%q, expected steps, or one of %s", in.Flow, strings.Join(names, ", "))
		}
		f.Steps = steps
	}
	t := &r.out.Traffic
	t.Flows = append(t.Flows, f)
	if r.text != nil {
		r.out.FlowLines = append(r.out.FlowLines, lineOf(r.text, "flows", i))
	}
	return nil
}

// people are the cards and the merchants.
func (r *reader) people() error {
	f, t := r.file, &r.out.Traffic
	t.Pool.Cards = given(f.Cards.Count, 1_000_000)
	if t.Pool.Cards < 1 || t.Pool.Cards > loadgen.MaxCards {
		return r.wrong(at("cards", "count"), "%d, expected 1 to %d", t.Pool.Cards, loadgen.MaxCards)
	}
	switch f.Cards.Distribution {
	case "", "uniform":
		if f.Cards.Exponent != nil {
			return r.wrong(at("cards", "exponent"), "expected with distribution: zipf only")
		}
	case "zipf":
		t.Pool.Zipf = 1
		if f.Cards.Exponent != nil {
			t.Pool.Zipf = *f.Cards.Exponent
		}
		if !(t.Pool.Zipf > 0 && t.Pool.Zipf <= loadgen.MaxZipf) {
			return r.wrong(at("cards", "exponent"), "%g, expected more than 0 to %d", t.Pool.Zipf, loadgen.MaxZipf)
		}
	default:
		return r.wrong(at("cards", "distribution"), "%q, expected uniform or zipf", f.Cards.Distribution)
	}
	for i, m := range f.Merchants {
		weight := 1.0
		if m.Weight != nil {
			weight = *m.Weight
		}
		switch currency, known := money.Lookup(m.Currency); {
		case m.ID == "" || len(m.ID) > api.MaxMerchant:
			return r.wrong(at("merchants", i, "id"), "%q, expected 1 to %d characters", m.ID, api.MaxMerchant)
		case !known:
			return r.wrong(at("merchants", i, "currency"), "%q, expected an ISO 4217 code", m.Currency)
		case currency.Withdrawn:
			return r.wrong(at("merchants", i, "currency"), "%q, expected one that ISO 4217 still has", m.Currency)
		case !(weight >= 0 && weight <= 1e9):
			return r.wrong(at("merchants", i, "weight"), "%g, expected 0 to 1e9", weight)
		}
		t.Merchants = append(t.Merchants, loadgen.Merchant{ID: m.ID, Currency: m.Currency, Weight: weight})
	}
	return nil
}

// faults are what the issuer is told, and when.
func (r *reader) faults() error {
	for i := range r.file.Faults {
		in := &r.file.Faults[i]
		f := Fault{At: time.Duration(in.At), Name: in.Name, Pause: time.Duration(in.Pause)}
		given := 0
		for _, there := range []bool{in.Rules != "", in.File != "", in.Pause > 0} {
			if there {
				given++
			}
		}
		switch {
		case given != 1:
			return r.wrong(at("faults", i), "expected one of rules, file and pause")
		case f.At >= r.out.Duration:
			return r.wrong(at("faults", i, "at"), "%s, expected a time before the end, which is after %s", f.At, r.out.Duration)
		case in.File != "":
			text, err := r.open(in.File)
			if err != nil {
				return r.wrong(at("faults", i, "file"), "%w", err)
			}
			if _, err := issuersim.ParseRules(in.File, bytes.NewReader(text)); err != nil {
				return r.wrong(at("faults", i, "file"), "%w", err)
			}
			f.Rules = text
		case in.Rules != "":
			if _, err := issuersim.ParseRules("rules", strings.NewReader(in.Rules)); err != nil {
				return r.wrong(at("faults", i, "rules"), "%w", err)
			}
			f.Rules = []byte(in.Rules)
		}
		if f.Name == "" {
			if f.Name = "rules"; f.Pause > 0 {
				f.Name = "pause of " + f.Pause.String()
			}
		}
		r.out.Faults = append(r.out.Faults, f)
	}
	slices.SortStableFunc(r.out.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return nil
}

func (r *reader) thresholds() error {
	for i, text := range r.file.Thresholds {
		t, err := judge.Parse(text, r.out.Operations)
		if err != nil {
			return r.wrong(at("thresholds", i), "%w", err)
		}
		r.out.Thresholds = append(r.out.Thresholds, t)
	}
	return nil
}

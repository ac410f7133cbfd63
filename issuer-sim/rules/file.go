package rules

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"switchyard/internal/config"
	"switchyard/internal/money"
	"switchyard/issuer-sim/message"
)

// fileShape is the file's shape.
type fileShape struct {
	Pace     int             `yaml:"pace"`
	Rules    []ruleShape     `yaml:"rules"`
	Clearing []clearingShape `yaml:"clearing"`
}

type ruleShape struct {
	Name         string        `yaml:"name"`
	When         whenShape     `yaml:"when"`
	Probability  *float64      `yaml:"probability"`
	ResponseCode string        `yaml:"response_code"`
	Latency      *latencyShape `yaml:"latency"`
	Fault        *faultShape   `yaml:"fault"`
}

type whenShape struct {
	MTI      []string     `yaml:"mti"`
	BIN      []string     `yaml:"bin"`
	PAN      []string     `yaml:"pan"`
	Merchant []string     `yaml:"merchant"`
	Currency []string     `yaml:"currency"`
	Amount   *amountShape `yaml:"amount"`
	After    Duration     `yaml:"after"`
	Until    Duration     `yaml:"until"`
	Every    Duration     `yaml:"every"`
	For      Duration     `yaml:"for"`
}

type amountShape struct {
	From     int64   `yaml:"from"`
	To       *int64  `yaml:"to"`
	EndsWith *string `yaml:"ends_with"`
}

type faultShape struct {
	Kind  string   `yaml:"kind"`
	Delay Duration `yaml:"delay"`
}

// Duration is a span of time as files have it.
type Duration time.Duration

// UnmarshalYAML reads a duration such as 150ms.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: want a duration such as 150ms", n.Line)
	}
	*d = Duration(v)
	return nil
}

// Parse reads rules; name is the file's, for errors, which say the rule and what was expected.
func Parse(name string, r io.Reader) (*Rules, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s: longer than %d bytes", name, MaxBytes)
	}
	var file fileShape
	if err := config.Decode(name, text, &file); err != nil {
		return nil, err
	}
	if n := max(len(file.Rules), len(file.Clearing)); n > maxRules {
		return nil, fmt.Errorf("%s: %d rules: want at most %d", name, n, maxRules)
	}
	if file.Pace < 0 || file.Pace > maxPace {
		return nil, fmt.Errorf("%s: pace %d: want at most %d answers a second, or 0 for any", name, file.Pace, maxPace)
	}
	rules := &Rules{text: text, pace: file.Pace}
	for n := range file.Rules {
		compiled, err := file.Rules[n].compile()
		if err != nil {
			return nil, fmt.Errorf("%s: rule %d %q: %w", name, n+1, file.Rules[n].Name, err)
		}
		rules.rules = append(rules.rules, compiled)
		rules.misreads = rules.misreads || compiled.misreads()
	}
	for n := range file.Clearing {
		compiled, err := file.Clearing[n].compile()
		if err != nil {
			return nil, fmt.Errorf("%s: clearing rule %d %q: %w", name, n+1, file.Clearing[n].Name, err)
		}
		rules.clearing = append(rules.clearing, compiled)
	}
	return rules, nil
}

// MaxBytes is the longest rules file.
const MaxBytes = 1 << 20

func (f *ruleShape) compile() (rule, error) {
	r := rule{name: f.Name, mtis: f.When.MTI, probability: 1, to: math.MaxInt64}
	if f.ResponseCode == "" && f.Latency == nil && f.Fault == nil {
		return r, errors.New("want a response_code, a latency or a fault")
	}
	if err := f.When.compile(&r); err != nil {
		return r, fmt.Errorf("when: %w", err)
	}
	if f.Probability != nil {
		if r.probability = *f.Probability; !(r.probability >= 0 && r.probability <= 1) {
			return r, errors.New("probability: want 0 to 1")
		}
	}
	if f.ResponseCode != "" {
		if !message.ValidCode(f.ResponseCode) {
			return r, errors.New("response_code: want two digits or capital letters, in quotes")
		}
		r.code = message.CodeOf(f.ResponseCode)
	}
	if f.Latency != nil {
		var err error
		if r.latency, err = f.Latency.compile(); err != nil {
			return r, fmt.Errorf("latency: %w", err)
		}
	}
	if f.Fault == nil {
		return r, nil
	}
	r.fault, r.delay = f.Fault.Kind, time.Duration(f.Fault.Delay)
	switch {
	case !slices.Contains(faultKinds, r.fault):
		return r, fmt.Errorf("fault kind %q: want one of %v", r.fault, faultKinds)
	case r.delay > MaxDelay:
		return r, fmt.Errorf("fault delay: want at most %v", MaxDelay)
	case r.delay == 0 && slices.Contains(delayedFaults, r.fault) && r.fault != FaultDuplicate:
		return r, fmt.Errorf("fault %s: want a delay", r.fault)
	}
	return r, nil
}

func (f *whenShape) compile(r *rule) error {
	for _, mti := range f.MTI {
		if len(mti) != 4 || !message.Answerable([]byte(mti)) || mti[1] < '0' || mti[1] > '9' {
			return fmt.Errorf("mti %q: want that of a request or advice, such as 0100", mti)
		}
	}
	for _, list := range []struct {
		name       string
		in         []string
		out        *[]message.Digits
		least, max int
	}{{"bin", f.BIN, &r.bins, 1, message.MaxDigits}, {"pan", f.PAN, &r.pans, message.MinCardDigits, message.MaxDigits}} {
		for n, text := range list.in {
			d, ok := message.ParseDigits([]byte(text))
			if !ok || len(text) < list.least {
				return fmt.Errorf("%s, number %d: want %d to %d digits, in quotes", list.name, n+1, list.least, list.max)
			}
			*list.out = append(*list.out, d)
		}
	}
	for _, text := range f.Merchant {
		var merchant [15]byte
		if !message.Fill(merchant[:], []byte(text)) || text == "" {
			return fmt.Errorf("merchant %q: want 1 to 15 characters", text)
		}
		r.merchants = append(r.merchants, merchant)
	}
	for _, text := range f.Currency {
		c, ok := money.Lookup(text)
		if !ok {
			return fmt.Errorf("currency %q: want the letters of one, such as EUR", text)
		}
		n, _ := message.ParseNumber([]byte(c.Numeric))
		r.currencies = append(r.currencies, uint16(n))
	}
	if a := f.Amount; a != nil {
		r.from = a.From
		if a.To != nil {
			r.to = *a.To
		}
		if r.from < 0 || r.to < r.from {
			return errors.New("amount: want from and to in minor units, ascending")
		}
		if a.EndsWith != nil {
			ends, ok := message.ParseAmount([]byte(*a.EndsWith))
			if !ok || len(*a.EndsWith) == 0 || len(*a.EndsWith) > 12 {
				return errors.New("amount, ends_with: want 1 to 12 digits, in quotes")
			}
			r.ends, r.unit = int64(ends), 1
			for range len(*a.EndsWith) {
				r.unit *= 10
			}
		}
	}
	r.after, r.until = time.Duration(f.After), time.Duration(f.Until)
	r.every, r.span = time.Duration(f.Every), time.Duration(f.For)
	switch {
	case r.until != 0 && r.until <= r.after:
		return errors.New("until: want it later than after")
	case (r.every == 0) != (r.span == 0) || r.span > r.every:
		return errors.New("every, for: want both, for the shorter one")
	}
	return nil
}

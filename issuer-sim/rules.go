package issuersim

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
	"switchyard/spec"
)

// Rules choose response codes, latency and faults, and how many answers a second the whole host gives. They are read from YAML by ParseRules and are not changed afterwards.
//
// Each message meets the rules in their order. Of those that fit it and whose probability it draws, the first with a
// response code gives the code, the first with a latency the latency, and the first with a fault the fault. What a
// message draws is a hash of the seed, the rule and the message, so the same messages in any order meet the same fate; a
// repeat draws anew.
type Rules struct {
	rules []rule
	pace  int    // answers a second; 0 for as fast as can be
	pacer *pacer // keeps it, once begun
	begun time.Time
	text  []byte // as they were written
}

// maxRules bounds how many rules a message is held against.
const maxRules = 256

// maxDelay is the longest latency, delay or pause.
const maxDelay = 10 * time.Minute

// Fault kinds.
const (
	faultNone         = ""
	faultNoAnswer     = "no_answer"
	faultLate         = "late"
	faultDuplicate    = "duplicate"
	faultSwapped      = "swapped"
	faultUnsolicited  = "unsolicited"
	faultWrongSTAN    = "wrong_stan"
	faultWrongAmount  = "wrong_amount"
	faultMalformed    = "malformed"
	faultCut          = "cut"
	faultReset        = "reset"
	faultSilence      = "silence_after_accept"
	faultDrip         = "slow_drip"
	faultRefuseSignOn = "refuse_sign_on"
	faultPause        = "pause"
)

var faultKinds = []string{
	faultNoAnswer, faultLate, faultDuplicate, faultSwapped, faultUnsolicited, faultWrongSTAN, faultWrongAmount, faultMalformed,
	faultCut, faultReset, faultSilence, faultDrip, faultRefuseSignOn, faultPause,
}

// delayedFaults are those whose delay says how long.
var delayedFaults = []string{faultLate, faultDuplicate, faultDrip, faultPause}

// rulesFile is the file's shape.
type rulesFile struct {
	Pace  int        `yaml:"pace"`
	Rules []ruleFile `yaml:"rules"`
}

type ruleFile struct {
	Name         string       `yaml:"name"`
	When         whenFile     `yaml:"when"`
	Probability  *float64     `yaml:"probability"`
	ResponseCode string       `yaml:"response_code"`
	Latency      *latencyFile `yaml:"latency"`
	Fault        *faultFile   `yaml:"fault"`
}

type whenFile struct {
	MTI      []string    `yaml:"mti"`
	BIN      []string    `yaml:"bin"`
	PAN      []string    `yaml:"pan"`
	Merchant []string    `yaml:"merchant"`
	Currency []string    `yaml:"currency"`
	Amount   *amountFile `yaml:"amount"`
	After    duration    `yaml:"after"`
	Until    duration    `yaml:"until"`
	Every    duration    `yaml:"every"`
	For      duration    `yaml:"for"`
}

type amountFile struct {
	From     int64   `yaml:"from"`
	To       *int64  `yaml:"to"`
	EndsWith *string `yaml:"ends_with"`
}

type latencyFile struct {
	Distribution string   `yaml:"distribution"`
	Value        duration `yaml:"value"`
	Min          duration `yaml:"min"`
	Max          duration `yaml:"max"`
	Mean         duration `yaml:"mean"`
	Stddev       duration `yaml:"stddev"`
	Median       duration `yaml:"median"`
	Sigma        float64  `yaml:"sigma"`
}

type faultFile struct {
	Kind  string   `yaml:"kind"`
	Delay duration `yaml:"delay"`
}

type duration time.Duration

// UnmarshalYAML reads a duration such as 150ms.
func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: want a duration such as 150ms", n.Line)
	}
	*d = duration(v)
	return nil
}

// rule is one rule, ready to be held against a message.
type rule struct {
	name        string
	mtis        []string
	bins, pans  []digits
	merchants   [][15]byte
	currencies  []uint16
	from, to    int64
	ends, unit  int64 // the amount's remainder by unit is ends; unit 0 for any
	after       time.Duration
	until       time.Duration // 0 for ever
	every, span time.Duration
	probability float64
	code        code
	latency     latency
	fault       string
	delay       time.Duration
}

// verdict is what the rules say of a message.
type verdict struct {
	code    code
	latency time.Duration
	fault   string
	delay   time.Duration // the fault's
}

// ParseRules reads rules; name is the file's, for errors, which say the rule and what was expected.
func ParseRules(name string, r io.Reader) (*Rules, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxRulesBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxRulesBytes {
		return nil, fmt.Errorf("%s: longer than %d bytes", name, maxRulesBytes)
	}
	var file rulesFile
	if err := config.Decode(name, text, &file); err != nil {
		return nil, err
	}
	if len(file.Rules) > maxRules {
		return nil, fmt.Errorf("%s: %d rules: want at most %d", name, len(file.Rules), maxRules)
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
	}
	return rules, nil
}

// maxRulesBytes is the longest rules file.
const maxRulesBytes = 1 << 20

func (f *ruleFile) compile() (rule, error) {
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
		if !validCode(f.ResponseCode) {
			return r, errors.New("response_code: want two digits or capital letters, in quotes")
		}
		r.code = codeOf(f.ResponseCode)
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
	case r.delay > maxDelay:
		return r, fmt.Errorf("fault delay: want at most %v", maxDelay)
	case r.delay == 0 && slices.Contains(delayedFaults, r.fault) && r.fault != faultDuplicate:
		return r, fmt.Errorf("fault %s: want a delay", r.fault)
	}
	return r, nil
}

func (f *whenFile) compile(r *rule) error {
	for _, mti := range f.MTI {
		if len(mti) != 4 || !answerable([]byte(mti)) || mti[1] < '0' || mti[1] > '9' {
			return fmt.Errorf("mti %q: want that of a request or advice, such as 0100", mti)
		}
	}
	for _, list := range []struct {
		name       string
		in         []string
		out        *[]digits
		least, max int
	}{{"bin", f.BIN, &r.bins, 1, maxDigits}, {"pan", f.PAN, &r.pans, minCardDigits, maxDigits}} {
		for n, text := range list.in {
			d, ok := parseDigits([]byte(text))
			if !ok || len(text) < list.least {
				return fmt.Errorf("%s, number %d: want %d to %d digits, in quotes", list.name, n+1, list.least, list.max)
			}
			*list.out = append(*list.out, d)
		}
	}
	for _, text := range f.Merchant {
		var merchant [15]byte
		if !fill(merchant[:], []byte(text)) || text == "" {
			return fmt.Errorf("merchant %q: want 1 to 15 characters", text)
		}
		r.merchants = append(r.merchants, merchant)
	}
	for _, text := range f.Currency {
		c, ok := money.Lookup(text)
		if !ok {
			return fmt.Errorf("currency %q: want the letters of one, such as EUR", text)
		}
		n, _ := parseNumber([]byte(c.Numeric))
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
			ends, ok := parseAmount([]byte(*a.EndsWith))
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

// any tells whether there are rules.
func (rs *Rules) any() bool { return rs != nil && len(rs.rules) > 0 }

// started is a copy of the rules whose times count from now.
func (rs *Rules) started(now time.Time) *Rules {
	if rs == nil {
		return &Rules{}
	}
	return &Rules{rules: rs.rules, pace: rs.pace, pacer: newPacer(rs.pace), text: rs.text, begun: now}
}

// judge holds the rules against a financial message.
func (rs *Rules) judge(r *request, seed uint64, tries uint8, now time.Time) verdict {
	h := hashMoment(seed, &r.moment, &r.rrn) + uint64(tries)
	return rs.verdict(h, now, func(one *rule) bool { return one.fits(r) })
}

// judgeNetwork holds them against a network management message: rules that ask for a card, a merchant, an amount or a
// currency do not fit.
func (rs *Rules) judgeNetwork(r *request, m *spec.Message, seed uint64, now time.Time) verdict {
	signOn := string(m.Bytes(70)) == "001"
	v := rs.verdict(hashMoment(seed, &r.moment, &r.rrn), now, func(one *rule) bool {
		if one.fault == faultRefuseSignOn {
			return signOn
		}
		return !one.scoped() && slices.Contains(one.mtis, "0800")
	})
	if v.fault == faultRefuseSignOn && v.code == (code{}) {
		v.code = codeOf(codeUnavailable)
	}
	return v
}

// verdict gathers what the rules that fit say; h is what the message draws from.
func (rs *Rules) verdict(h uint64, now time.Time, fits func(*rule) bool) (v verdict) {
	elapsed := now.Sub(rs.begun)
	for n := range rs.rules {
		one := &rs.rules[n]
		if !one.active(elapsed) || !fits(one) {
			continue
		}
		draw := mix(h ^ mix(uint64(n)+1))
		if one.probability < 1 && unit(draw) >= one.probability {
			continue
		}
		if v.code == (code{}) {
			v.code = one.code
		}
		if v.latency == 0 && one.latency.draw != nil {
			v.latency = one.latency.of(mix(draw))
		}
		if v.fault == faultNone {
			v.fault, v.delay = one.fault, one.delay
		}
	}
	return v
}

// judgeAccept tells whether a connection, by its number, is to be met with silence.
func (rs *Rules) judgeAccept(number, seed uint64, now time.Time) bool {
	v := rs.verdict(mix(seed^mix(number)), now, func(one *rule) bool { return one.fault == faultSilence })
	return v.fault == faultSilence
}

// unit is a number from 0 up to 1, without 1.
func unit(draw uint64) float64 { return float64(draw>>11) / (1 << 53) }

func (r *rule) active(elapsed time.Duration) bool {
	if elapsed < r.after || r.until != 0 && elapsed >= r.until {
		return false
	}
	return r.every == 0 || (elapsed-r.after)%r.every < r.span
}

// scoped tells whether the rule asks for what only financial messages have.
func (r *rule) scoped() bool {
	return len(r.bins)+len(r.pans)+len(r.merchants)+len(r.currencies) > 0 || r.from != 0 || r.to != math.MaxInt64 || r.unit != 0
}

func (r *rule) fits(q *request) bool {
	if r.fault == faultRefuseSignOn || r.fault == faultSilence {
		return false
	}
	if len(r.mtis) > 0 && !slices.Contains(r.mtis, q.mti) {
		return false
	}
	if len(r.bins) > 0 && !slices.ContainsFunc(r.bins, q.card.hasPrefix) {
		return false
	}
	if len(r.pans) > 0 && !slices.Contains(r.pans, q.card) {
		return false
	}
	if len(r.merchants) > 0 && !slices.Contains(r.merchants, q.merchant) {
		return false
	}
	if len(r.currencies) > 0 && !slices.Contains(r.currencies, q.currency) {
		return false
	}
	return q.amount >= r.from && q.amount <= r.to && (r.unit == 0 || q.amount%r.unit == r.ends)
}

// latency draws how long an answer takes.
type latency struct {
	draw     func(draw uint64) float64 // nanoseconds
	min, max time.Duration
}

func (l *latency) of(draw uint64) time.Duration {
	v := l.draw(draw)
	if !(v < float64(l.max)) {
		return l.max
	}
	return max(l.min, time.Duration(v))
}

func (f *latencyFile) compile() (latency, error) {
	l := latency{min: time.Duration(f.Min), max: time.Duration(f.Max)}
	value, mean, stddev, median := float64(f.Value), float64(f.Mean), float64(f.Stddev), float64(f.Median)
	low, span := float64(f.Min), float64(f.Max)-float64(f.Min)
	switch f.Distribution {
	case "constant":
		if f.Value == 0 {
			return l, errors.New("constant: want a value")
		}
		l.draw = func(uint64) float64 { return value }
	case "uniform":
		if f.Max <= f.Min {
			return l, errors.New("uniform: want min below max")
		}
		l.draw = func(draw uint64) float64 { return low + span*unit(draw) }
	case "normal":
		if f.Mean == 0 || f.Stddev == 0 {
			return l, errors.New("normal: want mean and stddev")
		}
		l.draw = func(draw uint64) float64 { return mean + stddev*standardNormal(draw) }
	case "exponential":
		if f.Mean == 0 {
			return l, errors.New("exponential: want a mean")
		}
		l.draw = func(draw uint64) float64 { return -mean * math.Log(1-unit(draw)) }
	case "lognormal":
		if f.Median == 0 || !(f.Sigma > 0) {
			return l, errors.New("lognormal: want median and sigma")
		}
		sigma := f.Sigma
		l.draw = func(draw uint64) float64 { return median * math.Exp(sigma*standardNormal(draw)) }
	default:
		return l, fmt.Errorf("distribution %q: want constant, uniform, normal, exponential or lognormal", f.Distribution)
	}
	if l.max == 0 {
		l.max = maxDelay
	}
	if l.max > maxDelay || l.min > l.max {
		return l, fmt.Errorf("want min below max, and max at most %v", maxDelay)
	}
	return l, nil
}

// standardNormal is the Box-Muller transform of two numbers made of one draw.
func standardNormal(draw uint64) float64 {
	return math.Sqrt(-2*math.Log(1-unit(draw))) * math.Cos(2*math.Pi*unit(mix(draw)))
}

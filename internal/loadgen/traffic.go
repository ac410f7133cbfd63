package loadgen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/money"
)

// Step is what a request of a flow asks for.
type Step uint8

// The steps. Those that make a payment begin a new one, with a card and an amount of its own; the others are about the
// last.
const (
	StepAuthorize Step = iota
	StepSale
	StepVerify
	StepBad // a request that must be refused
	StepIncrement
	StepCapture
	StepReverse
	StepVoid // of the last capture or sale
	StepRefund
	StepRepeat // the request before, once more under its key
	StepStatus
	stepCount
)

var stepNames = [stepCount]string{
	"authorize", "sale", "verify", "bad", "increment", "capture", "reverse", "void", "refund", "repeat", "status",
}

// String is the step's name, which is that of its operation in the record.
func (s Step) String() string { return stepNames[s] }

// makes tells whether the step makes a payment.
func (s Step) makes() bool { return s <= StepBad }

// ParseStep finds a step by its name.
func ParseStep(name string) (Step, error) {
	if i := slices.Index(stepNames[:], name); i >= 0 && Step(i) != StepBad {
		return Step(i), nil
	}
	return 0, fmt.Errorf("no step %q: expected %s", name, strings.Join(slices.DeleteFunc(
		slices.Clone(stepNames[:]), func(s string) bool { return s == "bad" }), ", "))
}

// Flow is requests that follow one another: each is due when the one before was answered, and a pause is over. One that
// is not approved ends it, or leads to the next step that makes a payment.
type Flow struct {
	Name   string
	Weight float64
	Steps  []Step
	Think  Span // the pause before each but the first
}

// Span is a time between two bounds.
type Span struct{ Min, Max time.Duration }

// Flows that have names.
var Flows = map[string][]Step{
	"authorize": {StepAuthorize},
	"capture":   {StepAuthorize, StepCapture},
	"captures":  {StepAuthorize, StepCapture, StepCapture, StepCapture},
	"sale":      {StepSale},
	"verify":    {StepVerify},
	"increment": {StepAuthorize, StepIncrement, StepCapture},
	"reverse":   {StepAuthorize, StepReverse},
	"void":      {StepSale, StepVoid},
	"refund":    {StepSale, StepRefund},
	"repeat":    {StepAuthorize, StepRepeat},
	"status":    {StepAuthorize, StepStatus},
	// A terminal's day: it sells, takes an order and delivers it, gives money back.
	"day": {
		StepSale, StepAuthorize, StepCapture, StepSale, StepRefund, StepAuthorize, StepIncrement, StepCapture, StepSale,
		StepVoid, StepAuthorize, StepReverse, StepVerify, StepAuthorize, StepStatus, StepCapture, StepCapture, StepSale,
	},
}

// Merchant is one that the payments are of.
type Merchant struct {
	ID, Currency string
	Weight       float64
}

// Retry says what a caller does about a request without an outcome: it sends it again under its key.
type Retry struct {
	Times int
	Pause time.Duration
}

// Traffic is what the requests of a load are like. Flow n follows from its number and the seed.
type Traffic struct {
	Flows     []Flow
	Cards     Cards
	Pool      Population
	Merchants []Merchant // default those of Payments
	Terminals int        // of each; default 100
	Amounts   [2]int64   // the least and the most, in minor units; default 1.00 to 101.00
	Bad       float64    // share of flows that are one request that must be refused
	Retry     Retry
	Seed      uint64
	Run       string // begins every key, as that of Payments
	// RandomKeys makes keys that are UUIDs, as that of Payments.
	RandomKeys bool
	// Recorded is asked in place of Flows, request by request; of an ISO 8583 host only. May be nil.
	Recorded *Recording

	weights, merchantWeights []float64 // cumulative, to 1
	currencies               []string  // of the merchants, the numbers of ISO 4217
	keys                     keys
	ops                      []string
	opOf                     [stepCount]record.Op
	bad                      Flow
	single                   [stepCount]Flow // of Recorded: a flow of each step
}

// Prepare checks the traffic and sets its defaults.
func (t *Traffic) Prepare() error {
	if len(t.Merchants) == 0 {
		for _, m := range loadMerchants {
			t.Merchants = append(t.Merchants, Merchant{ID: m.id, Currency: m.currency, Weight: 1})
		}
	}
	t.currencies = make([]string, len(t.Merchants))
	for i := range t.Merchants {
		currency, known := money.Lookup(t.Merchants[i].Currency)
		if !known {
			return fmt.Errorf("merchants: a currency %q, expected an ISO 4217 code", t.Merchants[i].Currency)
		}
		t.currencies[i] = currency.Numeric
	}
	t.keys = newKeys(t.Run, t.RandomKeys)
	if t.Terminals == 0 {
		t.Terminals = loadTerminals
	}
	if t.Amounts == [2]int64{} {
		t.Amounts = [2]int64{minAmount, minAmount + amountSpan - 1}
	}
	t.bad = Flow{Name: StepBad.String(), Steps: []Step{StepBad}}
	var err error
	if t.Recorded == nil {
		t.weights, err = cumulative(len(t.Flows), func(i int) float64 { return t.Flows[i].Weight })
	}
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	t.merchantWeights, err = cumulative(len(t.Merchants), func(i int) float64 { return t.Merchants[i].Weight })
	switch {
	case err != nil:
		return fmt.Errorf("merchants: %w", err)
	case t.Terminals < 1 || t.Terminals > 100_000:
		return fmt.Errorf("%d terminals, expected 1 to 100000", t.Terminals)
	case t.Amounts[0] < minTrafficAmount || t.Amounts[1] < t.Amounts[0] || t.Amounts[1] > maxTrafficAmount:
		return fmt.Errorf("amounts from %d to %d, expected %d to %d", t.Amounts[0], t.Amounts[1], minTrafficAmount,
			int64(maxTrafficAmount))
	case !(t.Bad >= 0 && t.Bad <= 1):
		return fmt.Errorf("a share of %g bad requests, expected 0 to 1", t.Bad)
	case t.Retry.Times < 0 || t.Retry.Times > 100 || t.Retry.Pause < 0:
		return fmt.Errorf("%d retries after %s, expected 0 to 100 after 0s or more", t.Retry.Times, t.Retry.Pause)
	}
	return errors.Join(t.Pool.prepare(), t.name())
}

// Bounds of amounts: one must have room for captures and increments.
const (
	minTrafficAmount = 10
	maxTrafficAmount = 99_999_999_999
)

// name gives the operations their numbers.
func (t *Traffic) name() error {
	var used [stepCount]bool
	used[StepBad] = t.Bad > 0
	for i := range t.Flows {
		f := &t.Flows[i]
		if len(f.Steps) == 0 || !f.Steps[0].makes() {
			return fmt.Errorf("flow %s: expected that it begins with authorize, sale or verify", f.Name)
		}
		for k, s := range f.Steps {
			if s == StepRepeat && f.Steps[k-1] == StepRepeat {
				return fmt.Errorf("flow %s: a repeat of a repeat", f.Name)
			}
			used[s] = true
		}
	}
	if t.Recorded != nil {
		for i := range t.Recorded.list {
			s := t.Recorded.list[i].step
			used[s], t.single[s] = true, Flow{Name: s.String(), Steps: []Step{s}}
		}
	}
	for s, is := range used {
		if is {
			t.opOf[s] = record.Op(len(t.ops))
			t.ops = append(t.ops, Step(s).String())
		}
	}
	return nil
}

// cumulative adds weights up, to 1.
func cumulative(n int, weight func(int) float64) (sums []float64, err error) {
	all := 0.0
	for i := range n {
		w := weight(i)
		if !(w >= 0 && w <= 1e9) {
			return nil, fmt.Errorf("a weight of %g, expected 0 to 1e9", w)
		}
		all += w
		sums = append(sums, all)
	}
	if all == 0 {
		return nil, errors.New("no weight is more than 0")
	}
	for i := range sums {
		sums[i] /= all
	}
	return sums, nil
}

// Ops are the names of the operations there are, for Options.
func (t *Traffic) Ops() []string { return t.ops }

// PerFlow is how many requests a flow has in the mean, where all is approved.
func (t *Traffic) PerFlow() float64 {
	if t.Recorded != nil {
		return 1
	}
	mean, before := 0.0, 0.0
	for i := range t.Flows {
		mean += (t.weights[i] - before) * float64(len(t.Flows[i].Steps))
		before = t.weights[i]
	}
	return mean*(1-t.Bad) + t.Bad
}

// pick finds where a share lies among cumulative weights.
func pick(sums []float64, share float64) int {
	i, _ := slices.BinarySearch(sums, share)
	for i < len(sums)-1 && (i == 0 && sums[0] <= share || i > 0 && sums[i] <= share) {
		i++
	}
	return i
}

// unit makes a share of 1, less than it, of a mixed number.
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// flow is flow number n.
func (t *Traffic) flow(n uint64) *Flow {
	if t.Recorded != nil {
		return &t.single[t.Recorded.list[n].step]
	}
	h := mix(n ^ t.Seed ^ flowSalt)
	if t.Bad > 0 && unit(h) < t.Bad {
		return &t.bad
	}
	return &t.Flows[pick(t.weights, unit(mix(h)))]
}

// Salts keep what is drawn of one number apart.
const (
	flowSalt     = 0x666c6f77
	merchantSalt = 0x6d657263
	paymentSalt  = 0x7061796d
	thinkSalt    = 0x7468696e
)

// journey is a flow under way, in a slot.
type journey struct {
	n        uint64
	flow     *Flow
	step     int
	tries    int  // of the step, before
	broken   bool // a request of it had no outcome, or a step was left out
	merchant int
	terminal int
	// Of the last payment:
	root                   int // the step that made it
	card                   uint64
	amount                 int64
	payment                string
	capturable, refundable int64
}

func (j *journey) at() Step { return j.flow.Steps[j.step] }

// open begins flow n.
func (t *Traffic) open(j *journey, n uint64) {
	h := mix(n ^ t.Seed ^ merchantSalt)
	*j = journey{
		n: n, flow: t.flow(n), merchant: pick(t.merchantWeights, unit(h)),
		terminal: int(mix(h) % uint64(t.Terminals)),
	}
	t.draw(j)
}

// draw draws the payment that the step makes.
func (t *Traffic) draw(j *journey) {
	if !j.at().makes() {
		return
	}
	h := mix(j.n ^ t.Seed ^ paymentSalt + uint64(j.step)*0x9e3779b97f4a7c15)
	j.root, j.payment, j.capturable, j.refundable = j.step, "", 0, 0
	j.card = t.Pool.draw(h)
	j.amount = t.Amounts[0] + int64(mix(h)%uint64(t.Amounts[1]-t.Amounts[0]+1))
}

// think is the pause before the step.
func (t *Traffic) think(j *journey) time.Duration {
	s := j.flow.Think
	if s.Max <= s.Min {
		return s.Min
	}
	h := mix(j.n ^ t.Seed ^ thinkSalt + uint64(j.step))
	return s.Min + time.Duration(unit(h)*float64(s.Max-s.Min))
}

// after says what follows on how a request ended.
func (t *Traffic) after(j *journey, o *Outcome) {
	switch {
	case o.Class.Failed() && j.tries < t.Retry.Times && j.at() != StepBad:
		j.tries++
		o.Follow, o.Next, o.Think = true, t.opOf[j.at()], t.Retry.Pause
		return
	case o.Class.Failed() && o.Class != record.Refused && o.Class != record.NoAnswer:
		o.Broken = true // the connection, or the tool
		return
	}
	j.broken = j.broken || o.Class.Failed() && j.at() != StepBad
	j.step++
	if o.Class != record.Approved {
		for j.step < len(j.flow.Steps) && !j.at().makes() {
			j.step++
			j.broken = true
		}
	}
	j.tries = 0
	if j.step < len(j.flow.Steps) {
		t.draw(j)
		o.Follow, o.Next, o.Think = true, t.opOf[j.at()], t.think(j)
		return
	}
	o.Broken = j.broken
}

// left is how many steps of a kind are left for the payment, with the one that is due.
func (j *journey) left(s Step) (n int64) {
	for i := j.step; i < len(j.flow.Steps) && (i == j.step || !j.flow.Steps[i].makes()); i++ {
		if j.flow.Steps[i] == s {
			n++
		}
	}
	return n
}

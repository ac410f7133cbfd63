package day

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/internal/loadgen"
	"switchyard/internal/pan"
	"switchyard/switch/api"
)

// Outcome is a line of the day's table: an operation and what came of it.
type Outcome struct {
	Op      string // the wire's name
	Outcome string // "approved", "declined 51 funds", "replayed", "error busy"
}

// Line counts one outcome.
type Line struct {
	Outcome
	Count       uint64
	AmountMinor map[string]int64 // by currency
}

// Total is what one clearing destination is owed records for.
type Total struct {
	Messages uint64 // presentments
	SumMinor int64  // plain sum over all currencies, as PDS0301 of a trailer
}

// Book is the driver's own account of a day. Its methods may be called from many goroutines.
type Book struct {
	mu         sync.Mutex
	lines      map[Outcome]*Line
	latency    map[string]*hdrhistogram.Histogram
	all        *hdrhistogram.Histogram
	clearing   map[string]Total
	requests   uint64
	retries    uint64
	mismatches uint64
	examples   []string
	payments   int
	silent     uint64
	broken     uint64
	answers    []remembered

	Elapsed time.Duration // set by Run
}

// maxExamples bounds the mismatches that are kept in words; all are counted.
const maxExamples = 20

func newBook() *Book {
	return &Book{
		lines: make(map[Outcome]*Line), latency: make(map[string]*hdrhistogram.Histogram),
		all: loadgen.NewHistogram(), clearing: make(map[string]Total),
	}
}

// answered enters an answer of one of the plan's payments.
func (b *Book) answered(plan *Payment, req *api.Request, amountMinor int64, a *api.Answer, took time.Duration) {
	o := Outcome{Op: req.Op.String()}
	switch {
	case a.Err != nil:
		o.Outcome = "error " + string(a.Err.Code)
	case a.Replayed:
		o.Outcome = "replayed"
	case req.Op == api.OpStatus:
		o.Outcome = "found"
	case a.Approved:
		o.Outcome = "approved"
	case plan.Decline != nil && plan.Decline.Code == a.ResponseCode:
		o.Outcome = "declined " + a.ResponseCode + " " + plan.Decline.Why
	case a.ResponseCode != "":
		o.Outcome = "declined " + a.ResponseCode
	default:
		o.Outcome = string(a.Status)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests++
	l := b.lines[o]
	if l == nil {
		l = &Line{Outcome: o, AmountMinor: make(map[string]int64)}
		b.lines[o] = l
	}
	l.Count++
	if amountMinor != 0 {
		l.AmountMinor[plan.Currency] += amountMinor
	}
	h := b.latency[o.Op]
	if h == nil {
		h = loadgen.NewHistogram()
		b.latency[o.Op] = h
	}
	loadgen.Record(h, took)
	loadgen.Record(b.all, took)
}

// presented notes that the clearing file of the card's scheme must carry a record.
func (b *Book) presented(cardNumber string, amountMinor int64) {
	scheme := pan.Brand(cardNumber)
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.clearing[scheme]
	t.Messages++
	t.SumMinor += amountMinor
	b.clearing[scheme] = t
}

func (b *Book) retried() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retries++
}

// unanswered notes an operation that the issuer did not answer.
func (b *Book) unanswered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.silent++
}

// disconnected notes a request whose connection broke before its answer came.
func (b *Book) disconnected() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken++
}

func (b *Book) finished() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payments++
}

func (b *Book) mismatch(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mismatches++
	if len(b.examples) < maxExamples {
		b.examples = append(b.examples, fmt.Sprintf(format, args...))
	}
}

// Lines returns the table: by operation in the order of the protocol, approved first.
func (b *Book) Lines() []Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := make([]Line, 0, len(b.lines))
	for _, l := range b.lines {
		lines = append(lines, *l)
	}
	slices.SortFunc(lines, func(x, y Line) int {
		ox, _ := api.ParseOp(x.Op)
		oy, _ := api.ParseOp(y.Op)
		return cmp.Or(cmp.Compare(ox, oy), cmp.Compare(x.Outcome.Outcome, y.Outcome.Outcome))
	})
	return lines
}

// Currencies returns the currencies of the day in alphabetical order.
func (b *Book) Currencies() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, l := range b.lines {
		for c := range l.AmountMinor {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Latency is how long the answers to one operation, or "" for all, took.
func (b *Book) Latency(op string, percent float64) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.all
	if op != "" {
		h = b.latency[op]
	}
	if h == nil {
		return 0
	}
	return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
}

// Clearing returns what the clearing files must hold, by card scheme.
func (b *Book) Clearing() map[string]Total {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[string]Total, len(b.clearing))
	for k, v := range b.clearing {
		out[k] = v
	}
	return out
}

// Payments is the number of payments played to their end.
func (b *Book) Payments() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.payments
}

// Requests is the number of requests answered, repeats and retries included.
func (b *Book) Requests() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests
}

// Retries is the number of requests that were refused for the moment and sent again.
func (b *Book) Retries() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.retries
}

// Unanswered is the number of operations that the issuer did not answer. Each was followed until the switch knew it.
func (b *Book) Unanswered() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.silent
}

// Disconnected is how often a request was sent again because its connection broke before the answer came.
func (b *Book) Disconnected() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// Mismatches returns how many answers were not as planned, and the first of them in words.
func (b *Book) Mismatches() (uint64, []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mismatches, slices.Clone(b.examples)
}

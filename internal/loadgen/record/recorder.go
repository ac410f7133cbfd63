package record

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a Recorder.
const (
	MaxOperations = 64
	// maxOutcomes bounds the outcomes told apart, and maxCode a code's length; further ones count as "other" of their
	// class.
	maxOutcomes = 256
	maxCode     = 64
	// maxIntervals bounds the series. A window of more seconds has longer intervals.
	maxIntervals = 3600
	// maxBeyond is how many intervals may follow the window, while answers are waited for.
	maxBeyond = 3600
	// gathered is how many events a shard gathers before it hands them over.
	gathered = 256
)

// Config is what a Recorder must know beforehand.
type Config struct {
	Model      Model
	Operations []string // names; an Op is an index of them
	Shards     int      // default 1
	Warmup     time.Duration
	Window     time.Duration
	Interval   time.Duration // of the series; default a second, or more where there would be too many
}

// Op is an operation: its place in Config.Operations.
type Op uint8

// Recorder takes what happens to the requests of a run. Its shards are for different goroutines; all else may be called
// by any at any time.
type Recorder struct {
	config Config
	shards []Shard

	mu       sync.Mutex // taken after a shard's
	closed   bool
	known    map[Outcome]outcomeID
	outcomes []Outcome
	ops      []opTally
	series   []interval // from the warm-up on
	lead     int        // intervals of the warm-up
	flows    flowTally
	warmup   tally
	late     Hist
	tails    tails
	notes    map[Outcome]*note
	live     live

	connections Connections

	unwanted atomic.Pointer[map[Outcome]bool] // of which no example is wanted any more; copied with each
}

// outcomeID is an outcome's place in Recorder.outcomes.
type outcomeID uint16

// tally counts by outcome.
type tally []uint64

func (t *tally) add(o outcomeID) {
	for len(*t) <= int(o) {
		*t = append(*t, 0)
	}
	(*t)[o]++
}

// opTally is of the requests of an operation that were due in the window.
type opTally struct {
	asked, sent, ended uint64
	withoutLatency     uint64
	outcomes           tally
	latency, service   Hist
}

// flowTally is of the flows that were due in the window.
type flowTally struct{ asked, ended, complete uint64 }

// note is what is kept of an outcome beside its count.
type note struct {
	requests, frames uint64
	first, last      time.Duration
	example, nearest string
	hasExample       bool
}

// New makes a Recorder.
func New(c Config) (*Recorder, error) {
	if c.Shards == 0 {
		c.Shards = 1
	}
	if c.Interval == 0 {
		c.Interval = time.Second
		if n := (c.Warmup + c.Window) / maxIntervals; n > c.Interval {
			c.Interval = n.Truncate(time.Second) + time.Second
		}
	}
	switch {
	case c.Model != Open && c.Model != Closed:
		return nil, fmt.Errorf("record: a model %q, expected %s or %s", c.Model, Open, Closed)
	case len(c.Operations) == 0 || len(c.Operations) > MaxOperations:
		return nil, fmt.Errorf("record: %d operations, expected 1 to %d", len(c.Operations), MaxOperations)
	case c.Warmup < 0 || c.Window <= 0 || c.Interval < 0 || c.Shards < 0:
		return nil, fmt.Errorf("record: warm-up %s, window %s, intervals of %s, %d shards: expected positive ones",
			c.Warmup, c.Window, c.Interval, c.Shards)
	}
	r := &Recorder{
		config: c, shards: make([]Shard, c.Shards), known: map[Outcome]outcomeID{}, ops: make([]opTally, len(c.Operations)),
		lead: int((c.Warmup + c.Interval - 1) / c.Interval), notes: map[Outcome]*note{},
	}
	r.unwanted.Store(&map[Outcome]bool{})
	r.outcome(Outcome{Class: Approved})
	for i := range r.shards {
		r.shards[i].rec = r
		r.shards[i].known = map[Outcome]outcomeID{}
	}
	return r, nil
}

// Shard is where one goroutine, or few that seldom meet, tells what happens. Its methods allocate nothing once an
// outcome was seen before.
type Shard struct {
	rec    *Recorder
	mu     sync.Mutex
	n      int
	events [gathered]event
	known  map[Outcome]outcomeID
}

// event is what a shard gathers.
type event struct {
	due, sent, done time.Duration
	what            what
	op              Op
	outcome         outcomeID
}

type what uint8

const (
	isDue what = iota
	isSent
	isDone
	isFlowDue
	isFlowDone
)

// NeverSent is the time at which a request was sent that was not. Its caller waited for the tool, where that is its
// class (Unsent); else it ended at once, because no connection took it or it could not be made, and has no latency.
const NeverSent time.Duration = -1

// Window is how long is measured, unless the run ends early.
func (r *Recorder) Window() time.Duration { return r.config.Window }

// Shard returns shard i.
func (r *Recorder) Shard(i int) *Shard { return &r.shards[i] }

// Due says that a request of an open loop is due.
func (s *Shard) Due(op Op, due time.Duration) { s.add(event{what: isDue, op: op, due: due}) }

// Sent says that a request was handed to a connection, when it was due and when it was sent.
func (s *Shard) Sent(op Op, due, sent time.Duration) {
	s.add(event{what: isSent, op: op, due: due, sent: sent})
}

// Done says what came of a request, once for each: when it was due, sent (or NeverSent), and over for its caller. code
// may be a part of a buffer.
func (s *Shard) Done(op Op, due, sent, done time.Duration, class Class, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gather(event{
		what: isDone, op: op, due: due, sent: sent, done: done, outcome: s.outcome(Outcome{class, code}),
	})
}

// FlowDue says that a flow of an open loop is due: its first request is.
func (s *Shard) FlowDue(due time.Duration) { s.add(event{what: isFlowDue, due: due}) }

// FlowDone says that a flow that was due at a time is over; complete, with an outcome of all of its requests.
func (s *Shard) FlowDone(due time.Duration, complete bool) {
	e := event{what: isFlowDone, due: due}
	if complete {
		e.outcome = 1
	}
	s.add(e)
}

func (s *Shard) add(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gather(e)
}

func (s *Shard) gather(e event) {
	s.events[s.n] = e
	s.n++
	if s.n == len(s.events) {
		s.handOver()
	}
}

func (s *Shard) handOver() {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	for i := range s.events[:s.n] {
		s.rec.fold(&s.events[i])
	}
	s.n = 0
}

// outcome finds an outcome's number, without anybody else's lock where the shard has met it before.
func (s *Shard) outcome(o Outcome) outcomeID {
	if o.Class == Approved && o.Code == "" {
		return 0
	}
	if id, known := s.known[o]; known {
		return id
	}
	o.Code = strings.Clone(o.Code)
	s.rec.mu.Lock()
	id := s.rec.outcome(o)
	s.rec.mu.Unlock()
	if len(s.known) < maxOutcomes {
		s.known[o] = id
	}
	return id
}

// outcome numbers an outcome.
func (r *Recorder) outcome(o Outcome) outcomeID {
	o = bounded(o)
	if id, known := r.known[o]; known {
		return id
	}
	if len(r.outcomes) >= maxOutcomes {
		o.Code = otherCode
		if id, known := r.known[o]; known {
			return id // at most one more a class
		}
	}
	id := outcomeID(len(r.outcomes))
	r.outcomes = append(r.outcomes, o)
	r.known[o] = id
	return id
}

// otherCode stands for codes that are not told apart any more.
const otherCode = "other"

// bounded is an outcome with a code that is no longer than it may be, and UTF-8, whatever a target sent.
func bounded(o Outcome) Outcome {
	o.Code = strings.ToValidUTF8(o.Code, "?")
	if len(o.Code) > maxCode {
		o.Code = strings.ToValidUTF8(o.Code[:maxCode], "") // a character may have been cut
	}
	return o
}

// Stray says that a frame came that completed no request, such as one that cannot be read, or a second answer.
func (r *Recorder) Stray(at time.Duration, class Class, code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.note(Outcome{class, code}); n != nil && !r.closed {
		n.frames++
		n.saw(at - r.config.Warmup)
	}
}

// Connection says that a connection was lost, or, after that, is there again.
func (r *Recorder) Connection(again bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
	case again:
		r.connections.Redialled++
	default:
		r.connections.Lost++
	}
}

// lostConnections counts them; nil where none was lost.
func (r *Recorder) lostConnections() *Connections {
	if r.connections == (Connections{}) {
		return nil
	}
	c := r.connections
	return &c
}

// WantsExample tells whether there is none yet of a failure. It is asked for each decline: where the answer was no
// before it takes no lock.
func (r *Recorder) WantsExample(class Class, code string) bool {
	known := r.unwanted.Load()
	if (*known)[Outcome{class, code}] {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.notes[bounded(Outcome{class, code})]
	if !r.closed && (n == nil && len(r.notes) < maxOutcomes || n != nil && !n.hasExample) {
		return true
	}
	if known = r.unwanted.Load(); len(*known) < maxOutcomes {
		more := maps.Clone(*known)
		more[Outcome{class, strings.Clone(code)}] = true
		r.unwanted.Store(&more)
	}
	return false
}

// Example keeps a frame or an answer, which must be masked already, as the example of a failure, and what it comes
// nearest to. The first one stays.
func (r *Recorder) Example(class Class, code, example, nearest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.note(Outcome{class, code}); n != nil && !n.hasExample && !r.closed {
		n.example, n.nearest, n.hasExample = example, nearest, true
	}
}

// note finds or makes what is kept of an outcome; nil where there are too many.
func (r *Recorder) note(o Outcome) *note {
	o = bounded(o)
	n := r.notes[o]
	if n == nil && len(r.notes) < maxOutcomes {
		o.Code = strings.Clone(o.Code)
		n = &note{}
		r.notes[o] = n
	}
	return n
}

// saw moves the times of the first and the last.
func (n *note) saw(at time.Duration) {
	if n.requests+n.frames == 1 || at < n.first {
		n.first = at
	}
	if n.requests+n.frames == 1 || at > n.last {
		n.last = at
	}
}

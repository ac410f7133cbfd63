package loadgen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/mapping"
)

// ISOTarget drives flows straight at issuers' hosts, one connection a lane: what a host gives by itself, with no switch
// between. It asks nothing of a host but that an answer repeats what tells it apart from others: see ISOOptions.Match.
//
// An answer completes the request that it belongs to, or none. What is nobody's answer is noted with what it comes
// nearest to, and the request that it may have been meant for stays without one.
//
// Messages are made, and answers are held against them, as ISO 8583:1987 has them. Between these and the bytes stands
// what package mapping does for a dialect of another edition or form.
type ISOTarget struct {
	ISOOptions
	mapping  *mapping.Mapping
	traffic  *Traffic
	lanes    []*isoLane
	slots    []isoSlot
	identity []int   // of Match, the elements that a request is found by
	others   []int   // the rest of them
	run      [5]byte // of this run's RRNs
	stan     uint64  // of request 0
	networks atomic.Uint32
	notes    atomic.Pointer[Notes]
	again    *keeping
	signs    atomic.Bool // connections are signed on
}

// ISOOptions say how hosts are spoken to.
type ISOOptions struct {
	Codec   *spec.Codec
	Framing framing.Format
	// Match are the elements that an answer must repeat where the request had them, by their numbers of 1987; default
	// DefaultMatch. DE11 or DE37 must be among them.
	Match []int
	// Echo is how often a connection is asked whether it lives (0800, DE70 301); 0 for never.
	Echo time.Duration
	Now  time.Time // of the run's begin: its RRNs follow from it, so that those of two runs differ; default now
}

// DefaultMatch is what an answer repeats: amount, time, STAN, RRN, terminal and currency.
var DefaultMatch = []int{4, 7, 11, 37, 41, 49}

// stans is how many STANs there are (000001 to 999999). The last networkSTANs of them are for network management.
const (
	stans        = 999_999
	networkSTANs = 1_000
)

const (
	// maxISOAnswer is the longest answer in bytes.
	maxISOAnswer = 8 << 10
	// maxGivenUp bounds how many requests a lane remembers that were given up.
	maxGivenUp = 4096
	// maxLooked bounds how many requests in flight a stray is held against.
	maxLooked = 4096
)

// NewISOTarget makes a target of open connections, one a lane, for inFlight slots. The traffic is prepared. Close it to
// end its goroutines.
func NewISOTarget(conns []net.Conn, o ISOOptions, inFlight int, traffic *Traffic) (*ISOTarget, error) {
	if len(o.Match) == 0 {
		o.Match = DefaultMatch
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	t := &ISOTarget{ISOOptions: o, traffic: traffic, slots: make([]isoSlot, inFlight), again: newKeeping()}
	if err := t.check(); err != nil {
		return nil, err
	}
	tenths := uint64(o.Now.UnixMilli()) / 100
	for i, rest := len(t.run)-1, tenths; i >= 0; i-- {
		t.run[i] = base36[rest%36]
		rest /= 36
	}
	t.stan = mix(tenths^traffic.Seed) % (stans - networkSTANs)
	for i, c := range conns {
		l := &isoLane{
			target: t, number: i, conn: c, index: make(map[uint64]int), given: givenUp{known: make(map[uint64]bool)},
			work: make(chan struct{}, 1), ended: make(chan struct{}), networks: make(map[uint64]chan string),
		}
		t.lanes = append(t.lanes, l)
	}
	for _, l := range t.lanes {
		l.loops.Go(l.live)
	}
	return t, nil
}

// Keep implements Keeper. A connection that is dialled anew is signed on, where the first ones were, before it takes
// requests.
func (t *ISOTarget) Keep(dial Dial, patience time.Duration) *Redialer {
	r := newRedialer(len(t.lanes), dial, patience, &t.notes)
	t.again.keep(r)
	return r
}

// check refuses what cannot be spoken, and sorts out what a request is found by.
func (t *ISOTarget) check() error {
	var err error
	if t.mapping, err = mapping.Compile(mapping.Config{}, t.Codec); err != nil {
		return fmt.Errorf("dialect %s: %w", t.Codec.Name(), err)
	}
	for _, de := range t.Match {
		switch {
		case de < 2 || de > 64:
			return fmt.Errorf("match: DE %d, expected 2 to 64", de)
		case de == 7 || de == 11 || de == 37:
			t.identity = append(t.identity, de)
		default:
			t.others = append(t.others, de)
		}
	}
	if !slices.Contains(t.identity, 11) && !slices.Contains(t.identity, 37) {
		return errors.New("match: expected DE11 or DE37 among the elements, or no answer can be told from another")
	}
	for i := range t.traffic.Flows {
		for _, s := range t.traffic.Flows[i].Steps {
			if !s.OverISO() {
				return fmt.Errorf("flow %s: %s cannot be asked of an ISO 8583 host: no message of it means that",
					t.traffic.Flows[i].Name, s)
			}
		}
	}
	return nil
}

// TakeNotes implements Noter.
func (t *ISOTarget) TakeNotes(n *Notes) { t.notes.Store(n) }

// First implements Opener.
func (t *ISOTarget) First(n uint64) record.Op { return t.traffic.opOf[t.traffic.flow(n).Steps[0]] }

// Open implements Opener.
func (t *ISOTarget) Open(_, slot int, n uint64) { t.traffic.open(&t.slots[slot].journey, n) }

// SignOn signs on on every connection, and wants it approved.
func (t *ISOTarget) SignOn(ctx context.Context) error {
	t.signs.Store(true)
	for _, l := range t.lanes {
		if l.waitsForSignOn() { // it was dialled anew, and signs on by itself
			continue
		}
		if err := l.signOn(ctx); err != nil {
			return err
		}
	}
	return nil
}

// signOn signs on on the lane's connection.
func (l *isoLane) signOn(ctx context.Context) error {
	l.mu.Lock()
	at := l.conn.RemoteAddr()
	l.mu.Unlock()
	code, err := l.network(ctx, signOn)
	if err == nil && code != "00" {
		err = fmt.Errorf("the host answers %s to a sign-on, expected 00", code)
	}
	if err != nil {
		return fmt.Errorf("sign-on at %s: %w", at, err)
	}
	return nil
}

// Close closes the connections and waits for their goroutines. Requests still in flight end as lost.
func (t *ISOTarget) Close() {
	t.again.close()
	for _, l := range t.lanes {
		l.broke(net.ErrClosed)
	}
	for _, l := range t.lanes {
		l.loops.Wait()
	}
}

// Start implements Target. What it makes is written by Flush at the latest.
func (t *ISOTarget) Start(lane, slot int, seq uint64, end func(Outcome)) {
	l, s := t.lanes[lane], &t.slots[slot]
	l.mu.Lock()
	s.seq = seq
	out := Outcome{}
	if err := l.down(); err != nil {
		out = lostWith(err)
		out.NotSent = true
	} else if err := l.ask(slot, seq); err != nil {
		out = Outcome{Class: record.OwnFault, Code: err.Error(), NotSent: true}
	} else {
		s.end = end
		l.index[s.hash] = slot
		repeated, ends := l.repeated, l.ends
		l.repeated, l.ends = nil, nil
		full := len(l.pending) > writeRoom(len(t.slots), len(t.lanes))
		l.mu.Unlock()
		if full {
			l.broke(errTakesNothing)
		}
		if ends != nil {
			out.Class, out.Code = record.NoAnswer, "repeated"
			t.traffic.after(&repeated.journey, &out)
			ends(out)
		}
		return
	}
	l.mu.Unlock()
	t.traffic.after(&s.journey, &out)
	end(out)
}

// Flush implements Flusher.
func (t *ISOTarget) Flush(lane int) { t.lanes[lane].signal() }

// Forget implements Forgetter.
func (t *ISOTarget) Forget(lane, slot int, seq uint64) (Outcome, bool) {
	l, s := t.lanes[lane], &t.slots[slot]
	l.mu.Lock()
	if s.end == nil || s.seq != seq {
		l.mu.Unlock()
		return Outcome{}, false
	}
	out := Outcome{Class: record.NoAnswer}
	l.over(s)
	l.given.add(s.hash)
	if s.near != record.Approved {
		out.Class, out.Code = s.near, s.nearCode
	}
	l.mu.Unlock()
	t.traffic.after(&s.journey, &out)
	return out, true
}

// isoSlot is the place of a request in flight. Its lane's lock guards it.
type isoSlot struct {
	journey journey
	seq     uint64
	end     func(Outcome) // nil while there is none
	hash    uint64        // of what it is found by; of the one before while there is none
	before  uint64        // that of the one before
	mti     [4]byte       // of 1987, as the host takes it
	values  [][]byte      // of Match, by identity and others
	// What may have been its answer: near is approved where nothing was.
	near     record.Class
	nearCode string

	// The last request, the one that made the payment, and the last that cleared some of it.
	sent, root, cleared isoSent
	message             *spec.Message // of 1987; made with the first request, since most slots have none
	authCode            []byte
}

// isoSent is how a request is named by later ones.
type isoSent struct {
	mti    [4]byte
	stan   uint64
	de7    string
	rrn    [12]byte
	at     time.Time
	amount int64
}

// isoLane is one connection. Frames are gathered while a write is under way and leave in one.
type isoLane struct {
	target *ISOTarget
	number int
	work   chan struct{} // one token: something waits to be written
	loops  sync.WaitGroup

	mu       sync.Mutex
	conn     net.Conn
	ended    chan struct{} // closed once the connection broke
	unsigned error         // why the connection takes no requests yet: what was wrong with the one before
	pending  []byte
	index    map[uint64]int // slots by what their request is found by
	given    givenUp
	networks map[uint64]chan string // by STAN
	err      error
	clock    time.Time // in seconds, that de7 is of
	de7      string
	theirs   spec.Message // what is packed, where a mapping is between
	values   [][]byte     // of an answer; of the reader
	repeated *isoSlot     // the request that the last one repeats, which waits no longer, and
	ends     func(Outcome)
}

// down is why the lane takes no requests; nil where it does. The lock is held.
func (l *isoLane) down() error {
	if l.err != nil {
		return l.err
	}
	return l.unsigned
}

// signal wakes the writer.
func (l *isoLane) signal() {
	select {
	case l.work <- struct{}{}:
	default:
	}
}

// over takes the request out of its slot. The lock is held.
func (l *isoLane) over(s *isoSlot) (end func(Outcome)) {
	delete(l.index, s.hash)
	end, s.end = s.end, nil
	return end
}

// write writes what waits until the connection breaks.
func (l *isoLane) write(conn net.Conn, ended <-chan struct{}) {
	if err := writeWaiting(conn, &l.mu, &l.pending, l.work, ended); err != nil {
		// What was answered before may be on its way through the reader, which then ends the rest.
		l.broke(err)
	}
}

// read takes the messages, until the connection breaks. It tells whether there was any.
func (l *isoLane) read(conn net.Conn) (answered bool) {
	in := bufio.NewReaderSize(conn, 64<<10)
	var m, canonical spec.Message
	format := l.target.Framing.Measuring(l.target.Codec.Measure)
	for {
		frame, err := format.Peek(in, maxISOAnswer)
		var bad *framing.Error
		if errors.As(err, &bad) {
			l.unreadable(nil, &m, err)
			if bad.Size > 0 && bad.Size <= in.Size() {
				if _, err := in.Discard(bad.Size); err == nil {
					continue
				}
			}
		}
		if err != nil { // nobody can tell where what comes behind begins, or nothing comes
			l.fail(err)
			return answered
		}
		answered = true
		ours := &m
		err = l.target.Codec.Unpack(frame.Message, &m)
		if err == nil && l.target.mapping != nil {
			ours = &canonical
			ours.CopyFrom(&m)
			err = l.target.mapping.Receive(ours)
		}
		if err != nil {
			l.unreadable(frame.Message, &m, err)
		} else {
			l.take(ours, &m)
		}
		_, _ = in.Discard(frame.Size) // it was peeked
	}
}

// broke refuses what comes and closes the connection.
func (l *isoLane) broke(err error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = err
		close(l.ended)
	}
	conn := l.conn
	l.mu.Unlock()
	_ = conn.Close() // the first error is the one that counts
}

// fail ends the lane: what is in flight is lost, and what comes is refused.
func (l *isoLane) fail(err error) {
	l.broke(err)
	t := l.target
	for slot := l.number; slot < len(t.slots); slot += len(t.lanes) {
		s := &t.slots[slot]
		l.mu.Lock()
		var end func(Outcome)
		if s.end != nil {
			end = l.over(s)
		}
		l.mu.Unlock()
		if end == nil {
			continue
		}
		out := lostWith(l.err)
		t.traffic.after(&s.journey, &out)
		end(out)
	}
}

package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/pan"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// LineTarget drives payments at a switch's gateway port with as little work as can be: it has one read and one write
// for all that leaves and comes at the same time, and matches each answer by its id. Single payments ([NewLineTarget])
// are written as the lines that wire.AppendRequest writes without requests being made of them, and of an approval is
// read what it takes; what is no plain approval is decoded in full. Flows ([NewLineFlows]) are written and decoded in
// full.
//
// What is nobody's answer is noted, and the connection stays: another id than those in flight, one that was given up, a
// second answer, a line that is none.
type LineTarget struct {
	lanes []*lineLane
	slots []lineSlot
	asks  lineAsks
	told  Told
	notes atomic.Pointer[Notes]
	again *keeping
}

// lineAsks is what a LineTarget asks for.
type lineAsks interface {
	// appendLine appends the line of a slot's next request, under an id.
	appendLine(b []byte, id uint64, slot int, seq uint64) []byte
	// approval reads the id of a line that approves, as far as that can be told without decoding it.
	approval(line []byte) (id uint64, ok bool)
	// ended says what follows on how a slot's request ended; a is nil where there is no answer, or it was not decoded.
	ended(slot int, a *api.Answer, o *Outcome)
	// fill makes the request again, for who is told of it.
	fill(slot int, seq uint64, req *api.Request)
}

// Told is what is told of each answer. a is nil where a connection ended before it, or who asked waited no longer, and
// good until Wrote returns.
type Told interface {
	Wrote(req *api.Request, a *api.Answer)
}

const (
	// lineRead is what a connection is read by. A line must fit into it, which the answer to a load's request does.
	lineRead = 256 << 10
	// lineWrite is how much is kept back for Flush: some hundred lines.
	lineWrite = 64 << 10
)

// How much a connection may take nothing of: past either bound it is given up.
const (
	// writeTimeout is for how long.
	writeTimeout = 10 * time.Second
	// requestRoom is room for the longest request in bytes. Each in flight on a connection has so much, and what was given
	// up unwritten has restRoom together.
	requestRoom = 1 << 10
	restRoom    = 1 << 20
)

// writeRoom is how many bytes may wait for a connection that has so many of the slots.
func writeRoom(slots, lanes int) int { return (slots+lanes-1)/max(lanes, 1)*requestRoom + restRoom }

// errTakesNothing is a connection for which too much waits.
var errTakesNothing = errors.New("the host takes nothing, and too much waits for it")

// lineSlot is the place of a request in flight. The request's id on the wire is use·slots + slot.
type lineSlot struct {
	seq   uint64
	use   uint64        // how often the slot was used, with this one
	end   func(Outcome) // nil while there is none
	given uint64        // bit n: the request n uses ago was given up, and has had no answer since
	near  bool          // what came under the request's id cannot be read
}

// lineLane is one connection.
type lineLane struct {
	target *LineTarget
	number int
	loop   sync.WaitGroup
	out    []byte        // lines that wait for Flush; of the goroutine that calls Start
	of     int           // the connection that they are for
	came   api.Answer    // of the reader
	work   chan struct{} // one token: something waits to be written

	mu      sync.Mutex // of the lane's slots
	conn    net.Conn
	ended   chan struct{} // closed once the connection broke
	pending []byte        // lines that wait to be written
	count   int           // of connections that it has had, with this one
	err     error
}

// NewLineTarget makes a target of open connections, one a lane, for inFlight slots. told may be nil. Close it to end
// its goroutines.
func NewLineTarget(conns []net.Conn, inFlight int, payments Payments, told Told) *LineTarget {
	return newLines(conns, inFlight, &singleLines{payments: payments, texts: payments.lineTexts()}, told)
}

func newLines(conns []net.Conn, inFlight int, asks lineAsks, told Told) *LineTarget {
	t := &LineTarget{slots: make([]lineSlot, inFlight), asks: asks, told: told, again: newKeeping()}
	for i, c := range conns {
		t.lanes = append(t.lanes, &lineLane{
			target: t, number: i, conn: c, work: make(chan struct{}, 1), ended: make(chan struct{}),
		})
	}
	for _, l := range t.lanes {
		l.loop.Go(l.live)
	}
	return t
}

// Keep implements Keeper.
func (t *LineTarget) Keep(dial Dial, patience time.Duration) *Redialer {
	r := newRedialer(len(t.lanes), dial, patience, &t.notes)
	t.again.keep(r)
	return r
}

// TakeNotes implements Noter.
func (t *LineTarget) TakeNotes(n *Notes) { t.notes.Store(n) }

// Close closes the connections and waits for their goroutines. Requests still in flight end as lost.
func (t *LineTarget) Close() {
	t.again.close()
	for _, l := range t.lanes {
		l.mu.Lock()
		conn := l.conn
		l.mu.Unlock()
		l.fail(conn, net.ErrClosed)
	}
	for _, l := range t.lanes {
		l.loop.Wait()
	}
}

// Start implements Target. The line is written by Flush, or with more before it.
func (t *LineTarget) Start(lane, slot int, seq uint64, end func(Outcome)) {
	l, s := t.lanes[lane], &t.slots[slot]
	before := len(l.out)
	// What is of the slot is ours until the request is in flight: the line is made before.
	l.out = t.asks.appendLine(l.out, (s.use+1)*uint64(len(t.slots))+uint64(slot), slot, seq)
	l.mu.Lock()
	err := l.err
	if err == nil {
		if l.of != l.count { // what was not written yet went with its connection
			l.of, l.out = l.count, append(l.out[:0], l.out[before:]...)
		}
		s.use++
		s.given <<= 1
		s.seq, s.end, s.near = seq, end, false
	}
	l.mu.Unlock()
	if err != nil {
		l.out = l.out[:before]
		out := lostWith(err)
		out.NotSent = true
		t.asks.ended(slot, nil, &out)
		end(out)
		return
	}
	if len(l.out) > lineWrite {
		t.Flush(lane)
	}
}

// Forget implements Forgetter.
func (t *LineTarget) Forget(lane, slot int, seq uint64) (Outcome, bool) {
	l, s := t.lanes[lane], &t.slots[slot]
	l.mu.Lock()
	was, near := s.end != nil && s.seq == seq, s.near
	if was {
		s.end = nil
		s.given |= 1
	}
	l.mu.Unlock()
	if !was {
		return Outcome{}, false
	}
	l.tell(slot, seq, nil)
	out := Outcome{Class: record.NoAnswer}
	if near {
		out.Class = record.Unparsable
	}
	t.asks.ended(slot, nil, &out)
	return out, true
}

// Flush implements Flusher.
func (t *LineTarget) Flush(lane int) {
	l := t.lanes[lane]
	if len(l.out) == 0 {
		return
	}
	l.mu.Lock()
	conn, full := l.conn, false
	switch {
	case l.err != nil || l.of != l.count: // they went with their connection
	case len(l.pending) == 0:
		l.pending, l.out = l.out, l.pending
	default:
		l.pending = append(l.pending, l.out...)
		full = len(l.pending) > writeRoom(len(t.slots), len(t.lanes))
	}
	l.mu.Unlock()
	l.out = l.out[:0]
	if full {
		l.fail(conn, errTakesNothing)
		return
	}
	select {
	case l.work <- struct{}{}:
	default: // the writer has not looked yet
	}
}

// write writes what waits until the connection breaks.
func (l *lineLane) write(conn net.Conn, ended <-chan struct{}) {
	if err := writeWaiting(conn, &l.mu, &l.pending, l.work, ended); err != nil {
		l.fail(conn, err)
	}
}

// writeWaiting writes what waits, all of it in one, whenever there is work, until the connection has ended or does not
// take it. Who starts requests does not wait for it.
func writeWaiting(conn net.Conn, mu *sync.Mutex, pending *[]byte, work, ended <-chan struct{}) error {
	var out []byte
	for {
		select {
		case <-work:
		case <-ended:
			return nil
		}
		mu.Lock()
		out, *pending = *pending, out[:0]
		mu.Unlock()
		if len(out) == 0 {
			continue
		}
		if err := writeWithin(conn, out); err != nil {
			return err
		}
	}
}

// writeWithin writes to a connection, which may take nothing for so long.
func writeWithin(conn net.Conn, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}

// fail closes a connection. The reader then ends what is in flight: what it has read was answered.
func (l *lineLane) fail(conn net.Conn, err error) {
	l.mu.Lock()
	if l.err == nil && l.conn == conn {
		l.err = err
		close(l.ended)
	}
	l.mu.Unlock()
	_ = conn.Close() // the first error is the one that counts
}

// live serves the lane's connections, one after the other.
func (l *lineLane) live() {
	in := make([]byte, lineRead)
	l.mu.Lock()
	conn, ended := l.conn, l.ended
	l.mu.Unlock()
	tries := 0 // since a connection was good for something
	for conn != nil {
		began := time.Now()
		var writer sync.WaitGroup
		writer.Go(func() { l.write(conn, ended) })
		answered := l.read(conn, in)
		writer.Wait()
		good := answered || lasted(began)
		if good {
			tries = 0
		}
		conn, ended = l.redial(good, tries)
		tries++
	}
}

// redial connects the lane anew, after so many tries that did not last; nil where it stays without a connection.
func (l *lineLane) redial(good bool, tries int) (net.Conn, chan struct{}) {
	again := l.target.again.await()
	if again == nil {
		return nil, nil
	}
	l.mu.Lock()
	err := l.err
	l.mu.Unlock()
	if !again.lost(good, err) {
		return nil, nil
	}
	conn := again.again(l.number, tries, func(err error) {
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
	})
	if conn == nil {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if again.ctx.Err() != nil { // it was closed meanwhile
		_ = conn.Close()
		return nil, nil
	}
	l.conn, l.ended, l.err, l.pending = conn, make(chan struct{}), nil, l.pending[:0]
	l.count++
	again.back()
	return conn, l.ended
}

// read takes the answers of each read, until the connection breaks. It tells whether there was any.
func (l *lineLane) read(conn net.Conn, in []byte) (answered bool) {
	filled := 0
	for {
		n, err := conn.Read(in[filled:])
		filled += n
		rest, bad := l.take(in[:filled])
		answered = answered || bad == nil && len(rest) < filled
		if bad == nil && len(rest) == len(in) {
			bad = fmt.Errorf("gateway answer: more than %d bytes", len(in))
		}
		if bad != nil {
			err = bad
		}
		if err != nil {
			l.fail(conn, err)
			l.lose()
			return answered
		}
		filled = copy(in, rest)
	}
}

// take ends the requests of all whole lines of b, and returns what is left. An error ends the connection.
func (l *lineLane) take(b []byte) (rest []byte, err error) {
	now := time.Now()
	for {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			return b, nil
		}
		line := b[:n]
		b = b[n+1:]
		if err := l.answer(line, now, bytes.IndexByte(b, '\n') >= 0); err != nil {
			return b, err
		}
	}
}

// answer takes the line of an answer.
func (l *lineLane) answer(line []byte, now time.Time, more bool) error {
	t := l.target
	out, answer := Outcome{At: now, More: more}, (*api.Answer)(nil)
	id, ok := uint64(0), false
	if t.told == nil {
		id, ok = t.asks.approval(line)
	}
	if !ok {
		answer = &l.came // who is told of it keeps nothing of it
		if err := wire.DecodeAnswer(line, answer); err != nil {
			t.notes.Load().Stray(record.Unparsable, "", l.unreadable(line), masked(line))
			return nil
		}
		if answer.ID == "" && answer.Err != nil { // of the connection: it is not let in, or a line was too large
			return answer.Err
		}
		var err error
		if id, err = strconv.ParseUint(answer.ID, 10, 64); err != nil {
			t.notes.Load().Stray(record.Unmatched, "id", "no id like it was sent", masked(line))
			return nil
		}
		was := OutcomeOf(answer, nil)
		out.Class, out.Code = was.Class, was.Code
		if out.Class != record.Approved {
			t.notes.Load().Example(out.Class, out.Code, "", masked(line))
		}
	}
	slot := int(id % uint64(len(t.slots)))
	over, what := l.over(slot, id/uint64(len(t.slots)))
	switch what {
	case waited:
		if t.notes.Load().gaveUp(slot, now) {
			l.tell(slot, over.seq, nil)
			t.notes.Load().Stray(record.Late, "", lateLine, masked(line)) // before the end, which may be the run's
			out = Outcome{Class: record.NoAnswer, At: now, More: more}
			t.asks.ended(slot, nil, &out)
			over.end(out)
			return nil
		}
		l.tell(slot, over.seq, answer)
		t.asks.ended(slot, answer, &out)
		over.end(out)
	case wasGivenUp:
		t.notes.Load().Stray(record.Late, "", lateLine, masked(line))
	case second:
		t.notes.Load().Stray(record.Unmatched, "again", "a request that was answered already", masked(line))
	case foreign:
		t.notes.Load().Stray(record.Unmatched, "id", "no request with its id is in flight", masked(line))
	}
	return nil
}

// lateLine is what a late answer belongs to.
const lateLine = "the request with its id, given up before"

// unreadable finds the request that a line which cannot be read may have been the answer to: it is known then to have
// had one. What it is is returned, for people.
func (l *lineLane) unreadable(line []byte) (nearest string) {
	t, name := l.target, []byte(`"id":"`)
	_, after, _ := bytes.Cut(line, name)
	digits, _, whole := bytes.Cut(after, []byte{'"'}) // a part of an id is another request's
	id, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || !whole {
		return ""
	}
	slot := int(id % uint64(len(t.slots)))
	if t.lanes[slot%len(t.lanes)] != l {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &t.slots[slot]
	if s.end == nil || s.use != id/uint64(len(t.slots)) {
		return ""
	}
	s.near = true
	return "the request with its id"
}

// masked is a line for people, without card numbers.
func masked(line []byte) func() string {
	return func() string {
		const most = 1024
		return pan.MaskIn(fmt.Sprintf("%.*s", most, line))
	}
}

// What an id stands for.
type meaning uint8

const (
	foreign meaning = iota
	waited
	wasGivenUp
	second
)

// over takes the request out of a slot of the lane, where it is the one of that use.
func (l *lineLane) over(slot int, use uint64) (s lineSlot, what meaning) {
	t := l.target
	if t.lanes[slot%len(t.lanes)] != l {
		return s, foreign
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := &t.slots[slot]
	if use == 0 || use > at.use {
		return s, foreign
	}
	if bit := uint64(1) << min(at.use-use, 63); at.given&bit != 0 {
		at.given &^= bit
		return s, wasGivenUp
	}
	switch {
	case use < at.use || at.end == nil:
		return s, second
	}
	s, at.end = *at, nil
	return s, waited
}

// tell tells of a request's answer, or that there is none. Who took the request out of its slot calls it.
func (l *lineLane) tell(slot int, seq uint64, a *api.Answer) {
	t := l.target
	if t.told == nil {
		return
	}
	var req api.Request
	t.asks.fill(slot, seq, &req)
	t.told.Wrote(&req, a)
}

// lose ends what is in flight on a lane that broke.
func (l *lineLane) lose() {
	t := l.target
	for slot := range t.slots {
		if t.lanes[slot%len(t.lanes)] != l {
			continue
		}
		l.mu.Lock()
		use := t.slots[slot].use
		l.mu.Unlock()
		over, what := l.over(slot, use)
		if what != waited {
			continue
		}
		l.tell(slot, over.seq, nil)
		out := lostWith(l.err)
		t.asks.ended(slot, nil, &out)
		over.end(out)
	}
}

// lostWith is the outcome of a request whose connection broke.
func lostWith(err error) Outcome {
	return Outcome{Class: record.ConnectionLost, Code: connectionFault(err), Broken: true}
}

// singleLines asks for payments of one request each.
type singleLines struct {
	payments Payments
	texts    lineTexts
}

func (s *singleLines) appendLine(b []byte, id uint64, _ int, seq uint64) []byte {
	return s.payments.appendLine(b, &s.texts, id, seq)
}

func (s *singleLines) approval(line []byte) (uint64, bool) { return s.texts.approval(line) }

func (s *singleLines) ended(int, *api.Answer, *Outcome) {}

func (s *singleLines) fill(_ int, seq uint64, req *api.Request) { s.payments.Fill(seq, req) }

package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// LineTarget drives payments at a switch's gateway port with as little work as can be: it writes the lines that
// wire.AppendRequest writes without making requests of them, reads of an approval what it needs, and has one read and
// one write for all that leaves and comes at the same time. Each answer is matched by its id. What is no plain approval
// is decoded in full.
type LineTarget struct {
	lanes    []*lineLane
	slots    []lineSlot
	payments Payments
	texts    lineTexts
	told     Told
}

// Told is what is told of each answer. a is nil where a connection ended before it.
type Told interface {
	Wrote(req *api.Request, a *api.Answer)
}

const (
	// lineRead is what a connection is read by. A line must fit into it, which the answer to a load's request does.
	lineRead = 256 << 10
	// lineWrite is how much is kept back for Flush: some hundred lines.
	lineWrite = 64 << 10
	// lineWriteTimeout is how long the switch may take nothing; past it the connection is given up.
	lineWriteTimeout = 10 * time.Second
)

// lineSlot is the place of a request in flight. Its number is the request's id on the wire.
type lineSlot struct {
	seq uint64
	end func(Outcome) // nil while there is none
}

// lineLane is one connection.
type lineLane struct {
	target *LineTarget
	conn   net.Conn
	loop   sync.WaitGroup
	out    []byte // lines that are not written; of the goroutine that calls Start

	mu  sync.Mutex // of the lane's slots
	err error
}

// NewLineTarget makes a target of open connections, one a lane, for inFlight slots. told may be nil. Close it to end
// its goroutines.
func NewLineTarget(conns []net.Conn, inFlight int, payments Payments, told Told) *LineTarget {
	t := &LineTarget{slots: make([]lineSlot, inFlight), payments: payments, texts: payments.lineTexts(), told: told}
	for _, c := range conns {
		l := &lineLane{target: t, conn: c}
		t.lanes = append(t.lanes, l)
		l.loop.Go(l.read)
	}
	return t
}

// Close closes the connections and waits for their goroutines. Requests still in flight end as lost.
func (t *LineTarget) Close() {
	for _, l := range t.lanes {
		l.fail(net.ErrClosed)
	}
	for _, l := range t.lanes {
		l.loop.Wait()
	}
}

// Start implements Target. The line is written by Flush, or with more before it.
func (t *LineTarget) Start(lane, slot int, seq uint64, end func(Outcome)) {
	l, s := t.lanes[lane], &t.slots[slot]
	l.mu.Lock()
	err := l.err
	if err == nil {
		s.seq, s.end = seq, end
	}
	l.mu.Unlock()
	if err != nil {
		end(Outcome{Kind: Failed, Code: connectionFault(err)})
		return
	}
	l.out = t.payments.appendLine(l.out, &t.texts, uint64(slot), seq)
	if len(l.out) > lineWrite {
		t.Flush(lane)
	}
}

// Flush implements Flusher.
func (t *LineTarget) Flush(lane int) {
	l := t.lanes[lane]
	if len(l.out) == 0 {
		return
	}
	err := l.conn.SetWriteDeadline(time.Now().Add(lineWriteTimeout))
	if err == nil {
		_, err = l.conn.Write(l.out)
	}
	l.out = l.out[:0]
	if err != nil {
		l.fail(err)
	}
}

// fail closes the connection. The reader then ends what is in flight: what it has read was answered.
func (l *lineLane) fail(err error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = err
	}
	l.mu.Unlock()
	_ = l.conn.Close() // the first error is the one that counts
}

// read takes the answers of each read, until the connection breaks.
func (l *lineLane) read() {
	in := make([]byte, lineRead)
	filled := 0
	for {
		n, err := l.conn.Read(in[filled:])
		filled += n
		rest, bad := l.take(in[:filled])
		if bad == nil && len(rest) == len(in) {
			bad = fmt.Errorf("gateway answer: more than %d bytes", len(in))
		}
		if bad != nil {
			err = bad
		}
		if err != nil {
			l.fail(err)
			l.lose()
			return
		}
		filled = copy(in, rest)
	}
}

// take ends the requests of all whole lines of b, and returns what is left.
func (l *lineLane) take(b []byte) (rest []byte, err error) {
	now := time.Now()
	for {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			return b, nil
		}
		line := b[:n]
		b = b[n+1:]
		slot, out, answer, err := l.outcome(line)
		if err != nil {
			return b, err
		}
		over, waited := l.over(slot)
		if !waited {
			return b, errors.New("gateway answer: an id that awaits none")
		}
		l.tell(over.seq, answer)
		out.At, out.More = now, bytes.IndexByte(b, '\n') >= 0
		over.end(out)
	}
}

// over takes the request out of a slot of the lane; false where there is none.
func (l *lineLane) over(slot int) (s lineSlot, ok bool) {
	t := l.target
	if slot < 0 || slot >= len(t.slots) || t.lanes[slot%len(t.lanes)] != l {
		return s, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s, t.slots[slot].end = t.slots[slot], nil
	return s, s.end != nil
}

// outcome reads an answer's line. answer is nil where it need not be decoded.
func (l *lineLane) outcome(line []byte) (slot int, out Outcome, answer *api.Answer, err error) {
	t := l.target
	if t.told == nil {
		if slot, ok := t.texts.approval(line); ok {
			return slot, Outcome{Kind: Approved}, nil, nil
		}
	}
	answer = new(api.Answer)
	if err := wire.DecodeAnswer(line, answer); err != nil {
		return 0, out, nil, err
	}
	if answer.ID == "" && answer.Err != nil { // of the connection: it is not let in, or a line was too large
		return 0, out, nil, answer.Err
	}
	if slot, err = strconv.Atoi(answer.ID); err != nil {
		return 0, out, nil, errors.New("gateway answer: an id that was not sent")
	}
	return slot, OutcomeOf(answer, nil), answer, nil
}

// tell tells of a request's answer, or that there is none.
func (l *lineLane) tell(seq uint64, a *api.Answer) {
	t := l.target
	if t.told == nil {
		return
	}
	var req api.Request
	t.payments.Fill(seq, &req)
	t.told.Wrote(&req, a)
}

// lose ends what is in flight on a lane that broke.
func (l *lineLane) lose() {
	t := l.target
	for slot := range t.slots {
		if over, waited := l.over(slot); waited {
			l.tell(over.seq, nil)
			over.end(Outcome{Kind: Failed, Code: connectionFault(l.err)})
		}
	}
}

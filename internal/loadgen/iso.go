package loadgen

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/money"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/switch/api"
)

// ISOTarget drives 0100 authorizations straight at an issuer, one connection a lane: what the issuer gives by itself,
// with no switch between.
type ISOTarget struct {
	lanes    []*isoLane
	payments Payments
	rrn      [12]byte // the RRN of request 0
}

// An RRN of this target is YDDD of its making, the node digit Z, which no switch of a test uses, and seven base-36
// digits of the request's number.
const (
	isoRRN = "YDDDZ"
	base36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// stans is how many STANs there are (000001 to 999999).
const stans = 999_999

// maxISOAnswer is the longest answer in bytes.
const maxISOAnswer = 8 << 10

// maxPending bounds what waits in a lane to be written; past it Start blocks.
const maxPending = 1 << 20

// NewISOTarget makes a target from open connections to an issuer of a dialect and a framing. Close it to end its
// goroutines.
func NewISOTarget(conns []net.Conn, codec *spec.Codec, format framing.Format, payments Payments) *ISOTarget {
	t := &ISOTarget{payments: payments}
	now := time.Now().UTC()
	copy(t.rrn[:], fmt.Sprintf("%d%03dZ", now.Year()%10, now.YearDay()))
	for _, c := range conns {
		l := &isoLane{
			conn: c, codec: codec, framing: format, ends: make(map[uint32]func(Outcome)), work: make(chan struct{}, 1),
		}
		l.room.L = &l.mu
		t.lanes = append(t.lanes, l)
		l.loops.Go(l.write)
		l.loops.Go(l.read)
	}
	return t
}

// Close closes the connections and waits for their goroutines. Requests still in flight end as lost.
func (t *ISOTarget) Close() {
	for _, l := range t.lanes {
		l.fail(net.ErrClosed)
	}
	for _, l := range t.lanes {
		l.loops.Wait()
	}
}

// Start implements Target.
func (t *ISOTarget) Start(lane, _ int, seq uint64, end func(Outcome)) {
	t.lanes[lane].send(t, seq, end)
}

// isoLane is one connection. Frames are gathered while a write is under way and leave in one.
type isoLane struct {
	conn    net.Conn
	codec   *spec.Codec
	framing framing.Format
	work    chan struct{} // one token: something waits to be written
	loops   sync.WaitGroup

	mu      sync.Mutex
	room    sync.Cond
	pending []byte
	ends    map[uint32]func(Outcome) // by STAN: seq rises, so a STAN comes again only after 999,998 others
	err     error
	req     isoRequest
}

// isoRequest is what a lane fills anew for each request.
type isoRequest struct {
	payment api.Request
	msg     spec.Message
	second  int64  // that de7 is of
	de7     string // DE7; DE12 and DE13 are its parts
}

func (l *isoLane) send(t *ISOTarget, seq uint64, end func(Outcome)) {
	l.mu.Lock()
	for len(l.pending) > maxPending && l.err == nil {
		l.room.Wait()
	}
	stan := uint32(seq%stans) + 1
	err := l.err
	if err == nil && l.ends[stan] != nil {
		err = errors.New("the STAN is still in flight")
	}
	if err == nil {
		l.req.fill(t, seq, stan)
		err = l.pack()
	}
	if err == nil {
		l.ends[stan] = end
	}
	l.mu.Unlock()
	if err != nil {
		end(lostWith(err))
		return
	}
	select {
	case l.work <- struct{}{}:
	default:
	}
}

// pack appends the request to what waits to be written.
func (l *isoLane) pack() error {
	start := len(l.pending)
	out, err := l.codec.Pack(l.framing.Begin(l.pending, nil), &l.req.msg)
	if err == nil {
		out, err = l.framing.End(out, start)
	}
	if err == nil {
		l.pending = out
	}
	return err
}

// fill makes the 0100 of request seq.
func (r *isoRequest) fill(t *ISOTarget, seq uint64, stan uint32) {
	if now := time.Now().UTC(); now.Unix() != r.second {
		r.second, r.de7 = now.Unix(), now.Format("0102150405")
	}
	p, m := &r.payment, &r.msg
	t.payments.Fill(seq, p)
	currency, _ := money.Lookup(p.Currency)
	m.Reset()
	m.SetMTI("0100")
	m.Set(2, p.Card.Number)
	m.Set(3, "000000")
	m.SetUint(4, uint64(p.Amount), 12)
	m.Set(7, r.de7)
	m.SetUint(11, uint64(stan), 6)
	m.Set(12, r.de7[4:])
	m.Set(13, r.de7[:4])
	m.Set(14, p.Card.Expiry)
	m.Set(18, "5999")
	m.Set(22, "810")
	m.Set(25, "59")
	m.Set(32, "400001")
	rrn := t.rrn
	for i, rest := len(rrn)-1, seq; i >= len(isoRRN); i-- {
		rrn[i] = base36[rest%36]
		rest /= 36
	}
	m.SetBytes(37, rrn[:])
	m.Set(41, p.Terminal)
	m.Set(42, p.Merchant)
	m.Set(43, `Load Test\1 Nowhere\Nowhere\`)
	m.Set(49, currency.Numeric)
}

func (l *isoLane) write() {
	var out []byte
	for range l.work {
		l.mu.Lock()
		out, l.pending = l.pending, out[:0]
		l.room.Broadcast()
		err := l.err
		l.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := l.conn.Write(out); err != nil {
			// What was answered before may be on its way through the reader, which then ends the rest.
			l.broke(err)
			return
		}
	}
}

func (l *isoLane) read() {
	var m spec.Message
	in := bufio.NewReaderSize(l.conn, 64<<10)
	for {
		frame, err := l.framing.Peek(in, maxISOAnswer)
		if err == nil {
			err = l.codec.Unpack(frame.Message, &m)
		}
		if err != nil {
			l.fail(err)
			return
		}
		_, _ = in.Discard(frame.Size) // it was peeked
		stan, _ := m.Uint(11)
		l.mu.Lock()
		end := l.ends[uint32(stan)]
		delete(l.ends, uint32(stan))
		l.mu.Unlock()
		if end == nil || string(m.MTIBytes()) != "0110" {
			continue // a network message, or an answer nobody waits for
		}
		switch code := m.Bytes(39); string(code) {
		case "00":
			end(Outcome{Class: record.Approved})
		default:
			end(Outcome{Class: record.Declined, Code: string(code)})
		}
	}
}

// broke refuses what comes and closes the connection.
func (l *isoLane) broke(err error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = err
	}
	l.room.Broadcast()
	l.mu.Unlock()
	_ = l.conn.Close() // the first error is the one that counts
	select {
	case l.work <- struct{}{}:
	default:
	}
}

// fail ends the lane: what is in flight is lost, and what comes is refused.
func (l *isoLane) fail(err error) {
	l.broke(err)
	l.mu.Lock()
	ends := l.ends
	l.ends = make(map[uint32]func(Outcome))
	l.mu.Unlock()
	for _, end := range ends {
		end(lostWith(err))
	}
}

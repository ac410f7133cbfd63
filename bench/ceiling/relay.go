package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// links to the issuer, as many as the switch has by default.
	links = 2
	// readBytes is what a connection is read by.
	readBytes = 256 << 10
	// groups are filled, being synced, and being sent.
	groups = 3
	// stans is how many STANs there are; a payment in flight is found by its own.
	stans = 999_999
	// rowBytes is the value of a row: RRN, STAN, amount, id and the answer's code.
	rowBytes = rrnDigits + stanDigits + amountDigits + maxID + 2
	// memTableBytes is four times the switch's: the ceiling is to be no lower for its store's settings.
	memTableBytes = 64 << 20
)

// payment is one in flight.
type payment struct {
	from                 *gateway
	idBytes, amountBytes uint8
	id                   [maxID]byte
	amount               [amountDigits]byte // without zeros before it
	stan                 [stanDigits]byte
	rrn                  [rrnDigits]byte
}

// group is what waits for one sync and leaves behind it.
type group struct {
	rows    []byte        // values, one behind another
	frames  [links][]byte // 0100s
	answers []response
}

func (g *group) reset() {
	g.rows, g.answers = g.rows[:0], g.answers[:0]
	for i := range g.frames {
		g.frames[i] = g.frames[i][:0]
	}
}

// relay is the three loops and what they share.
type relay struct {
	texts    *texts
	db       *pebble.DB
	issuer   [links]net.Conn
	payments []payment // by STAN
	sequence atomic.Uint64
	failed   chan error // the first failure of any loop

	mu      sync.Mutex
	work    sync.Cond // the committer waits for rows
	waiting *group
	closed  bool

	free     chan *group
	syncing  chan synced
	loops    sync.WaitGroup
	gateways struct {
		sync.Mutex
		all []*gateway
	}
}

// synced is a group whose batch is applied and being synced.
type synced struct {
	group *group
	batch *pebble.Batch
}

// newRelay opens the rows and connects to the issuer.
func newRelay(fs vfs.FS, data, issuer string) (*relay, error) {
	t, err := newTexts()
	if err != nil {
		return nil, err
	}
	r := &relay{
		texts: t, payments: make([]payment, stans+1), failed: make(chan error, 1),
		waiting: &group{}, free: make(chan *group, groups), syncing: make(chan synced, 1),
	}
	r.work.L = &r.mu
	for range groups - 1 {
		r.free <- &group{}
	}
	r.db, err = pebble.Open(data, &pebble.Options{
		FS: fs, MemTableSize: memTableBytes, FormatMajorVersion: pebble.FormatNewest, Logger: silent{},
	})
	if err != nil {
		return nil, err
	}
	for i := range r.issuer {
		if r.issuer[i], err = net.Dial("tcp", issuer); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	for i := range r.issuer {
		r.loops.Go(func() { r.fail(r.readLink(r.issuer[i])) })
	}
	r.loops.Go(r.commit)
	r.loops.Go(r.finish)
	return r, nil
}

// fail tells of the first failure.
func (r *relay) fail(err error) {
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if err == nil || closed {
		return
	}
	select {
	case r.failed <- err:
	default:
	}
}

// close ends the loops and closes the rows. What is in flight is lost.
func (r *relay) close() error {
	r.mu.Lock()
	r.closed = true
	r.work.Signal()
	r.mu.Unlock()
	for _, c := range r.issuer {
		if c != nil {
			_ = c.Close() // it was of use until now
		}
	}
	r.gateways.Lock()
	for _, g := range r.gateways.all {
		_ = g.conn.Close() // the load may have closed it
	}
	r.gateways.Unlock()
	r.loops.Wait()
	return r.db.Close()
}

// serve takes connections of the load until the listener is closed.
func (r *relay) serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				r.fail(err)
			}
			return
		}
		r.gateways.Lock()
		g := &gateway{relay: r, conn: conn, link: len(r.gateways.all) % links}
		r.gateways.all = append(r.gateways.all, g)
		r.gateways.Unlock()
		go g.read()
	}
}

// gateway is a connection of the load. Its payments go to one link.
type gateway struct {
	relay *relay
	conn  net.Conn
	link  int
	out   []byte // answers of the group that is being sent

	second int64 // that de7 is of
	de7    [de7Digits]byte
	rows   []byte
	frames []byte
}

// read takes the lines of each read and hands them on at once.
func (g *gateway) read() {
	in := make([]byte, readBytes)
	filled := 0
	for {
		n, err := g.conn.Read(in[filled:])
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				g.relay.fail(fmt.Errorf("gateway: %w", err))
			}
			return // the load has ended
		}
		rest, err := g.take(in[:filled+n])
		if err == nil && len(rest) == len(in) {
			err = noRoom("line", len(in))
		}
		if err != nil {
			g.relay.fail(err)
			return
		}
		filled = copy(in, rest)
	}
}

// take hands on all whole lines of b, and returns what is left.
func (g *gateway) take(b []byte) (rest []byte, err error) {
	if now := time.Now(); now.Unix() != g.second {
		g.second = now.Unix()
		now.UTC().AppendFormat(g.de7[:0], "0102150405")
	}
	g.rows, g.frames = g.rows[:0], g.frames[:0]
	r := g.relay
	for {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			break
		}
		q, err := cutLine(b[:n])
		if err != nil {
			return nil, err
		}
		b = b[n+1:]
		number := r.sequence.Add(1)
		p := &r.payments[number%stans+1]
		p.from, p.idBytes, p.amountBytes = g, uint8(copy(p.id[:], q.id)), uint8(copy(p.amount[:], q.amount))
		putDigits(p.stan[:], number%stans+1)
		putDigits(p.rrn[:], number)
		g.rows = appendRow(g.rows, p, "..")
		if g.frames, err = r.texts.appendFrame(g.frames, &q, p, &g.de7); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	w := r.waiting
	w.rows = append(w.rows, g.rows...)
	w.frames[g.link] = append(w.frames[g.link], g.frames...)
	r.work.Signal()
	r.mu.Unlock()
	return b, nil
}

// readLink takes the answers of each read and hands them on at once.
func (r *relay) readLink(conn net.Conn) error {
	in := make([]byte, readBytes)
	var rows []byte
	var answers []response
	filled := 0
	for {
		n, err := conn.Read(in[filled:])
		if err != nil {
			return fmt.Errorf("link: %w", err)
		}
		rest := in[:filled+n]
		rows, answers = rows[:0], answers[:0]
		for frame := cutWhole(rest); frame != nil; frame = cutWhole(rest) {
			a, err := r.texts.cutFrame(frame)
			if err != nil {
				return err
			}
			if a.stan == 0 || r.payments[a.stan].from == nil {
				return fmt.Errorf("frame: a STAN %d that nobody sent", a.stan)
			}
			rest = rest[len(frame):]
			code := "00"
			if !a.approved {
				code = "05"
			}
			rows, answers = appendRow(rows, &r.payments[a.stan], code), append(answers, a)
		}
		if len(rest) == len(in) {
			return noRoom("frame", len(in))
		}
		filled = copy(in, rest)
		r.mu.Lock()
		r.waiting.rows = append(r.waiting.rows, rows...)
		r.waiting.answers = append(r.waiting.answers, answers...)
		r.work.Signal()
		r.mu.Unlock()
	}
}

// appendRow appends the value of a payment's row.
func appendRow(b []byte, p *payment, code string) []byte {
	b = append(b, p.rrn[:]...)
	b = append(b, p.stan[:]...)
	b = append(b, p.amount[:]...)
	b = append(b, p.id[:]...)
	return append(b, code...)
}

// commit applies what waits as one batch, and goes on with the next while that is being synced.
func (r *relay) commit() {
	defer close(r.syncing)
	var key [8]byte
	for row := uint64(0); ; {
		g := r.take()
		if g == nil {
			return
		}
		b := r.db.NewBatchWithSize(len(g.rows) * 3 / 2)
		for at := 0; at < len(g.rows); at += rowBytes {
			binary.BigEndian.PutUint64(key[:], row)
			row++
			if err := b.Set(key[:], g.rows[at:at+rowBytes], nil); err != nil {
				r.fail(err)
				return
			}
		}
		if err := r.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
			r.fail(err)
			return
		}
		r.syncing <- synced{g, b}
	}
}

// take waits for rows and takes them all; nil once the relay closes.
func (r *relay) take() *group {
	empty := <-r.free
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.waiting.rows) == 0 && !r.closed {
		r.work.Wait()
	}
	if r.closed {
		return nil
	}
	g := r.waiting
	r.waiting = empty
	return g
}

// finish sends what is synced: the frames of a link in one write, and the answers of a connection.
func (r *relay) finish() {
	for s := range r.syncing {
		err := s.batch.SyncWait()
		if err == nil {
			err = s.batch.Close()
		}
		if err == nil {
			err = r.send(s.group)
		}
		if err != nil {
			r.fail(err)
		}
		s.group.reset()
		r.free <- s.group
	}
}

func (r *relay) send(g *group) error {
	for i, frames := range g.frames {
		if len(frames) == 0 {
			continue
		}
		if _, err := r.issuer[i].Write(frames); err != nil {
			return fmt.Errorf("link: %w", err)
		}
	}
	if len(g.answers) == 0 {
		return nil
	}
	for i := range g.answers {
		a := &g.answers[i]
		p := &r.payments[a.stan]
		p.from.out = r.texts.appendAnswer(p.from.out, p, a)
	}
	r.gateways.Lock()
	defer r.gateways.Unlock()
	for _, to := range r.gateways.all {
		if len(to.out) == 0 {
			continue
		}
		_, err := to.conn.Write(to.out)
		to.out = to.out[:0]
		if err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("gateway: %w", err)
		}
	}
	return nil
}

// silent keeps the store's progress out of the log.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

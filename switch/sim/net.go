package sim

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// network connects the parties: buffered connections in memory whose bytes take virtual time to arrive. A party is
// known by the name of its listener or dialer; what a party wrote before it died still arrives, as it does from a
// kernel.
type network struct {
	chance chance
	// onWrite sees what is written before it is on its way.
	onWrite func(c *conn, b []byte)

	mu        sync.Mutex
	listeners map[string]*listener
	conns     []*conn // the dialling ends, in the order in which they were dialled
	dialled   map[string]uint64
	stalled   map[string]time.Time // by dialling party: nothing arrives before this
	down      map[string]time.Time // by address: connections are refused until this
}

// The latency of a network: what a write or a dial takes.
const (
	leastLatency = 50 * time.Microsecond
	mostLatency  = 2 * time.Millisecond
)

func newNetwork(c chance) *network {
	return &network{
		chance: c, listeners: map[string]*listener{}, dialled: map[string]uint64{}, stalled: map[string]time.Time{},
		down: map[string]time.Time{},
	}
}

// address is a party's name.
type address string

// Network implements net.Addr.
func (address) Network() string { return "sim" }

// String implements net.Addr.
func (a address) String() string { return string(a) }

// listener takes connections under an address.
type listener struct {
	net    *network
	addr   address
	owner  *party
	arrive chan *conn
	closed chan struct{}
	once   sync.Once
}

// party is one life of a node: when it dies all its sockets do.
type party struct {
	name string
	mu   sync.Mutex
	dead bool
}

func (p *party) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

var errDead = errors.New("the node has crashed")

// listen opens a port of a party, under other addresses too. It replaces that of an earlier life.
func (n *network) listen(owner *party, addr string, others ...string) net.Listener {
	const backlog = 128
	l := &listener{
		net: n, addr: address(addr), owner: owner, arrive: make(chan *conn, backlog), closed: make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[addr] = l
	for _, other := range others {
		n.listeners[other] = l
	}
	return l
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrive:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.unplug()
	})
	return nil
}

// unplug takes no more connections; Accept goes on waiting.
func (l *listener) unplug() {
	l.net.mu.Lock()
	maps.DeleteFunc(l.net.listeners, func(_ string, is *listener) bool { return is == l })
	l.net.mu.Unlock()
	for {
		select {
		case c := <-l.arrive:
			_ = c.Close()
		default:
			return
		}
	}
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.addr }

// dial connects a party to an address.
func (n *network) dial(ctx context.Context, from *party, addr string) (net.Conn, error) {
	n.mu.Lock()
	serial := n.dialled[from.name]
	n.dialled[from.name]++
	wait := n.chance.delay(leastLatency, mostLatency, "dial "+from.name, serial)
	if held := time.Until(n.stalled[from.name]); held > 0 {
		wait += held
	}
	n.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if from.isDead() {
		return nil, errDead
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[addr]
	if l == nil || l.owner.isDead() || time.Now().Before(n.down[addr]) {
		return nil, syscall.ECONNREFUSED
	}
	near, far := n.pair(from, l, addr, serial)
	select {
	case l.arrive <- far:
		n.conns = append(n.conns, near)
		return near, nil
	case <-l.closed:
	default:
	}
	return nil, syscall.ECONNREFUSED
}

func (n *network) pair(from *party, l *listener, addr string, serial uint64) (near, far *conn) {
	out, in := newPipe(n), newPipe(n)
	near = &conn{net: n, owner: from, local: address(from.name), remote: address(addr), serial: serial, in: in, out: out}
	far = &conn{
		net: n, owner: l.owner, local: address(addr), remote: address(from.name), serial: serial, in: out, out: in,
		accepted: true,
	}
	near.peer, far.peer = far, near
	return near, far
}

// each calls do for the dialling end of each connection that a party dialled or, with accepted, took; in order.
func (n *network) each(name string, do func(near *conn)) {
	n.mu.Lock()
	var found []*conn
	for _, c := range n.conns {
		if c.owner.name == name || c.peer.owner.name == name {
			found = append(found, c)
		}
	}
	n.mu.Unlock()
	for _, c := range found {
		do(c)
	}
}

// kill ends a party's life: nothing that it does from now on reaches anybody, and its peers are told, unless the
// silence of a machine that lost its power is asked for.
func (n *network) kill(p *party, silent bool) {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	n.mu.Lock()
	var ports []*listener
	for _, l := range n.listeners {
		if l.owner == p {
			ports = append(ports, l)
		}
	}
	n.mu.Unlock()
	for _, l := range ports {
		l.unplug()
	}
	n.each(p.name, func(near *conn) {
		for _, c := range []*conn{near, near.peer} {
			if c.owner != p {
				continue
			}
			c.in.fail(errDead)
			c.out.shut(errDead)
			if !silent {
				c.out.finish(syscall.ECONNRESET)
			}
		}
	})
}

// stall holds everything back that a dialling party sends and is sent, for a time: a network that is down and comes
// back before anybody's TCP gives up.
func (n *network) stall(name string, d time.Duration) {
	until := time.Now().Add(d)
	n.mu.Lock()
	n.stalled[name] = until
	n.mu.Unlock()
	n.each(name, func(near *conn) {
		near.in.hold(until)
		near.out.hold(until)
	})
}

// takeDown cuts the connections to an address and refuses new ones for a time.
func (n *network) takeDown(from, addr string, d time.Duration) {
	n.mu.Lock()
	n.down[addr] = time.Now().Add(d)
	n.mu.Unlock()
	n.each(from, func(near *conn) {
		if near.remote == address(addr) {
			near.reset()
		}
	})
}

// bringUp ends all that takeDown began.
func (n *network) bringUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.down)
}

// conn is one end of a connection.
type conn struct {
	net           *network
	owner         *party
	local, remote address
	serial        uint64
	accepted      bool
	peer          *conn
	in, out       *pipe
}

var _ net.Conn = (*conn)(nil)

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) { return c.in.read(b) }

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if c.owner.isDead() {
		return 0, errDead
	}
	n, err := c.out.write(b, c.name(), c.net.chance)
	if err == nil && c.net.onWrite != nil {
		c.net.onWrite(c, b)
	}
	return n, err
}

// name tells the direction of one connection from all others.
func (c *conn) name() string {
	if c.accepted {
		return "to " + string(c.remote)
	}
	return "from " + string(c.local)
}

// Close implements net.Conn. What was written still arrives, then the end.
func (c *conn) Close() error {
	c.in.fail(net.ErrClosed)
	c.out.shut(net.ErrClosed)
	c.out.finish(io.EOF)
	return nil
}

// reset cuts a connection: what is under way is lost, and both ends fail.
func (c *conn) reset() {
	for _, p := range []*pipe{c.in, c.out} {
		p.drop()
		p.fail(syscall.ECONNRESET)
		p.shut(syscall.ECONNRESET)
	}
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(t)
	return nil
}

// SetWriteDeadline implements net.Conn. Only where the reader's room is bounded does a write wait.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setWriteDeadline(t)
	return nil
}

// pipe is one direction of a connection.
type pipe struct {
	net *network

	mu       sync.Mutex
	changed  sync.Cond
	ready    []byte
	flight   []chunk // in the order of their arrival
	written  uint64  // bytes so far
	due      time.Time
	readErr  error // reads fail with it at once
	endErr   error // reads fail with it once everything has arrived
	writeErr error
	deadline time.Time
	alarm    *time.Timer
	room     int // bytes that may be unread before a write waits; 0: any number
	writeBy  time.Time
	writeRun *time.Timer
}

type chunk struct {
	due   time.Time
	bytes []byte
}

func newPipe(n *network) *pipe {
	p := &pipe{net: n}
	p.changed.L = &p.mu
	return p
}

func (p *pipe) write(b []byte, name string, c chance) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.room > 0 && p.unread() >= p.room && p.writeErr == nil && p.readErr == nil {
		if !p.writeBy.IsZero() && !time.Now().Before(p.writeBy) {
			return 0, os.ErrDeadlineExceeded
		}
		p.changed.Wait()
	}
	if p.writeErr != nil {
		return 0, p.writeErr
	}
	now := time.Now()
	rest := b
	for len(rest) > 0 {
		// Now and then a write arrives in two parts.
		part := rest
		if at := p.written; len(rest) == len(b) && len(b) > 1 && c.oneIn(8, "split "+name, at) {
			part = rest[:1+c.below(len(b)-1, "split at "+name, at)]
		}
		due := now.Add(c.delay(leastLatency, mostLatency, name, p.written))
		if !due.After(p.due) {
			due = p.due.Add(1)
		}
		p.due = due
		p.written += uint64(len(part))
		p.flight = append(p.flight, chunk{due, append([]byte(nil), part...)})
		rest = rest[len(part):]
		time.AfterFunc(due.Sub(now), p.arrive)
	}
	return len(b), nil
}

// arrive makes readable what is due.
func (p *pipe) arrive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for len(p.flight) > 0 && !p.flight[0].due.After(now) {
		p.ready = append(p.ready, p.flight[0].bytes...)
		p.flight = p.flight[1:]
	}
	p.changed.Broadcast()
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.readErr != nil:
			return 0, p.readErr
		case !p.deadline.IsZero() && !time.Now().Before(p.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(p.ready) > 0:
			n := copy(b, p.ready)
			p.ready = p.ready[n:]
			if p.room > 0 {
				p.changed.Broadcast()
			}
			return n, nil
		case len(p.flight) == 0 && p.endErr != nil:
			return 0, p.endErr
		}
		p.changed.Wait()
	}
}

// hold lets nothing arrive before a moment.
func (p *pipe) hold(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.flight {
		if p.flight[i].due.Before(until) {
			p.flight[i].due = until.Add(time.Duration(i + 1))
		}
	}
	if p.due.Before(until) {
		p.due = until.Add(time.Duration(len(p.flight) + 1))
	}
	time.AfterFunc(time.Until(p.due)+1, p.arrive)
}

func (p *pipe) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flight, p.ready = nil, nil
}

// fail makes reads fail at once.
func (p *pipe) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readErr == nil {
		p.readErr = err
	}
	if p.alarm != nil {
		p.alarm.Stop()
	}
	p.changed.Broadcast()
}

// shut makes writes fail.
func (p *pipe) shut(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writeErr == nil {
		p.writeErr = err
	}
	if p.writeRun != nil {
		p.writeRun.Stop()
	}
	p.changed.Broadcast()
}

// bound makes writes wait while so many bytes are unread.
func (p *pipe) bound(room int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room = room
}

// unread is how many bytes nobody has read. The caller holds mu.
func (p *pipe) unread() int {
	n := len(p.ready)
	for i := range p.flight {
		n += len(p.flight[i].bytes)
	}
	return n
}

func (p *pipe) setWriteDeadline(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writeBy = t
	if p.writeRun != nil {
		p.writeRun.Stop()
		p.writeRun = nil
	}
	if p.room == 0 || t.IsZero() || p.writeErr != nil {
		return
	}
	p.writeRun = time.AfterFunc(time.Until(t), func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changed.Broadcast()
	})
}

// finish makes reads fail once everything has arrived.
func (p *pipe) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.endErr == nil {
		p.endErr = err
	}
	p.changed.Broadcast()
}

func (p *pipe) setDeadline(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = t
	if p.alarm != nil {
		p.alarm.Stop()
		p.alarm = nil
	}
	if !t.IsZero() {
		if wait := time.Until(t); wait > 0 {
			p.alarm = time.AfterFunc(wait, func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.changed.Broadcast()
			})
		}
	}
	p.changed.Broadcast()
}

// Package webconns bounds the connections of an HTTP server, so that those that ask nothing use up no file descriptors
// that others need. Of more than may be open one that is quiet gives way, the one that has been for longest first; a
// request that is being served never does, and where all are being served the new connection is closed instead. Who
// comes from one address has a quarter of the room, but for loopback and socket files: there anybody is who can open
// descriptors of this machine anyhow.
//
// It is no limit of requests, and sets no timeouts: a server that uses it sets ReadHeaderTimeout and IdleTimeout.
package webconns

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Bound is the connections of one server. Its methods may be called from any goroutine.
type Bound struct {
	most int

	mu    sync.Mutex
	open  map[net.Conn]*entry
	from  map[netip.Addr]int
	quiet list.List // of *entry: no request of theirs is being served; the one for longest first
}

type entry struct {
	conn    net.Conn
	address netip.Addr    // the zero Addr where it has all the room
	quiet   *list.Element // nil: a request is being served
}

// New makes a bound of so many connections, at least 1.
func New(most int) *Bound {
	return &Bound{most: max(most, 1), open: map[net.Conn]*entry{}, from: map[netip.Addr]int{}}
}

// Listen is a listener of the server's. Where it speaks TLS, l does, too: the server sees the same connections.
func (b *Bound) Listen(l net.Listener) net.Listener { return &listener{l, b} }

type listener struct {
	net.Listener
	bound *Bound
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.bound.admit(c) {
			return c, nil
		}
		closeNow(c)
	}
}

// admit makes room for a connection, or says that there is none.
func (b *Bound) admit(c net.Conn) bool {
	e := &entry{conn: c, address: addressOf(c.RemoteAddr())}
	b.mu.Lock()
	defer b.mu.Unlock()
	var gone *entry
	switch {
	case e.address.IsValid() && b.from[e.address] >= max(b.most/4, 1):
		if gone = b.longest(func(q *entry) bool { return q.address == e.address }); gone == nil {
			return false
		}
	case len(b.open) >= b.most:
		if gone = b.longest(func(*entry) bool { return true }); gone == nil {
			return false
		}
	}
	if gone != nil {
		b.forget(gone)
		closeNow(gone.conn)
	}
	b.open[c], e.quiet = e, b.quiet.PushBack(e)
	if e.address.IsValid() {
		b.from[e.address]++
	}
	return true
}

// longest is the connection that has been quiet for longest of those that fit, or nil.
func (b *Bound) longest(fits func(*entry) bool) *entry {
	for at := b.quiet.Front(); at != nil; at = at.Next() {
		if e := at.Value.(*entry); fits(e) {
			return e
		}
	}
	return nil
}

func (b *Bound) forget(e *entry) {
	delete(b.open, e.conn)
	if e.quiet != nil {
		b.quiet.Remove(e.quiet)
		e.quiet = nil
	}
	if e.address.IsValid() {
		if b.from[e.address]--; b.from[e.address] == 0 {
			delete(b.from, e.address)
		}
	}
}

// State is the server's ConnState.
func (b *Bound) State(c net.Conn, state http.ConnState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.open[c]
	switch {
	case e == nil: // it gave way
	case state == http.StateClosed || state == http.StateHijacked:
		b.forget(e)
	case state == http.StateActive && e.quiet != nil:
		b.quiet.Remove(e.quiet)
		e.quiet = nil
	case state == http.StateIdle && e.quiet == nil:
		e.quiet = b.quiet.PushBack(e)
	}
}

// closeNow ends a connection without a word: TLS would wait to say that it ends.
func closeNow(c net.Conn) {
	if t, is := c.(*tls.Conn); is {
		c = t.NetConn()
	}
	_ = c.Close()
}

// networkBits is how much of an IPv6 address counts: one machine has all that begin so.
const networkBits = 64

// addressOf is what of an address shares a part of the room; the zero Addr where it has all of it.
func addressOf(from net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return netip.Addr{}
	}
	address := at.Addr().Unmap().WithZone("")
	if address.IsLoopback() {
		return netip.Addr{}
	}
	if network, err := address.Prefix(networkBits); address.Is6() && err == nil {
		return network.Addr()
	}
	return address
}

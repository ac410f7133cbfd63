package link_test

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memConn is one end of a connection in memory that buffers as a socket does, so that tests run in virtual time.
type memConn struct {
	in, out *stream

	mu            sync.Mutex
	writeDeadline time.Time
}

// socketBuffer is how much a write puts into the connection before it waits for the reader.
const socketBuffer = 64 << 10

func newMemConns() (a, b *memConn) {
	x, y := newStream(), newStream()
	return &memConn{in: x, out: y}, &memConn{in: y, out: x}
}

func (c *memConn) Read(p []byte) (int, error) { return c.in.read(p) }

func (c *memConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	deadline := c.writeDeadline
	c.mu.Unlock()
	return c.out.write(p, deadline)
}

func (c *memConn) Close() error {
	c.in.close()
	c.out.close()
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writeDeadline = t
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error   { return c.SetWriteDeadline(t) }
func (c *memConn) SetReadDeadline(time.Time) error { return nil }
func (c *memConn) LocalAddr() net.Addr             { return &net.UnixAddr{} }
func (c *memConn) RemoteAddr() net.Addr            { return &net.UnixAddr{} }

// stream is one direction.
type stream struct {
	mu     sync.Mutex
	buf    []byte
	closed bool
	change chan struct{} // closed and made anew at every change
}

func newStream() *stream { return &stream{change: make(chan struct{})} }

// changed is called with mu held.
func (s *stream) changed() {
	close(s.change)
	s.change = make(chan struct{})
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.changed()
	}
}

func (s *stream) read(p []byte) (int, error) {
	for {
		s.mu.Lock()
		if len(s.buf) > 0 {
			n := copy(p, s.buf)
			s.buf = s.buf[n:]
			s.changed()
			s.mu.Unlock()
			return n, nil
		}
		closed, change := s.closed, s.change
		s.mu.Unlock()
		if closed {
			return 0, io.EOF
		}
		<-change
	}
}

func (s *stream) write(p []byte, deadline time.Time) (n int, err error) {
	var timeout <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		timeout = timer.C
	}
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return n, io.ErrClosedPipe
		}
		if room := socketBuffer - len(s.buf); room > 0 {
			piece := p[n:min(len(p), n+room)]
			s.buf = append(s.buf, piece...)
			n += len(piece)
			s.changed()
		}
		change := s.change
		s.mu.Unlock()
		if n == len(p) {
			return n, nil
		}
		select {
		case <-change:
		case <-timeout:
			return n, os.ErrDeadlineExceeded
		}
	}
}

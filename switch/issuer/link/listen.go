package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"go.uber.org/zap"
)

// A host may connect to us. Its connections are handed to the links, which are then as if they had dialed.

// How long a connection waits for a link that is not connected, one that was lost a moment ago among them, and how long
// accepting rests after an error.
const (
	placeWithin = time.Second
	acceptRest  = 100 * time.Millisecond
)

// MaxSecuring is how many connections may be in their TLS handshake at a time: that of one more ends the oldest.
const MaxSecuring = 2 * MaxLinks

// accept takes the host's connections until the host is closed.
func (h *Host) accept() {
	defer h.running.Done()
	for h.stop.Err() == nil {
		conn, err := h.cfg.Listener.Accept()
		switch {
		case h.stop.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return
		case err != nil:
			if h.unrefused() {
				h.log.Warn("accept failed, going on", zap.Error(err))
			}
			select {
			case <-time.After(acceptRest):
			case <-h.stop.Done():
			}
		case h.cfg.Known != nil && !h.cfg.Known(conn.RemoteAddr()):
			h.turnAway(conn, "it comes from an address that is not the host's")
		case h.cfg.TLS != nil:
			h.secure(conn)
		default:
			h.place(conn)
		}
	}
}

// secure lets a connection show who it is before it takes a link's place: a stranger that connects and says nothing
// keeps none from the host. It has SignOnTimeout for it. So many may be about it at a time; of more the one that has
// been silent for longest gives way, since the host says who it is at once. It ends with the host.
func (h *Host) secure(conn net.Conn) {
	if oldest := h.securingToo(conn); oldest != nil {
		h.turnAway(oldest, fmt.Sprintf("it has not shown who it is, and %d others came", MaxSecuring))
	}
	h.running.Add(1)
	go func() {
		defer h.running.Done()
		secure, err := h.handshake(conn)
		switch {
		case !h.secured(conn): // it gave way, and is closed
		case err != nil:
			h.turnAway(conn, err.Error())
		default:
			h.place(secure)
		}
	}()
}

// securingToo notes a connection that begins its TLS handshake, and returns one that has to give way to it, or nil.
func (h *Host) securingToo(conn net.Conn) (oldest net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.securing) == MaxSecuring {
		oldest = h.securing[0]
		h.securing = slices.Delete(h.securing, 0, 1)
	}
	h.securing = append(h.securing, conn)
	return oldest
}

// secured notes that a connection's TLS handshake is over; false where it had to give way before.
func (h *Host) secured(conn net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.securing, conn)
	if i >= 0 {
		h.securing = slices.Delete(h.securing, i, i+1)
	}
	return i >= 0
}

func (h *Host) handshake(conn net.Conn) (net.Conn, error) {
	if err := noDelay(conn); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(h.stop, h.cfg.SignOnTimeout)
	defer cancel()
	secure := tls.Server(conn, h.cfg.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return secure, nil
}

// place gives a connection to a link that has none. Where all have one, the host may have lost connections that we take
// for open: each is asked for an echo, so that a dead one is found out, and the host has to come again.
func (h *Host) place(conn net.Conn) {
	wait := time.NewTimer(placeWithin)
	defer wait.Stop()
	select {
	case h.incoming <- conn:
	case <-h.stop.Done():
		_ = conn.Close()
	case <-wait.C:
		h.turnAway(conn, fmt.Sprintf("all %d links are connected", h.cfg.Links))
		h.probe()
	}
}

func (h *Host) turnAway(conn net.Conn, why string) {
	if h.unrefused() {
		h.log.Warn("connection refused", zap.Stringer("from", conn.RemoteAddr()), zap.String("why", why))
	}
	_ = conn.Close()
}

// unrefused tells whether one more line about what is refused may be logged.
func (h *Host) unrefused() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	log, _ := h.refuse.take(time.Now())
	return log
}

// probe asks each link that is connected for an echo.
func (h *Host) probe() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		if s == nil {
			continue
		}
		select {
		case s.probed <- struct{}{}:
		default:
		}
	}
}

// awaitHost waits for a connection of the host's.
func (l *link) awaitHost() (net.Conn, error) {
	h := l.h
	select {
	case conn := <-h.incoming:
		return conn, noDelay(conn)
	case <-h.stop.Done():
		return nil, errors.New("closed before the host connected")
	}
}

// noDelay sends what is written at once; coalescing is the flusher's. On an error the connection is closed.
func noDelay(conn net.Conn) error {
	tcp, ok := conn.(interface{ SetNoDelay(bool) error })
	if !ok {
		return nil
	}
	if err := tcp.SetNoDelay(true); err != nil {
		conn.Close()
		return fmt.Errorf("setting TCP_NODELAY: %w", err)
	}
	return nil
}

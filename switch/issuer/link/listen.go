package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
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
		default:
			h.place(conn)
		}
	}
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

// awaitHost waits for a connection of the host's, and secures it if the config says so.
func (l *link) awaitHost() (net.Conn, error) {
	h := l.h
	var conn net.Conn
	select {
	case conn = <-h.incoming:
	case <-h.stop.Done():
		return nil, errors.New("closed before the host connected")
	}
	if err := noDelay(conn); err != nil {
		return nil, err
	}
	if h.cfg.TLS == nil {
		return conn, nil
	}
	ctx, cancel := context.WithTimeout(h.stop, h.cfg.SignOnTimeout)
	defer cancel()
	secure := tls.Server(conn, h.cfg.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return secure, nil
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

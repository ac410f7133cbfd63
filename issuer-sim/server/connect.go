package server

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
)

// A switch may listen for its issuers. Connections to it are made again whenever they end.

// How long a connection rests before it is tried again: the first, doubling, up to the last.
const (
	minConnectRest = 50 * time.Millisecond
	maxConnectRest = 5 * time.Second
)

// connect keeps the connections that we make, until the server closes.
func (s *Server) connect() error {
	if s.dialed == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	var keeping sync.WaitGroup
	for range s.dialed {
		keeping.Go(func() { s.keep(ctx) })
	}
	<-s.quit
	cancel()
	keeping.Wait()
	return nil
}

// keep keeps one connection.
func (s *Server) keep(ctx context.Context) {
	rest := minConnectRest
	for {
		made := time.Now()
		conn, err := s.dial(ctx)
		if err == nil {
			err = s.serveUntilEnded(conn)
		}
		select {
		case <-s.quit:
			return
		default:
		}
		if time.Since(made) > maxConnectRest {
			rest = minConnectRest
		}
		if logged, _ := s.logs.allow(); logged && err != nil {
			s.logger.Warn("connection to the switch not made, trying again", zap.Error(err), zap.Duration("in", rest))
		}
		select {
		case <-time.After(rest):
		case <-s.quit:
			return
		}
		rest = min(2*rest, maxConnectRest)
	}
}

// serveUntilEnded serves a connection that we made, and returns once it or the server ends.
func (s *Server) serveUntilEnded(conn net.Conn) error {
	l, err := s.serve(conn, s.number.Add(1))
	if err != nil || l == nil {
		return errors.Join(err, conn.Close())
	}
	select {
	case <-l.lib.Done():
	case <-s.quit: // Close ends it
	}
	return nil
}

// Package client speaks the gateway protocol: typed requests in, typed answers out, pipelined over one or several
// connections.
//
// It guarantees that a request is sent once at the most, and that each one sent is answered: with the switch's answer
// (which may be an error of the protocol, [api.Answer].Err), or with an error of its own that wraps [ErrLost] when the
// connection broke before the answer came. Such a request may or may not have taken effect; ask with the operation
// status by its key, or send it again with the same key.
//
// It does not resend, reconnect or retry by itself: who moves money decides that, with the key in hand. Ids on the wire
// are the client's own; an answer carries the id that its request had.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"switchyard/switch/api"
)

// The defaults of Options.
const (
	DefaultConnections  = 1
	DefaultMaxInFlight  = 2048
	DefaultWriteTimeout = 10 * time.Second
)

// Options say how to connect. Dial is required.
type Options struct {
	// Dial opens a connection: usually new(net.Dialer).DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// TLS, where set, is spoken; it needs a ServerName. A client certificate may stand for the hello.
	TLS *tls.Config
	// Gateway and Secret are said in a hello on each connection, where Gateway is set.
	Gateway, Secret string

	Connections  int           // default DefaultConnections; requests take turns on them
	MaxInFlight  int           // requests awaiting answers a connection, default DefaultMaxInFlight
	WriteTimeout time.Duration // for a socket write, default DefaultWriteTimeout; past it the connection is given up
}

var (
	// ErrLost is wrapped where a connection ended before the answer came: nobody here knows what became of the request.
	ErrLost = errors.New("connection lost before the answer")
	// ErrNotSent is wrapped where a request was not sent because no connection is left.
	ErrNotSent = errors.New("not sent: no connection")
	// ErrFull is returned by Send when MaxInFlight requests await answers on every connection. Nothing was sent.
	ErrFull = errors.New("not sent: as many requests are in flight as may be")
	// ErrClosed is the cause of ErrLost and ErrNotSent after Close.
	ErrClosed = errors.New("client closed")
)

// Client is a set of connections to one switch. Its methods may be called from any goroutine.
type Client struct {
	conns []*conn
	turn  atomic.Uint32
}

// Dial opens the connections and says hello on each. It fails unless all of them stand; ctx bounds it.
func Dial(ctx context.Context, address string, options Options) (*Client, error) {
	if options.Dial == nil {
		return nil, errors.New("client: Options.Dial is missing")
	}
	c := new(Client)
	for range orDefault(options.Connections, DefaultConnections) {
		conn, err := open(ctx, address, &options)
		if err != nil {
			c.Close()
			return nil, err
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

func open(ctx context.Context, address string, options *Options) (*conn, error) {
	nc, err := options.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if options.TLS != nil {
		tc := tls.Client(nc, options.TLS)
		if err := tc.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, fmt.Errorf("TLS with %s: %w", address, err)
		}
		nc = tc
	}
	c := newConn(
		nc, orDefault(options.MaxInFlight, DefaultMaxInFlight), orDefault(options.WriteTimeout, DefaultWriteTimeout),
	)
	if options.Gateway == "" {
		return c, nil
	}
	if err := c.hello(ctx, options.Gateway, options.Secret); err != nil {
		c.fail(ErrClosed)
		c.ended.Wait()
		return nil, fmt.Errorf("hello to %s: %w", address, err)
	}
	return c, nil
}

// Do sends a request and waits for its answer. It waits for room too, where MaxInFlight requests are under way. When
// ctx ends first it returns ctx's error; the request, where it was sent, goes on.
func (c *Client) Do(ctx context.Context, req *api.Request) (*api.Answer, error) {
	type result struct {
		answer api.Answer
		err    error
	}
	got := make(chan result, 1)
	done := func(a *api.Answer, err error) {
		if err != nil {
			got <- result{err: err}
			return
		}
		got <- result{answer: *a}
	}
	var last error
	first := int(c.turn.Add(1))
	for i := range c.conns {
		conn := c.conns[(first+i)%len(c.conns)]
		var s slot
		select {
		case s = <-conn.free:
		case <-conn.broken:
			last = conn.cause()
			continue
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if last = conn.send(s, req, done); last != nil {
			continue
		}
		select {
		case r := <-got:
			if r.err != nil {
				return nil, r.err
			}
			return &r.answer, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrNotSent, last)
}

// Send sends a request and returns without waiting: done is called once with the answer, or with an error that wraps
// ErrLost. When Send returns an error (ErrFull, or one that wraps ErrNotSent) nothing was sent and done is not called.
//
// done runs on the connection's reading goroutine, so it must neither block nor call Close; it may Send. The answer is
// valid until done returns. req is encoded before Send returns and may be reused then.
func (c *Client) Send(req *api.Request, done func(*api.Answer, error)) error {
	first := int(c.turn.Add(1))
	full := false
	var last error
	for i := range c.conns {
		conn := c.conns[(first+i)%len(c.conns)]
		select {
		case s := <-conn.free:
			if last = conn.send(s, req, done); last == nil {
				return nil
			}
		default:
			if last = conn.cause(); last == nil {
				full = true
			}
		}
	}
	if full {
		return ErrFull
	}
	return fmt.Errorf("%w: %w", ErrNotSent, last)
}

// Err returns why no request can be sent any more, or nil while a connection stands.
func (c *Client) Err() error {
	var err error
	for _, conn := range c.conns {
		if err = conn.cause(); err == nil {
			return nil
		}
	}
	return err
}

// Close closes the connections at once and returns when their goroutines have ended and every done was called. For a
// quiet end, wait for the answers first.
func (c *Client) Close() error {
	for _, conn := range c.conns {
		conn.fail(ErrClosed)
	}
	for _, conn := range c.conns {
		conn.ended.Wait()
	}
	return nil
}

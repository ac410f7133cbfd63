package clients

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/day"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
	"switchyard/switch/front/lines/wire"
)

// dialLimit is how long connecting may take.
const dialLimit = 5 * time.Second

// Dial opens so many connections to a gateway port, each a client of its own with room for inFlight requests.
func Dial(ctx context.Context, addr string, connections, inFlight int) ([]*client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var clients []*client.Client
	for range connections {
		c, err := client.Dial(ctx, addr, client.Options{Dial: new(net.Dialer).DialContext, MaxInFlight: inFlight})
		if err != nil {
			CloseAll(clients)
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// CloseAll closes clients.
func CloseAll(clients []*client.Client) {
	for _, c := range clients {
		_ = c.Close() // all answers are in, or the run has failed already
	}
}

// Lanes shows clients to the driver of a load.
func Lanes(clients []*client.Client) []loadgen.Gateway {
	lanes := make([]loadgen.Gateway, len(clients))
	for i, c := range clients {
		lanes[i] = c
	}
	return lanes
}

// Players shows clients to the driver of a day.
func Players[C day.Client](clients []C) []day.Client {
	players := make([]day.Client, len(clients))
	for i, c := range clients {
		players[i] = c
	}
	return players
}

// DialTCP opens so many connections to a port, for a driver that reads and writes them itself.
func DialTCP(ctx context.Context, addr string, connections int) ([]net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var conns []net.Conn
	for range connections {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			for _, c := range conns {
				_ = c.Close() // nothing was sent on it
			}
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

// Hello is how a gateway port is spoken to.
type Hello struct {
	Gateway, Secret string      // said on each connection, where Gateway is set
	TLS             *tls.Config // spoken where it is set; without a ServerName the certificate must be of the host dialled
}

// DialGateway opens connections as DialTCP does, to a gateway port, and says hello on each.
func DialGateway(ctx context.Context, addr string, connections int, hello Hello) ([]net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	if hello.TLS != nil && hello.TLS.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		hello.TLS = hello.TLS.Clone()
		hello.TLS.ServerName = host
	}
	conns, err := DialTCP(ctx, addr, connections)
	if err != nil {
		return nil, err
	}
	for i, c := range conns {
		if conns[i], err = hello.say(ctx, c); err != nil {
			for _, c := range conns {
				_ = c.Close() // nothing was asked on it
			}
			return nil, fmt.Errorf("%s: %w", addr, err)
		}
	}
	return conns, nil
}

// say begins a connection, and returns it as it is to be spoken over.
func (h *Hello) say(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if h.TLS != nil {
		secure := tls.Client(conn, h.TLS)
		if err := secure.HandshakeContext(ctx); err != nil {
			return conn, fmt.Errorf("TLS: %w", err)
		}
		conn = secure
	}
	if h.Gateway == "" {
		return conn, nil
	}
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return conn, err
	}
	if _, err := conn.Write(append(wire.AppendHello(nil, helloID, h.Gateway, h.Secret), '\n')); err != nil {
		return conn, fmt.Errorf("hello: %w", err)
	}
	line, err := readLine(conn)
	if err != nil {
		return conn, fmt.Errorf("hello: %w", err)
	}
	var answer api.Answer
	if err := wire.DecodeAnswer(line, &answer); err != nil {
		return conn, fmt.Errorf("hello: what came is no answer: %w", err)
	}
	if answer.Err != nil {
		return conn, fmt.Errorf("hello: %w", answer.Err)
	}
	return conn, conn.SetDeadline(time.Time{})
}

// helloID is the id of a hello, which no request has.
const helloID = "hello"

// maxHello bounds the answer to a hello.
const maxHello = 4096

// readLine reads a line byte by byte, so that nothing behind it is taken from who reads on.
func readLine(conn net.Conn) ([]byte, error) {
	var line []byte
	for one := [1]byte{}; len(line) < maxHello; line = append(line, one[0]) {
		if _, err := io.ReadFull(conn, one[:]); err != nil {
			return nil, err
		}
		if one[0] == '\n' {
			return line, nil
		}
	}
	return nil, fmt.Errorf("an answer of more than %d bytes", maxHello)
}

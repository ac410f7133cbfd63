package clients

import (
	"context"
	"net"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/day"
	"switchyard/switch/front/lines/client"
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

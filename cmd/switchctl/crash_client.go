package main

import (
	"context"
	"sync"

	"switchyard/internal/loadgen/day"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
)

// persistentClient is a connection to a switch that may go away: the next request after it broke connects anew. What was
// in flight is lost to it, and is its user's to send again.
type persistentClient struct {
	address  string
	inFlight int

	mu     sync.Mutex
	client *client.Client
}

// Do implements day.Client.
func (p *persistentClient) Do(ctx context.Context, req *api.Request) (*api.Answer, error) {
	c, err := p.connected(ctx)
	if err != nil {
		return nil, err
	}
	return c.Do(ctx, req)
}

func (p *persistentClient) connected(ctx context.Context) (*client.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil && p.client.Err() == nil {
		return p.client, nil
	}
	p.drop()
	clients, err := dialGateway(ctx, p.address, 1, p.inFlight)
	if err != nil {
		return nil, err
	}
	p.client = clients[0]
	return p.client, nil
}

func (p *persistentClient) drop() {
	if p.client != nil {
		_ = p.client.Close() // it is of no use any more
		p.client = nil
	}
}

func (p *persistentClient) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

func persistent(clients []*persistentClient) []day.Client {
	players := make([]day.Client, len(clients))
	for i, c := range clients {
		players[i] = c
	}
	return players
}

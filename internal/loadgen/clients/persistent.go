package clients

import (
	"context"
	"sync"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
)

// Persistent is a connection to a switch that may go away: the next request after it broke connects anew. What was
// in flight is lost to it, and is its user's to send again.
type Persistent struct {
	address  string
	inFlight int // at the same time, at the most

	mu     sync.Mutex
	client *client.Client
}

// NewPersistent makes a client of the gateway port at address with room for inFlight requests. It connects with the
// first.
func NewPersistent(address string, inFlight int) *Persistent {
	return &Persistent{address: address, inFlight: inFlight}
}

// Do implements day.Client.
func (p *Persistent) Do(ctx context.Context, req *api.Request) (*api.Answer, error) {
	c, err := p.connected(ctx)
	if err != nil {
		return nil, err
	}
	return c.Do(ctx, req)
}

func (p *Persistent) connected(ctx context.Context) (*client.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil && p.client.Err() == nil {
		return p.client, nil
	}
	p.drop()
	clients, err := Dial(ctx, p.address, 1, p.inFlight)
	if err != nil {
		return nil, err
	}
	p.client = clients[0]
	return p.client, nil
}

func (p *Persistent) drop() {
	if p.client != nil {
		_ = p.client.Close() // it is of no use any more
		p.client = nil
	}
}

// Close closes the connection; a further request would make another.
func (p *Persistent) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

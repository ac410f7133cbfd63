package sim

import (
	"sync"
	"time"

	"switchyard/switch/api"
)

// history is every request of the actors with what came of it.
type history struct {
	mu    sync.Mutex
	calls []*call
	keys  map[string]*keyed // by keyName
	order []*keyed
}

// keyed is what is known of an idempotency key, which is a merchant's at a node.
type keyed struct {
	node     *switchNode
	merchant string
	key      string
	by       *actor // who used it first
	req      wish   // the first one; repeats with the same body are equal to it
	calls    []*call
}

// keyName tells a key from those of other merchants and nodes.
func keyName(n *switchNode, merchant, key string) string { return n.name + " " + merchant + " " + key }

// call is one request that was sent.
type call struct {
	actor      int
	by         *actor
	merchant   string // whose keys it is about
	req        wish
	other      bool  // another body under a key that is used
	begin, end int64 // in the order of all events; end 0: never answered
	at         time.Duration
	answer     *api.Answer // nil: the answer was lost
}

func (h *history) add(c *call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
	if c.req.Key == "" || c.req.Op == api.OpStatus {
		return
	}
	if h.keys == nil {
		h.keys = map[string]*keyed{}
	}
	name := c.name(c.req.Key)
	k := h.keys[name]
	if k == nil {
		k = &keyed{node: c.by.node, merchant: c.merchant, key: c.req.Key, by: c.by, req: c.req}
		h.keys[name] = k
		h.order = append(h.order, k)
	}
	k.calls = append(k.calls, c)
}

// name is keyName of a key of the call's.
func (c *call) name(key string) string { return keyName(c.by.node, c.merchant, key) }

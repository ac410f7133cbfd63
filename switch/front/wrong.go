package front

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The refusal of a wrong hello is held back for longer and longer. It is not a bound on guessing: there is nothing to
// guess (package secret), and a right secret is let in at once, so that nobody keeps a gateway out by its name. It is
// so that who does not stop costs little, and is seen.
const (
	// freeWrong is how many wrong hellos are refused at once: of a person who sets a gateway up.
	freeWrong = 3
	// firstHold is for how long the one after them is held back. It doubles with each, up to longestHold.
	firstHold   = 250 * time.Millisecond
	longestHold = 8 * time.Second
	// wrongForgotten is after how long without one they are forgotten.
	wrongForgotten = 10 * time.Minute
	// maxStrangers is how many addresses and gateways are remembered; the one that was silent for longest goes.
	maxStrangers = 4096
	// networkBits is how much of an IPv6 address counts: one machine has all that begin so.
	networkBits = 64
)

// WrongHello is what is known of one.
type WrongHello struct {
	// Nth is how many came from the address for the gateway, this one included. Names that are not listed are one.
	Nth int
	// Hold is for how long its refusal is to be held back.
	Hold time.Duration
}

// stranger is an address and the gateway for which it said wrong hellos; nil: one that is not listed.
type stranger struct {
	from netip.Addr
	of   *Caller
}

// wrongs are the wrong hellos of a stranger.
type wrongs struct {
	of     stranger
	count  int
	latest time.Time
}

// strangers remembers who said wrong hellos.
type strangers struct {
	mu    sync.Mutex
	known map[stranger]*list.Element // of *wrongs
	order list.List                  // the latest one first
}

// Wrong counts a hello whose secret BySecret did not take, and says for how long its refusal is to be held back.
func (f *Front) Wrong(from net.Addr, name string) WrongHello {
	if f.callers == nil {
		return WrongHello{} // nobody can be wrong
	}
	c, counter := f.callers.byName[name], f.callers.unlisted
	if c != nil {
		counter = c.wrong
	}
	counter.Inc()
	n := f.callers.strangers.count(stranger{NetworkOf(from), c}, time.Now())
	return WrongHello{Nth: n, Hold: holdOf(n)}
}

// holdOf is for how long the nth wrong hello is held back.
func holdOf(n int) time.Duration {
	if n <= freeWrong {
		return 0
	}
	hold := firstHold
	for range n - freeWrong - 1 {
		if hold = 2 * hold; hold >= longestHold {
			return longestHold
		}
	}
	return hold
}

// count counts one more of a stranger and returns how many came.
func (s *strangers) count(of stranger, now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[of]
	if e == nil {
		if len(s.known) >= maxStrangers {
			delete(s.known, s.order.Remove(s.order.Back()).(*wrongs).of)
		}
		e = s.order.PushFront(&wrongs{of: of})
		s.known[of] = e
	}
	s.order.MoveToFront(e)
	w := e.Value.(*wrongs)
	if now.Sub(w.latest) >= wrongForgotten {
		w.count = 0
	}
	w.count, w.latest = w.count+1, now
	return w.count
}

// NetworkOf is what of an address is remembered, and what connections are bounded by: of IPv6 its network of 64 bits.
// The zero Addr is that of what is none of the internet's.
func NetworkOf(from net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is4() {
		return addr
	}
	network, err := addr.Prefix(networkBits)
	if err != nil {
		return netip.Addr{}
	}
	return network.Addr()
}

// measureWrong registers the metric of wrong hellos.
func (cs *callers) measureWrong(reg prometheus.Registerer) error {
	wrong := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "switchyard_gateway_wrong_hellos_total",
		Help: "Hellos with a wrong secret, by the gateway that they named; empty: one that is not listed.",
	}, []string{"gateway"})
	if err := reg.Register(wrong); err != nil {
		return err
	}
	if cs == nil {
		return nil
	}
	cs.unlisted = wrong.WithLabelValues("")
	for name, c := range cs.byName {
		c.wrong = wrong.WithLabelValues(name)
	}
	return nil
}

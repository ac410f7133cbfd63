package txswitch

import (
	"slices"
	"sync/atomic"

	cardno "switchyard/internal/pan"
	"switchyard/switch/flow"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/route"
)

// router finds the issuers of a card: one of its route's hosts by weight, the others behind it for when that one has no
// link.
type router struct {
	table   *route.Table
	issuers map[string]*exchange.Issuer
	only    map[string][]*exchange.Issuer // of a route with one host
	turn    atomic.Uint64
}

func newRouter(t *route.Table, issuers map[string]*exchange.Issuer) *router {
	r := &router{table: t, issuers: issuers, only: make(map[string][]*exchange.Issuer, len(issuers))}
	for name, x := range issuers {
		r.only[name] = []*exchange.Issuer{x}
	}
	return r
}

// Route implements flow.Router.
func (r *router) Route(pan string) (flow.Route, bool) {
	found, ok := r.table.Lookup(pan)
	if !ok {
		return flow.Route{}, false
	}
	destination := found.Destination
	if destination == byScheme {
		destination = cardno.Brand(pan)
	}
	if len(found.Hosts) == 1 {
		return flow.Route{Name: found.Name, Destination: destination, Issuers: r.only[found.Hosts[0].Host]}, true
	}
	out := flow.Route{Name: found.Name, Destination: destination, Issuers: make([]*exchange.Issuer, 0, len(found.Hosts))}
	for range found.Hosts {
		host, ok := found.Pick(r.turn.Add(1), func(host string) bool {
			x := r.issuers[host]
			return x.Host.Ready() && !slices.Contains(out.Issuers, x)
		})
		if x := r.issuers[host]; ok && !slices.Contains(out.Issuers, x) {
			out.Issuers = append(out.Issuers, x)
		}
	}
	if len(out.Issuers) == 0 { // none is ready: those whose link is coming back are waited for, or else the first says so
		for _, h := range found.Hosts {
			if x := r.issuers[h.Host]; x.Host.Returning() {
				out.Issuers = append(out.Issuers, x)
			}
		}
	}
	if len(out.Issuers) == 0 {
		out.Issuers = append(out.Issuers, r.issuers[found.Hosts[0].Host])
	}
	return out, true
}

// destinations lists the destinations that the config names, each once. Those by scheme come with their first payment.
func (r *router) destinations() (names []string) {
	for _, route := range r.table.Routes() {
		if route.Destination != byScheme && !slices.Contains(names, route.Destination) {
			names = append(names, route.Destination)
		}
	}
	return names
}

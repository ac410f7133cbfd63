package txswitch

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"

	cardno "switchyard/internal/pan"
	"switchyard/switch/flow"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/route"
)

// defaultRoute takes every card where no table is configured.
const defaultRoute = "default"

// byScheme stands for the destination of a route that is given none: the scheme of each card (visa, mastercard, …).
const byScheme = "by-scheme"

// table makes the BIN table: the configured file or rules, or every card to the first issuer.
func (c *Config) table() (*route.Table, error) {
	t, err := c.parseTable()
	if err != nil {
		return nil, err
	}
	for _, r := range t.Routes() {
		if !storable(r.Destination) {
			return nil, fmt.Errorf("route %q: destination %q: expected 1 to %d printable characters", r.Name, r.Destination, maxNameLen)
		}
		for _, h := range r.Hosts {
			if !slices.ContainsFunc(c.Issuers, func(x IssuerConfig) bool { return x.Name == h.Host }) {
				return nil, fmt.Errorf("route %q: host %q is not among the issuers", r.Name, h.Host)
			}
		}
	}
	return t, nil
}

func (c *Config) parseTable() (*route.Table, error) {
	switch {
	case c.Routes.File != "" && len(c.Routes.Rules) > 0:
		return nil, fmt.Errorf("file and rules are both set; expected one")
	case c.Routes.File != "":
		t, err := route.Parse(bytes.NewReader(c.Routes.Table))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Routes.File, err)
		}
		return t, nil
	case len(c.Routes.Rules) == 0:
		hosts := []route.WeightedHost{{Host: c.Issuers[0].Name, Weight: 1}}
		return route.New([]route.Route{{Name: defaultRoute, Destination: byScheme, Hosts: hosts}}, []route.Bin{{Route: defaultRoute}})
	}
	return c.ruleTable()
}

// ruleTable gathers the rules' rows, one a prefix and host, into routes.
func (c *Config) ruleTable() (*route.Table, error) {
	var routes []route.Route
	var bins []route.Bin
	for i, rule := range c.Routes.Rules {
		if rule.Destination == "" {
			rule.Destination = byScheme
		}
		weight := 1
		if rule.Weight != nil {
			weight = *rule.Weight
		}
		at := slices.IndexFunc(routes, func(r route.Route) bool { return r.Name == rule.Route })
		if at < 0 {
			routes = append(routes, route.Route{Name: rule.Route, Destination: rule.Destination})
			at = len(routes) - 1
		}
		r := &routes[at]
		if r.Destination != rule.Destination {
			return nil, fmt.Errorf("rules[%d].destination: %q: route %q has %q already", i, rule.Destination, r.Name, r.Destination)
		}
		if !slices.ContainsFunc(r.Hosts, func(h route.WeightedHost) bool { return h.Host == rule.Host }) {
			r.Hosts = append(r.Hosts, route.WeightedHost{Host: rule.Host, Weight: weight})
		}
		if bin := (route.Bin{Prefix: rule.Prefix, Route: rule.Route}); !slices.Contains(bins, bin) {
			bins = append(bins, bin)
		}
	}
	return route.New(routes, bins)
}

// router finds the issuers of a card: one of its route's hosts by weight, the others behind it for when that one has no
// link.
type router struct {
	table   *route.Table
	issuers map[string]*exchange.Issuer
	turn    atomic.Uint64
}

func newRouter(t *route.Table, issuers map[string]*exchange.Issuer) *router {
	return &router{table: t, issuers: issuers}
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

// Package route finds the hosts that a card's messages go to.
//
// A [Table] maps the longest prefix of a PAN that it knows (a BIN, usually the first six or eight digits, or fewer) to
// a [Route]: a name, the clearing destination, and hosts with weights. The empty prefix is the default route.
//
//	PAN ──Lookup: longest prefix──▶ Route ──Pick: by weight, among the hosts that are ready──▶ host
//
// It guarantees that a table that was built has no route without a host, no prefix twice and no weight that is out of
// range; the errors name line and column of the file, or the entry of the list. A table is immutable: to change routes,
// build another and swap it in.
//
// It is not about links: whether a host is ready is for package link to say, and what was sent once is never sent again
// elsewhere by it.
//
// # The file
//
// A table is one CSV file (RFC 4180; lines that begin with # are comments) with the header
//
//	prefix,route,destination,host,weight
//
// and a row for each prefix and each host:
//
//	,other,OTHER,issuer,1        the empty prefix: every card that no other row knows
//	4,visa,VISA,visa-east,3      route visa clears to VISA; three of four payments go to visa-east
//	4,visa,VISA,visa-west,1      a second host for the same route
//	400001,visa,,,               one more prefix of a route that other rows describe
//	34,amex,AMEX,amex,1
//	34,amex,AMEX,amex-standby,0  weight 0: only while no host with a weight is ready
//
// prefix is up to MaxPrefix digits. A prefix has one route. destination is the same in all rows of a route that name
// one, and at least one does. host and weight stand together; a row without them adds a prefix only.
package route

import (
	"fmt"
	"strings"
)

// Bounds of a table.
const (
	// MaxPrefix is the most digits in a prefix. Issuers assign cards by eight, and ranges by eleven at the most.
	MaxPrefix = 11
	// MaxBins is the most prefixes in a table: more than all BINs there are, six digits long.
	MaxBins = 1 << 20
	// MaxRoutes is the most routes in a table, MaxHosts the most hosts in a route.
	MaxRoutes = 1024
	MaxHosts  = 16
	// MaxWeight is the highest weight of a host.
	MaxWeight = 1000
	// MaxName is the most characters in the name of a route, a destination or a host.
	MaxName = 32
)

// WeightedHost is a host and its share of a route. Among the hosts of a route that are ready each gets its weight's
// part of the payments; 0 is a standby, which gets none while a host with a weight is ready.
type WeightedHost struct {
	Host   string
	Weight int // 0 to MaxWeight
}

// Route is where the cards of some prefixes go.
type Route struct {
	Name        string
	Destination string // of the clearing files
	Hosts       []WeightedHost
}

// Bin gives a prefix its route.
type Bin struct {
	Prefix string // digits; empty: every card that no other Bin knows
	Route  string // Route.Name
}

// Table maps PANs to routes. It is immutable: any number of goroutines may share it.
type Table struct {
	routes []Route
	nodes  []node // a digit trie; nodes[0] is the root
}

// node is what is known about the cards that begin with the digits on the way to it.
type node struct {
	next  [10]int32 // by digit: an index into nodes, 0 for none, as nothing leads back to the root
	route int32     // an index into routes, noRoute for none
}

const noRoute = -1

// New builds a table from lists. Errors name the entry, counted from 1 as people do.
func New(routes []Route, bins []Bin) (*Table, error) {
	t := &Table{nodes: []node{{route: noRoute}}}
	byName := make(map[string]int32, len(routes))
	if len(routes) > MaxRoutes {
		return nil, fmt.Errorf("route: %d routes: want at most %d", len(routes), MaxRoutes)
	}
	if len(bins) > MaxBins {
		return nil, fmt.Errorf("route: %d prefixes: want at most %d", len(bins), MaxBins)
	}
	for i, r := range routes {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("route: route %d (%q): %w", i+1, r.Name, err)
		}
		if _, twice := byName[r.Name]; twice {
			return nil, fmt.Errorf("route: route %d (%q): name: a route of this name stands above", i+1, r.Name)
		}
		byName[r.Name] = int32(len(t.routes))
		r.Hosts = append([]WeightedHost(nil), r.Hosts...)
		t.routes = append(t.routes, r)
	}
	for i, b := range bins {
		index, known := byName[b.Route]
		if !known {
			return nil, fmt.Errorf("route: prefix %d (%q): route %q: want the name of a route", i+1, b.Prefix, b.Route)
		}
		if err := checkPrefix(b.Prefix); err != nil {
			return nil, fmt.Errorf("route: prefix %d (%q): %w", i+1, b.Prefix, err)
		}
		if had := t.insert(b.Prefix, index); had != noRoute {
			return nil, fmt.Errorf("route: prefix %d (%q): it has route %q already", i+1, b.Prefix, t.routes[had].Name)
		}
	}
	return t, nil
}

// insert gives a prefix its route. It returns the route that the prefix had, and keeps that.
func (t *Table) insert(prefix string, route int32) (had int32) {
	at := int32(0)
	for _, digit := range []byte(prefix) {
		next := t.nodes[at].next[digit-'0']
		if next == 0 {
			next = int32(len(t.nodes))
			t.nodes = append(t.nodes, node{route: noRoute})
			t.nodes[at].next[digit-'0'] = next
		}
		at = next
	}
	if had = t.nodes[at].route; had == noRoute {
		t.nodes[at].route = route
	}
	return had
}

// Lookup returns the route of the longest prefix that begins the PAN, or false if there is none. It allocates nothing.
// The route must not be changed.
func (t *Table) Lookup(pan string) (*Route, bool) {
	at := int32(0)
	found := t.nodes[0].route
	for i := 0; i < len(pan); i++ {
		digit := pan[i] - '0'
		if digit > 9 {
			break
		}
		if at = t.nodes[at].next[digit]; at == 0 {
			break
		}
		if r := t.nodes[at].route; r != noRoute {
			found = r
		}
	}
	if found == noRoute {
		return nil, false
	}
	return &t.routes[found], true
}

// Routes returns the routes in the order in which they were given; the result must not be changed.
func (t *Table) Routes() []Route { return t.routes }

// check returns an error that names the field that is wrong.
func (r *Route) check() error {
	if err := checkName(r.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if err := checkName(r.Destination); err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	if len(r.Hosts) < 1 || len(r.Hosts) > MaxHosts {
		return fmt.Errorf("hosts: %d: want 1 to %d", len(r.Hosts), MaxHosts)
	}
	for i, h := range r.Hosts {
		if err := checkName(h.Host); err != nil {
			return fmt.Errorf("host %d: %w", i+1, err)
		}
		if err := checkWeight(h.Weight); err != nil {
			return fmt.Errorf("host %d (%q): weight: %w", i+1, h.Host, err)
		}
		for _, above := range r.Hosts[:i] {
			if above.Host == h.Host {
				return fmt.Errorf("host %d (%q): it stands above", i+1, h.Host)
			}
		}
	}
	return nil
}

func checkPrefix(prefix string) error {
	if len(prefix) > MaxPrefix || strings.Trim(prefix, "0123456789") != "" {
		return fmt.Errorf("want at most %d digits", MaxPrefix)
	}
	return nil
}

func checkWeight(weight int) error {
	if weight < 0 || weight > MaxWeight {
		return fmt.Errorf("%d: want 0 to %d", weight, MaxWeight)
	}
	return nil
}

// checkName takes what can stand in a file name, a label of a metric and a log line.
func checkName(name string) error {
	ok := name != "" && len(name) <= MaxName
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		return fmt.Errorf("%q: want 1 to %d letters, digits, hyphens, underscores or dots", name, MaxName)
	}
	return nil
}

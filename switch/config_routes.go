package txswitch

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"switchyard/switch/cutover"
	"switchyard/switch/issuer/route"
)

// RoutesConfig is the BIN table: a CSV file, or rules in place. Without either every card goes to the first issuer.
type RoutesConfig struct {
	File  string      `yaml:"file"`
	Rules []RouteRule `yaml:"rules"`

	// Table is the text of File; whoever reads the config reads it too.
	Table []byte `yaml:"-"`
}

// RouteRule sends the PANs that begin with a prefix to a route's hosts. The longest prefix wins; an empty one takes
// all.
type RouteRule struct {
	Prefix      string `yaml:"prefix"`
	Route       string `yaml:"route"`
	Destination string `yaml:"destination"` // of its clearing; default the scheme of the card
	Host        string `yaml:"host"`
	Weight      *int   `yaml:"weight"` // 0: a standby, for when no other has a link or room; default 1
}

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
			return nil, fmt.Errorf("route %q: destination %q: expected 1 to %d printable characters",
				r.Name, r.Destination, maxNameLen)
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
		only := route.Route{Name: defaultRoute, Destination: byScheme, Hosts: hosts}
		return route.New([]route.Route{only}, []route.Bin{{Route: defaultRoute}})
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
			return nil, fmt.Errorf("rules[%d].destination: %q: route %q has %q already",
				i, rule.Destination, r.Name, r.Destination)
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

// checkDestinations refuses more destinations, and windows of them, than a date's file ids can tell apart, and windows
// and forms of a destination that no route has.
func (c *Config) checkDestinations(t *route.Table) error {
	named := map[string]bool{}
	for _, r := range t.Routes() {
		named[r.Destination] = true
	}
	most := cutover.MostFiles(c.Clearing.NodeInFileID)
	if len(named) > most {
		return fmt.Errorf("routes: %d destinations: a date has at most %d clearing files (PDS0105)", len(named), most)
	}
	forms, err := c.Clearing.forms()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(forms)) {
		if !named[name] && !named[byScheme] {
			return fmt.Errorf("clearing.forms: %q: expected a destination of a route", name)
		}
	}
	windows, err := c.Clearing.windows(c.BusinessDay.Cutover)
	if err != nil {
		return err
	}
	files := len(named)
	for _, name := range slices.Sorted(maps.Keys(windows)) {
		switch {
		case named[name]:
		case !named[byScheme]:
			return fmt.Errorf("clearing.windows: %q: expected a destination of a route", name)
		default:
			files++ // its last window
		}
		files += len(windows[name])
	}
	if files > most {
		return fmt.Errorf("clearing.windows: %d clearing files with those of all destinations: a date has at most %d "+
			"(PDS0105)", files, most)
	}
	return nil
}

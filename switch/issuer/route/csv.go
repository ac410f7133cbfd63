package route

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// MaxFile is the most bytes in a table's file: MaxBins rows of the longest kind are less.
const MaxFile = 256 << 20

var columns = []string{"prefix", "route", "destination", "host", "weight"}

const (
	colPrefix = iota
	colRoute
	colDestination
	colHost
	colWeight
)

// Parse reads a table from CSV; the package comment describes the file. The errors name line and column.
func Parse(r io.Reader) (*Table, error) {
	p := parser{byName: map[string]int{}, bins: map[string]int{}}
	p.csv = csv.NewReader(&bounded{r: r, left: MaxFile})
	p.csv.Comment = '#'
	p.csv.FieldsPerRecord = len(columns)
	p.csv.ReuseRecord = true
	if err := p.header(); err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	for {
		row, err := p.csv.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("route: %w", inCSV(err))
		}
		if err := p.row(row); err != nil {
			return nil, fmt.Errorf("route: %w", err)
		}
	}
	return p.table()
}

// parser gathers routes and prefixes row by row.
type parser struct {
	csv    *csv.Reader
	routes []Route
	lines  []int          // of each route, the line that it begins in
	byName map[string]int // into routes
	bins   map[string]int // prefix to an index into routes
	order  []Bin
}

func (p *parser) header() error {
	row, err := p.csv.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("line 1: want the header %s", strings.Join(columns, ","))
	}
	if err != nil {
		return inCSV(err)
	}
	for i, want := range columns {
		if row[i] != want {
			return p.wrong(i, "%q: want the header %s", row[i], strings.Join(columns, ","))
		}
	}
	return nil
}

// row adds one row.
func (p *parser) row(row []string) error {
	// With ReuseRecord the strings are new for each record, only the slice is not.
	name, prefix, destination := row[colRoute], row[colPrefix], row[colDestination]
	if err := checkName(name); err != nil {
		return p.wrong(colRoute, "%w", err)
	}
	index, known := p.byName[name]
	if !known {
		if len(p.routes) == MaxRoutes {
			return p.wrong(colRoute, "%q: want at most %d routes", name, MaxRoutes)
		}
		index = len(p.routes)
		p.byName[name] = index
		p.routes = append(p.routes, Route{Name: name})
		line, _ := p.csv.FieldPos(colRoute)
		p.lines = append(p.lines, line)
	}
	if err := p.prefix(prefix, index); err != nil {
		return err
	}
	r := &p.routes[index]
	if destination != "" {
		if err := checkName(destination); err != nil {
			return p.wrong(colDestination, "%w", err)
		}
		if r.Destination != "" && r.Destination != destination {
			return p.wrong(colDestination, "%q: route %q has %q above", destination, name, r.Destination)
		}
		r.Destination = destination
	}
	return p.host(row[colHost], row[colWeight], r)
}

func (p *parser) prefix(prefix string, route int) error {
	if err := checkPrefix(prefix); err != nil {
		return p.wrong(colPrefix, "%q: %w", prefix, err)
	}
	had, known := p.bins[prefix]
	switch {
	case known && had != route:
		return p.wrong(colPrefix, "%q: it has route %q above", prefix, p.routes[had].Name)
	case known:
		return nil
	case len(p.bins) == MaxBins:
		return p.wrong(colPrefix, "want at most %d prefixes", MaxBins)
	}
	p.bins[prefix] = route
	p.order = append(p.order, Bin{Prefix: prefix, Route: p.routes[route].Name})
	return nil
}

func (p *parser) host(host, weightText string, r *Route) error {
	if host == "" && weightText == "" {
		return nil
	}
	if err := checkName(host); err != nil {
		return p.wrong(colHost, "%w", err)
	}
	weight, err := strconv.Atoi(weightText)
	if err != nil {
		return p.wrong(colWeight, "%q: want a number, 0 to %d", weightText, MaxWeight)
	}
	if err := checkWeight(weight); err != nil {
		return p.wrong(colWeight, "%w", err)
	}
	if i := slices.IndexFunc(r.Hosts, func(h WeightedHost) bool { return h.Host == host }); i >= 0 {
		if had := r.Hosts[i].Weight; had != weight {
			return p.wrong(colWeight, "%d: host %q of route %q has %d above", weight, host, r.Name, had)
		}
		return nil
	}
	if len(r.Hosts) == MaxHosts {
		return p.wrong(colHost, "%q: want at most %d hosts in route %q", host, MaxHosts, r.Name)
	}
	r.Hosts = append(r.Hosts, WeightedHost{Host: host, Weight: weight})
	return nil
}

// table checks what only the whole file can show.
func (p *parser) table() (*Table, error) {
	if len(p.routes) == 0 {
		return nil, errors.New("route: line 2: want at least one route")
	}
	for i := range p.routes {
		r := &p.routes[i]
		if r.Destination == "" {
			return nil, fmt.Errorf("route: line %d, column destination: no row of route %q has one", p.lines[i], r.Name)
		}
		if len(r.Hosts) == 0 {
			return nil, fmt.Errorf("route: line %d, column host: no row of route %q has one", p.lines[i], r.Name)
		}
	}
	return New(p.routes, p.order)
}

// wrong is an error about a column of the row that was read last.
func (p *parser) wrong(column int, format string, args ...any) error {
	line, at := p.csv.FieldPos(column)
	return fmt.Errorf("line %d, column %s (character %d): %w", line, columns[column], at, fmt.Errorf(format, args...))
}

// inCSV puts an error of the CSV reader into the words of the others.
func inCSV(err error) error {
	var bad *csv.ParseError
	if !errors.As(err, &bad) {
		return err
	}
	if errors.Is(bad.Err, csv.ErrFieldCount) {
		return fmt.Errorf("line %d: want the %d columns %s", bad.Line, len(columns), strings.Join(columns, ","))
	}
	return fmt.Errorf("line %d, character %d: %w", bad.Line, bad.Column, bad.Err)
}

// bounded reads at most left bytes; that there are more is an error, for a table that ends early would route cards
// wrong.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("want a file of at most %d bytes", MaxFile)
	}
	return n, err
}

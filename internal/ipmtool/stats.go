package ipmtool

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"switchyard/switch/clearing"
)

// add counts a record that is a presentment.
func add(to clearing.Tally, r *clearing.Record) {
	if amount, ok := r.AmountMinor(); ok && r.MTI == "1240" {
		to.Add(r.Currency(), r.Debits(), amount)
	}
}

// groupings are what Stats can group by, and how each is read from a record.
var groupings = map[string]func(r *clearing.Record, file *FileOf) string{
	"type":        func(r *clearing.Record, _ *FileOf) string { return r.Kind() },
	"merchant":    func(r *clearing.Record, _ *FileOf) string { return strings.TrimRight(r.Shown(42), " ") },
	"category":    func(r *clearing.Record, _ *FileOf) string { return r.Shown(26) },
	"terminal":    func(r *clearing.Record, _ *FileOf) string { return strings.TrimRight(r.Shown(41), " ") },
	"destination": func(_ *clearing.Record, f *FileOf) string { return f.Destination },
	"file":        func(_ *clearing.Record, f *FileOf) string { return f.Name },
	"day": func(r *clearing.Record, _ *FileOf) string { // DE12, YYMMDDhhmmss
		if t := r.Shown(12); len(t) == 12 {
			return "20" + t[:2] + "-" + t[2:4] + "-" + t[4:6]
		}
		return ""
	},
}

// Groupings are the names of what Stats can group by, beside the currency.
func Groupings() []string {
	names := make([]string, 0, len(groupings))
	for name := range groupings {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// A FileOf says where a record comes from.
type FileOf struct {
	Name        string
	Destination string // of its manifest, or ""
}

// A Group is what the records with the same values add up to.
type Group struct {
	By []string `json:"by"` // the values, in the order in which they were asked for
	clearing.CurrencyTotals
}

// Stats counts records and their amounts by group and currency, of as many files as Add is given. Messages without an
// amount count in groups of no currency.
type Stats struct {
	by         []string
	groups     map[string]*Group
	Messages   int                `json:"messages"`
	Unreadable []clearing.Finding `json:"unreadable"` // the first mostUnreadable of them
	Faults     int                `json:"faults"`     // how many there were
}

const mostUnreadable = 100

// NewStats groups by names of Groupings.
func NewStats(by []string) (*Stats, error) {
	for _, name := range by {
		if groupings[name] == nil {
			return nil, fmt.Errorf("%q is nothing to group by: expected %s", name, strings.Join(Groupings(), ", "))
		}
	}
	return &Stats{by: by, groups: map[string]*Group{}, Unreadable: []clearing.Finding{}}, nil
}

// Add counts a file's records.
func (s *Stats) Add(f io.Reader, of FileOf) error {
	_, err := each(f, func(r *clearing.Record) error {
		s.Messages++
		values := make([]string, 0, len(s.by))
		for _, name := range s.by {
			values = append(values, groupings[name](r, &of))
		}
		amount, ok := r.AmountMinor()
		currency := ""
		if ok {
			currency = r.Currency()
		}
		key := strings.Join(append(values, currency), "\x00")
		g := s.groups[key]
		if g == nil {
			g = &Group{By: values, CurrencyTotals: clearing.CurrencyTotals{Currency: currency}}
			s.groups[key] = g
		}
		g.Add(r.Debits(), amount)
		return nil
	}, func(f *clearing.FormatError) error {
		if s.Faults++; s.Faults <= mostUnreadable {
			s.Unreadable = append(s.Unreadable, f.Finding)
		}
		return nil
	})
	return err
}

// Groups are the groups by their values and currencies.
func (s *Stats) Groups() []*Group {
	out := make([]*Group, 0, len(s.groups))
	for _, g := range s.groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *Group) int {
		return cmp.Or(slices.Compare(a.By, b.By), cmp.Compare(a.Currency, b.Currency))
	})
	return out
}

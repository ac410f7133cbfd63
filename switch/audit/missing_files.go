package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchyard/internal/money"
)

// missingKey is a destination of a business date.
type missingKey struct{ date, destination string }

// missingFiles are the files of a destination and date that the switch wrote and that are not in the folder. One line
// says so, and not one for each record that would stand in them.
type missingFiles struct {
	ids     []string
	records int
	minor   map[string]int64 // by currency
	window  bool             // they are of windows of a date that is not written: nobody counts what is in them
}

// expectFiles holds the folder against what the switch says it wrote.
func (a *auditor) expectFiles() {
	known := map[string]bool{}
	for date, d := range a.calendar.days {
		if !a.options.covers(date) {
			continue
		}
		written := d.State == dayWritten
		list := a.calendar.files(date)
		if !written {
			list = d.inWindows()
		}
		for _, f := range list {
			known[f.FileID] = true
			if a.files.byID[f.FileID] == nil && !a.files.unreadable[f.FileID] {
				a.expectFile(missingKey{date, f.Destination}, f.FileID).window = !written
			}
		}
		if written && list == nil && !a.files.dates[date] {
			a.expectFile(missingKey{date: date}, "")
		}
	}
	for _, f := range a.files.files {
		if d := a.calendar.days[f.date]; d == nil || d.State == dayWritten && a.calendar.files(f.date) != nil &&
			!known[f.id] {
			a.files.differ(FileUnknown, f.id, "the switch does not say that it wrote it, of business date %s", f.date)
		}
	}
}

func (a *auditor) expectFile(key missingKey, id string) *missingFiles {
	m := a.missing[key]
	if m == nil {
		m = &missingFiles{minor: map[string]int64{}}
		a.missing[key] = m
	}
	m.ids = append(m.ids, id)
	return m
}

// missingOf returns the files that are not there and that the record of an operation may stand in, nil where all are.
func (c *check) missingOf(op *operation) *missingFiles {
	if op.Clearing != nil {
		if m := c.missing[missingKey{op.filed(), op.Clearing.Destination}]; m != nil {
			return m
		}
	}
	return c.missing[missingKey{date: op.filed()}]
}

// inMissingFile tells whether the record of an operation would stand in a file that is not there, and counts it there.
func (c *check) inMissingFile(op *operation, minor int64) bool {
	m := c.missingOf(op)
	if m == nil {
		return false
	}
	m.records++
	m.minor[c.p.Currency] += minor
	return true
}

// missingFiles reports them.
func (a *auditor) missingFiles() {
	keys := slices.SortedFunc(maps.Keys(a.missing), func(x, y missingKey) int {
		return cmp.Or(strings.Compare(x.date, y.date), strings.Compare(x.destination, y.destination))
	})
	for _, key := range keys {
		m := a.missing[key]
		what := "the files of business date " + key.date
		if key.destination != "" {
			slices.Sort(m.ids)
			what = fmt.Sprintf("file %s of business date %s to %s", strings.Join(m.ids, ", "), key.date, key.destination)
		}
		detail := fmt.Sprintf("%s: the switch wrote it, it is not in the folder; "+
			"what the journal has in it and no other file has: %d records",
			what, m.records)
		if m.window {
			detail = what + ": the switch wrote it for a window, it is not in the folder"
		}
		var sums []string
		for currency, minor := range m.minor {
			sums = append(sums, money.Format(minor, currency))
		}
		if slices.Sort(sums); len(sums) > 0 {
			detail += " of " + strings.Join(sums, ", ")
		}
		a.report.differ(Difference{Kind: FileMissing, Detail: detail})
	}
}

package cutover

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"switchyard/internal/mutant"
	"switchyard/switch/clearing"
)

// Bounds are what one file holds. A destination's presentments go into as many files as that takes, in their order.
type Bounds struct {
	Records  int   // presentments; default clearing.MaxPresentments
	SumMinor int64 // of their amounts, whatever their currency; default clearing.MaxSumMinor
	Rows     int   // of the summary: merchants times currencies; default clearing.MaxSummaryRows
}

// complete fills in defaults, which are the most as well.
func (b Bounds) complete() Bounds {
	return Bounds{
		Records: within(b.Records, clearing.MaxPresentments), SumMinor: within(b.SumMinor, clearing.MaxSumMinor),
		Rows: within(b.Rows, clearing.MaxSummaryRows),
	}
}

func within[T int | int64](bound, most T) T {
	if bound < 1 {
		return most
	}
	return min(bound, most)
}

// MostFiles is how many files a date can have: what the digits of PDS0105 tell apart.
func MostFiles(nodeInFileID bool) int {
	if nodeInFileID {
		return clearing.MaxNodeSequence
	}
	return clearing.MaxFileSequence
}

// splitter lays presentments into files. Those of a destination come one after another, in the order of the journal.
type splitter struct {
	bounds Bounds
	parts  map[string][]part   // by destination
	rows   map[summaryRow]bool // of the summary of the part that is being filled
}

// part is a run of a destination's presentments that stands in one file.
type part struct {
	records  int
	sumMinor int64
	rows     int // of its summary
}

type summaryRow struct{ merchant, currency string }

// newSplitter makes one. Each destination has a file, an empty one too.
func newSplitter(bounds Bounds, destinations []string) *splitter {
	s := &splitter{bounds: bounds, parts: map[string][]part{}}
	for _, name := range destinations {
		s.parts[name] = nil
	}
	return s
}

// has tells whether a destination has a file.
func (s *splitter) has(destination string) bool {
	_, has := s.parts[destination]
	return has
}

func (s *splitter) add(destination, merchant, currency string, amountMinor int64) {
	parts, one := s.parts[destination], part{records: 1, sumMinor: amountMinor, rows: 1}
	row := summaryRow{merchant, currency}
	if len(parts) > 0 && s.rows[row] {
		one.rows = 0
	}
	if len(parts) == 0 || !parts[len(parts)-1].takes(one, s.bounds) {
		parts, one.rows = append(parts, part{}), 1
		s.parts[destination], s.rows = parts, map[summaryRow]bool{}
	}
	parts[len(parts)-1].add(one)
	if one.rows > 0 {
		s.rows[row] = true
	}
}

func (p *part) add(more part) {
	p.records, p.sumMinor, p.rows = p.records+more.records, p.sumMinor+more.sumMinor, p.rows+more.rows
}

// of is a file of a destination that has the part in it.
func (p *part) of(destination string) planFile {
	return planFile{Destination: destination, Records: p.records, SumMinor: p.sumMinor}
}

// takes tells whether a part has room for what comes behind it.
func (p *part) takes(more part, within Bounds) bool {
	return p.records+more.records <= within.Records && p.rows+more.rows <= within.Rows &&
		(p.records == 0 || mutant.On(mutant.SplitIgnoresSums) || p.sumMinor <= within.SumMinor-more.sumMinor)
}

// plan lists the files in the order of their destinations' names, and numbers them. Where that takes more files than
// there are ids for, each holds a multiple of the records that one should: the smallest with which there are enough. So
// no number in the config keeps a date from being sealed. records is what a file holds.
func (s *splitter) plan(mostFiles int) (files []planFile, records int, err error) {
	if len(s.parts) == 0 {
		s.parts[emptyDay] = nil
	}
	most := (clearing.MaxPresentments + s.bounds.Records - 1) / s.bounds.Records
	times := 1 + sort.Search(most-1, func(n int) bool { return len(s.files(1+n)) <= mostFiles })
	files = s.files(times)
	if len(files) > mostFiles {
		return nil, 0, fmt.Errorf("the date needs %d files, and its file ids (PDS0105) are for %d", len(files), mostFiles)
	}
	for i := range files {
		files[i].Sequence = i + 1
	}
	return files, s.times(times), nil
}

// times is a multiple of the records of a file, as far as the layout goes.
func (s *splitter) times(n int) int { return min(s.bounds.Records*n, clearing.MaxPresentments) }

// files puts parts into files that hold a multiple of the records that one should.
func (s *splitter) files(times int) (all []planFile) {
	within := s.bounds
	within.Records = s.times(times)
	for _, name := range slices.Sorted(maps.Keys(s.parts)) {
		var file part
		for _, p := range s.parts[name] {
			if !file.takes(p, within) {
				all = append(all, file.of(name))
				file = part{}
			}
			file.add(p)
		}
		all = append(all, file.of(name))
	}
	return all
}

// emptyDay is the destination of the one, empty file of a date without presentments where the config names no
// destination.
const emptyDay = "default"

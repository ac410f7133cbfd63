package cutover

import (
	"fmt"
	"maps"
	"slices"

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
	files  map[string][]planFile // by destination
	sum    int64                 // of the file that is being filled
	rows   map[summaryRow]bool   // of its summary
}

type summaryRow struct{ merchant, currency string }

// newSplitter makes one. Each destination has a file, an empty one too.
func newSplitter(bounds Bounds, destinations []string) *splitter {
	s := &splitter{bounds: bounds, files: map[string][]planFile{}}
	for _, name := range destinations {
		s.files[name] = nil
	}
	return s
}

func (s *splitter) add(destination, merchant, currency string, amountMinor int64) {
	files := s.files[destination]
	row := summaryRow{merchant, currency}
	if len(files) == 0 || s.full(&files[len(files)-1], row, amountMinor) {
		files = append(files, planFile{Destination: destination})
		s.files[destination] = files
		s.sum, s.rows = 0, map[summaryRow]bool{}
	}
	files[len(files)-1].Records++
	s.sum += amountMinor
	s.rows[row] = true
}

// full tells whether the file that is being filled has no room for a presentment.
func (s *splitter) full(f *planFile, row summaryRow, amountMinor int64) bool {
	return f.Records == s.bounds.Records ||
		!mutant.On(mutant.SplitIgnoresSums) && s.sum > s.bounds.SumMinor-amountMinor && f.Records > 0 ||
		len(s.rows) == s.bounds.Rows && !s.rows[row]
}

// plan lists the files in the order of their destinations' names, and numbers them.
func (s *splitter) plan(mostFiles int) ([]planFile, error) {
	if len(s.files) == 0 {
		s.files[emptyDay] = nil
	}
	var all []planFile
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		files := s.files[name]
		if len(files) == 0 {
			files = []planFile{{Destination: name}}
		}
		all = append(all, files...)
	}
	if len(all) > mostFiles {
		return nil, fmt.Errorf("the date needs %d files of at most %d presentments, and its file ids (PDS0105) end at %d",
			len(all), s.bounds.Records, mostFiles)
	}
	for i := range all {
		all[i].Sequence = i + 1
	}
	return all, nil
}

// emptyDay is the destination of the one, empty file of a date without presentments where the config names no
// destination.
const emptyDay = "default"

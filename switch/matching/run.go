package matching

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"switchyard/internal/extsort"
	"switchyard/internal/workday"
)

// A File is one that is read when it is needed, more than once.
type File struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Sources are the books.
type Sources struct {
	// Journal hands out what stands in the clearing of a business date.
	Journal func(ctx context.Context, date workday.Date, take func(*Booked) error) error
	// Out are the clearing files of a business date, in the order in which they were made; none where it has none.
	Out func(date workday.Date) ([]File, error)
	// In are all files that came back, in any order.
	In []File
	// Advice are the bank's, as CSV; without one nothing is held against it.
	Advice []File
}

// Options say what is matched.
type Options struct {
	Date workday.Date
	// AsOf is today, by which it is told what may still come.
	AsOf workday.Date
	// LateDays is how many days what is missing may still come, and how many dates before and behind it is looked for. The
	// files that came back on these dates are read. 0 to MaxLateDays.
	LateDays int
	// Unwritten says that files of the date may still be written.
	Unwritten bool
	// Notes and Manual are what people have said of exceptions, and matched by hand.
	Notes  []Note
	Manual []Manual
	// Limit is how many exceptions are kept, and matches by hand; all are counted.
	Limit int
	// Each is handed every match, whatever its class, where it is not nil. An error of it ends the run.
	Each func(*Match) error
	// MemoryBytes is for sorting. Default 128 MiB.
	MemoryBytes int
	// Spill makes a file for what of the records is more than memory holds. It is closed with the end of Run.
	Spill func() (extsort.File, error)
	// MostAlone is how many records without a partner are looked for elsewhere. Default DefaultMostAlone.
	MostAlone int
}

// The defaults and bounds of Options.
const (
	MaxLateDays        = 60
	DefaultMostAlone   = 262_144
	defaultMemoryBytes = 128 << 20
)

// A Booked is a presentment that stands in the clearing of a date, as the journal has it.
type Booked struct {
	Payment     string
	Operation   int
	ARN         string
	Reversal    bool // takes an earlier one back
	Second      bool // presents a second time what was charged back
	Again       bool // was rejected and presented again: what came later is told of that one
	Written     bool // the files that it must stand in are written, whatever else of the date is not
	Debits      bool // the cardholder
	AmountMinor int64
	Currency    string // ISO 4217 letters
	Card        string // first six, last four
	RRN         string
	AuthCode    string
	// IssuerReference is DE95 of a second presentment: that of the chargeback which it answers, or "".
	IssuerReference string
	Told            []Told
}

// A Told is what of the files that came back is booked for a presentment.
type Told struct {
	Kind        ToldKind
	Source      string // PDS0105, a slash and DE71
	AmountMinor int64
	// Operation is that of the payment; IssuerReference DE95 of a chargeback, or "".
	Operation       int
	IssuerReference string
}

// ToldKind is what a file told.
type ToldKind uint8

// What files tell.
const (
	ToldRejected ToldKind = iota + 1
	ToldChargedBack
	ToldSettled
)

// matcher is one run.
type matcher struct {
	o         Options
	src       Sources
	sorter    *extsort.Sorter
	files     []*readFile
	outs      map[string]*outFile // of the date, by id
	refused   map[string]*refusal // by the id of the file of ours that a 699 rejects
	ids       map[string]uint32   // of files that rejects name, as rows have them
	named     []string            // and these ids
	bare      map[bareKey][]row   // records that came back without an acquirer reference
	bares     int                 // how many
	posted    map[fileMoney][]*sum685
	positions int
	windows   map[string]*window // by currency that is settled in
	ended     []*Match           // windows that a 688 has ended
	nets      []*net
	alone     []*lone
	lines     map[lineKey]*Line
	report    *Report
	manual    []*manual
	manualOf  map[manualKey]*manual
	notes     map[string][]Note // by exception
	tooMuch   bool              // a sum did not fit
	unfound   int               // records without a partner that were too many to look for
}

// readFile is a file that was read, in either direction.
type readFile struct {
	name string
	id   string
	date workday.Date
	out  *outFile // of the date; nil: it came back
}

// Run matches a business date. An error is one of reading; whatever stands in the books is told.
func Run(ctx context.Context, src Sources, o Options) (_ *Report, err error) {
	if o.LateDays < 0 || o.LateDays > MaxLateDays {
		return nil, fmt.Errorf("matching: %d days: expected 0 to %d", o.LateDays, MaxLateDays)
	}
	o.MemoryBytes = cmp.Or(o.MemoryBytes, defaultMemoryBytes)
	o.MostAlone = cmp.Or(o.MostAlone, DefaultMostAlone)
	m := &matcher{
		o: o, src: src, sorter: extsort.New(rowBytes, o.MemoryBytes, o.Spill), outs: map[string]*outFile{},
		refused: map[string]*refusal{}, ids: map[string]uint32{}, bare: map[bareKey][]row{},
		posted: map[fileMoney][]*sum685{}, windows: map[string]*window{}, lines: map[lineKey]*Line{},
		manualOf: map[manualKey]*manual{}, notes: map[string][]Note{},
		report: &Report{
			Date: o.Date, AsOf: o.AsOf, LateDays: o.LateDays, Out: []string{}, In: []string{}, Lines: []Line{},
			Exceptions: []Match{}, ByHand: []Match{}, // not null in JSON
		},
	}
	defer func() { err = errors.Join(err, m.sorter.Close()) }()
	m.readManual()
	for _, step := range []func(context.Context) error{
		m.readJournal, m.readOut, m.readIn, m.matchRecords, m.lookElsewhere, m.matchSums, m.matchAdvice,
		m.matchManually,
	} {
		if err := errors.Join(ctx.Err(), step(ctx)); err != nil {
			return nil, err
		}
	}
	if m.tooMuch {
		return nil, errors.New("matching: amounts add up to more than 64 bits hold")
	}
	for _, line := range m.lines {
		m.report.Lines = append(m.report.Lines, *line)
	}
	slices.SortFunc(m.report.Lines, func(a, b Line) int {
		return cmp.Or(order(a.Relation)-order(b.Relation), cmp.Compare(a.Currency, b.Currency),
			cmp.Compare(a.Class, b.Class), cmp.Compare(a.Cause, b.Cause))
	})
	return m.report, nil
}

// order is the place of a relation in a report: that of the flow.
func order(r Relation) int {
	return slices.Index([]Relation{Read, Presented, Rejected, ChargedBack, Settled, Netted, Paid}, r)
}

// first and last are the dates nearby.
func (m *matcher) first() workday.Date { return m.o.Date - workday.Date(m.o.LateDays) }
func (m *matcher) last() workday.Date  { return m.o.Date + workday.Date(m.o.LateDays) }

// nearby tells whether a file of a date is among those that are read.
func (m *matcher) nearby(d workday.Date) bool { return m.first() <= d && d <= m.last() }

// since says whether what should be there since a date is late or wrong by now.
func (m *matcher) since(d workday.Date) Cause {
	if m.o.AsOf <= d+workday.Date(m.o.LateDays) {
		return Late
	}
	return Wrong
}

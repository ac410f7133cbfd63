package ipmtool

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/extsort"
	"switchyard/switch/clearing"
)

// What a Difference is.
const (
	OnlyA      = "only_a"
	OnlyB      = "only_b"
	Differs    = "differs"
	Unreadable = "unreadable"
)

// A Difference is one record that is not alike in both files. Card numbers are masked.
type Difference struct {
	Kind        string      `json:"kind"`
	Message     string      `json:"message"` // "1240/200 first presentment"; of an unreadable record what is wrong
	ARN         string      `json:"arn,omitempty"`
	RRN         string      `json:"rrn,omitempty"`
	RecordA     int         `json:"record_a,omitempty"` // from 1
	RecordB     int         `json:"record_b,omitempty"`
	AmountMinor int64       `json:"amount_minor,omitempty"` // of a record that one file has
	Currency    string      `json:"currency,omitempty"`
	Fields      []FieldDiff `json:"fields,omitempty"`
}

// A FieldDiff is an element that differs; a side that has none is empty.
type FieldDiff struct {
	Field string `json:"field"` // "DE4 amount"
	A     string `json:"a"`
	B     string `json:"b"`
}

// A DiffSummary counts what Diff found.
type DiffSummary struct {
	RecordsA   int `json:"records_a"`
	RecordsB   int `json:"records_b"`
	Alike      int `json:"alike"`
	Differing  int `json:"differing"`
	OnlyA      int `json:"only_a"`
	OnlyB      int `json:"only_b"`
	Unreadable int `json:"unreadable"`
	// Sums of the 1240s in each, by currency and by what they do to the cardholder.
	SumsA []clearing.CurrencyTotals `json:"sums_a"`
	SumsB []clearing.CurrencyTotals `json:"sums_b"`
	// ByRRN says that what had no partner by its reference was looked for by its RRN as well.
	ByRRN bool `json:"by_rrn"`
}

// Same tells whether the files are alike.
func (s *DiffSummary) Same() bool { return s.Differing+s.OnlyA+s.OnlyB+s.Unreadable == 0 }

// mostByRRN is how many records without a partner are kept to be looked for by their RRNs, of each file.
const mostByRRN = 1 << 18

// ignored are elements that are not compared.
type ignored struct{ de, pds map[int]bool }

// parseIgnored reads names such as DE71 and PDS0105.
func parseIgnored(names []string) (ignored, error) {
	out := ignored{de: map[int]bool{}, pds: map[int]bool{}}
	for _, name := range names {
		into, digits, most := out.de, "", 128
		if rest, ok := strings.CutPrefix(strings.ToUpper(name), "PDS"); ok {
			into, digits, most = out.pds, rest, 9999
		} else if rest, ok := strings.CutPrefix(strings.ToUpper(name), "DE"); ok {
			digits = rest
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > most {
			return out, fmt.Errorf("%q is no element: expected DE2 to DE128 or PDS0001 to PDS9999", name)
		}
		into[n] = true
	}
	return out, nil
}

// DiffOptions say what is compared.
type DiffOptions struct {
	Ignore []string // elements, such as DE71 and PDS0105
	// MemoryBytes is for sorting. Default 128 MiB, which is two million records.
	MemoryBytes int
	// Spill makes a file for what is more than that. It is closed with the end of Diff.
	Spill func() (extsort.File, error)
}

const defaultDiffMemory = 128 << 20

// Diff compares two files, record by record, whatever their order, code page and blocking: by acquirer reference with
// message and reversal, and what is left by RRN with the same. It hands what cannot be read to tell, then each
// difference, those of B first in its order, then what only A has. An error of tell ends it.
//
// Both files are read as streams; what is kept of a record, what it is known by and where it stands, is sorted.
func Diff(a, b File, o DiffOptions, tell func(*Difference) error) (_ *DiffSummary, err error) {
	ign, err := parseIgnored(o.Ignore)
	if err != nil {
		return nil, err
	}
	memory := cmp.Or(o.MemoryBytes, defaultDiffMemory)
	d := differ{
		a: a, b: b, ignored: ign, tell: tell, sums: [2]clearing.Tally{{}, {}}, all: extsort.New(entryBytes, memory, o.Spill),
		ofB: extsort.New(pairBytes, memory/diffShare, o.Spill), ofA: extsort.New(pairBytes, memory/diffShare, o.Spill),
	}
	defer func() { err = errors.Join(err, d.all.Close(), d.ofB.Close(), d.ofA.Close()) }()
	seeds := [3]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed()}
	if d.readerA, err = d.read(a, sideA, newHasher(seeds, ign)); err != nil {
		return nil, fmt.Errorf("the first file: %w", err)
	}
	if d.readerB, err = d.read(b, sideB, newHasher(seeds, ign)); err != nil {
		return nil, fmt.Errorf("the second file: %w", err)
	}
	if err := d.pair(); err != nil {
		return nil, err
	}
	if err := d.tellB(); err != nil {
		return nil, err
	}
	if err := d.tellA(); err != nil {
		return nil, err
	}
	d.summary.SumsA, d.summary.SumsB = d.sums[0].Sorted(), d.sums[1].Sorted()
	return &d.summary, nil
}

// diffShare is which part of the memory each of the sorters of differences has. There are mostly few.
const diffShare = 4

// differ is a comparison under way.
type differ struct {
	a, b             File
	readerA, readerB *clearing.Reader
	ignored          ignored
	tell             func(*Difference) error
	summary          DiffSummary
	sums             [2]clearing.Tally // of A and B
	all              *extsort.Sorter   // entries of both
	ofB, ofA         *extsort.Sorter   // pairs: records of B that differ or are alone; those of A that are alone
	aloneA, aloneB   int
	byRRN            map[string][]place // of A's that are alone, where they are looked for
	gone             map[uint32]bool    // of these, by their numbers: a record of B was found by it
}

// read takes the entries of a file.
func (d *differ) read(f File, of side, h *hasher) (*clearing.Reader, error) {
	records := [...]*int{&d.summary.RecordsA, &d.summary.RecordsB}[of]
	var row []byte
	return each(f, func(r *clearing.Record) error {
		*records++
		add(d.sums[of], r)
		row = h.entry(row[:0], of, r)
		return d.all.Add(row)
	}, func(f *clearing.FormatError) error {
		d.summary.Unreadable++
		return d.tell(&Difference{
			Kind: Unreadable, Message: "file " + string("AB"[of]) + ": " + f.Finding.String(),
		})
	})
}

// pair goes through the entries of both files by their keys: the first of A belongs to the first of B, and so on. What
// is alike is counted.
func (d *differ) pair() error {
	var key [keyBytes]byte
	var waiting []entry // of A, with that key
	next := 0           // of them
	var row [pairBytes]byte
	alone := func() error {
		for ; next < len(waiting); next++ {
			d.aloneA++
			if err := d.ofA.Add(appendPair(row[:0], waiting[next].place, place{})); err != nil {
				return err
			}
		}
		waiting, next = waiting[:0], 0
		return nil
	}
	err := d.all.Each(func(b []byte) error {
		if string(b[:keyBytes]) != string(key[:]) {
			if err := alone(); err != nil {
				return err
			}
			copy(key[:], b)
		}
		e := parseEntry(b)
		switch {
		case e.of == sideA:
			waiting = append(waiting, e)
			return nil
		case next == len(waiting):
			d.aloneB++
			return d.ofB.Add(appendPair(row[:0], e.place, place{}))
		}
		was := &waiting[next]
		next++
		if was.content == e.content {
			d.summary.Alike++
			return nil
		}
		return d.ofB.Add(appendPair(row[:0], e.place, was.place))
	})
	if err != nil {
		return err
	}
	return alone()
}

// tellB tells of the records of B that differ, then of those that are alone: they are looked for by their RRNs where
// there are not too many.
func (d *differ) tellB() error {
	d.summary.ByRRN = d.aloneA <= mostByRRN && d.aloneB <= mostByRRN
	if d.summary.ByRRN && d.aloneB > 0 {
		if err := d.readAlone(); err != nil {
			return err
		}
	}
	var alone []place
	err := d.ofB.Each(func(row []byte) error {
		is, was := parsePair(row)
		if was == (place{}) && d.summary.ByRRN {
			alone = append(alone, is)
			return nil
		}
		r, err := d.readB(is)
		if err != nil {
			return err
		}
		if was == (place{}) {
			return d.only(OnlyB, r)
		}
		return d.compare(was, r)
	})
	if err != nil {
		return err
	}
	for _, at := range alone {
		r, err := d.readB(at)
		if err != nil {
			return err
		}
		k := rrnKey(r)
		if partners := d.byRRN[k]; k != "" && len(partners) > 0 {
			d.byRRN[k] = partners[1:]
			d.gone[partners[0].number] = true
			err = d.compare(partners[0], r)
		} else {
			err = d.only(OnlyB, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAlone reads the RRNs of what is alone in A.
func (d *differ) readAlone() error {
	d.byRRN, d.gone = map[string][]place{}, map[uint32]bool{}
	return d.ofA.Each(func(row []byte) error {
		at, _ := parsePair(row)
		r, err := d.readA(at)
		if k := ""; err == nil {
			if k = rrnKey(r); k != "" {
				d.byRRN[k] = append(d.byRRN[k], at)
			}
		}
		return err
	})
}

// tellA tells of what only A has.
func (d *differ) tellA() error {
	return d.ofA.Each(func(row []byte) error {
		at, _ := parsePair(row)
		if d.gone[at.number] {
			return nil
		}
		r, err := d.readA(at)
		if err != nil {
			return err
		}
		return d.only(OnlyA, r)
	})
}

func (d *differ) readA(at place) (*clearing.Record, error) {
	r, err := clearing.ReadAt(d.a, d.readerA, int(at.number), at.offset)
	if err != nil {
		return nil, fmt.Errorf("read record %d of the first file again: %w", at.number, err)
	}
	return r, nil
}

func (d *differ) readB(at place) (*clearing.Record, error) {
	r, err := clearing.ReadAt(d.b, d.readerB, int(at.number), at.offset)
	if err != nil {
		return nil, fmt.Errorf("read record %d of the second file again: %w", at.number, err)
	}
	return r, nil
}

// only tells of a record that one of the files has.
func (d *differ) only(kind string, r *clearing.Record) error {
	out := Difference{Kind: kind, Message: r.Kind(), ARN: r.Shown(31), RRN: r.Shown(37)}
	if kind == OnlyA {
		d.summary.OnlyA++
		out.RecordA = r.Number
	} else {
		d.summary.OnlyB++
		out.RecordB = r.Number
	}
	if amount, ok := r.AmountMinor(); ok {
		out.AmountMinor, out.Currency = amount, r.Currency()
	}
	return d.tell(&out)
}

// compare tells how a record of B differs from one of A.
func (d *differ) compare(was place, b *clearing.Record) error {
	a, err := d.readA(was)
	if err != nil {
		return err
	}
	fields := d.fields(a, b)
	if len(fields) == 0 {
		d.summary.Alike++ // the order of subelements alone
		return nil
	}
	d.summary.Differing++
	return d.tell(&Difference{
		Kind: Differs, Message: b.Kind(), ARN: b.Shown(31), RRN: b.Shown(37), RecordA: a.Number, RecordB: b.Number,
		Fields: fields,
	})
}

func (d *differ) fields(a, b *clearing.Record) (fields []FieldDiff) {
	if a.MTI != b.MTI {
		fields = append(fields, FieldDiff{"MTI", a.MTI, b.MTI})
	}
	for de := 2; de <= 128; de++ {
		if clearing.CarriesPDS(de) || d.ignored.de[de] || a.Has(de) == b.Has(de) && string(a.Get(de)) == string(b.Get(de)) {
			continue
		}
		fields = append(fields, FieldDiff{clearing.FieldName(de, 0), a.Shown(de), b.Shown(de)})
	}
	var tags []int
	for _, r := range [...]*clearing.Record{a, b} {
		for sub := range r.Subelements() {
			tags = append(tags, sub.Tag)
		}
	}
	slices.Sort(tags)
	for _, tag := range slices.Compact(tags) {
		is, inA := a.PDS(tag)
		other, inB := b.PDS(tag)
		if d.ignored.pds[tag] || inA == inB && is == other {
			continue
		}
		fields = append(fields, FieldDiff{clearing.FieldName(0, tag), a.ShownPDS(tag), b.ShownPDS(tag)})
	}
	return fields
}

// rrnKey is what a record is looked for by where its acquirer reference is another one.
func rrnKey(r *clearing.Record) string {
	if !r.Has(37) {
		return ""
	}
	k := r.Key()
	return strings.Join([]string{r.Text(37), k.MTI, k.FunctionCode, k.Reversal}, "/")
}

package ipmtool

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

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
}

// Diff compares two files, record by record, whatever their order, code page and blocking: by acquirer reference with
// message and reversal, and what is left by RRN with the same. It hands each difference to tell, those of B first in
// its order, then what only A has. An error of tell ends it.
func Diff(a, b File, o DiffOptions, tell func(*Difference) error) (*DiffSummary, error) {
	ign, err := parseIgnored(o.Ignore)
	if err != nil {
		return nil, err
	}
	d := differ{a: a, b: b, ignored: ign, tell: tell, sums: [2]clearing.Tally{{}, {}}}
	seeds := [3]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed()}
	if err := d.readA(newHasher(seeds, ign)); err != nil {
		return nil, fmt.Errorf("the first file: %w", err)
	}
	if err := d.readB(newHasher(seeds, ign)); err != nil {
		return nil, fmt.Errorf("the second file: %w", err)
	}
	if err := d.rest(); err != nil {
		return nil, err
	}
	d.summary.SumsA, d.summary.SumsB = d.sums[0].Sorted(), d.sums[1].Sorted()
	return &d.summary, nil
}

// differ is a comparison under way.
type differ struct {
	a, b    File
	ignored ignored
	tell    func(*Difference) error
	summary DiffSummary
	sums    [2]clearing.Tally // of A and B
	of      index             // A
	readerB *clearing.Reader
	leftB   []entry // what A has not, as many as are looked for by their RRNs
}

func (d *differ) readA(h *hasher) (err error) {
	d.of.reader, err = each(d.a, func(r *clearing.Record) error {
		d.summary.RecordsA++
		add(d.sums[0], r)
		d.of.entries = append(d.of.entries, h.entry(r))
		return nil
	}, d.unreadable("A"))
	d.of.sort()
	return err
}

func (d *differ) readB(h *hasher) (err error) {
	d.readerB, err = each(d.b, func(r *clearing.Record) error {
		d.summary.RecordsB++
		add(d.sums[1], r)
		e := h.entry(r)
		is := d.of.take(e.key)
		switch {
		case is == nil && len(d.leftB) < mostByRRN:
			d.leftB = append(d.leftB, e)
			return nil
		case is == nil:
			return d.only(OnlyB, r)
		case is.content == e.content:
			d.summary.Alike++
			return nil
		}
		was, err := clearing.ReadAt(d.a, d.of.reader, int(is.number), is.offset)
		if err != nil {
			return fmt.Errorf("read record %d of the first file again: %w", is.number, err)
		}
		return d.compare(was, r)
	}, d.unreadable("B"))
	return err
}

func (d *differ) unreadable(file string) func(*clearing.FormatError) error {
	return func(f *clearing.FormatError) error {
		d.summary.Unreadable++
		return d.tell(&Difference{Kind: Unreadable, Message: "file " + file + ": " + f.Finding.String()})
	}
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

// compare tells how two records differ.
func (d *differ) compare(a, b *clearing.Record) error {
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
		if carriers[de] || d.ignored.de[de] || a.Has(de) == b.Has(de) && string(a.Get(de)) == string(b.Get(de)) {
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

// rest looks for what is left by RRN, and tells of what has no partner.
func (d *differ) rest() error {
	left := slices.DeleteFunc(d.of.entries, func(e entry) bool { return e.found })
	slices.SortFunc(left, func(a, b entry) int { return int(a.number) - int(b.number) })
	byRRN := map[string][]entry{}
	if d.summary.ByRRN = len(left) <= mostByRRN && len(d.leftB) < mostByRRN; d.summary.ByRRN {
		for _, e := range left {
			r, err := clearing.ReadAt(d.a, d.of.reader, int(e.number), e.offset)
			if err != nil {
				return err
			}
			if k := rrnKey(r); k != "" {
				byRRN[k] = append(byRRN[k], e)
			}
		}
	}
	gone := map[int32]bool{}
	for _, e := range d.leftB {
		r, err := clearing.ReadAt(d.b, d.readerB, int(e.number), e.offset)
		if err != nil {
			return err
		}
		k := rrnKey(r)
		if partners := byRRN[k]; k != "" && len(partners) > 0 {
			byRRN[k] = partners[1:]
			gone[partners[0].number] = true
			was, err := clearing.ReadAt(d.a, d.of.reader, int(partners[0].number), partners[0].offset)
			if err == nil {
				err = d.compare(was, r)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := d.only(OnlyB, r); err != nil {
			return err
		}
	}
	for _, e := range left {
		if gone[e.number] {
			continue
		}
		r, err := clearing.ReadAt(d.a, d.of.reader, int(e.number), e.offset)
		if err == nil {
			err = d.only(OnlyA, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rrnKey is what a record is looked for by where its acquirer reference is another one.
func rrnKey(r *clearing.Record) string {
	if !r.Has(37) {
		return ""
	}
	k := r.Key()
	return strings.Join([]string{r.Text(37), k.MTI, k.FunctionCode, k.Reversal}, "/")
}

package ipmtool

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/switch/clearing"
)

type detailColumn struct {
	name string
	of   func(*clearing.Record) string
}

// detailColumns are the columns of a detail file that tell of what stands in a record, and how it is read from one.
// Other columns tell of payments, and are not compared.
var detailColumns = []detailColumn{
	{"acquirer_reference", func(r *clearing.Record) string { return r.Text(31) }},
	{"rrn", func(r *clearing.Record) string { return trimmed(r, 37) }},
	{"kind", func(r *clearing.Record) string {
		if r.Debits() == r.Reversal() {
			return "refund"
		}
		return "purchase"
	}},
	{"reversal", func(r *clearing.Record) string { return strconv.FormatBool(r.Reversal()) }},
	{"direction", direction},
	{"amount_minor", func(r *clearing.Record) string {
		if amount, ok := r.AmountMinor(); ok {
			return strconv.FormatInt(amount, 10)
		}
		return r.Shown(4)
	}},
	{"currency", func(r *clearing.Record) string { return money.Current(r.Currency()) }},
	{"auth_code", func(r *clearing.Record) string { return trimmed(r, 38) }},
	{"merchant", func(r *clearing.Record) string { return trimmed(r, 42) }},
	{"terminal", func(r *clearing.Record) string { return trimmed(r, 41) }},
	{"card", func(r *clearing.Record) string { return r.Card() }},
	{"mcc", func(r *clearing.Record) string { return r.Text(26) }},
	{"function_code", func(r *clearing.Record) string { return r.FunctionCode() }},
	{"message_reason", func(r *clearing.Record) string { return r.Text(25) }},
	{"network_id", networkID},
	{"local_time", localTime},
}

// The two by which records are found come first.
const (
	byARN = 0
	byRRN = 1
)

func trimmed(r *clearing.Record, de int) string { return strings.TrimRight(r.Text(de), " ") }

func networkID(r *clearing.Record) string {
	if text := r.Text(63); len(text) > 1 {
		return strings.TrimRight(text[1:], " ")
	}
	return r.Text(105)
}

func localTime(r *clearing.Record) string {
	t := r.Text(12)
	if len(t) != 12 {
		return t
	}
	return "20" + t[:2] + "-" + t[2:4] + "-" + t[4:6] + "T" + t[6:8] + ":" + t[8:10] + ":" + t[10:]
}

// A detailRow is what a row says: of each column that is compared its value, and whether there is such a column.
type detailRow struct {
	number int   // from 1
	line   int   // of the file
	offset int64 // where it begins
	values []string
	skip   bool // a row of a report that tells of no record that was taken
}

// detailFile is a detail file, or a report of a replay: rows by the names of their columns.
type detailFile struct {
	file    File
	json    bool
	names   []string     // of all columns of a CSV file
	columns map[int]bool // of detailColumns, that the file has
	end     int64        // where the header row of a CSV file ends
}

// DiffDetail compares the first presentments and their like of a clearing file, its 1240s, with the rows of a detail
// file: by acquirer reference, and what is left by RRN. Only columns that the detail file has are compared. Differences
// are told as Diff tells them, A being the clearing file and B the rows, in the order of A, then what B alone has.
func DiffDetail(a, b File, o DiffOptions, tell func(*Difference) error) (*DiffSummary, error) {
	ignore := map[string]bool{}
	for _, name := range o.Ignore {
		if !slices.ContainsFunc(detailColumns, func(c detailColumn) bool { return c.name == name }) {
			return nil, fmt.Errorf("%q is no column that is compared: expected such as amount_minor", name)
		}
		ignore[name] = true
	}
	d := detailDiffer{tell: tell, seed: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		sums: [2]clearing.Tally{{}, {}}}
	d.summary.ByRRN = true
	if err := d.readRows(b, ignore); err != nil {
		return nil, fmt.Errorf("the detail file: %w", err)
	}
	if err := d.readRecords(a); err != nil {
		return nil, fmt.Errorf("the clearing file: %w", err)
	}
	if err := d.rest(a); err != nil {
		return nil, err
	}
	d.summary.SumsA, d.summary.SumsB = d.sums[0].Sorted(), d.sums[1].Sorted()
	return &d.summary, nil
}

// detailEntry is what is kept of a row.
type detailEntry struct {
	key, content uint64
	offset       int64
	number, line int32
	found        bool
}

type detailDiffer struct {
	tell    func(*Difference) error
	seed    [2]maphash.Seed
	rows    *detailFile
	compare []int // of detailColumns
	entries []detailEntry
	left    []place // records without a row
	reader  *clearing.Reader
	summary DiffSummary
	sums    [2]clearing.Tally
}

func (d *detailDiffer) readRows(b File, ignore map[string]bool) error {
	rows, err := openDetail(b)
	if err != nil {
		return err
	}
	d.rows = rows
	if err := rows.begin(); err != nil {
		return err
	}
	for i, c := range detailColumns {
		if rows.columns[i] && !ignore[c.name] {
			d.compare = append(d.compare, i)
		}
	}
	err = rows.each(func(row *detailRow) error {
		if row.skip {
			return nil
		}
		d.summary.RecordsB++
		if amount, err := strconv.ParseInt(row.values[amountColumn], 10, 64); err == nil {
			d.sums[1].Add(row.values[currencyColumn], row.values[directionColumn] != "credit", amount)
		}
		d.entries = append(d.entries, detailEntry{
			key: d.hash(0, row.values[byARN]+row.values[reversalColumn]), content: d.content(row.values), offset: row.offset,
			number: int32(row.number), line: int32(row.line),
		})
		return nil
	})
	slices.SortFunc(d.entries, func(a, b detailEntry) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.number, b.number))
	})
	return err
}

// The places of some columns in detailColumns.
const (
	reversalColumn  = 3
	directionColumn = 4
	amountColumn    = 5
	currencyColumn  = 6
)

func (d *detailDiffer) hash(seed int, text string) uint64 { return maphash.String(d.seed[seed], text) }

func (d *detailDiffer) content(values []string) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed[1])
	for _, i := range d.compare {
		_, _ = h.WriteString(values[i])
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// valuesOf are a record's values of the columns; those that the rows do not have are empty, as they are there.
func (d *detailDiffer) valuesOf(r *clearing.Record) []string {
	values := make([]string, len(detailColumns))
	for i, c := range detailColumns {
		if d.rows.columns[i] {
			values[i] = shownText(c.of(r)) // as a replay's report has it; a detail file has no whole card
		}
	}
	return values
}

// take finds the row of a record that was not found before.
func (d *detailDiffer) take(key uint64) *detailEntry {
	at := sort.Search(len(d.entries), func(i int) bool { return d.entries[i].key >= key })
	for ; at < len(d.entries) && d.entries[at].key == key; at++ {
		if !d.entries[at].found {
			d.entries[at].found = true
			return &d.entries[at]
		}
	}
	return nil
}

func (d *detailDiffer) readRecords(a File) (err error) {
	d.reader, err = each(a, func(r *clearing.Record) error {
		if r.MTI != "1240" {
			return nil
		}
		d.summary.RecordsA++
		add(d.sums[0], r)
		values := d.valuesOf(r)
		var e *detailEntry
		if values[byARN] != "" {
			e = d.take(d.hash(0, values[byARN]+values[reversalColumn]))
		}
		switch {
		case e == nil:
			d.left = append(d.left, place{uint32(r.Number), r.Offset})
			return nil
		case e.content == d.content(values):
			d.summary.Alike++
			return nil
		}
		row, err := d.rows.at(e)
		if err != nil {
			return err
		}
		return d.differ(r, row, values)
	}, func(f *clearing.FormatError) error {
		d.summary.Unreadable++
		return d.tell(&Difference{Kind: Unreadable, Message: "file A: " + f.Finding.String()})
	})
	return err
}

// differ tells how a record and a row differ.
func (d *detailDiffer) differ(r *clearing.Record, row *detailRow, values []string) error {
	out := Difference{
		Kind: Differs, Message: r.Kind(), ARN: r.Shown(31), RRN: r.Shown(37), RecordA: r.Number, RecordB: row.number,
	}
	for _, i := range d.compare {
		if values[i] != row.values[i] {
			out.Fields = append(out.Fields, FieldDiff{detailColumns[i].name, shownText(values[i]), shownText(row.values[i])})
		}
	}
	if len(out.Fields) == 0 {
		d.summary.Alike++
		return nil
	}
	d.summary.Differing++
	return d.tell(&out)
}

// shownText is a value of a row fit to print.
func shownText(text string) string {
	return string(clearing.MaskElement(0, 0, []byte(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return '.'
		}
		return r
	}, text))))
}

// rest looks for what is left by RRN with direction, and tells of what has no partner.
func (d *detailDiffer) rest(a File) error {
	rows := map[string][]*detailEntry{}
	left := slices.DeleteFunc(d.entries, func(e detailEntry) bool { return e.found })
	slices.SortFunc(left, func(a, b detailEntry) int { return int(a.number) - int(b.number) })
	d.summary.ByRRN = len(left) <= mostByRRN && len(d.left) <= mostByRRN
	for i := range left {
		if !d.summary.ByRRN {
			break
		}
		row, err := d.rows.at(&left[i])
		if err != nil {
			return err
		}
		if rrn := row.values[byRRN]; rrn != "" {
			key := rrn + " " + row.values[directionColumn]
			rows[key] = append(rows[key], &left[i])
		}
	}
	for _, e := range d.left {
		r, err := clearing.ReadAt(a, d.reader, int(e.number), e.offset)
		if err != nil {
			return err
		}
		values := d.valuesOf(r)
		key := values[byRRN] + " " + values[directionColumn]
		if partners := rows[key]; values[byRRN] != "" && len(partners) > 0 {
			rows[key] = partners[1:]
			partners[0].found = true
			row, err := d.rows.at(partners[0])
			if err == nil {
				err = d.differ(r, row, values)
			}
			if err != nil {
				return err
			}
			continue
		}
		d.summary.OnlyA++
		out := Difference{
			Kind: OnlyA, Message: r.Kind(), ARN: r.Shown(31), RRN: r.Shown(37), RecordA: r.Number, Currency: r.Currency(),
		}
		out.AmountMinor, _ = r.AmountMinor()
		if err := d.tell(&out); err != nil {
			return err
		}
	}
	for i := range left {
		if left[i].found {
			continue
		}
		row, err := d.rows.at(&left[i])
		if err != nil {
			return err
		}
		d.summary.OnlyB++
		out := Difference{
			Kind: OnlyB, Message: fmt.Sprintf("row at line %d", row.line), ARN: shownText(row.values[byARN]),
			RRN: shownText(row.values[byRRN]), RecordB: row.number, Currency: shownText(row.values[currencyColumn]),
		}
		out.AmountMinor, _ = strconv.ParseInt(row.values[amountColumn], 10, 64)
		if err := d.tell(&out); err != nil {
			return err
		}
	}
	return nil
}

// openDetail recognizes CSV and JSON lines.
func openDetail(f File) (*detailFile, error) {
	var head [1]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return nil, errors.New("the file is empty")
	}
	return &detailFile{file: f, json: head[0] == '{', columns: map[int]bool{}}, nil
}

// begin reads the header row of a CSV file.
func (f *detailFile) begin() error {
	if f.json { // its columns are those of the first line
		text, err := bufio.NewReader(io.NewSectionReader(f.file, 0, maxRow)).ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var is map[string]any
		if err := json.Unmarshal(text, &is); err != nil {
			return fmt.Errorf("line 1: %w", err)
		}
		for name := range is {
			f.names = append(f.names, name)
		}
		return f.know()
	}
	rows := newRows(io.NewSectionReader(f.file, 0, 1<<62))
	names, err := rows.read()
	if err != nil {
		return err
	}
	f.names, f.end = slices.Clone(names), rows.offset()
	return f.know()
}

// know finds out which of detailColumns the file has.
func (f *detailFile) know() error {
	for _, name := range f.names {
		for i, c := range detailColumns {
			if c.name == name {
				f.columns[i] = true
			}
		}
	}
	if !f.columns[byARN] && !f.columns[byRRN] {
		return errors.New("line 1: neither acquirer_reference nor rrn is a column of it")
	}
	return nil
}

// each goes through the rows.
func (f *detailFile) each(take func(*detailRow) error) error {
	if f.json {
		return f.eachJSON(take)
	}
	rows := newRows(io.NewSectionReader(f.file, f.end, 1<<62))
	row := detailRow{offset: f.end, values: make([]string, len(detailColumns))}
	for {
		cells, err := rows.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && len(cells) != len(f.names) {
			err = fmt.Errorf("it has %d columns, the header %d", len(cells), len(f.names))
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", row.number+1, err)
		}
		row.number, row.line = row.number+1, rows.last+1
		f.fill(&row, func(i int) (string, string) { return f.names[i], cells[i] }, len(cells))
		if err := take(&row); err != nil {
			return err
		}
		row.offset = f.end + rows.offset()
	}
}

// fill takes the cells of a row.
func (f *detailFile) fill(row *detailRow, cell func(int) (name, value string), n int) {
	clear(row.values)
	row.skip = false
	for i := range n {
		name, value := cell(i)
		if name == outcomeColumn && value != OutcomeAccepted {
			row.skip = true
		}
		for at, c := range detailColumns {
			if c.name == name {
				row.values[at] = shownText(unguarded(value))
			}
		}
	}
	row.values[currencyColumn] = money.Current(row.values[currencyColumn])
}

// eachJSON goes through lines of JSON, one object a row.
func (f *detailFile) eachJSON(take func(*detailRow) error) error {
	lines := bufio.NewScanner(io.NewSectionReader(f.file, 0, 1<<62))
	lines.Buffer(make([]byte, 64<<10), maxRow)
	row := detailRow{values: make([]string, len(detailColumns))}
	offset := int64(0)
	for lines.Scan() {
		row.line++
		row.offset = offset
		offset += int64(len(lines.Bytes())) + 1
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		row.number++
		if err := f.line(&row, lines.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", row.line, err)
		}
		if err := take(&row); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (f *detailFile) line(row *detailRow, text []byte) error {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var is map[string]any
	if err := decoder.Decode(&is); err != nil {
		return err
	}
	names := make([]string, 0, len(is))
	for name := range is {
		names = append(names, name)
	}
	f.fill(row, func(i int) (string, string) { return names[i], fmt.Sprint(is[names[i]]) }, len(names))
	return nil
}

// at reads a row again.
func (f *detailFile) at(e *detailEntry) (*detailRow, error) {
	row := &detailRow{
		number: int(e.number), line: int(e.line), offset: e.offset, values: make([]string, len(detailColumns)),
	}
	r := io.NewSectionReader(f.file, e.offset, maxRow)
	if f.json {
		text, err := bufio.NewReader(r).ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return row, f.line(row, text)
	}
	cells, err := newRows(r).read()
	if err != nil {
		return nil, err
	}
	f.fill(row, func(i int) (string, string) { return f.names[i], cells[i] }, min(len(cells), len(f.names)))
	return row, nil
}

package matching_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/internal/extsort"
	"switchyard/internal/vfs"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/matching"
)

// The date that is matched, and the days about it.
var (
	thursday = day("2026-11-26")
	friday   = day("2026-11-27")
)

func day(text string) workday.Date {
	d, err := workday.Parse(text)
	if err != nil {
		panic(err)
	}
	return d
}

const (
	member = "12345"
	card   = "4111111111111111"
	masked = "411111******1111"
)

// A presented is a presentment in both books.
type presented struct {
	booked matching.Booked
	record clearing.Presentment
}

// A world is the books about a Thursday. What presents, answers, nets and advises may be changed before it is matched.
type world struct {
	t       *testing.T
	journal map[workday.Date][]matching.Booked
	out     map[workday.Date][]matching.File
	in      []matching.File
	advice  string
	options matching.Options
	n       uint64 // of the last acquirer reference
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, journal: map[workday.Date][]matching.Booked{}, out: map[workday.Date][]matching.File{},
		options: matching.Options{Date: thursday, AsOf: friday, LateDays: 1, Limit: 100},
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// purchase is a purchase of the Thursday in both books; a refund where credit is set.
func (w *world) purchase(minor int64, currency string, credit bool) presented {
	w.t.Helper()
	w.n++
	at := thursday.Time().Add(12 * time.Hour)
	arn, err := clearing.ARN("234567", at, w.n)
	w.must(err)
	rrn := fmt.Sprintf("R%011d", w.n)
	return presented{
		matching.Booked{
			Payment: fmt.Sprintf("P1%010d", w.n), Operation: 1, ARN: arn, Debits: !credit, AmountMinor: minor,
			Currency: currency, Card: masked, RRN: rrn, AuthCode: "A1",
		},
		clearing.Presentment{
			PAN: card, AmountMinor: minor, Currency: currency, Credit: credit, LocalTime: at, POSDataCode: "1009S0S00000",
			FunctionCode: "200", MCC: "5411", ARN: arn, ForwarderID: "123456", RRN: rrn, AuthCode: "A1",
			Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"},
		},
	}
}

// told books what a file told of a presentment.
func (p *presented) told(kind matching.ToldKind, source string, minor int64) {
	p.booked.Told = append(p.booked.Told, matching.Told{
		Kind: kind, Source: source, AmountMinor: minor, Operation: p.booked.Operation + 1 + len(p.booked.Told),
	})
}

// book puts presentments into the journal.
func (w *world) book(d workday.Date, all ...presented) {
	for _, p := range all {
		w.journal[d] = append(w.journal[d], p.booked)
	}
}

func fileID(kind string, d workday.Date, sequence int) clearing.FileID {
	return clearing.FileID{Type: kind, Date: d.Time(), ProcessorID: member, Sequence: sequence}
}

func file(name string, data []byte) matching.File {
	return matching.File{Name: name, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// send writes a file that goes out, and returns its id.
func (w *world) send(d workday.Date, sequence int, all ...presented) string {
	w.t.Helper()
	var b bytes.Buffer
	id := fileID("", d, sequence)
	out, err := clearing.NewWriter(&b, clearing.Header{FileID: id, Blocked: true})
	w.must(err)
	for i := range all {
		w.must(out.Write(&all[i].record))
	}
	_, err = out.Close()
	w.must(err)
	w.out[d] = append(w.out[d], file(id.String()+".ipm", b.Bytes()))
	return id.String()
}

// A message is one of a file that comes back; behind a 1644/691 a record follows.
type message struct {
	clearing.Message
	rejects *presented
}

// come writes a file that comes back, and returns its id.
func (w *world) come(d workday.Date, sequence int, all ...message) string {
	w.t.Helper()
	data := w.answer(fileID(clearing.MadeByClearing, d, sequence), all...)
	id := fileID(clearing.MadeByClearing, d, sequence).String()
	w.in = append(w.in, file(id+".ipm", data))
	return id
}

func (w *world) answer(id clearing.FileID, all ...message) []byte {
	w.t.Helper()
	var b bytes.Buffer
	out, err := clearing.NewWriter(&b, clearing.Header{FileID: id, CodePage: clearing.ASCII})
	w.must(err)
	for i := range all {
		w.must(out.WriteMessage(&all[i].Message))
		if p := all[i].rejects; p != nil {
			w.must(out.Write(&p.record))
		}
	}
	_, err = out.Close()
	w.must(err)
	return b.Bytes()
}

// purchaseIn is a purchase of a date in both books, and booked.
func (w *world) purchaseIn(d workday.Date, minor int64) presented {
	p := w.purchase(minor, "EUR", false)
	w.book(d, p)
	return p
}

// takingBack makes a file one that takes an earlier one back: PDS0026 in its header, in ASCII without blocks.
func takingBack(data []byte) []byte {
	const lengthAt, valueAt, back = 4 + 4 + 16 + 3, 4 + 4 + 16 + 3 + 3, "0026007R261126" // of DE48, behind DE24
	length, err := strconv.Atoi(string(data[lengthAt:valueAt]))
	if err != nil {
		panic(err)
	}
	data[3] += byte(len(back)) // the record's length
	head := fmt.Appendf(bytes.Clone(data[:lengthAt]), "%03d%s", length+len(back), back)
	return append(head, data[valueAt:]...)
}

// wholly is a 1644/699 of a file, for an element.
func wholly(source, element string) message {
	return message{Message: clearing.Message{MTI: "1644", FunctionCode: "699", PDS: []clearing.PDS{
		{Tag: 5, Value: element + "200102000"}, {Tag: 280, Value: source},
	}}}
}

func reject(p presented, source string) message {
	return message{clearing.Message{MTI: "1644", FunctionCode: "691", PDS: []clearing.PDS{
		{Tag: 5, Value: "D0043050102000"}, {Tag: 138, Value: "00000002"}, {Tag: 280, Value: source},
	}}, &p}
}

// settlement is a 685 of a file in a currency; its numeric code is that of EUR or JPY.
func settlement(source, currency string, debits, credits int64) message {
	numeric := map[string]string{"EUR": "978", "JPY": "392"}[currency]
	return message{Message: clearing.Message{MTI: "1644", FunctionCode: "685",
		Elements: []clearing.Element{{DE: 49, Value: numeric}, {DE: 50, Value: numeric}},
		PDS: []clearing.PDS{
			{Tag: 300, Value: source}, {Tag: 380, Value: fmt.Sprintf("%016d", debits)},
			{Tag: 381, Value: fmt.Sprintf("%016d", credits)}, {Tag: 395, Value: "D0000000000000010"},
		}}}
}

// window is a 688 in euros: fees are what the member owes.
func window(debits, credits, fees int64) message {
	return message{Message: clearing.Message{MTI: "1644", FunctionCode: "688",
		Elements: []clearing.Element{{DE: 50, Value: "978"}},
		PDS: []clearing.PDS{
			{Tag: 390, Value: fmt.Sprintf("%016d", debits)}, {Tag: 391, Value: fmt.Sprintf("%016d", credits)},
			{Tag: 395, Value: fmt.Sprintf("D%016d", fees)}, {Tag: 396, Value: fmt.Sprintf("C%016d", debits-credits-fees)},
		}}}
}

func chargeback(p presented, minor int64) message {
	return message{Message: clearing.Message{MTI: "1442", FunctionCode: "450", Elements: []clearing.Element{
		{DE: 2, Value: p.record.PAN}, {DE: 3, Value: "000000"}, {DE: 4, Value: fmt.Sprintf("%012d", minor)},
		{DE: 25, Value: "4853"}, {DE: 30, Value: fmt.Sprintf("%012d%012d", p.record.AmountMinor, 0)},
		{DE: 31, Value: p.record.ARN}, {DE: 37, Value: p.record.RRN}, {DE: 38, Value: p.record.AuthCode + "    "},
		{DE: 49, Value: "978"},
	}}}
}

// run matches.
func (w *world) run() *matching.Report {
	w.t.Helper()
	report, err := w.try()
	w.must(err)
	return report
}

func (w *world) try() (*matching.Report, error) {
	src := matching.Sources{
		Journal: func(_ context.Context, d workday.Date, take func(*matching.Booked) error) error {
			for i := range w.journal[d] {
				if err := take(&w.journal[d][i]); err != nil {
					return err
				}
			}
			return nil
		},
		Out: func(d workday.Date) ([]matching.File, error) { return w.out[d], nil },
		In:  w.in,
	}
	if w.advice != "" {
		src.Advice = []matching.File{file("bank.csv", []byte(w.advice))}
	}
	return matching.Run(w.t.Context(), src, w.options)
}

// said is what a report says in short: a line a count, then a line an exception.
func said(r *matching.Report) string {
	var b strings.Builder
	for _, l := range r.Lines {
		fmt.Fprintf(&b, "%s %s%s %s: %d %d, %d %d\n", l.Relation, l.Class, of(l.Cause), l.Currency, l.Ours.Count,
			l.Ours.NetMinor, l.Theirs.Count, l.Theirs.NetMinor)
	}
	for i := range r.Exceptions {
		x := &r.Exceptions[i]
		fmt.Fprintf(&b, "%s: %s%s", x.ID, x.Class, of(x.Cause))
		for _, reason := range x.Reasons {
			fmt.Fprintf(&b, "; %s", strings.TrimSpace(fmt.Sprint(reason.Field, " ", reason.Ours, " | ", reason.Theirs, " ",
				reason.Why)))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func of(c matching.Cause) string {
	if c == "" {
		return ""
	}
	return " " + string(c)
}

// spill is a file in memory.
func spill() (extsort.File, error) {
	f, err := vfs.NewMem().Create("rows", vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return f.(extsort.File), nil
}

var errTaken = errors.New("no more is taken")

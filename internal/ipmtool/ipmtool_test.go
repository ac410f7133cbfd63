package ipmtool_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/internal/extsort"
	"switchyard/internal/ipmtool"
	"switchyard/switch/clearing"
)

// presentments are n of them, each with a reference of its own.
func presentments(n int) []clearing.Presentment {
	out := make([]clearing.Presentment, n)
	for i := range out {
		arn, err := clearing.ARN("234567", time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), uint64(i+1))
		if err != nil {
			panic(err)
		}
		out[i] = clearing.Presentment{
			PAN: "4111111111111111", AmountMinor: int64(1000 + i), Currency: []string{"EUR", "JPY", "KWD"}[i%3],
			LocalTime:   time.Date(2026, 11, 20+i%2, 14, 22, 33, 0, time.UTC),
			POSDataCode: "1009S0S00000", FunctionCode: "200", MCC: "5411", ARN: arn, ForwarderID: "123456",
			RRN: fmt.Sprintf("R%011d", i), Merchant: fmt.Sprint("M", i%2), Credit: i%5 == 4,
			Acceptor: clearing.Acceptor{Name: "Shop " + strings.Repeat("x", i%40), CountryAlpha3: "IRL"},
		}
	}
	return out
}

func file(t testing.TB, sequence int, h clearing.Header, ps []clearing.Presentment) *bytes.Reader {
	t.Helper()
	h.FileID = clearing.FileID{
		Date: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), ProcessorID: "12345", Sequence: sequence,
	}
	var b bytes.Buffer
	w, err := clearing.NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ps {
		if err := w.Write(&ps[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// diff compares two files and returns a line a difference: the same in whatever memory.
func diff(t testing.TB, a, b *bytes.Reader, ignore ...string) (string, *ipmtool.DiffSummary) {
	t.Helper()
	said, summary := diffIn(t, a, b, ipmtool.DiffOptions{Ignore: ignore})
	for _, f := range []*bytes.Reader{a, b} {
		f.Reset(content(t, f))
	}
	var files []*spilled
	spill := func() (extsort.File, error) {
		files = append(files, &spilled{})
		return files[len(files)-1], nil
	}
	again, same := diffIn(t, a, b, ipmtool.DiffOptions{Ignore: ignore, MemoryBytes: 200, Spill: spill})
	if again != said || fmt.Sprint(same) != fmt.Sprint(summary) {
		t.Errorf("in little memory\n%s%v\nwant\n%s%v", again, same, said, summary)
	}
	for _, f := range files {
		if !f.closed {
			t.Error("a file is left open")
		}
	}
	return said, summary
}

// content is all of a file, whatever was read of it.
func content(t testing.TB, f *bytes.Reader) []byte {
	t.Helper()
	text := make([]byte, f.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	return text
}

// A spilled is a file in memory.
type spilled struct {
	bytes.Buffer
	closed bool
}

func (s *spilled) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(s.Bytes()).ReadAt(b, at)
}

func (s *spilled) Close() error {
	s.closed = true
	return nil
}

func diffIn(t testing.TB, a, b ipmtool.File, o ipmtool.DiffOptions) (string, *ipmtool.DiffSummary) {
	t.Helper()
	var out strings.Builder
	summary, err := ipmtool.Diff(a, b, o, func(d *ipmtool.Difference) error {
		text, err := json.Marshal(d)
		if strings.Contains(string(text), "41111111111") {
			t.Errorf("a card number is shown: %s", text)
		}
		fmt.Fprintf(&out, "%s %d %d %s", d.Kind, d.RecordA, d.RecordB, d.Message)
		for _, f := range d.Fields {
			fmt.Fprintf(&out, " [%s: %s | %s]", f.Field, f.A, f.B)
		}
		out.WriteByte('\n')
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), summary
}

// The same presentments are alike whatever the code page, the blocking and their order.
func TestDiffOfTheSame(t *testing.T) {
	ps := presentments(300)
	turned := presentments(300)
	for i, j := 0, len(turned)-1; i < j; i, j = i+1, j-1 {
		turned[i], turned[j] = turned[j], turned[i]
	}
	said, summary := diff(t, file(t, 1, clearing.Header{Blocked: true}, ps),
		file(t, 2, clearing.Header{CodePage: clearing.ASCII}, turned), "DE71", "PDS0105")
	if said != "" || !summary.Same() || summary.Alike != 302 || fmt.Sprint(summary.SumsA) != fmt.Sprint(summary.SumsB) ||
		len(summary.SumsA) != 3 {
		t.Errorf("%s%+v", said, summary)
	}
}

func TestDiff(t *testing.T) {
	was, is := presentments(6), presentments(7)
	is[1].AmountMinor++
	is[1].PAN = "5555555555554444"
	is[2].ARN = is[6].ARN // another reference, the same RRN
	is[3].PDS = []clearing.PDS{{Tag: 165, Value: "M"}}
	is = append(is[:4:4], is[5])
	is[4].RRN = "R99999999999" // found by its reference
	for name, h := range map[string]clearing.Header{"blocks": {Blocked: true}, "VBS": {CodePage: clearing.ASCII}} {
		t.Run(name, func(t *testing.T) {
			said, summary := diff(t, file(t, 1, h, was), file(t, 1, h, is), "de71", "pds0306", "PDS301")
			want := `differs 3 3 1240/200 first presentment [DE2 card number: 411111******1111 | 555555******4444] ` +
				`[DE4 amount: 000000001001  1001 JPY | 000000001002  1002 JPY]
differs 5 5 1240/200 first presentment [PDS0165 settlement indicator:  | M]
differs 7 6 1240/200 first presentment [DE37 retrieval reference (RRN): R00000000005 | R99999999999]
differs 4 4 1240/200 first presentment [DE31 acquirer reference: ` + was[2].ARN + ` | ` + is[2].ARN + `]
only_a 6 0 1240/200 first presentment
`
			if said != want {
				t.Errorf("said\n%s\nwant\n%s", said, want)
			}
			if summary.Same() || summary.Differing != 4 || summary.OnlyA != 1 || summary.OnlyB != 0 || summary.Alike != 3 ||
				summary.RecordsA != 8 || summary.RecordsB != 7 {
				t.Errorf("%+v", summary)
			}
		})
	}
}

// What cannot be read is told, and the rest compared.
func TestDiffOfBrokenFiles(t *testing.T) {
	ps := presentments(3)
	good := file(t, 1, clearing.Header{CodePage: clearing.ASCII}, ps)
	text := make([]byte, good.Size())
	if _, err := good.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	bad := bytes.Replace(text, []byte("1240"), []byte("12x0"), 1)
	said, summary := diff(t, bytes.NewReader(text), bytes.NewReader(bad))
	const want = "unreadable 0 0 file B: record 2 at byte"
	if summary.Unreadable != 1 || summary.OnlyA != 1 || !strings.Contains(said, want) {
		t.Errorf("%s%+v", said, summary)
	}
	said, summary = diff(t, bytes.NewReader(text), bytes.NewReader(text[:len(text)/2]))
	if summary.Unreadable != 1 || summary.OnlyA == 0 || summary.Same() {
		t.Errorf("half a file: %s%+v", said, summary)
	}
	for _, name := range []string{"DE", "71", "DE129", "PDS0", "PDSx"} {
		_, err := ipmtool.Diff(good, good, ipmtool.DiffOptions{Ignore: []string{name}}, nil)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("--ignore %s: %v", name, err)
		}
	}
	if _, err := ipmtool.Diff(bytes.NewReader(nil), good, ipmtool.DiffOptions{}, nil); err == nil {
		t.Error("an empty file is compared")
	}
}

func TestStats(t *testing.T) {
	stats, err := ipmtool.NewStats([]string{"merchant", "day", "destination"})
	if err != nil {
		t.Fatal(err)
	}
	for i, destination := range []string{"visa", "other"} {
		f := file(t, i+1, clearing.Header{Blocked: true}, presentments(10)[:10-i*5])
		if err := stats.Add(f, ipmtool.FileOf{Destination: destination}); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	debits, credits := 0, 0
	for _, g := range stats.Groups() {
		if g.Currency == "EUR" {
			fmt.Fprintf(&out, "%s %d %d %d %d\n", strings.Join(g.By, " "), g.DebitCount, g.DebitMinor, g.CreditCount,
				g.CreditMinor)
		}
		if g.Currency != "" {
			debits, credits = debits+g.DebitCount, credits+g.CreditCount
		}
	}
	const want = `M0 2026-11-20 other 1 1000 0 0
M0 2026-11-20 visa 2 2006 0 0
M1 2026-11-21 other 1 1003 0 0
M1 2026-11-21 visa 1 1003 1 1009
`
	if out.String() != want || debits != 12 || credits != 3 || stats.Messages != 19 {
		t.Errorf("%s, %d debits, %d credits, %d messages; want\n%s", out.String(), debits, credits, stats.Messages, want)
	}
	if _, err := ipmtool.NewStats([]string{"shoe"}); err == nil || !strings.Contains(err.Error(), "merchant") {
		t.Errorf("grouped by shoe: %v", err)
	}
}

func BenchmarkDiff(b *testing.B) {
	ps := presentments(10_000)
	f := file(b, 1, clearing.Header{Blocked: true}, ps)
	text := make([]byte, f.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(2 * f.Size())
	b.ReportAllocs()
	for b.Loop() {
		_, summary := diffIn(b, bytes.NewReader(text), bytes.NewReader(text), ipmtool.DiffOptions{})
		if !summary.Same() {
			b.Fatal(summary)
		}
	}
}

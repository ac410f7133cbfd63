package clearing_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/extsort"
	"switchyard/switch/clearing"
)

// A spilled is a file of keys in memory.
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

// manyRecords writes a file of so many presentments, the n-th with the reference that is told.
func manyRecords(t *testing.T, presentments int, sequence func(n int) int) []byte {
	t.Helper()
	p := *goldenPresentments()[0]
	date := day(2026, 11, 21)
	var file bytes.Buffer
	w, err := clearing.NewWriter(&file, clearing.Header{
		FileID: clearing.FileID{Date: date, ProcessorID: "12345", Sequence: 1}, CodePage: clearing.ASCII,
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range presentments {
		if p.ARN, err = clearing.ARN("234567", date, uint64(sequence(n))); err == nil {
			err = w.Write(&p)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// Second presentments of one reference are told apart by what they answer (DE95), with the sorter, too.
func TestSecondPresentmentsAreNotTwice(t *testing.T) {
	p := *goldenPresentments()[0]
	p.FunctionCode, p.MessageReason, p.OriginalMinor = "282", "2700", p.AmountMinor
	var file bytes.Buffer
	w, err := clearing.NewWriter(&file, clearing.Header{
		FileID: clearing.FileID{Date: day(2026, 11, 21), ProcessorID: "12345", Sequence: 1},
	})
	for _, p.IssuerReference = range []string{"", "A", "B", "A", ""} {
		if err == nil {
			err = w.Write(&p)
		}
	}
	if err == nil {
		_, err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := clearing.Verify(bytes.NewReader(file.Bytes()), clearing.VerifyOptions{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.Errors {
		got = append(got, fmt.Sprintf("%d: %s", f.Record, f.Message))
	}
	const same = " has the same message, reference and reversal"
	if want := []string{"5: record 3" + same, "6: record 2" + same}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A record that stands twice is found wherever it stands, also among more records than are kept in memory.
func TestDuplicatesOfManyRecords(t *testing.T) {
	const presentments = 70_000
	twice := map[int]int{50: 7, 66_000: 7, 68_000: 67_000, 69_998: 69_997, 69_999: 69_997}
	file := manyRecords(t, presentments, func(n int) int {
		if first, ok := twice[n]; ok {
			return first
		}
		return n
	})
	var want []string
	for _, pair := range [][2]int{{50, 7}, {66_000, 7}, {68_000, 67_000}, {69_998, 69_997}, {69_999, 69_997}} {
		record := pair[0] + 2 // behind the header, from 1
		want = append(want, fmt.Sprintf("record %d (DE71 %08d): record %d", record, record, pair[1]+2))
	}
	for _, c := range []struct {
		name   string
		memory int
		spill  bool
	}{{"in memory", 0, false}, {"in five pieces", 1 << 20, true}} {
		var made []*spilled
		o := clearing.VerifyOptions{Strict: true, KeyMemoryBytes: c.memory}
		if c.spill {
			o.Spill = func() (extsort.File, error) {
				made = append(made, &spilled{})
				return made[len(made)-1], nil
			}
		}
		report, err := clearing.Verify(bytes.NewReader(file), o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range report.Errors {
			first := strings.Join(strings.Fields(f.Message)[:2], " ")
			got = append(got, fmt.Sprintf("record %d (DE71 %s): %s", f.Record, f.DE71, first))
			if at := file[f.Offset:]; !bytes.HasPrefix(at, []byte("12345676")) {
				t.Errorf("%s: %s: there stands %q, no reference", c.name, f, at[:8])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: found\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if c.spill && (len(made) != 1 || made[0].Len() == 0 || !made[0].closed) {
			t.Errorf("%s: %d files were made; one is wanted, used and closed", c.name, len(made))
		}
	}
}

// Where there is no file for them the keys that memory holds are compared, and the report says so; a file that cannot
// be made is an error, and no report.
func TestKeysThatFindNoRoom(t *testing.T) {
	file := manyRecords(t, 70_000, func(n int) int { return n })
	const rowBytes = 83 // with its place in the order
	report, err := clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{
		Strict: true, KeyMemoryBytes: 68_000 * rowBytes,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Warnings) != 1 || report.Warnings[0].Record != 68_002 ||
		!strings.Contains(report.Warnings[0].Message, "duplicates are looked for among the records before this one only") {
		t.Errorf("warnings %v, want one at record 68002", report.Warnings)
	}
	full := errors.New("no space left on device")
	report, err = clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{
		KeyMemoryBytes: 1, Spill: func() (extsort.File, error) { return nil, full },
	})
	if !errors.Is(err, full) || report != nil {
		t.Errorf("a file that cannot be made: %v, %v", report, err)
	}
}

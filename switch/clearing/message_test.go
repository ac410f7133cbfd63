package clearing_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"switchyard/switch/clearing"
)

// told lists what a file's records hold but their numbers, each in a line.
func told(t *testing.T, file []byte) (lines []string) {
	t.Helper()
	r, err := clearing.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		line := record.MTI
		for de := range record.Elements() {
			if de != 71 {
				line += fmt.Sprintf(" %d=%q", de, record.Get(de))
			}
		}
		lines = append(lines, line)
	}
}

// Any message is written as it is given, in the order of its elements, and read back; a record of another file comes
// again in this one's code page, its chip data as they are. Both count in the sum.
func TestMessages(t *testing.T) {
	date := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	id := clearing.FileID{Type: clearing.MadeByClearing, Date: date, ProcessorID: "12345", Sequence: 7}
	arn, err := clearing.ARN("234567", date, 12)
	if err != nil {
		t.Fatal(err)
	}
	var theirs bytes.Buffer
	member, err := clearing.NewWriter(&theirs, clearing.Header{
		FileID: clearing.FileID{Date: date, ProcessorID: "12345", Sequence: 1}, CodePage: clearing.ASCII,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = member.Write(&clearing.Presentment{
		PAN: "4111111111111111", AmountMinor: 1234, Currency: "EUR", LocalTime: date, POSDataCode: "100950S00000",
		FunctionCode: "200", MCC: "5411", ARN: arn, ForwarderID: "123456", ChipData: []byte{0x9F, 0x26, 0x01, 0xF0},
		Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Close(); err != nil {
		t.Fatal(err)
	}
	for _, page := range []clearing.CodePage{clearing.CP500, clearing.ASCII} {
		var out bytes.Buffer
		w, err := clearing.NewWriter(&out, clearing.Header{FileID: id, CodePage: page, Blocked: true})
		if err != nil {
			t.Fatal(err)
		}
		err = w.WriteMessage(&clearing.Message{
			MTI: "1442", FunctionCode: "450",
			PDS: []clearing.PDS{{Tag: 159, Value: strings.Repeat("0", 67)}, {Tag: 148, Value: "9782"}},
			Elements: []clearing.Element{
				{DE: 94, Value: "900001"}, {DE: 2, Value: "4111111111111111"}, {DE: 3, Value: "000000"},
				{DE: 4, Value: "000000000700"}, {DE: 12, Value: "261121120000"}, {DE: 25, Value: "4853"},
				{DE: 30, Value: strings.Repeat("0", 24)}, {DE: 31, Value: arn}, {DE: 49, Value: "978"}, {DE: 55, Value: "\xF0"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := clearing.NewReader(bytes.NewReader(theirs.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for {
			record, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if record.MTI == "1240" {
				if err := w.WriteRecord(record); err != nil {
					t.Fatal(err)
				}
			}
		}
		totals, err := w.Close()
		if err != nil || totals.SumMinor != 1934 || totals.Messages != 4 {
			t.Errorf("%+v, %v", totals, err)
		}
		if report, err := clearing.Verify(bytes.NewReader(out.Bytes()), clearing.VerifyOptions{Strict: true}); err != nil ||
			!report.OK || report.FileID != "0012611210000001234500007" {
			t.Errorf("%v, %v, %s", err, report.Err(), report.FileID)
		}
		lines := told(t, out.Bytes())
		want := `1442 2="4111111111111111" 3="000000" 4="000000000700" 12="261121120000" 24="450" 25="4853" ` +
			`30="000000000000000000000000" 31="` + arn + `" 48="01480049782` + "0159067" + strings.Repeat("0", 67) +
			`" 49="978" 55="\xf0" 94="900001"`
		if lines[1] != want {
			t.Errorf("%s\nwant\n%s", lines[1], want)
		}
		if original := told(t, theirs.Bytes())[1]; lines[2] != original {
			t.Errorf("%s\nwant\n%s", lines[2], original)
		}
	}
}

// What cannot be written is refused, and the file goes on without it.
func TestMessagesThatCannotBeWritten(t *testing.T) {
	var out bytes.Buffer
	w, err := clearing.NewWriter(&out, clearing.Header{FileID: clearing.FileID{
		Date: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), ProcessorID: "1", Sequence: 1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	element := func(de int, value string) clearing.Message {
		return clearing.Message{MTI: "1644", FunctionCode: "603", Elements: []clearing.Element{{DE: de, Value: value}}}
	}
	twice := element(25, "4853")
	twice.Elements = append(twice.Elements, twice.Elements[0])
	for want, m := range map[string]clearing.Message{
		"four digits":                     {MTI: "16a4"},
		"DE71 message number":             element(71, "00000002"),
		"DE48 additional data":            element(48, "0148"),
		"DE7: is not an element":          element(7, "1"),
		"DE129: is not an element":        element(129, "1"),
		"DE4 amount: is 1 long":           element(4, "1"),
		"DE25 message reason: is given":   twice,
		"PDS0159 settlement: is given":    {MTI: "1644", PDS: []clearing.PDS{{Tag: 159, Value: "1"}, {Tag: 159, Value: "1"}}},
		"PDS0159 settlement: has a tag":   {MTI: "1644", PDS: []clearing.PDS{{Tag: 159}}},
		"DE24 function code: is 2 long":   {MTI: "1644", FunctionCode: "60"},
		"DE72 data record: character 1 i": element(72, "é"),
	} {
		if err := w.WriteMessage(&m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if totals, err := w.Close(); err != nil || totals.Messages != 2 {
		t.Errorf("%+v, %v", totals, err)
	}
	if err := (clearing.FileID{Type: "1", ProcessorID: "1", Date: time.Now(), Sequence: 1}).Validate(); err == nil {
		t.Error("a type of one digit is valid")
	}
}

// A file of blocks without a record ends the reading, however long it goes on.
func TestBlocksWithoutAnEnd(t *testing.T) {
	report, err := clearing.Verify(io.LimitReader(endless{}, 1<<40), clearing.VerifyOptions{})
	if err != nil || report.OK {
		t.Errorf("%v, %v", err, report)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

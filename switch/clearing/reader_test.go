package clearing_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"switchyard/internal/extsort"
	"switchyard/switch/clearing"
)

// readAll reads a file that must be whole, and returns a line a record.
func readAll(t testing.TB, data []byte) (lines []string, reader *clearing.Reader) {
	t.Helper()
	reader, err := clearing.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return lines, reader
		}
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%d %s", record.Number, record.MTI)
		for de := range record.Elements() {
			fmt.Fprintf(&b, "|%d=%q", de, record.Get(de))
		}
		lines = append(lines, b.String())
	}
}

// Every form of the same file reads alike, and the reader finds the form by itself.
func TestReaderRecognizesEveryForm(t *testing.T) {
	want, _ := readAll(t, readHex(t, "golden-ascii-vbs.hex"))
	if len(want) != 5 {
		t.Fatalf("%d records, want 5", len(want))
	}
	for _, text := range []string{
		`1 1644|24="697"|48="010502500226112100000012345000070122001T"|71="00000001"`,
		`2 1240|2="4111111111111111"|3="000000"|4="000000001234"|12="261121142233"|14="2912"|22="5101015F3340"`,
		`|55="\x9f&\b\xc0\xff\xee@@@@\x00\x9f'\x01\x80"|`,
	} {
		if !strings.Contains(strings.Join(want, "\n"), text) {
			t.Errorf("%s\nis not in\n%s", text, strings.Join(want, "\n"))
		}
	}
	for name, c := range map[string]struct {
		data     []byte
		page     clearing.CodePage
		framing  clearing.Framing
		warnings string
	}{
		"cp500, blocks": {readHex(t, "golden-cp500-1014.hex"), clearing.CP500, clearing.Framing{Blocked: true}, ""},
		"cp500":         {readHex(t, "golden-cp500-vbs.hex"), clearing.CP500, clearing.Framing{}, ""},
		"ascii, blocks": {readHex(t, "golden-ascii-1014.hex"), clearing.ASCII, clearing.Framing{Blocked: true}, ""},
		"cp500, RDW":    {rdw(t, readHex(t, "golden-cp500-vbs.hex")), clearing.CP500, clearing.Framing{RDW: true}, "RDW"},
		"cp500, RDW in blocks": {block(rdw(t, readHex(t, "golden-cp500-vbs.hex")), 0x40), clearing.CP500,
			clearing.Framing{Blocked: true, RDW: true}, "RDW"},
		"blocks of 00": {block(
			readHex(t, "golden-cp500-vbs.hex"), 0,
		), clearing.CP500, clearing.Framing{Blocked: true}, "blocks end with 00 00"},
		"no zero length": {cut(readHex(t, "golden-cp500-vbs.hex"), 4), clearing.CP500, clearing.Framing{},
			"the zero length at the end is missing"},
		"no zero length, blocks": {
			block(cut(readHex(t, "golden-cp500-vbs.hex"), 4), 0x40), clearing.CP500, clearing.Framing{Blocked: true},
			"the zero length at the end is missing"},
		"an empty block more": {
			append(readHex(t, "golden-cp500-1014.hex"), bytes.Repeat([]byte{0x40}, 1014)...), clearing.CP500,
			clearing.Framing{Blocked: true}, "an empty block"},
	} {
		t.Run(name, func(t *testing.T) {
			got, reader := readAll(t, c.data)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if reader.CodePage() != c.page || reader.Framing() != c.framing {
				t.Errorf("recognized as %s, %s", reader.CodePage(), reader.Framing())
			}
			warnings := fmt.Sprint(reader.Warnings())
			if (c.warnings == "") != (len(reader.Warnings()) == 0) || !strings.Contains(warnings, c.warnings) {
				t.Errorf("warnings = %s, want %q", warnings, c.warnings)
			}
			report, err := clearing.Verify(bytes.NewReader(c.data), clearing.VerifyOptions{Strict: true})
			if err != nil || !report.OK || (len(report.Warnings) == 0) != (c.warnings == "") {
				t.Errorf("Verify() = %+v, %v", report, err)
			}
		})
	}
}

// block, rdw and frames are a second, plain implementation of the framings.
func block(data []byte, filler byte) []byte {
	var out []byte
	for len(data) > 0 {
		n := min(1012, len(data))
		b := bytes.Repeat([]byte{filler}, 1014)
		copy(b, data[:n])
		out, data = append(out, b...), data[n:]
	}
	return out
}

func frames(t testing.TB, vbs []byte) (records [][]byte) {
	t.Helper()
	for {
		n := int(binary.BigEndian.Uint32(vbs))
		if n == 0 {
			return records
		}
		records = append(records, vbs[4:4+n])
		vbs = vbs[4+n:]
	}
}

func join(records [][]byte) (vbs []byte) {
	for _, r := range records {
		vbs = append(binary.BigEndian.AppendUint32(vbs, uint32(len(r))), r...)
	}
	return append(vbs, 0, 0, 0, 0)
}

func rdw(t testing.TB, vbs []byte) (out []byte) {
	for _, r := range frames(t, vbs) {
		out = append(append(binary.BigEndian.AppendUint16(out, uint16(len(r)+4)), 0, 0), r...)
	}
	return out
}

func cut(b []byte, n int) []byte { return b[:len(b)-n] }

// A file cut into blocks is read back whatever its length, also where its data fill the last block exactly and where a
// record, or a record's length, spans two.
func TestEveryLengthAroundABlock(t *testing.T) {
	fills := map[int]bool{} // how far the last block is filled
	for n := 1; n <= 1012; n++ {
		p := goldenPresentments()[1]
		p.PDS = manyPDS(2, 500)
		p.OtherAmounts = strings.Repeat("a", 1+n%999)
		if n > 999 {
			p.ChipData = make([]byte, n-900)
		}
		last := goldenPresentments()[0]
		data, totals := writeFile(t, clearing.Header{FileID: testFileID}, p, last)
		blocked, blockedTotals := writeFile(t, clearing.Header{FileID: testFileID, Blocked: true}, p, last)
		if !bytes.Equal(blocked, block(data, 0x40)) {
			t.Fatalf("length %d: the blocks differ", len(data))
		}
		if fmt.Sprint(totals) != fmt.Sprint(blockedTotals) {
			t.Fatalf("length %d: totals %v and %v", len(data), totals, blockedTotals)
		}
		if len(blocked) != (len(data)+1011)/1012*1014 {
			t.Fatalf("length %d: %d bytes in blocks", len(data), len(blocked))
		}
		fills[len(data)%1012] = true
		want, _ := readAll(t, data)
		got, reader := readAll(t, blocked)
		if len(got) != 4 || strings.Join(got, "\n") != strings.Join(want, "\n") || len(reader.Warnings()) > 0 {
			t.Fatalf("length %d: read back as %d records, warnings %v", len(data), len(got), reader.Warnings())
		}
	}
	for _, fill := range []int{0, 1, 2, 3, 1011} {
		if !fills[fill] {
			t.Errorf("no file whose length modulo 1012 is %d was tried", fill)
		}
	}
}

// A file without blocks that is as long as one: the zeros that end it stand where a block would end.
func TestUnblockedFileAsLongAsABlock(t *testing.T) {
	for n := 1; n <= 999; n++ {
		p := goldenPresentments()[0]
		p.PDS = []clearing.PDS{{Tag: 500, Value: strings.Repeat("a", n)}}
		data, _ := writeFile(t, clearing.Header{FileID: testFileID}, p)
		if len(data) != 1014 {
			continue
		}
		report, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{Strict: true})
		if err != nil || !report.OK || report.Framing.Blocked || len(report.Warnings) > 0 {
			t.Errorf("read as %+v, %v", report, err)
		}
		return
	}
	t.Fatal("no file of 1014 bytes was made")
}

// Subelements that do not fit one element go on in the next, never split, whatever lies between.
func TestSubelementsSpill(t *testing.T) {
	p := goldenPresentments()[0]
	p.PDS = manyPDS(5, 900)
	data, _ := writeFile(t, clearing.Header{FileID: testFileID, Blocked: true}, p)
	reader, err := clearing.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = reader.Next(); err != nil {
		t.Fatal(err)
	}
	record, err := reader.Next()
	if err != nil {
		t.Fatal(err)
	}
	for de, want := range map[int]int{48: 10 + 11 + 907, 62: 907, 123: 907, 124: 907, 125: 907} {
		if got := len(record.Get(de)); got != want {
			t.Errorf("DE%d has %d characters, want %d", de, got, want)
		}
	}
	tags := []int{}
	for sub := range record.Subelements() {
		tags = append(tags, sub.Tag)
	}
	if fmt.Sprint(tags) != "[23 148 1000 1001 1002 1003 1004]" {
		t.Errorf("subelements %v", tags)
	}
	if v, ok := record.PDS(1004); !ok || len(v) != 900 {
		t.Errorf("PDS1004 = %d characters, %v", len(v), ok)
	}
	report, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{Strict: true})
	if err != nil || !report.OK || len(report.Warnings) > 0 {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
}

func TestRecord(t *testing.T) {
	data, _ := writeFile(t, clearing.Header{FileID: testFileID, Blocked: true}, goldenPresentments()...)
	reader, err := clearing.NewReader(iotest.OneByteReader(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		mti, function, card, currency string
		amount                        int64
		debits, reversal              bool
		key                           clearing.RecordKey
	}{
		{mti: "1644", function: "697", debits: true, key: clearing.RecordKey{MTI: "1644", FunctionCode: "697"}},
		{"1240", "200", "4111111111111111", "EUR", 1234, true, false, clearing.RecordKey{
			ARN: "12345676325000000000012", MTI: "1240", FunctionCode: "200",
		}},
		{"1240", "200", "5555555555554444", "JPY", 500, false, false, clearing.RecordKey{
			ARN: "12345676325000000000020", MTI: "1240", FunctionCode: "200",
		}},
		{"1240", "200", "4000000000000000006", "KWD", 1001, false, true, clearing.RecordKey{
			ARN: "12345676324000000000039", MTI: "1240", FunctionCode: "200", Reversal: "R261120",
		}},
		{mti: "1644", function: "695", debits: true, key: clearing.RecordKey{MTI: "1644", FunctionCode: "695"}},
	} {
		r, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		amount, has := r.AmountMinor()
		if r.Number != i+1 || r.MTI != want.mti || r.FunctionCode() != want.function || r.Text(2) != want.card ||
			r.Currency() != want.currency || amount != want.amount || has != (want.amount > 0) || r.Debits() != want.debits ||
			r.Reversal() != want.reversal || r.Key() != want.key {
			t.Errorf("record %d: %s/%s %s %d %s debits %v reversal %v %+v", i+
				1, r.MTI, r.FunctionCode(), r.Text(2), amount, r.Currency(),
				r.Debits(), r.Reversal(), r.Key())
		}
		if at := int(r.Offset); data[at] != 0 || data[at+1] != 0 {
			t.Errorf("record %d is said to begin at %d", i+1, at)
		}
		if r.Has(0) || r.Has(1) || r.Has(129) || r.Has(-1) || r.Get(7) != nil {
			t.Errorf("record %d has elements that it has not", i+1)
		}
	}
	for range 2 {
		if _, err := reader.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("after the last record: %v", err)
		}
	}
}

func TestReaderFailure(t *testing.T) {
	if _, err := clearing.NewReader(strings.NewReader("")); err == nil {
		t.Error("an empty file was taken")
	}
	if _, err := clearing.NewReader(iotest.ErrReader(errDisk)); !errors.Is(err, errDisk) {
		t.Errorf("NewReader() = %v", err)
	}
	data, _ := writeFile(t, clearing.Header{FileID: testFileID, Blocked: true}, manyPresentments(500)...)
	if len(data) < 100_000 {
		t.Fatalf("%d bytes are too few", len(data))
	}
	broken := io.MultiReader(bytes.NewReader(data[:100_000]), iotest.ErrReader(errDisk))
	if report, err := clearing.Verify(broken, clearing.VerifyOptions{}); !errors.Is(err, errDisk) {
		t.Errorf("Verify() = %+v, %v", report, err)
	}
}

func manyPresentments(n int) []*clearing.Presentment {
	out := make([]*clearing.Presentment, n)
	for i := range out {
		p := *goldenPresentments()[i%3]
		arn, err := clearing.ARN("234567", day(2026, 11, 21), uint64(i))
		if err != nil {
			panic(err)
		}
		p.ARN = arn
		out[i] = &p
	}
	return out
}

// 99,999 and 100,000 presentments: the counts pass five digits, and nothing is lost on the way.
func TestManyRecords(t *testing.T) {
	for _, n := range []int{99_999, 100_000} {
		var file bytes.Buffer
		w, err := clearing.NewWriter(&file, clearing.Header{FileID: testFileID, Blocked: true})
		if err != nil {
			t.Fatal(err)
		}
		p := goldenPresentments()[1]
		for i := range n {
			if p.ARN, err = clearing.ARN("234567", day(2026, 11, 21), uint64(i)); err != nil {
				t.Fatal(err)
			}
			if err := w.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		written, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		report, err := clearing.Verify(&file, clearing.VerifyOptions{Strict: true})
		if err != nil || !report.OK || len(report.Warnings) > 0 {
			t.Fatalf("%d: Verify() = %+v, %v", n, report, err)
		}
		if fmt.Sprint(report.Totals) != fmt.Sprint(written) || report.Totals.Messages != n+2 ||
			report.Totals.Presentments != n {
			t.Errorf("%d: read %+v, written %+v", n, report.Totals, written)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	data, _ := writeFile(b, clearing.Header{FileID: testFileID, Blocked: true}, manyPresentments(10_000)...)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		report, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{Strict: true})
		if err != nil || !report.OK {
			b.Fatal(report, err)
		}
	}
}

// BenchmarkVerifyMany is of more records than are compared as they come: their keys are sorted, in pieces in a file.
func BenchmarkVerifyMany(b *testing.B) {
	const records = 300_000
	data, _ := writeFile(b, clearing.Header{FileID: testFileID, Blocked: true}, manyPresentments(records)...)
	b.ReportAllocs()
	for b.Loop() {
		report, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{
			Strict: true, KeyMemoryBytes: 8 << 20, Spill: func() (extsort.File, error) { return &spilled{}, nil },
		})
		if err != nil || !report.OK {
			b.Fatal(report, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

// The code page against Python's own codec.
func TestCP500(t *testing.T) {
	want := readHex(t, "cp500.hex")
	p := goldenPresentments()[0]
	p.OtherAmounts = "" // every printable character there is
	for c := byte(' '); c <= '~'; c++ {
		p.OtherAmounts += string(rune(c))
	}
	data, _ := writeFile(t, clearing.Header{FileID: testFileID}, p)
	ebcdic := frames(t, data)[1]
	plain, _ := writeFile(t, clearing.Header{FileID: testFileID, CodePage: clearing.ASCII}, p)
	ascii := frames(t, plain)[1]
	at := bytes.Index(ascii, []byte(p.OtherAmounts))
	for i := range len(p.OtherAmounts) {
		if got := want[ebcdic[at+i]]; got != p.OtherAmounts[i] {
			t.Errorf("%q is written as %02X, which is %q", p.OtherAmounts[i], ebcdic[at+i], got)
		}
	}
	// Backwards every byte, by putting it in the place of one character of DE54.
	for c := range 256 {
		ebcdic[at] = byte(c)
		reader, err := clearing.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		reader.Next()
		record, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got := record.Get(54)[0]; got != want[c] {
			t.Errorf("%02X is read as %02X, want %02X", c, got, want[c])
		}
	}
}

// What is no clearing file is told for what it looks like, and what looks like nothing, or begins well, for where it is
// wrong.
func TestFilesOfOtherKinds(t *testing.T) {
	const manifest = `{
  "business_date": "2026-11-21",
  "file_id": "0022611210000040000100001"
}`
	good := readHex(t, "golden-ascii-vbs.hex")
	for name, c := range map[string]struct {
		data  []byte
		seems string
	}{
		"a manifest":      {[]byte(manifest), "the manifest of a clearing file, which stands beside it"},
		"JSON":            {[]byte("[1, 2, 3]\n"), "JSON"},
		"CSV":             {[]byte("merchant,amount_minor\r\nM1,1000\r\n"), "text, such as CSV or hex"},
		"hex":             {[]byte("000000483136343480000100"), "text, such as CSV or hex"},
		"gzip":            {[]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, "gzip: unpack it first"},
		"ZIP":             {[]byte("PK\x03\x04\x14\x00\x00\x00"), "a ZIP archive: unpack it first"},
		"nothing known":   {bytes.Repeat([]byte{0xfe, 0x01}, 20), ""},
		"a record before": {append(good[:len(good)-4:len(good)-4], manifest...), ""},
	} {
		reader, err := clearing.NewReader(bytes.NewReader(c.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for err == nil {
			_, err = reader.Next()
		}
		_, seems, told := strings.Cut(err.Error(), "; the file looks like ")
		if !strings.Contains(err.Error(), "its length stands as ") || seems != c.seems || told != (c.seems != "") {
			t.Errorf("%s: %v, want it to look like %q", name, err, c.seems)
		}
	}
}

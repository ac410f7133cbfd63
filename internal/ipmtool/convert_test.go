package ipmtool_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"switchyard/internal/ipmtool"
)

// tb is what both a test and a draw of rapid have.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func write(t tb, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return name
}

func readFile(t tb, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return data
}

func convert(t tb, in, out string, o ipmtool.ConvertOptions) *ipmtool.Conversion {
	t.Helper()
	o.Force = true
	c, err := ipmtool.Convert(context.Background(), in, out, o)
	if err != nil {
		t.Fatalf("Convert(%s, %s): %v", in, out, err)
	}
	return c
}

// others are files that other programs wrote, with all of their oddities.
func others(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{"golden": golden(t)}
	names, err := filepath.Glob("../../switch/clearing/testdata/foreign/*.ipm")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		out[filepath.Base(name)] = readFile(t, name)
	}
	return out
}

// Files of others are the same bytes again, by way of each other format, code page and blocking.
func TestConvertThereAndBack(t *testing.T) {
	for name, data := range others(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := write(t, filepath.Join(dir, "in.ipm"), data)
			thereAndBack(t, dir, in, data, "cp500", "ascii")
		})
	}
}

func thereAndBack(t tb, dir, in string, data []byte, pages ...string) {
	t.Helper()
	back := filepath.Join(dir, "back.ipm")
	same := func(way string) {
		t.Helper()
		if got := readFile(t, back); !bytes.Equal(got, data) {
			t.Errorf("by way of %s: %d bytes are others than the %d that went in", way, len(got), len(data))
		}
	}
	for _, to := range []string{"csv", "jsonl"} {
		out := filepath.Join(dir, "out."+to)
		if c := convert(t, in, out, ipmtool.ConvertOptions{ClearPAN: true}); !c.Restorable || c.MaskedRecords > 0 {
			t.Errorf("%s: %+v", to, c)
		}
		convert(t, out, back, ipmtool.ConvertOptions{})
		same(to)
	}
	convert(t, filepath.Join(dir, "out.csv"), filepath.Join(dir, "again.jsonl"), ipmtool.ConvertOptions{ClearPAN: true})
	convert(t, filepath.Join(dir, "again.jsonl"), back, ipmtool.ConvertOptions{})
	same("csv and jsonl")
	for _, page := range pages {
		for _, blocking := range []string{"1014", "vbs", "rdw", "1014+rdw"} {
			out := filepath.Join(dir, "out.ipm")
			c := convert(t, in, out, ipmtool.ConvertOptions{CodePage: page, Blocking: blocking})
			convert(t, out, back, ipmtool.ConvertOptions{Like: in})
			same(c.Form)
		}
	}
}

// drawText draws a value of a length between the two from all characters that a file can hold.
func drawText(t *rapid.T, label string, least, most int) []byte {
	return rapid.SliceOfN(rapid.OneOf(
		rapid.SampledFrom([]byte("=+-@\t\r'%|,;\"\\0123456789 \n\x00\x7f\x9b")), rapid.Byte(),
	), least, most).Draw(t, label)
}

// drawFile draws a file of whatever records and oddities.
func drawFile(t *rapid.T) []byte {
	var stream bytes.Buffer
	rdw := rapid.Bool().Draw(t, "rdw")
	blocked := rapid.Bool().Draw(t, "blocked")
	n := rapid.IntRange(1, 8).Draw(t, "records")
	for range n {
		record := drawRecord(t)
		if rdw {
			stream.Write(binary.BigEndian.AppendUint16(nil, uint16(len(record)+4)))
			stream.Write([]byte{0, 0})
		} else {
			stream.Write(binary.BigEndian.AppendUint32(nil, uint32(len(record))))
		}
		stream.Write(record)
	}
	if !rdw || rapid.Bool().Draw(t, "zero length with RDW") {
		stream.Write([]byte{0, 0, 0, 0})
	}
	if !blocked {
		return stream.Bytes()
	}
	trailer := rapid.SampledFrom([]byte{0x40, 0}).Draw(t, "trailer")
	fill := rapid.SampledFrom([]byte{0x40, 0}).Draw(t, "fill")
	var out []byte
	for data := stream.Bytes(); len(data) > 0; {
		block := bytes.Repeat([]byte{fill}, 1012)
		data = data[copy(block, data):]
		out = append(append(out, block...), trailer, trailer)
	}
	return out
}

func drawRecord(t *rapid.T) []byte {
	elements := map[int]string{
		24: fmt.Sprintf("%03d", rapid.IntRange(0, 999).Draw(t, "DE24")), 71: string(drawText(t, "DE71", 8, 8)),
	}
	if rapid.Bool().Draw(t, "card") {
		elements[2] = rapid.SampledFrom([]string{"4111111111111111", "5555555555554444", ""}).Draw(t, "DE2")
	}
	if rapid.Bool().Draw(t, "text") {
		elements[43] = string(drawText(t, "DE43", 0, 99))
		elements[41] = string(drawText(t, "DE41", 8, 8))
		elements[55] = string(drawText(t, "DE55", 0, 255))
	}
	for _, de := range []int{48, 62} {
		if !rapid.Bool().Draw(t, "PDS") {
			continue
		}
		for range rapid.IntRange(0, 3).Draw(t, "subelements") {
			value := drawText(t, "value", 0, 200)
			elements[de] += fmt.Sprintf("%04d%03d%s", rapid.IntRange(0, 9999).Draw(t, "tag"), len(value), value)
		}
	}
	var b bytes.Buffer
	record(&b, rapid.StringMatching("[0-9]{4}").Draw(t, "MTI"), elements)
	return b.Bytes()[4:]
}

// Whatever stands in a file, it is the same bytes again.
func TestConvertAnything(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		data := drawFile(t)
		in := write(t, filepath.Join(dir, "in.ipm"), data)
		if err := ipmtool.Show(&bytes.Buffer{}, bytes.NewReader(data), ipmtool.ShowOptions{}); err != nil {
			t.Skip("the framing is ambiguous")
		}
		thereAndBack(t, dir, in, data)
		page := rapid.SampledFrom([]string{"cp500", "ascii"}).Draw(t, "page")
		blocking := rapid.SampledFrom([]string{"1014", "vbs", "rdw", "1014+rdw"}).Draw(t, "blocking")
		convert(t, in, filepath.Join(dir, "out.ipm"), ipmtool.ConvertOptions{CodePage: page, Blocking: blocking})
		convert(t, filepath.Join(dir, "out.ipm"), filepath.Join(dir, "back.ipm"), ipmtool.ConvertOptions{Like: in})
		if got := readFile(t, filepath.Join(dir, "back.ipm")); !bytes.Equal(got, data) {
			t.Errorf("by way of %s %s it is another file", page, blocking)
		}
		for _, cell := range cells(t, filepath.Join(dir, "out.csv")) {
			if strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("a spreadsheet runs %q", cell)
			}
			if strings.ContainsAny(cell, "\x00\x1b\x7f\n\r\t") {
				t.Errorf("%q has what cannot be printed", cell)
			}
		}
	})
}

// cells are all cells of a CSV file that are not empty.
func cells(t tb, name string) (out []string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(readFile(t, name))).ReadAll()
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" {
				out = append(out, cell)
			}
		}
	}
	return out
}

// Without --clear-pan no card number leaves the clearing file, and what is made cannot be made one again.
func TestConvertMasks(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.ipm"), golden(t))
	for _, to := range []string{"csv", "jsonl"} {
		out := filepath.Join(dir, "out."+to)
		c := convert(t, in, out, ipmtool.ConvertOptions{})
		if c.Restorable || c.MaskedRecords != 3 || !strings.Contains(c.Why, "--clear-pan") {
			t.Errorf("%+v", c)
		}
		text := string(readFile(t, out))
		if strings.Contains(text, "411111111111") || !strings.Contains(text, "411111******1111") {
			t.Errorf("%s\n%s", to, text)
		}
		_, err := ipmtool.Convert(t.Context(), out, filepath.Join(dir, "back.ipm"), ipmtool.ConvertOptions{})
		if err == nil || !strings.Contains(err.Error(), "--clear-pan") {
			t.Errorf("a clearing file is made of masked %s: %v", to, err)
		}
		other := filepath.Join(dir, "other.jsonl")
		if c := convert(t, out, other, ipmtool.ConvertOptions{ClearPAN: true}); c.Restorable {
			t.Errorf("masked %s: %+v", to, c)
		}
		_, err = ipmtool.Convert(t.Context(), other, filepath.Join(dir, "back.ipm"), ipmtool.ConvertOptions{})
		if err == nil {
			t.Errorf("a clearing file is made of what was made of masked %s", to)
		}
		for name, want := range map[string]os.FileMode{out: 0o644, in: 0o600} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
		convert(t, in, out, ipmtool.ConvertOptions{ClearPAN: true})
		if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("with whole card numbers anybody can read %s: %v", out, info.Mode())
		}
	}
}

// Card numbers are masked wherever they stand, and what is masked is no clearing file whoever says so.
func TestConvertMasksOddPlaces(t *testing.T) {
	const card = "4111111111111111"
	dir := t.TempDir()
	records := `{"kind":"record","mti":"1240","DE2":"` + card + `","DE24":"200","DE48":"` + card + `",` +
		`"DE55":"5A084111111111111111C110` + hex.EncodeToString([]byte(card)) + `","DE63":"` + card + `"}` + "\n"
	in := write(t, filepath.Join(dir, "in.jsonl"), []byte(`{"kind":"file","form":"ascii vbs"}`+"\n"+records))
	for _, name := range []string{"out.csv", "out.jsonl"} {
		out := filepath.Join(dir, name)
		if c := convert(t, in, out, ipmtool.ConvertOptions{}); c.MaskedRecords != 1 {
			t.Errorf("%+v", c)
		}
		text := string(readFile(t, out))
		if strings.Contains(text, card) || strings.Contains(text, hex.EncodeToString([]byte(card))) {
			t.Errorf("%s", text)
		}
	}
	lines := strings.SplitAfter(string(readFile(t, filepath.Join(dir, "out.jsonl"))), "\n")
	cut := write(t, filepath.Join(dir, "cut.jsonl"), []byte(strings.Join(lines[1:], "")))
	form := ipmtool.ConvertOptions{CodePage: "ascii", Blocking: "vbs"}
	_, err := ipmtool.Convert(t.Context(), cut, filepath.Join(dir, "back.ipm"), form)
	if err == nil || !strings.Contains(err.Error(), "--clear-pan") {
		t.Errorf("a clearing file is made of masked cards: %v", err)
	}
	headless := write(t, filepath.Join(dir, "headless.csv"), []byte("1,1240,"+card+"\n"))
	_, err = ipmtool.Convert(t.Context(), headless, filepath.Join(dir, "x.ipm"), ipmtool.ConvertOptions{})
	if err == nil || strings.Contains(err.Error(), card) {
		t.Errorf("without a header row: %v", err)
	}
	mark := write(t, filepath.Join(dir, "mark.csv"), []byte("\xef\xbb\xbf"))
	if _, err := ipmtool.Convert(t.Context(), mark, filepath.Join(dir, "y.ipm"), ipmtool.ConvertOptions{}); err == nil {
		t.Error("a byte order mark is a file")
	}
}

func TestConvertRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	in := write(t, at("in.ipm"), golden(t))
	there := write(t, at("there.csv"), []byte("x"))
	if err := os.Link(in, at("link.csv")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	cut := write(t, at("cut.ipm"), golden(t)[:900])
	mixed := append([]byte{}, golden(t)...)
	copy(mixed[4:], "1644")
	for _, c := range []struct {
		in, out string
		o       ipmtool.ConvertOptions
		want    string
	}{
		{in, there, ipmtool.ConvertOptions{}, "is there already; --force"},
		{in, at("link.csv"), ipmtool.ConvertOptions{Force: true}, "is what is read"},
		{in, in, ipmtool.ConvertOptions{Force: true}, "is what is read"},
		{in, dir, ipmtool.ConvertOptions{To: "csv", Force: true}, "is a directory"},
		{in, "/dev/null", ipmtool.ConvertOptions{To: "csv", Force: true}, "is no regular file"},
		{in, at("none/out.csv"), ipmtool.ConvertOptions{}, "no such file"},
		{dir, at("out.csv"), ipmtool.ConvertOptions{}, "is a directory"},
		{at("fifo"), at("out.csv"), ipmtool.ConvertOptions{}, "is a FIFO"},
		{"/dev/zero", at("out.csv"), ipmtool.ConvertOptions{}, "is a device"},
		{write(t, at("empty"), nil), at("out.csv"), ipmtool.ConvertOptions{}, "the file is empty"},
		{cut, at("out.csv"), ipmtool.ConvertOptions{}, "cut.ipm: clearing: "},
		{write(t, at("mixed"), mixed), at("out.csv"), ipmtool.ConvertOptions{}, "in cp500 it is"},
		{in, at("out.txt"), ipmtool.ConvertOptions{}, "expected ipm, csv or jsonl"},
		{in, at("out.csv"), ipmtool.ConvertOptions{CodePage: "ascii"}, "expected --to ipm"},
		{in, "-", ipmtool.ConvertOptions{To: "ipm"}, "to a file only"},
		{in, at("out.ipm"), ipmtool.ConvertOptions{CodePage: "latin1"}, "expected cp500 or ascii"},
		{in, at("out.ipm"), ipmtool.ConvertOptions{Blocking: "1012"}, "expected 1014, vbs, rdw"},
		{in, at("out.ipm"), ipmtool.ConvertOptions{Blocking: "vbs", Like: in}, "one or the other"},
		{write(t, at("a"), []byte("mti,DE24\n1644,697\n")), at("out.ipm"), ipmtool.ConvertOptions{}, "no form"},
		{write(t, at("b"), []byte("mti,DE7\n1644,697\n")), at("out.ipm"), ipmtool.ConvertOptions{}, `column "DE7"`},
		{write(t, at("c"), []byte("form,mti,DE24\ncp500 1014,1644,6970\n")), at("out.ipm"), ipmtool.ConvertOptions{},
			"line 2: record 1: clearing: DE24 function code: is 4 long, 3 expected"},
		{write(t, at("d"), []byte("form,mti,DE24\ncp500 1014,1644,%6\n")), at("out.ipm"), ipmtool.ConvertOptions{},
			"line 2, column DE24: % is not followed"},
		{write(t, at("e"), []byte("form,mti,DE41\ncp500 1014,1644,€\n")), at("out.ipm"), ipmtool.ConvertOptions{},
			"line 2, column DE41: the character U+20AC"},
		{write(t, at("f"), []byte("form,mti\nutf8 1014,1644\n")), at("out.ipm"), ipmtool.ConvertOptions{},
			"line 2, column form: code page \"utf8\""},
		{write(t, at("g"), []byte("{\"kind\":\"file\"\n")), at("out.ipm"), ipmtool.ConvertOptions{}, "line 1: "},
		{write(t, at("h"), []byte(`{"kind":"record","DE7":"1"}`)), at("out.ipm"), ipmtool.ConvertOptions{}, "line 1: DE7: "},
		{write(t, at("i"), []byte(`{"kind":"shoe"}`)), at("out.ipm"), ipmtool.ConvertOptions{}, "expected file or record"},
	} {
		_, err := ipmtool.Convert(t.Context(), c.in, c.out, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Convert(%s, %s, %+v) = %v; want %s", c.in, c.out, c.o, err, c.want)
		}
	}
	left, err := filepath.Glob(at(".*"))
	if _, statErr := os.Stat(at("out.csv")); err != nil || len(left) > 0 || statErr == nil {
		t.Errorf("%q are left; out.csv: %v", left, statErr)
	}
	if !bytes.Equal(readFile(t, in), golden(t)) || string(readFile(t, there)) != "x" {
		t.Error("a file that was there was changed")
	}
}

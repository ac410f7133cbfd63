package clearing

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func readDoc(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/clearing.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

var (
	dumpBytes  = regexp.MustCompile(`^([0-9a-f]{4})  ((?:[0-9a-f]{2} ?){1,16})`)
	dumpRepeat = regexp.MustCompile(`^([0-9a-f]{4})  ([0-9a-f]{2}) × ([0-9]+)`)
)

// The example file in the document is the file that the writer makes of it, byte by byte.
func TestDocumentedFile(t *testing.T) {
	_, dump, _ := strings.Cut(readDoc(t), "```\n")
	dump, _, _ = strings.Cut(dump, "```")
	var want []byte
	for line := range strings.Lines(dump) {
		at, values, times := "", "", 1
		if m := dumpRepeat.FindStringSubmatch(line); m != nil {
			at, values = m[1], m[2]
			times, _ = strconv.Atoi(m[3])
		} else if m := dumpBytes.FindStringSubmatch(line); m != nil {
			at, values = m[1], m[2]
		} else {
			t.Fatalf("no bytes in %q", line)
		}
		if at != fmt.Sprintf("%04x", len(want)) {
			t.Errorf("%q stands at %04x", line, len(want))
		}
		b, err := hex.DecodeString(strings.ReplaceAll(values, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want = append(want, bytes.Repeat(b, times)...)
	}
	var got bytes.Buffer
	w, err := NewWriter(&got, Header{
		FileID:  FileID{Date: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), ProcessorID: "12345", Sequence: 7},
		Blocked: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Write(&Presentment{
		PAN: "4111111111111111", AmountMinor: 1234, Currency: "EUR",
		LocalTime:   time.Date(2026, 11, 21, 14, 22, 33, 0, time.UTC),
		POSDataCode: "1009S0S00000", FunctionCode: "200", MCC: "5411", ARN: "12345676325000000000012", ForwarderID: "123456",
		Acceptor: Acceptor{Name: "Shop", Street: "1 High St", City: "Cork", CountryAlpha3: "IRL"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the document's file has %d bytes, the writer's %d:\n%s", len(want), got.Len(), hex.Dump(got.Bytes()))
	}
}

// The document's table of elements is the layout, no row more or less.
func TestDocumentedLayout(t *testing.T) {
	_, doc, _ := strings.Cut(readDoc(t), "### Elements")
	doc, _, _ = strings.Cut(doc, "### Messages")
	rows := 0
	for de, el := range layout {
		if el.kind == 0 {
			continue
		}
		format := map[kind]string{kindN: "n", kindAN: "an", kindANS: "ans", kindB: "b"}[el.kind]
		switch {
		case el.min == el.max:
			format += strconv.Itoa(el.max)
		case el.min == 1:
			format += ".." + strconv.Itoa(el.max)
		default:
			format += strconv.Itoa(el.min) + ".." + strconv.Itoa(el.max)
		}
		format += map[int]string{0: "", 2: " LLVAR", 3: " LLLVAR"}[el.lengthDigits]
		row := fmt.Sprintf("\n| %d | %s | %s | ", de, el.name, format)
		if !strings.Contains(doc, row) {
			t.Errorf("no row %q", row)
		}
		mandatory := strings.Contains(doc, row+"M |")
		required := false
		for _, m := range messages[messageKind{"1240", "200"}].de {
			required = required || m == de
		}
		if mandatory != required {
			t.Errorf("DE%d: mandatory in the document %v, in the rules %v", de, mandatory, required)
		}
		rows++
	}
	if got := len(regexp.MustCompile(`(?m)^\| [0-9]{1,3} \|`).FindAllString(doc, -1)); got != rows {
		t.Errorf("%d rows of elements, the layout has %d", got, rows)
	}
}

// Every column and field that is written is described.
func TestDocumentedNames(t *testing.T) {
	doc := readDoc(t)
	manifest, err := NewManifest(
		Header{}, "", time.Unix(0, 0), Totals{Currencies: []CurrencyTotals{{}}}, ManifestFile{},
	).Encode()
	if err != nil {
		t.Fatal(err)
	}
	names := append(append([]string{}, detailColumns...), summaryColumns...)
	for _, m := range regexp.MustCompile(`"([a-z0-9_]+)":`).FindAllStringSubmatch(string(manifest), -1) {
		names = append(names, m[1])
	}
	for _, name := range names {
		if !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("`%s` is not described", name)
		}
	}
}

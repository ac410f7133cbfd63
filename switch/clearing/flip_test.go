package clearing

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Of any bit of a file that is another, verify reports an error or a warning, but where the file alone cannot tell: in
// the values that the document lists, which may be any. Beside its manifest each is found.
func TestEachBit(t *testing.T) {
	unseen := map[string]bool{}
	for _, name := range []string{"golden-cp500-1014.hex", "golden-ascii-vbs.hex", "golden-cp500-1014-rdw.hex"} {
		file := readGolden(t, name)
		whole := verifyFlipped(t, file, nil)
		if !whole.OK {
			t.Fatalf("%s: %+v", name, whole)
		}
		digest := NewDigest(io.Discard)
		if _, err := digest.Write(file); err != nil {
			t.Fatal(err)
		}
		manifest := &Manifest{
			FileID: whole.FileID, Mode: whole.Mode, CodePage: whole.CodePage, Blocked: whole.Framing.Blocked,
			RDW: whole.Framing.RDW, Files: []ManifestFile{digest.File("f.ipm")}, Totals: whole.Totals,
		}
		if beside := verifyFlipped(t, file, manifest); !beside.OK {
			t.Fatalf("%s beside its manifest: %+v", name, beside)
		}
		places := placesOf(t, file)
		for i := range file {
			for bit := range 8 {
				file[i] ^= 1 << bit
				report := verifyFlipped(t, file, nil)
				if report.OK && fmt.Sprint(report.Warnings) == fmt.Sprint(whole.Warnings) {
					unseen[places[i]] = true
				}
				if bit == 0 && verifyFlipped(t, file, manifest).OK { // what it is held against is a hash
					t.Errorf("%s: bit %d of byte %d, %s: not found beside its manifest", name, bit, i, places[i])
				}
				file[i] ^= 1 << bit
			}
		}
	}
	_, doc, _ := strings.Cut(readDoc(t), "### What no check can see\n")
	doc, _, _ = strings.Cut(doc, "\n#")
	documented := map[string]bool{}
	for _, row := range strings.Split(doc, "\n| ")[1:] {
		cells, _, _ := strings.Cut(row, " |")
		for _, place := range strings.Split(cells, ", ") {
			documented[place] = true
		}
	}
	for place := range unseen {
		if !documented[place] {
			t.Errorf("a flipped bit of %s is not seen, and the document does not say so", place)
		}
	}
	for place := range documented {
		if !unseen[place] && place != "where" && strings.Trim(place, "-|") != "" {
			t.Errorf("the document says that a flipped bit of %s is not seen, and it is", place)
		}
	}
	if t.Failed() {
		t.Log(slices.Sorted(maps.Keys(unseen)))
	}
}

func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := hex.DecodeString(strings.ReplaceAll(string(text), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func verifyFlipped(t *testing.T, file []byte, manifest *Manifest) *Report {
	t.Helper()
	report, err := Verify(bytes.NewReader(file), VerifyOptions{Strict: true, Manifest: manifest, Name: "f.ipm"})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// placesOf names each byte of a file: the element or subelement whose value it is of, or what it is else.
func placesOf(t *testing.T, file []byte) []string {
	t.Helper()
	places := make([]string, len(file))
	for i := range places {
		places[i] = "between records"
	}
	reader, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		r, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return places
		}
		if err != nil {
			t.Fatal(err)
		}
		name := func(from, to int, place string) {
			for i := from; i < to; i++ {
				places[r.at(i)] = place
			}
		}
		name(0, mtiLength, "message type")
		name(mtiLength, mtiLength+binary.Size([2]uint64{}), "bitmap")
		for de := range r.Elements() {
			span, field := r.spans[de], "DE"+strconv.Itoa(de)
			name(int(span.start)-layout[de].lengthDigits, int(span.start), "length of "+field)
			name(int(span.start), int(span.end), field)
		}
		for _, sub := range r.pds {
			name(int(sub.value.start)-7, int(sub.value.start)-3, "tag of PDS")
			name(int(sub.value.start)-3, int(sub.value.start), "length of PDS")
			name(int(sub.value.start), int(sub.value.end), fmt.Sprintf("PDS%04d", sub.tag))
		}
	}
}

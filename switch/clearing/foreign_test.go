package clearing_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/charmap"

	"switchyard/switch/clearing"
)

// What other programs write passes with a warning that says what is unusual; held to what we write some of it fails.
func TestForeignFiles(t *testing.T) {
	for name, c := range map[string]struct {
		warnings []string
		strict   int // errors
	}{
		"zero-sum": {[]string{
			"record 4 (DE71 00000004) at byte 537: PDS0301 sum of amounts: is 0000000000000000, " +
				"the amounts add up to 0000000000005000",
		}, 1},
		"chip-data-cut": {[]string{
			"record 2 (DE71 00000002) at byte 260: DE55 chip data: a tag and its value do not fit into the 7 bytes " +
				"that are left",
		}, 0},
		"two-files": {[]string{
			"record 5 (DE71 00000001) at byte 576: another file begins behind the trailer",
			"record 6 (DE71 00000002) at byte 747: DE31 acquirer reference: record 2 has the same message, " +
				"reference and reversal",
			"record 7 (DE71 00000003) at byte 942: DE31 acquirer reference: record 3 has the same message, " +
				"reference and reversal",
		}, 3},
		"transaction-link": {nil, 0},
		"isk-two-decimals": {[]string{
			"record 2 (DE71 00000002) at byte 250: PDS0148 currency exponents: gives currency 352 the exponent 2, ISK has 0",
		}, 1},
		"new-currencies": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile("testdata/foreign/" + name + ".ipm")
			if err != nil {
				t.Fatal(err)
			}
			report, err := clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{})
			if err != nil || !report.OK {
				t.Fatalf("%+v, %v", report, err)
			}
			var warnings []string
			for _, f := range report.Warnings {
				warnings = append(warnings, f.String())
			}
			if !slices.Equal(warnings, c.warnings) {
				t.Errorf("warnings\n%s\nwant\n%s", strings.Join(warnings, "\n"), strings.Join(c.warnings, "\n"))
			}
			report, err = clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{Strict: true})
			if err != nil || report.ErrorCount != c.strict {
				t.Errorf("strict: %v, %v; want %d errors", report.Errors, err, c.strict)
			}
		})
	}
}

// Each file of several has its own numbers, sum and count, and none has the id of another.
func TestSeveralFilesInOne(t *testing.T) {
	file := frames(t, readHex(t, "golden-ascii-vbs.hex"))
	second := slices.Clone(file)
	second[0] = swap(t, second[0], "0022611210000001234500007", "0022611210000001234500008")
	second[4] = swap(t, second[4], "0022611210000001234500007", "0022611210000001234500008")
	both := append(slices.Clone(file), second...)
	verify := func(records [][]byte) *clearing.Report {
		report, err := clearing.Verify(bytes.NewReader(join(records)), clearing.VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	report := verify(both)
	if !report.OK || report.FileID != "0022611210000001234500007" || report.Totals.Messages != 10 ||
		!slices.Equal(report.FurtherIDs, []string{"0022611210000001234500008"}) || report.Totals.SumMinor != 2*2735 {
		t.Errorf("%+v", report)
	}
	if report := verify(append(slices.Clone(file), file...)); report.OK ||
		!strings.Contains(report.Errors[0].Message, "as that of a file before it") {
		t.Errorf("the same file twice: %+v", report)
	}
	both[9] = swap(t, both[9], "0000000000002735", "0000000000002736")
	if report := verify(both); report.ErrorCount != 1 || report.Errors[0].Record != 10 {
		t.Errorf("a wrong sum in the second: %+v", report)
	}
	if report := verify(slices.Delete(slices.Clone(both), 4, 5)); report.OK { // the first has no trailer
		t.Errorf("no trailer between: %+v", report)
	}
}

// An element whose length is wrong shifts all that follows: it is named, not the one where that shows.
func TestVerifyNamesTheWrongLength(t *testing.T) {
	good := frames(t, readHex(t, "golden-ascii-vbs.hex"))
	for name, c := range map[string]struct {
		record         int
		old, new, want string
	}{
		"DE48 too long":  {3, "01101480043920", "01201480043920", "DE48 additional data: its length is 12, with 11 "},
		"DE48 too short": {3, "01101480043920", "01001480043920", "DE48 additional data: its length is 10, with 11 "},
		"DE2":            {2, "164111", "154111", "DE2 card number: its length is 15, with 16 "},
		"DE43":           {3, `22A\ \ `, `21A\ \ `, "DE43 merchant name and location: its length is 21, with 22 "},
	} {
		t.Run(name, func(t *testing.T) {
			records := slices.Clone(good)
			records[c.record-1] = swap(t, records[c.record-1], c.old, c.new)
			report, err := clearing.Verify(bytes.NewReader(join(records)), clearing.VerifyOptions{})
			if err != nil || report.OK {
				t.Fatalf("%+v, %v", report, err)
			}
			if f := report.Errors[0]; f.Record != c.record || !strings.HasPrefix(f.Field+": "+f.Message, c.want) {
				t.Errorf("%v, want %q", f, c.want)
			}
		})
	}
}

// A file that was converted as if it were text is told apart from one that is wrong.
func TestConvertedAsText(t *testing.T) {
	latin1 := func(b []byte) []byte { // 037, which has all that these files hold where 500 has it
		out := make([]byte, len(b))
		for i, c := range b {
			out[i] = byte(charmap.CodePage037.DecodeByte(c))
		}
		return out
	}
	original := frames(t, readHex(t, "golden-cp500-vbs.hex"))
	whole, elements := slices.Clone(original), slices.Clone(original)
	for i, r := range original {
		whole[i] = latin1(r)
		elements[i] = slices.Concat(latin1(r[:4]), r[4:20], r[20:]) // the type alone
	}
	for _, c := range []struct {
		records [][]byte
		want    string
	}{
		{whole, "the bitmap was converted from cp500 to ascii like text; a file's bitmaps, its DE55 and its record lengths " +
			"are no text"},
		{elements[1:], "its length is not 2 digits in ascii, but in cp500 it is"},
	} {
		report, err := clearing.Verify(bytes.NewReader(join(c.records)), clearing.VerifyOptions{})
		if err != nil || report.OK {
			t.Fatalf("%+v, %v", report, err)
		}
		if !slices.ContainsFunc(report.Errors, func(f clearing.Finding) bool { return f.Message == c.want }) {
			t.Errorf("%v\nwant %q", report.Errors, c.want)
		}
	}
}

// A network's id of up to 15 characters stands in DE63, a longer one in DE105, never in both.
func TestNetworkIDs(t *testing.T) {
	for id, want := range map[string][2]string{
		"TRACE123456789A": {" TRACE123456789A", ""}, "ABCDEFGHIJKLMNOPQRSTUV": {"", "ABCDEFGHIJKLMNOPQRSTUV"},
		strings.Repeat("N", 64): {"", strings.Repeat("N", 64)}, "SIXTEEN-LETTERS.": {"", "SIXTEEN-LETTERS."},
	} {
		p := goldenPresentments()[0]
		p.NetworkID = id
		file, _ := writeFile(t, clearing.Header{FileID: testFileID, Blocked: true}, p)
		r, err := clearing.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			record, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if record.Number == 2 && [2]string{record.Text(63), record.Text(105)} != want {
				t.Errorf("%s: DE63 %q, DE105 %q", id, record.Text(63), record.Text(105))
			}
		}
	}
}

// A file with descriptor words is odd unless its manifest says that it has them; one whose manifest says otherwise is
// another file.
func TestVerifyDescriptorWordsBesideManifest(t *testing.T) {
	h := clearing.Header{FileID: testFileID, RDW: true}
	for _, h.Blocked = range []bool{false, true} {
		file, totals := writeFile(t, h, goldenPresentments()...)
		digest := clearing.NewDigest(io.Discard)
		if _, err := digest.Write(file); err != nil {
			t.Fatal(err)
		}
		m := clearing.NewManifest(h, "visa", day(2026, 11, 22), totals, digest.File("a.ipm"))
		text, err := m.Encode()
		if err != nil || !bytes.Contains(text, []byte(`"rdw": true,`)) {
			t.Fatalf("%v\n%s", err, text)
		}
		if m, err = clearing.ReadManifest(bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			manifest         *clearing.Manifest
			errors, warnings string
		}{
			{m, "[]", "[]"},
			{nil, "[]", "[file at byte 0: records begin with mainframe descriptor words (RDW)]"},
		} {
			report, err := clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{Manifest: x.manifest, Name: "a.ipm"})
			if err != nil || fmt.Sprint(report.Errors) != x.errors || fmt.Sprint(report.Warnings) != x.warnings {
				t.Errorf("blocked %v: %+v, %v", h.Blocked, report, err)
			}
		}
		m.RDW = false
		report, err := clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{Manifest: m, Name: "a.ipm"})
		if err != nil || report.ErrorCount != 1 || !strings.Contains(report.Errors[0].Message, ", RDW, its manifest says ") {
			t.Errorf("blocked %v, a manifest of another framing: %+v, %v", h.Blocked, report, err)
		}
	}
}

// A file beside its manifest is the one that the manifest tells of, to the byte.
func TestVerifyBesideManifest(t *testing.T) {
	h := clearing.Header{FileID: testFileID, CodePage: clearing.ASCII}
	file, totals := writeFile(t, h, goldenPresentments()...)
	sum := sha256.Sum256(file)
	m := clearing.NewManifest(h, "visa", day(2026, 11, 22), totals, clearing.ManifestFile{
		Name: "a.ipm", SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(file)),
	})
	verify := func(file []byte, name string) *clearing.Report {
		report, err := clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{Manifest: m, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if report := verify(file, "a.ipm"); !report.OK {
		t.Errorf("%+v", report)
	}
	report := verify(file, "b.ipm")
	if report.OK || !strings.Contains(report.Errors[0].Message, "the file's name, b.ipm") {
		t.Errorf("%+v", report)
	}
	name := bytes.Replace(bytes.Clone(file), []byte("Corner Shop"), []byte("Corner shop"), 1) // no rule can see it
	if report := verify(name, "a.ipm"); report.ErrorCount != 1 || !strings.Contains(report.Errors[0].Message, "SHA-256") {
		t.Errorf("a changed byte: %+v", report)
	}
	if report := verify(file[:len(file)/2], "a.ipm"); report.ErrorCount != 3 {
		t.Errorf("half of it: %+v", report.Errors)
	}
}

// So are the other files that the manifest tells of; one that is not there is told of, and one that cannot be read ends
// it.
func TestVerifyWhatTheManifestHas(t *testing.T) {
	h := clearing.Header{FileID: testFileID, CodePage: clearing.ASCII}
	file, totals := writeFile(t, h, goldenPresentments()...)
	digest := func(name, text string) clearing.ManifestFile {
		d := clearing.NewDigest(io.Discard)
		if _, err := io.WriteString(d, text); err != nil {
			t.Fatal(err)
		}
		return d.File(name)
	}
	m := clearing.NewManifest(h, "visa", day(2026, 11, 22), totals, digest("a.ipm", string(file)),
		digest("a.csv", "1,2\n"), digest("b.csv", "3,4\n"))
	broken := errors.New("input/output error")
	for _, c := range []struct {
		why             string
		files           map[string]string
		errors, warning string
	}{
		{"as they were", map[string]string{"a.csv": "1,2\n", "b.csv": "3,4\n"}, "", ""},
		{"a byte changed", map[string]string{"a.csv": "1,2\n", "b.csv": "3,5\n"}, "the SHA-256 of b.csv is", ""},
		{"a byte more", map[string]string{"a.csv": "1,2\n\n", "b.csv": "3,4\n"}, "a.csv has 5 bytes, its manifest says 4",
			""},
		{"one is not there", map[string]string{"a.csv": "1,2\n"}, "", "b.csv, which its manifest has, too, is not there"},
	} {
		report, err := clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{
			Manifest: m, Name: "a.ipm", Open: func(name string) (io.ReadCloser, error) {
				text, there := c.files[name]
				if !there {
					return nil, fs.ErrNotExist
				}
				return io.NopCloser(strings.NewReader(text)), nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		found := func(all []clearing.Finding, want string) bool {
			return want == "" && len(all) == 0 || len(all) == 1 && want != "" && strings.Contains(all[0].Message, want)
		}
		if !found(report.Errors, c.errors) || !found(report.Warnings, c.warning) || report.OK != (c.errors == "") {
			t.Errorf("%s: %+v", c.why, report)
		}
	}
	_, err := clearing.Verify(bytes.NewReader(file), clearing.VerifyOptions{
		Manifest: m, Name: "a.ipm", Open: func(string) (io.ReadCloser, error) {
			return io.NopCloser(iotest.ErrReader(broken)), nil
		},
	})
	if !errors.Is(err, broken) {
		t.Errorf("one that cannot be read: %v", err)
	}
}

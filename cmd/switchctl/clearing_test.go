package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/switch/clearing"
)

// testClearingFile writes a file of one presentment, with change applied to its bytes, and returns its name.
func testClearingFile(t *testing.T, change func([]byte) []byte) string {
	t.Helper()
	var buf bytes.Buffer
	w, err := clearing.NewWriter(&buf, clearing.Header{
		FileID:   clearing.FileID{Date: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), ProcessorID: "12345", Sequence: 1},
		CodePage: clearing.ASCII,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Write(&clearing.Presentment{
		PAN: "4111111111111111", AmountMinor: 1234, Currency: "EUR",
		LocalTime:   time.Date(2026, 11, 21, 14, 22, 33, 0, time.UTC),
		POSDataCode: "1009S0S00000", FunctionCode: "200", MCC: "5411", ARN: "12345676325000000000012", ForwarderID: "123456",
		Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "file.ipm")
	if err := os.WriteFile(name, change(buf.Bytes()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func asWritten(b []byte) []byte { return b }

func wrongAmount(b []byte) []byte {
	return bytes.Replace(b, []byte("000000001234"), []byte("000000001235"), 1)
}

// clearingRun runs `switchctl clearing` with the arguments.
func clearingRun(t *testing.T, stdin []byte, args ...string) (stdout string, err error) {
	t.Helper()
	cmd := newClearingCmd()
	var out, errOut bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	cmd.SetIn(bytes.NewReader(stdin))
	cmd.SetArgs(args)
	err = cmd.Execute()
	if text := out.String() + errOut.String(); strings.Contains(text, "41111111111") {
		t.Errorf("a card number is shown:\n%s", text)
	}
	return out.String(), err
}

func TestClearingVerify(t *testing.T) {
	out, err := clearingRun(t, nil, "verify", testClearingFile(t, asWritten))
	const want = `file 0022611210000001234500001, test, ascii, no blocks
3 messages, 1 presentment, sum of amounts 1234
  EUR: 1 debit 12.34 EUR, 0 credits 0.00 EUR
ok
`
	if err != nil || out != want {
		t.Errorf("verify = %v\n%s\nwant\n%s", err, out, want)
	}

	name := testClearingFile(t, wrongAmount)
	out, err = clearingRun(t, nil, "verify", name)
	if !errors.Is(err, errNo) || !strings.Contains(err.Error(), "record 3 (DE71 00000003) at byte ") ||
		!strings.Contains(err.Error(), name) ||
		!strings.Contains(
			err.Error(), "PDS0301 sum of amounts: is 0000000000001234, the amounts add up to 0000000000001235",
		) {
		t.Errorf("verify of a wrong file = %v\n%s", err, out)
	}
	if !strings.Contains(out, "error: record 3") || !strings.HasSuffix(out, "NOT ok: 1 error\n") {
		t.Errorf("verify prints\n%s", out)
	}

	wrong, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	out, err = clearingRun(t, wrong, "verify", "--json", "-")
	var report clearing.Report
	if jsonErr := json.Unmarshal([]byte(out), &report); jsonErr != nil || !errors.Is(err, errNo) || report.OK ||
		len(report.Errors) != 1 || report.Errors[0].Record != 3 {
		t.Errorf("verify --json = %v, %v\n%s", err, jsonErr, out)
	}
}

// What stands beside a file, or is named, is looked at; what is not there is missed only where it was named.
func TestClearingVerifyManifest(t *testing.T) {
	name := testClearingFile(t, asWritten)
	beside := strings.TrimSuffix(name, ".ipm") + ".manifest.json"
	m := clearing.Manifest{BusinessDate: "2026-11-21", FileID: "0022611210000001234500001", Mode: "T"}
	m.Files, m.Totals.Messages, m.Totals.SumMinor = []clearing.ManifestFile{{Name: "file.ipm"}}, 3, 1234
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(beside, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = clearingRun(t, nil, "verify", name)
	if !errors.Is(err, errNo) || !strings.Contains(err.Error(), "its SHA-256 is ") {
		t.Errorf("verify beside a manifest of another file = %v", err)
	}
	if _, err := clearingRun(t, nil, "verify", "--manifest", "none", name); err != nil {
		t.Errorf("verify without a manifest = %v", err)
	}
	if _, err := clearingRun(t, nil, "verify", "--manifest", beside+"x", name); err == nil || errors.Is(err, errNo) {
		t.Errorf("verify with a manifest that is not there = %v", err)
	}
	// A CSV file that the manifest names, too, stands beside it.
	digest := clearing.NewDigest(io.Discard)
	sent, err := os.ReadFile(name)
	if err == nil {
		_, err = digest.Write(sent)
	}
	if err != nil {
		t.Fatal(err)
	}
	csv := clearing.NewDigest(io.Discard)
	_, _ = csv.Write([]byte("a,b\n")) // never fails
	m.Files = []clearing.ManifestFile{digest.File("file.ipm"), csv.File("file.detail.csv")}
	m.CodePage = "ascii"
	if text, err = m.Encode(); err == nil {
		err = os.WriteFile(beside, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := clearingRun(t, nil, "verify", name)
	if err != nil || !strings.Contains(out, "file.detail.csv, which its manifest has, too, is not there") {
		t.Errorf("verify without a file of the manifest = %v\n%s", err, out)
	}
	detail := filepath.Join(filepath.Dir(name), "file.detail.csv")
	if err := os.WriteFile(detail, []byte("a,c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = clearingRun(t, nil, "verify", name)
	if !errors.Is(err, errNo) || !strings.Contains(err.Error(), "the SHA-256 of file.detail.csv") {
		t.Errorf("verify beside another file than the manifest has = %v", err)
	}
	if err := os.WriteFile(beside, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := clearingRun(t, nil, "verify", name); err == nil || !strings.Contains(err.Error(), beside) {
		t.Errorf("verify beside what is no manifest = %v", err)
	}
}

func TestClearingDiff(t *testing.T) {
	a, b := testClearingFile(t, asWritten), testClearingFile(t, wrongAmount)
	out, err := clearingRun(t, nil, "diff", a, a)
	if err != nil || !strings.HasPrefix(out, "3 and 3 records: 3 alike, 0 ") {
		t.Errorf("diff of the same = %v\n%s", err, out)
	}
	out, err = clearingRun(t, nil, "diff", a, b)
	const want = `records 2 and 2 differ: 1240/200 first presentment  12345676325000000000012  RRN -
  DE4 amount                           000000001234  12.34 EUR | 000000001235  12.35 EUR
3 and 3 records: 2 alike, 1 differ, 0 only in A, 0 only in B, 0 unreadable
  A EUR: debits 1, 12.34 EUR; credits 0, 0.00 EUR
  B EUR: debits 1, 12.35 EUR; credits 0, 0.00 EUR
`
	if !errors.Is(err, errNo) || out != want {
		t.Errorf("diff = %v\n%s\nwant\n%s", err, out, want)
	}
	out, err = clearingRun(t, nil, "diff", "--json", "--ignore", "DE4", a, b)
	if err != nil || strings.Count(out, "\n") != 1 || !json.Valid([]byte(out)) {
		t.Errorf("diff --json --ignore DE4 = %v\n%s", err, out)
	}
	for _, args := range [][]string{{"diff", a}, {"diff", a, a + "x"}, {"diff", "--ignore", "4", a, b}} {
		if _, err := clearingRun(t, nil, args...); err == nil || errors.Is(err, errNo) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestClearingStats(t *testing.T) {
	a := testClearingFile(t, asWritten)
	out, err := clearingRun(t, nil, "stats", "--by", "day,type", a, a)
	const want = `DAY         TYPE                        CURRENCY  DEBITS  AMOUNT     CREDITS  AMOUNT
-           1644/695 file trailer       -         2       -          0        -
-           1644/697 file header        -         2       -          0        -
2026-11-21  1240/200 first presentment  EUR       2       24.68 EUR  0        0.00 EUR
6 messages
`
	if err != nil || out != want {
		t.Errorf("stats = %v\n%s\nwant\n%s", err, out, want)
	}
	if out, err := clearingRun(t, nil, "stats", "--json", a); err != nil || !json.Valid([]byte(out)) {
		t.Errorf("stats --json = %v\n%s", err, out)
	}
	if _, err := clearingRun(t, nil, "stats", "--by", "shoe", a); err == nil || errors.Is(err, errNo) {
		t.Errorf("stats --by shoe: %v", err)
	}
	cut := testClearingFile(t, func(b []byte) []byte { return b[:len(b)/2] })
	if _, err := clearingRun(t, nil, "stats", cut); !errors.Is(err, errNo) {
		t.Errorf("stats of half a file: %v", err)
	}
}

func TestClearingShow(t *testing.T) {
	name := testClearingFile(t, asWritten)
	out, err := clearingRun(t, nil, "show", name)
	if err != nil || !strings.Contains(out, "411111******1111") || !strings.Contains(out, "12.34 EUR") {
		t.Errorf("show = %v\n%s", err, out)
	}
	out, err = clearingRun(t, nil, "show", "--brief", "--record", "2", name)
	if err != nil || strings.Count(out, "\n") != 2 || !strings.Contains(out, "1240/200 first presentment") {
		t.Errorf("show --brief --record 2 = %v\n%s", err, out)
	}
	for _, args := range [][]string{
		{"show"}, {"verify"}, {"show", name, name}, {"show", "--record", "0", name}, {"show", "--record", "9", name},
		{"verify", name + ".missing"}, {"show", name + ".missing"},
	} {
		if _, err := clearingRun(t, nil, args...); err == nil || errors.Is(err, errNo) {
			t.Errorf("%q: error %v", args, err)
		}
	}
	if out, err := clearingRun(t, nil, "verify", "-"); !errors.Is(err, errNo) ||
		!strings.Contains(out, "the file is empty") {
		t.Errorf("verify of an empty file = %v\n%s", err, out)
	}
}

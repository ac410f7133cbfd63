package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/switch/clearing"
)

// settlementFolder writes the clearing folder of a date with one purchase of 12.34 EUR, and returns it.
func settlementFolder(t *testing.T) string {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 11, 26, 14, 22, 33, 0, time.UTC)
	h := clearing.Header{FileID: clearing.FileID{Date: at, ProcessorID: "12345", Sequence: 1}, Blocked: true}
	id := h.FileID.String()
	var ipm, detail bytes.Buffer
	ipmSum, detailSum := clearing.NewDigest(&ipm), clearing.NewDigest(&detail)
	w, err := clearing.NewWriter(ipmSum, h)
	must(err)
	arn, err := clearing.ARN("234567", at, 1)
	must(err)
	p := clearing.Presentment{
		PAN: "4111111111111111", AmountMinor: 1234, Currency: "EUR", LocalTime: at, POSDataCode: "1009S0S00000",
		FunctionCode: "200", MCC: "5411", ARN: arn, ForwarderID: "123456", Merchant: "GROCER01",
		Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"}, PaymentID: "P1", CaptureID: "P1-1", Sequence: 1,
		Count: 1, AcceptedAt: at, MerchantName: "=Green Street",
	}
	must(w.Write(&p))
	rows := clearing.NewDetailWriter(detailSum)
	must(rows.Write(&p))
	must(rows.Close())
	totals, err := w.Close()
	must(err)
	manifest, err := clearing.NewManifest(h, "visa", time.Time{}, totals, ipmSum.File(id+".ipm"),
		detailSum.File(id+".detail.csv")).Encode()
	must(err)
	dir := t.TempDir()
	must(os.Mkdir(filepath.Join(dir, "2026-11-26"), 0o700))
	for ending, text := range map[string][]byte{
		".ipm": ipm.Bytes(), ".detail.csv": detail.Bytes(), ".manifest.json": manifest,
	} {
		must(os.WriteFile(filepath.Join(dir, "2026-11-26", id+ending), text, 0o600))
	}
	return dir
}

// statementRun runs `switchctl settlement statement` with the example of a plan.
func statementRun(args ...string) (stdout, stderr string, err error) {
	cmd := newSettlementCmd()
	var out, errOut bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	cmd.SetArgs(append([]string{"statement", "--plan", filepath.Join("..", "..", "configs", "settlement.yaml")}, args...))
	err = cmd.Execute()
	return out.String(), errOut.String(), err
}

func TestSettlementStatement(t *testing.T) {
	dir := settlementFolder(t)
	pages := filepath.Join(t.TempDir(), "pages")
	of := []string{"--clearing", dir, "--from", "2026-11-26", "--to", "2026-11-26"}
	// 1.45 % of 12.34 is 0.178…, and 0.10.
	out, _, err := statementRun(append(of, "--html", pages)...)
	if err != nil || !strings.Contains(out, "EUR: all statements, to the last unit: adds up") ||
		!strings.Contains(out, "12.06  2026-11-30") {
		t.Errorf("statement = %v\n%s", err, out)
	}
	page, err := os.ReadFile(filepath.Join(pages, "statement-GROCER01.html"))
	if err != nil || !bytes.Contains(page, []byte("<dd>=Green Street</dd>")) {
		t.Errorf("the page: %v\n%s", err, page)
	}
	if entries, err := os.ReadDir(pages); err != nil || len(entries) != 1 {
		t.Errorf("%d files in the folder of pages, %v", len(entries), err)
	}
	out, _, err = statementRun(append(of, "--csv")...)
	if err != nil || !strings.Contains(out, "\r\nGROCER01,'=Green Street,EUR,2026-11-26,0,1,1234,") {
		t.Errorf("--csv = %v\n%s", err, out)
	}
	out, _, err = statementRun(append(of, "--json")...)
	if err != nil || !json.Valid([]byte(out)) {
		t.Errorf("--json = %v\n%s", err, out)
	}

	// The JSON is the opening of the next period. It has no files, on a Friday.
	before := filepath.Join(t.TempDir(), "before.json")
	if err := os.WriteFile(before, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "2026-11-28"), 0o700); err != nil {
		t.Fatal(err)
	}
	next := []string{"--clearing", dir, "--from", "2026-11-27", "--to", "2026-11-27", "--opening", before}
	if _, _, err = statementRun(next...); err == nil || !strings.Contains(err.Error(), "it has no files of 2026-11-27") {
		t.Errorf("a period without files: %v", err)
	}
	out, stderr, err := statementRun("--clearing", dir, "--from", "2026-11-26", "--to", "2026-11-27", "--csv")
	if !errors.Is(err, errNo) || !strings.Contains(stderr, "exception: 2026-11-27 no_files: ") ||
		strings.Contains(out, "exception") {
		t.Errorf("a date without files: %v\n%s\n%s", err, out, stderr)
	}
	for _, x := range []struct {
		want string
		args []string
	}{
		{"--from: ", []string{"--clearing", dir, "--from", "today", "--to", "2026-11-26"}},
		{"--to: ", []string{"--clearing", dir, "--from", "2026-11-26", "--to", "26.11."}},
		{"required flag", []string{"--clearing", dir}},
		{"none of the others can be", append(of, "--json", "--csv")},
		{"is a directory", append(of, "--opening", dir)},
		{"at byte", append(of, "--opening", filepath.Join(pages, "statement-GROCER01.html"))},
		{"merchant \"KIOSK\"", append(of, "--merchant", "KIOSK")},
		{"is a directory", append(of, "--plan", dir)},
	} {
		if _, _, err := statementRun(x.args...); err == nil || errors.Is(err, errNo) ||
			!strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: %v; want %s", x.args, err, x.want)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/clock"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/payment"
)

// The books of one payment: authorized with 1000, 400 of it captured on a date with files.
const (
	testJournal = `{"payment":"P10000000001","version":4,"merchant":"SHOP-7","currency":"EUR",
"pan":"411111******1111","entry":"ecommerce","ops":[
{"n":0,"op":"authorize","state":"approved","key":"k1","amount":1000,"granted":1000,"target":-1,"host":"issuer",
"stan":"000001","de7":"1120120000","rrn":"632410000001","response_code":"00","auth_code":"A00001",
"at":"2026-11-20T12:00:00Z"},
{"n":1,"op":"capture","state":"approved","key":"k2","amount":400,"granted":400,"target":-1,"number":1,
"host":"issuer","stan":"000002","de7":"1120120001","rrn":"632410000001","response_code":"00",
"business_date":"2026-11-20","arn":"12345676324000000000013","at":"2026-11-20T12:00:01Z",
"clearing":{"destination":"visa","merchant_name":"Shop","country":"IRL","mcc":"5999","sequence":1,"count":1}}]}`
	testIssuer = `{"kind":"authorization","acquirer":"400001","rrn":"632410000001","stan":"000001","de7":"1120120000","pan":"411111******1111","merchant":"SHOP-7","currency":"EUR","response_code":"00","auth_code":"A00001","authorized":1000,"captured":400,"hold":600,
"postings":[{"number":"1","arn":"12345676324000000000013","amount":400,"business_date":"1120","state":"unsettled"}]}`
	testDays = `[{"date":"2026-11-20","state":"written","data":{"acquirer_id":"400001","processor_id":"123456",
"code_page":"cp500","location":"UTC",
"result":{"files":[{"destination":"visa","file_id":"0022611200000012345600001"}]}}},{"date":"2026-11-21",
"state":"open"}]`
	testLedger = `{"currencies":{"EUR":{"balanced":true}},"balanced":true}`
)

// testFileID names the file of the date.
var testFileID = clearing.FileID{Date: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), ProcessorID: "123456",
	Sequence: 1}

// auditBooks serve the payment's books; a test changes them before it audits.
type auditBooks struct {
	journal, issuer string
	acts            string       // "": the switch has no record of them
	queued          atomic.Int64 // answers of /v1/stats that still say that an advice is queued
	asked           sync.Map     // the last query of each path
	dir             string
}

func newAuditBooks(t *testing.T) *auditBooks {
	t.Helper()
	b := &auditBooks{journal: testJournal, issuer: testIssuer, acts: testActs(), dir: t.TempDir()}
	record := &clearing.Presentment{
		PAN: "4111111111111111", AmountMinor: 400, Currency: "EUR", LocalTime: time.Date(2026, 11, 20, 12, 0, 1, 0, time.UTC),
		POSDataCode: "000050S00000", FunctionCode: "200", MCC: "5999", ARN: "12345676324000000000013", AcquirerID: "400001",
		ForwarderID: "123456", RRN: "632410000001", AuthCode: "A00001", Merchant: "SHOP-7",
		Acceptor:     clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"},
		TerminalType: "CT6", ECommerceLevel: "210", PaymentID: "P10000000001", CaptureID: "P10000000001-1", Key: "k2",
		Sequence: 1, Count: 1,
		AcceptedAt: time.Date(2026, 11, 20, 12, 0, 1, 0, time.UTC), MerchantName: "Shop",
	}
	header := clearing.Header{FileID: testFileID}
	dir := filepath.Join(b.dir, "2026-11-20")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var ipm, detail, summary bytes.Buffer
	w, err := clearing.NewWriter(&ipm, header)
	if err != nil {
		t.Fatal(err)
	}
	rows, sums := clearing.NewDetailWriter(&detail), clearing.NewSummary()
	if err := errors.Join(w.Write(record), rows.Write(record), sums.Add(record), rows.Close(),
		sums.WriteCSV(&summary)); err != nil {
		t.Fatal(err)
	}
	totals, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var listed []clearing.ManifestFile
	for _, f := range []struct {
		ending string
		text   *bytes.Buffer
	}{{".ipm", &ipm}, {".detail.csv", &detail}, {".summary.csv", &summary}} {
		digest, name := clearing.NewDigest(io.Discard), testFileID.String()+f.ending
		if _, err := digest.Write(f.text.Bytes()); err != nil {
			t.Fatal(err)
		}
		listed = append(listed, digest.File(name))
		if err := os.WriteFile(filepath.Join(dir, name), f.text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	manifest, err := clearing.NewManifest(header, "visa", time.Time{}, totals, listed...).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, testFileID.String()+".manifest.json"), manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// serve returns the address of a server that is both the operator API and the issuer's control.
func (b *auditBooks) serve(t *testing.T) string {
	mux := http.NewServeMux()
	text := func(pattern string, body func() string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, body()) })
	}
	text("GET /v1/stats", func() string {
		queued := min(1, max(0, b.queued.Add(-1)+1))
		return fmt.Sprintf(`{"in_flight":0,"saf":{"queued":%d,"parked":0},"clearing_dir":%q,"now":"2026-11-20T12:01:00Z"}`,
			queued, b.dir)
	})
	if b.acts != "" {
		text("GET /v1/acts", func() string { return b.acts })
	}
	text("GET /v1/days", func() string { return testDays })
	text("GET /v1/payments", func() string { return strings.ReplaceAll(b.journal, "\n", "") })
	mux.HandleFunc("GET /v1/authorizations", func(w http.ResponseWriter, _ *http.Request) {
		if b.issuer != "" {
			fmt.Fprintln(w, strings.ReplaceAll(b.issuer, "\n", ""))
		}
	})
	text("GET /v1/ledger", func() string { return testLedger })
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Store(r.URL.Path, r.URL.RawQuery)
		mux.ServeHTTP(w, r)
	}))
}

func listen(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// execute runs a command and returns what it prints.
func execute(t *testing.T, cmd *cobra.Command, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

func TestAuditOfBooksThatAgree(t *testing.T) {
	b := newAuditBooks(t)
	b.queued.Store(1)
	at := b.serve(t)
	out, notices, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out, "no differences") || !strings.Contains(out, "EUR captured") {
		t.Errorf("output:\n%s", out)
	}
	if notices != "" {
		t.Errorf("notices although the switch came to rest: %s", notices)
	}
}

func TestAuditAsJSON(t *testing.T) {
	b := newAuditBooks(t)
	at := b.serve(t)
	out, _, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Payments        int `json:"payments"`
		Presentments    int `json:"presentments"`
		DifferenceCount int `json:"difference_count"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if report.Payments != 1 || report.Presentments != 1 || report.DifferenceCount != 0 {
		t.Errorf("report: %+v", report)
	}
}

// TestAuditOfARange: switch and issuer are asked for what belongs to the dates.
func TestAuditOfARange(t *testing.T) {
	b := newAuditBooks(t)
	at := b.serve(t)
	const date = "2026-11-20"
	out, _, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at, "--from", date, "--to", date)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for path, want := range map[string]string{
		"/v1/payments": "from=" + date + "&to=" + date, "/v1/authorizations": "rrn_prefix=63241",
	} {
		if got, _ := b.asked.Load(path); got != want {
			t.Errorf("%s is asked for %v, want %s", path, got, want)
		}
	}
}

// TestAuditOfARangeOfPayments: switch and issuer are asked for these payments, and the issuer's ledger for nothing.
func TestAuditOfARangeOfPayments(t *testing.T) {
	b := newAuditBooks(t)
	at := b.serve(t)
	const first, last = "P10000000001", "P10000000009"
	out, _, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at, "--first-payment", first, "--last-payment",
		last)
	if err != nil || !strings.Contains(out, "Two books of the payments P10000000001 to P10000000009, as of ") ||
		!strings.Contains(out, "not read: files are of business dates") {
		t.Fatalf("%v\n%s", err, out)
	}
	for path, want := range map[string]any{
		"/v1/payments": "first=" + first + "&last=" + last, "/v1/authorizations": "rrn_prefix=632410000", "/v1/ledger": nil,
	} {
		if got, _ := b.asked.Load(path); got != want {
			t.Errorf("%s is asked for %v, want %v", path, got, want)
		}
	}
	for want, args := range map[string][]string{
		"range of payments: P10000000009 is after P10000000001": {
			"--operator", at, "--first-payment", last, "--last-payment", first,
		},
		"no payment id": {"--first-payment", "7", "--last-payment", last, "--data", t.TempDir()},
		"[from first-payment]": {
			"--first-payment", first, "--last-payment", last, "--from", "2026-11-20", "--to", "2026-11-20",
		},
		"[first-payment last-pay": {"--first-payment", first},
	} {
		if _, _, err := execute(t, newAuditCmd(), append(args, "--issuer", at)...); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

func TestAuditOfBooksThatDiffer(t *testing.T) {
	b := newAuditBooks(t)
	b.issuer = strings.Replace(b.issuer, `"hold":600`, `"hold":700`, 1)
	at := b.serve(t)
	out, _, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at)
	if err != errNo {
		t.Fatalf("error %v, want the one that exits with 1", err)
	}
	if !strings.Contains(out, "hold_unowned") || !strings.Contains(out, "1.00 EUR") {
		t.Errorf("output:\n%s", out)
	}
}

func TestAuditListsWhatDidNotDrain(t *testing.T) {
	b := newAuditBooks(t)
	b.journal = strings.Replace(b.journal, `"op":"capture","state":"approved"`, `"op":"capture","state":"queued"`, 1)
	b.queued.Store(1 << 40)
	at := b.serve(t)
	out, notices, err := execute(t, newAuditCmd(), "--operator", at, "--issuer", at, "--wait", "1ms")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(notices, "1 advices queued") || !strings.Contains(out, "in flight: 1 (4.00 EUR)") {
		t.Errorf("notices %q, output:\n%s", notices, out)
	}
}

// The ages of a stopped switch are by what its clock showed last, whatever its payments are dated.
func TestAuditOfAStoppedSwitch(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, "journal")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	shows := clock.New(clock.Options{Wall: func() time.Time { return at.Add(time.Hour) }})
	j, err := pebble.Open(pebble.Options{FS: vfs.Default, Dir: dir, Node: 1, Clock: shows,
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) }})
	if err != nil {
		t.Fatal(err)
	}
	err = j.Commit(t.Context(), &journal.Transition{Payment: &payment.Payment{
		ID: payment.NewID(1, 1), Version: 1, Merchant: "SHOP-7", Currency: "EUR", MaskedPAN: "411111******1111", Created: at,
		Ops: []payment.Op{{
			Kind: payment.KindAuthorize, State: payment.StateApproved, Amount: 1000, Granted: 1000, Target: payment.NoTarget,
			At: at, Host: "issuer", STAN: 1, DE7: "1120120000", RRN: "632410000001", ResponseCode: "00", AuthCode: "A00001",
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = j.Commit(t.Context(), &journal.Transition{Payment: &payment.Payment{
		ID: payment.NewID(1, 2), Version: 1, Merchant: "SHOP-7", Currency: "EUR", MaskedPAN: "411111******1111", Created: at,
		Ops: []payment.Op{{
			Kind: payment.KindAuthorize, State: payment.StatePending, Amount: 500, Target: payment.NoTarget, At: at,
			Host: "issuer", STAN: 2, DE7: "1120120000", RRN: "632410000002",
		}},
	}})
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	b := newAuditBooks(t)
	b.issuer = ""
	out, _, err := execute(t, newAuditCmd(), "--data", data, "--issuer", b.serve(t))
	if err != errNo || !strings.Contains(out, "missing_at_issuer") || !strings.Contains(out, "intent_overdue") {
		t.Errorf("error %v, output:\n%s", err, out)
	}
}

// What cannot be read is no difference: it must not exit with 1.
func TestAuditWithoutABook(t *testing.T) {
	gone := listen(t, http.NotFoundHandler())
	b := newAuditBooks(t)
	at := b.serve(t)
	for name, args := range map[string][]string{
		"no switch":       {"--operator", gone, "--issuer", at},
		"no issuer":       {"--operator", at, "--issuer", gone},
		"no data folder":  {"--data", filepath.Join(t.TempDir(), "none"), "--issuer", at},
		"no files":        {"--operator", at, "--issuer", at, "--clearing", filepath.Join(t.TempDir(), "none")},
		"a limit of zero": {"--operator", at, "--issuer", at, "--limit", "0"},
		"an argument":     {"everything"},
		"two switches":    {"--operator", at, "--data", t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := execute(t, newAuditCmd(), args...)
			if err == nil || errors.Is(err, errNo) {
				t.Errorf("error %v, want one that exits with 2", err)
			}
		})
	}
}

func TestCutoverPrintsItsFiles(t *testing.T) {
	at := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Method + " " + r.URL.String(); got != "POST /v1/cutover?wait=5s" {
			t.Errorf("request %s", got)
		}
		io.WriteString(w, `{"business_date":"2026-11-20","files":[{"destination":"visa",`+
			`"file_id":"0022611200000001234500001","ipm":"a.ipm","detail_csv":"a.detail.csv","summary_csv":"a.summary.csv",`+
			`"manifest":"a.manifest.json","messages":5,"presentments":3,"sum_minor":1500,"totals":[{"currency":"EUR",`+
			`"debit_count":2,"debit_minor":1300,"credit_count":1,"credit_minor":200}]}]}`)
	}))
	out, _, err := execute(t, newCutoverCmd(), "--operator", at, "--wait", "5s")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"business date 2026-11-20 is closed; clearing files: 1\n", "3 presentments, file 0022611200000001234500001",
		"2 debits 13.00 EUR, 1 credit 2.00 EUR", "a.ipm", "a.manifest.json",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output does not say %q:\n%s", want, out)
		}
	}
	out, _, err = execute(t, newCutoverCmd(), "--operator", at, "--wait", "5s", "--json")
	var result cutover.Result
	if err != nil || json.Unmarshal([]byte(out), &result) != nil || len(result.Files) != 1 ||
		result.Files[0].SumMinor != 1500 {
		t.Errorf("error %v, JSON:\n%s", err, out)
	}
}

// Another program's port is named, and neither success nor an answer about payments is made of what it says.
func TestWrongPort(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/stats", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"cards":5}`) })
	other := listen(t, mux)
	says := listen(
		t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"announced":2}`) }),
	)
	for _, c := range []struct {
		cmd  *cobra.Command
		args []string
		want string
	}{
		{newCutoverCmd(), []string{"--operator", other}, "is " + other + " the right port?"},
		{newCutoverCmd(), []string{"--operator", says}, "does not answer POST /v1/cutover as a switch"},
		{newExplainCmd(), []string{"P10000000001", "--operator", other}, "is " + other + " the right port?"},
		{newSafCmd(), []string{"retry", "issuer", "5", "--operator", other}, "is " + other + " the right port?"},
		{newSafCmd(), []string{"list", "--operator", other}, "is " + other + " the right port?"},
		{newAuditCmd(), []string{"--operator", other}, "is it the right port?"},
	} {
		out, _, err := execute(t, c.cmd, c.args...)
		if err == nil || errors.Is(err, errNo) || !strings.Contains(err.Error(), c.want) || out != "" {
			t.Errorf("%s %v: %v, want %q; printed %q", c.cmd.Name(), c.args, err, c.want, out)
		}
	}
}

func TestCutoverRefused(t *testing.T) {
	var query string
	at := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		http.Error(w, `{"error":"not begun"}`, http.StatusConflict)
	}))
	_, notices, err := execute(t, newCutoverCmd(), "--operator", at, "--ahead")
	if err != errNo || notices != "refused: not begun\n" {
		t.Errorf("error %v, notices %q; want the one that exits with 1 and the reason", err, notices)
	}
	if query != "ahead=true&wait=1m0s" {
		t.Errorf("query %s", query)
	}
	at = listen(t, http.NotFoundHandler())
	if _, _, err := execute(t, newCutoverCmd(), "--operator", at); err == nil || errors.Is(err, errNo) {
		t.Errorf("error %v, want one that exits with 2", err)
	}
}

package folder_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"switchyard/internal/vfs"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
	"switchyard/switch/settlement/folder"
)

const planText = `
acquirer: Harbour Acquiring
payout_days: 1
calendars: [{weekend: [saturday, sunday], until: 2027-12-31}]
default_plan: standard
interchange_processing: {"00": by_record, "19": charged, "29": credited}
fee_plans:
  - name: standard
    fees: [{schemes: [visa], percent: 1, fixed_minor: {EUR: 10}}, {percent: 2}]
    chargeback_minor: {EUR: 1500}
  - name: travel
    fees: [{percent: 1}]
    interchange: true
    reserve: {percent: 10, days: 2}
`

func plan(t *testing.T) *settlement.Plan {
	t.Helper()
	p, err := settlement.ParsePlan("plan.yaml", []byte(planText))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func day(t *testing.T, text string) workday.Date {
	t.Helper()
	d, err := workday.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A desk writes clearing folders as a switch does.
type desk struct {
	t  *testing.T
	fs vfs.FS
	n  uint64 // of the last acquirer reference
}

func newDesk(t *testing.T) *desk { return &desk{t: t, fs: vfs.NewMem()} }

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// purchase is a presentment of a merchant, with a reference of its own.
func (d *desk) purchase(merchant string, minor int64, change ...func(*clearing.Presentment)) clearing.Presentment {
	d.t.Helper()
	d.n++
	date := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	arn, err := clearing.ARN("234567", date, d.n)
	d.must(err)
	p := clearing.Presentment{
		PAN: "4111111111111111", AmountMinor: minor, Currency: "EUR", LocalTime: date, POSDataCode: "1009S0S00000",
		FunctionCode: "200", MCC: "5411", ARN: arn, ForwarderID: "123456", RRN: fmt.Sprintf("R%011d", d.n),
		Merchant: merchant, Acceptor: clearing.Acceptor{Name: "Shop", CountryAlpha3: "IRL"}, PaymentID: "P1",
		CaptureID: "P1-1", Sequence: 1, Count: 1, AcceptedAt: date, MerchantName: "Name of " + merchant,
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

func refund(p *clearing.Presentment) { p.Credit = true }

// onFriday gives a presentment a reference of 2026-11-27; the others are of the day before.
func (d *desk) onFriday(p *clearing.Presentment) {
	arn, err := clearing.ARN("234567", time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), d.n)
	d.must(err)
	p.ARN = arn
}

// name is that of a file of a date, without its ending.
func name(date string, sequence int) string {
	at, _ := time.Parse(time.DateOnly, date)
	return clearing.FileID{Date: at, ProcessorID: "12345", Sequence: sequence}.String()
}

// write writes a file of a date.
func (d *desk) write(date string, sequence int, presentments ...clearing.Presentment) {
	d.t.Helper()
	d.writeAs(date, clearing.Header{Blocked: true}, sequence, presentments...)
}

func (d *desk) writeAs(date string, h clearing.Header, sequence int, presentments ...clearing.Presentment) {
	d.t.Helper()
	at, err := time.Parse(time.DateOnly, date)
	d.must(err)
	h.FileID = clearing.FileID{Date: at, ProcessorID: "12345", Sequence: sequence}
	d.writeFile(h, func(*clearing.Manifest) {}, presentments...)
}

// writeFile writes a file whose manifest says what it says of it, changed.
func (d *desk) writeFile(h clearing.Header, change func(*clearing.Manifest), presentments ...clearing.Presentment) {
	d.t.Helper()
	id := h.FileID.String()
	var ipm, detail, summary bytes.Buffer
	ipmSum, detailSum := clearing.NewDigest(&ipm), clearing.NewDigest(&detail)
	w, err := clearing.NewWriter(ipmSum, h)
	d.must(err)
	rows, sums := clearing.NewDetailWriter(detailSum), clearing.NewSummary()
	for i := range presentments {
		d.must(w.Write(&presentments[i]))
		d.must(rows.Write(&presentments[i]))
		d.must(sums.Add(&presentments[i]))
	}
	totals, err := w.Close()
	d.must(err)
	d.must(rows.Close())
	d.must(sums.WriteCSV(&summary))
	manifest := clearing.NewManifest(h, "visa", time.Time{}, totals, ipmSum.File(id+".ipm"),
		detailSum.File(id+".detail.csv"))
	change(manifest)
	text, err := manifest.Encode()
	d.must(err)
	dir := "clearing/" + h.FileID.Date.Format(time.DateOnly) + "/"
	d.put(dir+id+".ipm", ipm.Bytes())
	d.put(dir+id+".detail.csv", detail.Bytes())
	d.put(dir+id+".summary.csv", summary.Bytes())
	d.put(dir+id+".manifest.json", text)
}

func (d *desk) put(name string, text []byte) {
	d.t.Helper()
	d.must(d.fs.MkdirAll(d.fs.PathDir(name), 0o700))
	f, err := d.fs.Create(name, vfs.WriteCategoryUnspecified)
	d.must(err)
	_, err = f.Write(bytes.Clone(text))
	d.must(err)
	d.must(f.Close())
}

func (d *desk) read(name string) []byte {
	d.t.Helper()
	f, err := d.fs.Open(name)
	d.must(err)
	defer f.Close()
	text, err := io.ReadAll(f)
	d.must(err)
	return text
}

// settle settles from a date to another.
func (d *desk) settle(from, to string, change ...func(*folder.Options)) (*settlement.Run, error) {
	o := folder.Options{FS: d.fs, Clearing: "clearing", Plan: plan(d.t), From: day(d.t, from), To: day(d.t, to)}
	for _, c := range change {
		c(&o)
	}
	return folder.Settle(o)
}

func text(t *testing.T, run *settlement.Run) string {
	t.Helper()
	b, err := json.MarshalIndent(run, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// twoDays is a folder of a Thursday with two files and a Friday.
func twoDays(t *testing.T) *desk {
	d := newDesk(t)
	d.write("2026-11-26", 1, d.purchase("SHOP", 10_000), d.purchase("SHOP", 2_000, refund),
		d.purchase("AGENCY", 50_000, func(p *clearing.Presentment) { p.FeePlan = "travel" }))
	d.write("2026-11-26", 2, d.purchase("SHOP", 500, func(p *clearing.Presentment) { p.PAN = "5500000000000004" }))
	d.write("2026-11-27", 1, d.purchase("SHOP", 9_000, refund, d.onFriday))
	return d
}

func TestSettle(t *testing.T) {
	run, err := twoDays(t).settle("2026-11-26", "2026-11-30")
	if err != nil {
		t.Fatal(err)
	}
	agency, shop := run.Statements[0], run.Statements[1]
	// Visa: 1 % and 0.10 of 100.00; others 2 % of 5.00. Refunds cost nothing.
	first := shop.Days[0]
	if first.GrossMinor != 10_500 || first.RefundsMinor != 2_000 || first.FeesMinor != 110+10 ||
		first.PayoutMinor != 10_500-2_000-120 || first.PayOn.String() != "2026-11-27" {
		t.Errorf("the shop's first date: %+v", first)
	}
	if shop.CarriedForwardMinor != -9_000 || shop.MerchantName != "Name of SHOP" {
		t.Errorf("the shop: %+v", shop)
	}
	if agency.Days[0].ReserveHeldMinor != 5_000 || agency.Days[1].Date.String() != "2026-11-28" ||
		agency.Days[1].PayoutMinor != 5_000 || agency.Days[1].PayOn.String() != "2026-11-30" {
		t.Errorf("the agency: %+v", agency)
	}
	if len(run.Proof) != 1 || !run.Proof[0].Holds || run.Proof[0].FilesDebitMinor != 60_500 ||
		run.Proof[0].FilesCreditMinor != 11_000 || len(run.Files) != 3 || run.Mode != "T" {
		t.Errorf("%+v, %d files", run.Proof, len(run.Files))
	}
	// Monday has no files, and is a business day; Saturday and Sunday are none.
	if len(run.Exceptions) != 1 || run.Exceptions[0].Date.String() != "2026-11-30" {
		t.Errorf("exceptions: %+v", run.Exceptions)
	}
}

// What was there before a period is its opening, computed from the first date or from the statements before: the same.
func TestOpening(t *testing.T) {
	d := twoDays(t)
	computed, err := d.settle("2026-11-27", "2026-11-28")
	if err != nil {
		t.Fatal(err)
	}
	if s := computed.Statements; len(s) != 2 || s[0].ReserveOpeningMinor != 5_000 || s[1].CarriedForwardMinor != -9_000 ||
		computed.Opening != "computed from 2026-11-26" {
		t.Errorf("%s", text(t, computed))
	}
	before, err := d.settle("2026-11-26", "2026-11-26")
	if err != nil {
		t.Fatal(err)
	}
	opening, err := settlement.ReadRun(strings.NewReader(text(t, before)))
	if err != nil {
		t.Fatal(err)
	}
	d.must(d.fs.RemoveAll("clearing/2026-11-26")) // it is not needed any more
	given, err := d.settle("2026-11-27", "2026-11-28", func(o *folder.Options) { o.Opening = opening })
	if err != nil {
		t.Fatal(err)
	}
	if given.Opening != "statements of 2026-11-26 to 2026-11-26" {
		t.Errorf("opening: %s", given.Opening)
	}
	given.Opening = computed.Opening
	if a, b := text(t, computed), text(t, given); a != b {
		t.Errorf("computed\n%s\ngiven\n%s", a, b)
	}
}

func TestOneMerchant(t *testing.T) {
	run, err := twoDays(t).settle("2026-11-26", "2026-11-27", func(o *folder.Options) { o.Merchant = "SHOP" })
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, run); len(run.Statements) != 1 || strings.Contains(got, "AGENCY") || strings.Contains(got, "60500") {
		t.Errorf("it tells of others:\n%s", got)
	}
	_, err = twoDays(t).settle("2026-11-26", "2026-11-27", func(o *folder.Options) { o.Merchant = "KIOSK" })
	if err == nil || !strings.Contains(err.Error(), `merchant "KIOSK"`) {
		t.Error(err)
	}
}

// Nothing is settled of files that are not whole or do not belong together. Errors say where.
func TestRefuses(t *testing.T) {
	const dir = "clearing/2026-11-26/"
	one, two := name("2026-11-26", 1), name("2026-11-26", 2)
	swap := func(file, from, to string) func(d *desk) {
		return func(d *desk) {
			before := d.read(dir + file)
			after := bytes.Replace(before, []byte(from), []byte(to), 1)
			if bytes.Equal(before, after) {
				d.t.Fatalf("%q is not in %s:\n%s", from, file, before)
			}
			d.put(dir+file, after)
		}
	}
	remove := func(file string) func(d *desk) { return func(d *desk) { d.must(d.fs.Remove(dir + file)) } }
	for _, x := range []struct {
		name   string
		change func(d *desk)
		want   string
	}{
		{"no manifest", remove(one + ".manifest.json"), one + ".ipm: it has no manifest beside it"},
		{"no table", remove(one + ".detail.csv"), one + ".detail.csv: "},
		{"no clearing file", remove(one + ".ipm"), one + ".ipm: "},
		{"a file is missing", func(d *desk) {
			remove(one + ".ipm")(d)
			remove(one + ".manifest.json")(d)
		}, two + ".manifest.json: the file of sequence 00001 before it is missing"},
		{"another id", swap(one+".manifest.json", one, two), one + ".manifest.json: file_id: " + two},
		{"another date", swap(one+".manifest.json", "2026-11-26", "2026-11-25"), "business_date: 2026-11-25"},
		{"another hash", swap(one+".manifest.json", `"sha256": "`, `"sha256": "0`), one + ".ipm: its SHA-256 is "},
		{"another length", swap(one+".manifest.json", `"bytes": `, `"bytes": 1`), one + ".ipm: it has "},
		{"another sum", swap(one+".manifest.json", `"sum_minor": 62000`, `"sum_minor": 62001`),
			"record 5: PDS0301 sum of amounts: \"0000000000062000\": the manifest says 0000000000062001"},
		{"another number", swap(one+".manifest.json", `"messages": 5`, `"messages": 6`), "record 5: PDS0306"},
		{"other presentments", swap(one+".manifest.json", `"presentments": 3`, `"presentments": 4`),
			"it has 3 presentments"},
		{"another debit", swap(one+".manifest.json", `"debit_minor": 60000`, `"debit_minor": 60001`), "totals.currencies"},
		{"no such file", swap(one+".manifest.json", one+".ipm", two+".ipm"), one + ".ipm: its manifest does not have it"},
		{"another amount", swap(one+".detail.csv", ",10000,", ",10001,"),
			`record 2: DE4 amount: "10000": row 1 of the detail file says "10001"`},
		{"another merchant", swap(one+".detail.csv", "SHOP", "SHIP"), `record 2: DE42 merchant: "SHOP": row 1`},
		{"another card", swap(one+".detail.csv", "411111******1111", "411111******1112"), "record 2: DE2 card number"},
		{"another kind", swap(one+".detail.csv", ",purchase,", ",refund,"), "record 2: DE3 processing code"},
		{"a reversal", swap(one+".detail.csv", ",false,", ",true,"), "record 2: DE48 additional data"},
		{"another currency", swap(one+".detail.csv", ",EUR,", ",USD,"), `record 2: DE49 currency: "EUR"`},
		{"no amount", swap(one+".detail.csv", ",10000,", ",1e4,"), one + ".detail.csv: clearing: detail file: line 2"},
		{"a plan that is not known", func(d *desk) {
			d.write("2026-11-26", 3, d.purchase("SHOP", 1, func(p *clearing.Presentment) { p.FeePlan = "gold" }))
		}, name("2026-11-26", 3) + `.ipm: record 2: row 1 of the detail file: fee_plan: "gold"`},
		{"a currency without a fee", func(d *desk) {
			d.write("2026-11-26", 3, d.purchase("SHOP", 1, func(p *clearing.Presentment) { p.Currency = "USD" }))
		}, "record 2: row 1 of the detail file: currency: fee plan standard has no fixed_minor in USD"},
		{"production among tests", func(d *desk) {
			d.writeAs("2026-11-26", clearing.Header{Production: true}, 3, d.purchase("SHOP", 1))
		}, "its mode is P, that of those before T"},
		{"an empty folder", func(d *desk) { d.must(d.fs.MkdirAll("clearing/2026-11-28", 0o700)) },
			"clearing/2026-11-28: it holds no clearing file"},
	} {
		d := twoDays(t)
		x.change(d)
		run, err := d.settle("2026-11-26", "2026-11-28")
		if err == nil || run != nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v; want %s", x.name, err, x.want)
		}
	}
	for _, x := range []struct{ from, to, want string }{
		{"2026-11-27", "2026-11-26", "after its end"}, {"2026-12-01", "2026-12-02", "it has no files of 2026-12-01"},
		{"1900-01-01", "2026-12-02", "more than"},
	} {
		if _, err := twoDays(t).settle(x.from, x.to); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s to %s: %v", x.from, x.to, err)
		}
	}
	empty := newDesk(t)
	empty.must(empty.fs.MkdirAll("clearing/other", 0o700))
	if _, err := empty.settle("2026-11-26", "2026-11-26"); err == nil ||
		!strings.Contains(err.Error(), "no folder of a business date") {
		t.Error(err)
	}
}

// A byte that changes anywhere in a clearing file or its table, and an end anywhere, is noticed.
func TestEveryByteCounts(t *testing.T) {
	d := newDesk(t)
	d.writeAs("2026-11-26", clearing.Header{CodePage: clearing.ASCII}, 1, d.purchase("SHOP", 10_000))
	for _, ending := range []string{".ipm", ".detail.csv"} {
		file := "clearing/2026-11-26/" + name("2026-11-26", 1) + ending
		good := d.read(file)
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 0x10
			d.put(file, bad)
			if _, err := d.settle("2026-11-26", "2026-11-26"); err == nil {
				t.Errorf("%s: byte %d may be another", ending, i)
			}
			d.put(file, good[:i])
			if _, err := d.settle("2026-11-26", "2026-11-26"); err == nil {
				t.Errorf("%s: it may end at byte %d", ending, i)
			}
		}
		d.put(file, good)
	}
	if _, err := d.settle("2026-11-26", "2026-11-26"); err != nil {
		t.Error(err)
	}
}

// Files of nodes that share a processor id have sequences of their own.
func TestNodes(t *testing.T) {
	d := newDesk(t)
	for _, sequence := range []int{1001, 1002, 7001} {
		d.write("2026-11-26", sequence, d.purchase("SHOP", 10_000))
	}
	if _, err := d.settle("2026-11-26", "2026-11-26"); err != nil {
		t.Error(err)
	}
	d.write("2026-11-26", 7003, d.purchase("SHOP", 10_000))
	if _, err := d.settle("2026-11-26", "2026-11-26"); err == nil ||
		!strings.Contains(err.Error(), "sequence 07002 before it is missing") {
		t.Error(err)
	}
}

// No card number comes out, in errors neither.
func TestNoCardNumbers(t *testing.T) {
	d := twoDays(t)
	run, err := d.settle("2026-11-26", "2026-11-27")
	if err != nil {
		t.Fatal(err)
	}
	d.put("clearing/2026-11-26/"+name("2026-11-26", 1)+".detail.csv", bytes.Replace(
		d.read("clearing/2026-11-26/"+name("2026-11-26", 1)+".detail.csv"), []byte("411111******1111"), []byte("x"), 1))
	_, err = d.settle("2026-11-26", "2026-11-27")
	if err == nil {
		t.Fatal("another card is taken")
	}
	if out := text(t, run) + err.Error(); strings.Contains(out, "4111111111111111") || strings.Contains(out, "11111111") {
		t.Errorf("a card number is shown:\n%s", out)
	}
}

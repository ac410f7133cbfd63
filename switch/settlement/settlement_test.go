package settlement_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"switchyard/internal/pan"
	"switchyard/internal/workday"
	"switchyard/switch/settlement"
)

var update = flag.Bool("settlement.update", false, "write the golden files anew; look at what changed")

const planText = `
acquirer: Harbour <Acquiring> & Co
payout_days: 2
calendars:
  - {weekend: [saturday, sunday], holidays: [2026-12-25], until: 2027-12-31}
  - {currencies: [EUR], weekend: [saturday, sunday], holidays: [2026-11-30, 2026-12-25], until: 2027-12-31}
default_plan: standard
fee_plans:
  - name: standard
    fees:
      - {schemes: [visa], percent: 1.45, fixed_minor: {EUR: 10, JPY: 3}, refund_minor: {EUR: 5, JPY: 1}}
      - {percent: 2.5}
  - name: travel
    fees: [{percent: 0.25, scheme_percent: 0.1335, scheme_fixed_minor: {EUR: 2, JPY: 1}}]
    reserve: {percent: 10, days: 3}
`

func plan(t rapid.TB) *settlement.Plan {
	t.Helper()
	p, err := settlement.ParsePlan("plan.yaml", []byte(planText))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func day(t rapid.TB, text string) workday.Date {
	t.Helper()
	d, err := workday.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Half a minor unit and more is one, to either side; nothing overflows.
func TestRate(t *testing.T) {
	for _, x := range []struct {
		percent    string
		amount     int64
		want       int64
		wantInText string
	}{
		{"1.45", 0, 0, "1.45 %"},
		{"0.5", 99, 0, "0.5 %"},  // 0.495
		{"0.5", 100, 1, "0.5 %"}, // 0.5
		{"0.5", 299, 1, "0.5 %"}, // 1.495
		{"0.5", 300, 2, "0.5 %"}, // 1.5
		{"50", 1, 1, "50 %"},     // 0.5
		{"49.9999", 1, 0, "49.9999 %"},
		{"0.0001", 499_999, 0, "0.0001 %"},
		{"0.0001", 500_000, 1, "0.0001 %"},
		{"100", 999_999_999_999, 999_999_999_999, "100 %"},
		{"100", 1<<63 - 1, 1<<63 - 1, "100 %"},
		{"99.9999", 1<<63 - 1, 9_223_362_813_482_738_952, "99.9999 %"}, // …952.518 less 0.018: by long division
		{"0", 1 << 62, 0, "0 %"},
		{"0.5", -100, -1, "0.5 %"},
		{"0.5", -99, 0, "0.5 %"},
	} {
		var r settlement.Rate
		if err := yaml.Unmarshal([]byte(x.percent), &r); err != nil {
			t.Fatal(err)
		}
		want := x.want
		if exact := roundedPart(x.percent, x.amount); exact != want {
			t.Errorf("the test's own %s %% of %d: %d, not %d", x.percent, x.amount, exact, want)
		}
		if got := r.Of(x.amount); got != want || r.String() != x.wantInText {
			t.Errorf("%s of %d: %d, want %d", r, x.amount, got, want)
		}
	}
	for _, text := range []string{"-1", "100.0001", "1.23456", "1e1", ".5", "1.", "''", "1,5", "0x1", "[1]", "1 %", "٣"} {
		if err := yaml.Unmarshal([]byte(text), new(settlement.Rate)); err == nil ||
			!strings.Contains(err.Error(), "line 1: ") {
			t.Errorf("%s is taken for a rate: %v", text, err)
		}
	}
}

// roundedPart computes a percentage in another way than the code: with fractions of any size.
func roundedPart(percent string, amount int64) int64 {
	part, _ := new(big.Rat).SetString(percent)
	part.Mul(part, new(big.Rat).SetInt64(amount)).Quo(part, big.NewRat(100, 1))
	half := big.NewRat(1, 2)
	if part.Sign() < 0 {
		half.Neg(half)
	}
	part.Add(part, half)
	return new(big.Int).Quo(part.Num(), part.Denom()).Int64() // cuts off towards zero
}

func TestParsePlanRefuses(t *testing.T) {
	for _, x := range []struct{ from, to, want string }{
		{"payout_days: 2", "payout_days: 4", "plan.yaml: payout_days: 4: expected 1 to 3 business days"},
		{"payout_days: 2", "payout_days: 0", "payout_days: 0"},
		{"payout_days: 2", "payout: 2", `plan.yaml: line 3: unknown key "payout"`},
		{"payout_days: 2", "payout_days: 1.5", "line 3: found a number with a fraction"},
		{"default_plan: standard", "default_plan: none", `default_plan: "none"`},
		{"{weekend: [sat", "{currencies: [GBP], weekend: [sat", "expected one without currencies"},
		{"{currencies: [EUR], ", "{", "calendars, number 2: currencies: missing, as in another calendar"},
		{"currencies: [EUR]", "currencies: [EUR, EUR]", "EUR has a calendar already"},
		{"currencies: [EUR]", "currencies: [euro]", `currencies: "euro"`},
		{"weekend: [saturday, sunday], holidays: [2026-12-25]", "weekend: [Samstag]", `weekend: "Samstag"`},
		{"holidays: [2026-12-25]", "holidays: [2026-02-30]", `line 5: "2026-02-30" is no date`},
		{"holidays: [2026-12-25], until: 2027-12-31", "holidays: []", "until: missing"},
		{"holidays: [2026-12-25], until: 2027-12-31", "holidays: [2026-12-25], until: 2026-01-01",
			"lies behind 2026-01-01"},
		{"- name: travel", "- name: standard", `fee_plans, number 2: name: "standard" stands twice`},
		{"- name: travel\n", "- name: ''\n", "fee_plans, number 2: name: missing"},
		{"schemes: [visa]", "schemes: [vista]", `standard: fees, number 1: schemes: "vista"`},
		{"- {percent: 2.5}", "- {schemes: [visa], percent: 2.5}", `fees, number 2: schemes: "visa" has a fee already`},
		{"schemes: [visa], ", "", `fees, number 2: schemes: "" has a fee already`},
		{"- {percent: 2.5}", "- {percent: 2.5}\n      - {schemes: [jcb]}",
			"number 3: it stands behind the one without schemes"},
		{"percent: 2.5", "percent: 250", `line 12: "250" is no rate`},
		{"EUR: 10", "EUX: 10", `fixed_minor: "EUX"`},
		{"EUR: 10", "EUR: -1", "fixed_minor: EUR: -1"},
		{"days: 3", "days: 0", "travel: reserve.days: 0"},
	} {
		text := strings.Replace(planText, x.from, x.to, 1)
		if text == planText {
			t.Fatalf("%q is not in the plan", x.from)
		}
		if _, err := settlement.ParsePlan("plan.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s → %s: %v; want %s", x.from, x.to, err, x.want)
		}
	}
}

// The schemes that a plan may name are those that cards have.
func TestSchemes(t *testing.T) {
	for _, number := range []string{"4111", "5500", "3400", "3530", "6011"} {
		text := strings.Replace(planText, "schemes: [visa]", "schemes: ["+pan.Brand(number)+"]", 1)
		if _, err := settlement.ParsePlan("plan.yaml", []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

// period settles dates from the first on, each with what is presented on it.
func period(t rapid.TB, l *settlement.Ledger, first workday.Date, days ...[]settlement.Presented) {
	t.Helper()
	for i, presented := range days {
		for j := range presented {
			if err := l.Present(&presented[j]); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(first + workday.Date(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// example is a period of two merchants: a Thursday to a Monday, with fees, a reserve, its release, a day that ends
// below zero, and names that must not be taken for anything else.
func example(t *testing.T) *settlement.Run {
	p := plan(t)
	shop := settlement.Presented{Merchant: "SHOP01", MerchantName: "Green Street", Scheme: "visa", Currency: "EUR"}
	agency := settlement.Presented{
		Merchant: "=HYPERLINK(1)", MerchantName: "<script>alert(1)</script>\x1b[31m\u202e", FeePlan: "travel",
		Scheme: "mastercard", Currency: "JPY",
	}
	of := func(p settlement.Presented, minor int64, change ...func(*settlement.Presented)) settlement.Presented {
		p.AmountMinor = minor
		for _, c := range change {
			c(&p)
		}
		return p
	}
	refund := func(p *settlement.Presented) { p.Refund = true }
	takenBack := func(p *settlement.Presented) { p.Reversal = true }
	again := func(p *settlement.Presented) { p.Second = true }
	l := settlement.NewLedger(p)
	from := day(t, "2026-11-26")
	period(t, l, from-1, []settlement.Presented{of(shop, 500, refund)})
	l.Begin()
	period(t, l, from,
		[]settlement.Presented{of(shop, 1_234_567), of(shop, 10_000), of(agency, 40_001), of(agency, 999)},
		[]settlement.Presented{of(shop, 10_000, takenBack), of(shop, 20_00, refund), of(agency, 50, again)},
		nil,
		[]settlement.Presented{of(shop, 15_000), of(agency, 50, again, takenBack)},
		[]settlement.Presented{of(shop, 300, refund), of(shop, 300, refund, takenBack)},
	)
	run := &settlement.Run{
		Version: settlement.RunVersion, From: from, To: from + 4, Acquirer: p.Acquirer, Mode: "T", PlanSHA256: p.SHA256,
		Opening: "computed from 2026-11-25", Statements: l.Statements(),
		Files: []settlement.File{{Name: "a.ipm", BusinessDate: from, Totals: []settlement.FileTotals{
			{Currency: "EUR", DebitMinor: 1_234_567 + 10_000 + 15_000 + 300, CreditMinor: 10_000 + 2_000 + 300},
			{Currency: "JPY", DebitMinor: 40_001 + 999 + 50, CreditMinor: 50},
		}}},
		Exceptions: []settlement.Exception{{Kind: settlement.NoFiles, Date: from + 2, Message: "there are none"}},
	}
	var err error
	if run.Proof, err = settlement.Proofs(run.Statements, run.Files, run.Received); err != nil {
		t.Fatal(err)
	}
	return run
}

// The golden files are what people read; the amounts in them were computed by hand once.
func TestGolden(t *testing.T) {
	run := example(t)
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"run.txt":     func(b *bytes.Buffer) error { return run.WriteText(b) },
		"run.csv":     func(b *bytes.Buffer) error { return run.WriteCSV(b) },
		"shop.html":   func(b *bytes.Buffer) error { return run.WritePage(b, "SHOP01") },
		"agency.html": func(b *bytes.Buffer) error { return run.WritePage(b, "=HYPERLINK(1)") },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s is\n%s\nwant\n%s", name, b.Bytes(), want)
		}
		for _, bad := range []string{"<script", "\x1b", "\u202e", "\n=HYPER"} {
			if strings.Contains(b.String(), bad) && (bad[0] != '<' || strings.HasSuffix(name, ".html")) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
}

// A few figures of the example, each by itself.
func TestExample(t *testing.T) {
	run := example(t)
	agency, shop := &run.Statements[0], &run.Statements[1]
	// 1.45 % of 12345.67 is 179.012…, and 0.10; of 100.00 it is 1.45, and 0.10.
	if got := shop.Days[0].FeeAcquirerMinor; got != 17_901+10+145+10 {
		t.Errorf("fees of the first date: %d", got)
	}
	// What is taken back costs nothing: its own fee comes back. The refund costs 0.05.
	if got := shop.Days[1]; got.FeesMinor != -155+5 || got.NetMinor != -10_000-2_000+150 || got.PayoutMinor != 0 ||
		got.CarriedForwardMinor != got.NetMinor {
		t.Errorf("the date that ends below zero: %+v", got)
	}
	// From before: 5.00 of a refund and 0.05 of its fee. Paid on the second business day behind Thursday: Monday is a
	// holiday in EUR and none in JPY.
	if got := shop.Days[0]; shop.OpeningMinor != -505 || got.OpeningMinor != -505 || got.PayOn.String() != "2026-12-01" ||
		agency.Days[0].PayOn.String() != "2026-11-30" {
		t.Errorf("the first date: %+v", got)
	}
	// A refund that is taken back costs nothing either.
	if got := shop.Days[3]; got.FeesMinor != 0 || got.NetMinor != 0 || got.GrossMinor != 300 || got.RefundsMinor != 300 {
		t.Errorf("the refund that is taken back: %+v", got)
	}
	// 0.25 % and 0.1335 % of 40001 are 100 and 53.4, of 999 2.4975 and 1.33; 1 for the scheme, each. 10 % of the sum is
	// held for three days.
	if got := agency.Days[0]; got.FeeAcquirerMinor != 100+2 || got.FeeSchemeMinor != 53+1+1+1 ||
		got.ReserveHeldMinor != 4100 {
		t.Errorf("the agency: %+v", got)
	}
	if got := agency.Days[2]; got.Date.String() != "2026-11-29" || got.ReserveReleasedMinor != 4100 ||
		got.Represented != -1 || agency.ReserveMinor != 0 {
		t.Errorf("the release: %+v", got)
	}
	for _, p := range run.Proof {
		if !p.Holds {
			t.Errorf("it does not add up: %+v", p)
		}
	}
	twice := slices.Clone(run.Received)
	twice = append(twice, settlement.Received{Currency: run.Proof[0].Currency, CountedTwiceMinor: 1})
	if proofs, err := settlement.Proofs(run.Statements, run.Files, twice); err != nil || proofs[0].Holds {
		t.Errorf("a unit that two files count: %+v, %v", proofs, err)
	}
	run.Files[0].Totals[0].CreditMinor++
	proofs, err := settlement.Proofs(run.Statements, run.Files, run.Received)
	if err != nil || proofs[0].Holds || !proofs[1].Holds {
		t.Errorf("a unit too much in a file: %+v, %v", proofs, err)
	}
	run.Statements[1].Days[0].FeesMinor++
	if proofs, err := settlement.Proofs(run.Statements, nil, nil); err != nil || proofs[0].Holds {
		t.Errorf("a unit too much in a statement: %+v, %v", proofs, err)
	}
}

func TestPresentRefuses(t *testing.T) {
	good := settlement.Presented{Merchant: "M", Currency: "EUR", Scheme: "visa", AmountMinor: 1}
	for want, change := range map[string]func(p *settlement.Presented){
		"amount_minor: 0":  func(p *settlement.Presented) { p.AmountMinor = 0 },
		`currency: "EUX"`:  func(p *settlement.Presented) { p.Currency = "EUX" },
		`fee_plan: "none"`: func(p *settlement.Presented) { p.FeePlan = "none" },
		"currency: fee plan standard has no fixed_minor in USD": func(p *settlement.Presented) { p.Currency = "USD" },
		"currency: fee plan standard has no refund_minor in USD": func(p *settlement.Presented) {
			p.Currency, p.Refund = "USD", true
		},
		"currency: fee plan travel has no scheme_fixed_minor in USD": func(p *settlement.Presented) {
			p.Currency, p.FeePlan = "USD", "travel"
		},
	} {
		p := good
		change(&p)
		if err := settlement.NewLedger(plan(t)).Present(&p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	only, err := settlement.ParsePlan("plan.yaml", []byte(strings.Replace(planText, "- {percent: 2.5}", "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	good.Scheme = "jcb"
	if err := settlement.NewLedger(only).Present(&good); err == nil ||
		err.Error() != "fee plan standard has no fee for the scheme jcb" {
		t.Error(err)
	}
}

// Sums that 64 bits do not hold, and payments behind the calendar's end, end the run.
func TestCloseRefuses(t *testing.T) {
	l := settlement.NewLedger(plan(t))
	for range 2 {
		p := settlement.Presented{Merchant: "M", Currency: "EUR", Scheme: "jcb", AmountMinor: 1 << 62}
		if err := l.Present(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(day(t, "2026-11-26")); err == nil || !strings.Contains(err.Error(), "64 bits") {
		t.Error(err)
	}
	l = settlement.NewLedger(plan(t))
	p := settlement.Presented{Merchant: "M", Currency: "EUR", Scheme: "visa", AmountMinor: 100}
	if err := l.Present(&p); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(day(t, "2027-12-31")); err == nil || !strings.Contains(err.Error(), "EUR: 2028-01-01 lies behind") {
		t.Error(err)
	}
}

// presentments draws what is presented on some dates.
func presentments() *rapid.Generator[[][]settlement.Presented] {
	one := rapid.Custom(func(t *rapid.T) settlement.Presented {
		return settlement.Presented{
			Merchant:    rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "merchant"),
			FeePlan:     rapid.SampledFrom([]string{"", "standard", "travel"}).Draw(t, "plan"),
			Scheme:      rapid.SampledFrom([]string{"visa", "jcb"}).Draw(t, "scheme"),
			Currency:    rapid.SampledFrom([]string{"EUR", "JPY"}).Draw(t, "currency"),
			AmountMinor: rapid.Int64Range(1, 1_000_000).Draw(t, "amount"),
			Refund:      rapid.Bool().Draw(t, "refund"), Reversal: rapid.Bool().Draw(t, "reversal"),
			Second: rapid.IntRange(0, 5).Draw(t, "second") == 0,
		}
	})
	return rapid.SliceOfN(rapid.SliceOfN(one, 0, 8), 1, 12)
}

// filesOf is what a clearing file of a date says of it.
func filesOf(days [][]settlement.Presented) (files []settlement.File) {
	for _, presented := range days {
		by := map[string]settlement.FileTotals{}
		for i := range presented {
			p := &presented[i]
			t := by[p.Currency]
			t.Currency = p.Currency
			if p.Debits() {
				t.DebitMinor += p.AmountMinor
			} else {
				t.CreditMinor += p.AmountMinor
			}
			by[p.Currency] = t
		}
		var file settlement.File
		for _, t := range by {
			file.Totals = append(file.Totals, t)
		}
		files = append(files, file)
	}
	return files
}

// Whatever is presented: all statements add up to the files, nothing below zero is paid, a merchant is carried forward
// only at zero or less, and the balance of a merchant is what all its records come to.
func TestAddsUp(t *testing.T) {
	first := day(t, "2026-11-20")
	rapid.Check(t, func(t *rapid.T) {
		days := presentments().Draw(t, "days")
		l := settlement.NewLedger(plan(t))
		period(t, l, first, days...)
		statements := l.Statements()
		proofs, err := settlement.Proofs(statements, filesOf(days), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range proofs {
			if !p.Holds {
				t.Fatalf("%+v", p)
			}
		}
		for i := range statements {
			s := &statements[i]
			if got, want := s.PaidMinor+s.CarriedForwardMinor+s.ReserveMinor, owed(s, days); got != want {
				t.Fatalf("%s %s has %d, its records come to %d", s.Merchant, s.Currency, got, want)
			}
			for j := range s.Days {
				d := &s.Days[j]
				if d.CarriedForwardMinor > 0 || d.PayoutMinor < 0 || d.PayoutMinor > 0 == (d.PayOn == nil) ||
					d.PayoutMinor > 0 && d.CarriedForwardMinor != 0 || d.PayOn != nil && *d.PayOn <= d.Date {
					t.Fatalf("%+v", d)
				}
			}
		}
	})
}

// owed is what a merchant's records come to, computed in another way: no dates, no ledger, fractions of any size.
func owed(s *settlement.Statement, days [][]settlement.Presented) (minor int64) {
	fixed := func(in, eur, jpy int64) int64 { return map[string]int64{"EUR": eur, "JPY": jpy}[s.Currency] * in }
	for i := range slices.Concat(days...) {
		p := slices.Concat(days...)[i]
		if p.Merchant != s.Merchant || p.Currency != s.Currency {
			continue
		}
		amount, fee := p.AmountMinor, int64(0)
		switch {
		case p.Second:
		case p.FeePlan == "travel" && !p.Refund:
			fee = roundedPart("0.25", amount) + roundedPart("0.1335", amount) + fixed(1, 2, 1)
		case p.FeePlan == "travel":
		case p.Scheme == "visa" && p.Refund:
			fee = fixed(1, 5, 1)
		case p.Scheme == "visa":
			fee = roundedPart("1.45", amount) + fixed(1, 10, 3)
		case !p.Refund:
			fee = roundedPart("2.5", amount)
		}
		if p.Refund {
			amount = -amount
		}
		if p.Reversal {
			amount, fee = -amount, -fee
		}
		minor += amount - fee
	}
	return minor
}

// Two periods, one behind the other, say what one of both says: with the ledger that goes on, and with the JSON of the
// first as the opening of the second.
func TestPeriodsGoOn(t *testing.T) {
	first := day(t, "2026-11-20")
	rapid.Check(t, func(t *rapid.T) {
		days := presentments().Draw(t, "days")
		cut := rapid.IntRange(0, len(days)).Draw(t, "cut")
		whole := settlement.NewLedger(plan(t))
		period(t, whole, first, days...)

		before := settlement.NewLedger(plan(t))
		period(t, before, first, days[:cut]...)
		second := first + workday.Date(cut)
		text, err := json.Marshal(&settlement.Run{
			Version: settlement.RunVersion, From: first, To: second - 1, Statements: before.Statements(),
		})
		if err != nil {
			t.Fatal(err)
		}
		opening, err := settlement.ReadRun(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		after := settlement.NewLedger(plan(t))
		if err := after.Restore(opening, second); err != nil {
			t.Fatal(err)
		}
		before.Begin()
		after.Begin()
		period(t, before, second, days[cut:]...)
		period(t, after, second, days[cut:]...)
		if a, b := fmt.Sprintf("%+v", inDays(before)), fmt.Sprintf("%+v", inDays(after)); a != b {
			t.Fatalf("goes on as\n%s\nfrom its JSON as\n%s", a, b)
		}
		joined := append(inDays(settled(t, first, days[:cut])), inDays(after)...)
		slices.SortStableFunc(joined, func(a, b string) int { return strings.Compare(a, b) })
		want := inDays(whole)
		slices.Sort(want)
		if !slices.Equal(joined, want) {
			t.Fatalf("two periods say\n%s\none says\n%s", strings.Join(joined, "\n"), strings.Join(want, "\n"))
		}
	})
}

func settled(t rapid.TB, first workday.Date, days [][]settlement.Presented) *settlement.Ledger {
	l := settlement.NewLedger(plan(t))
	period(t, l, first, days...)
	return l
}

// inDays lists the dates of all statements.
func inDays(l *settlement.Ledger) (lines []string) {
	for _, s := range l.Statements() {
		for _, d := range s.Days {
			payOn := ""
			if d.PayOn != nil {
				payOn = d.PayOn.String()
			}
			d.PayOn = nil
			lines = append(lines, fmt.Sprintf("%s %s %+v %s", s.Merchant, s.Currency, d, payOn))
		}
	}
	return lines
}

// The JSON of a run comes back as it was, and what was changed by hand in one place is found.
func TestReadRun(t *testing.T) {
	run := example(t)
	text, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	back, err := settlement.ReadRun(bytes.NewReader(text))
	if err != nil || !reflect.DeepEqual(back, run) {
		t.Fatalf("%v\n%+v\nwant\n%+v", err, back, run)
	}
	for _, x := range []struct{ from, to, want string }{
		{`"version":2`, `"version":1`, "version: 1: expected 2: make the statements of that period again"},
		{`"version":2`, `"version":2,"x":1`, `unknown field "x"`},
		{`"opening_minor":-505,"totals"`, `"opening_minor":-5,"totals"`, "its sums do not add up"},
		{`"gross_minor":300`, `"gross_minor":301`, "its sums do not add up"},
		{`"items":[]}`, `"items":[]}]`, "at byte"},
		{`"currency":"JPY"`, `"currency":"JPX"`, `statement of "=HYPERLINK(1)" in "JPX": currency`},
		{`"currency":"JPY"`, `"currency":"9223372036854775807"`, "currency"},
		{`"merchant":"=HYPERLINK(1)"`, `"merchant":"SHOP01"`, ""},
	} {
		changed := strings.Replace(string(text), x.from, x.to, 1)
		if changed == string(text) {
			t.Fatalf("%s is not in the JSON\n%s", x.from, text)
		}
		_, err := settlement.ReadRun(strings.NewReader(changed))
		if x.want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s → %s: %v; want %s", x.from, x.to, err, x.want)
		}
	}
	if _, err := settlement.ReadRun(strings.NewReader(string(text) + "{}")); err == nil {
		t.Error("something behind it is taken")
	}
	l := settlement.NewLedger(plan(t))
	if err := l.Restore(run, run.To+2); err == nil || !strings.Contains(err.Error(), "expected 2026-12-01") {
		t.Errorf("a gap: %v", err)
	}
	run.Merchant = "SHOP01"
	if err := l.Restore(run, run.To+1); err == nil || !strings.Contains(err.Error(), `the merchant "SHOP01" alone`) {
		t.Errorf("one merchant alone: %v", err)
	}
}

func TestPageName(t *testing.T) {
	seen := map[string]bool{}
	for merchant, want := range map[string]string{
		"SHOP01": "statement-SHOP01.html", "../../x": "statement-%2e%2e%2f%2e%2e%2f%78.html",
		"shop01": "statement-%73%68%6f%7001.html", "": "statement-.html", "é": "statement-%c3%a9.html",
	} {
		got := settlement.PageName(merchant)
		if got != want || seen[strings.ToLower(got)] {
			t.Errorf("%q: %s, want %s", merchant, got, want)
		}
		seen[strings.ToLower(got)] = true
	}
}

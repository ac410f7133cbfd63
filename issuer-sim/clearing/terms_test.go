package clearing_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	"switchyard/issuer-sim/clearing"
	format "switchyard/switch/clearing"
)

// read is a file of the out folder, record by record, as one calls for them.
func read(t testing.TB, fs vfs.FS, id string) []*format.Record {
	t.Helper()
	f, err := fs.Open("out/" + id + ".ipm")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	report, err := format.Verify(bytes.NewReader(text), format.VerifyOptions{Strict: true})
	if err != nil || !report.OK {
		t.Errorf("%s does not verify: %v, %v", id, err, report.Err())
	}
	var records []*format.Record
	for n := 1; ; n++ {
		r, err := format.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var record *format.Record
		for range n {
			if record, err = r.Next(); errors.Is(err, io.EOF) {
				return records
			} else if err != nil {
				t.Fatal(err)
			}
		}
		records = append(records, record)
	}
}

func pds(r *format.Record, tag int) string {
	v, _ := r.PDS(tag)
	return v
}

func fileIDOf(t testing.TB, d *clearing.Desk) string {
	t.Helper()
	result, err := d.CloseWindow()
	if err != nil || len(result.Files) != 1 {
		t.Fatalf("the window: %+v, %v", result, err)
	}
	return result.Files[0].FileID
}

// Amounts are converted by the table, rounded half up, each currency with its own decimals; fees go with them.
func TestConversion(t *testing.T) {
	fs := vfs.NewMem()
	d, _ := desk(t, fs, clearing.Options{
		Out: "out", Settlement: "EUR",
		Rates: map[string]string{"USD": "0.9231", "JPY": "0.00615", "KWD": "2.8", "GBP": "1.1765"},
		Fees: []clearing.FeeRate{
			{Type: "07", Currencies: []string{"USD"}, BasisPoints: 125, Fixed: 10},
			{Type: "08", BINs: []string{"5"}, Fixed: 3},
			{Type: "09", BasisPoints: 20},
		},
	})
	// currency, amount, its sum in euro cents, and the fee, by hand: 123.45 USD are 113.956695 EUR, 1.25 % of it and 10
	// cents are 1.64 USD, and those 1.513884 EUR. 9,999 JPY are 61.49385 EUR, and 0.2 % of it 20 JPY, or 0.123 EUR. 12.345
	// KWD are 34.566 EUR, 0.2 % of it 0.025 KWD, or 0.07 EUR. 5.00 GBP are 5.8825 EUR, and 0.01 GBP is 0.011765 EUR.
	for n, c := range []struct {
		currency           string
		amount             int64
		euro, fee, feeEuro string
	}{
		{"USD", 12345, "0000000000011396", "", "D0000000000000151"},
		{"JPY", 9999, "0000000000006149", "", "D0000000000000012"},
		{"KWD", 12345, "0000000000003457", "", "D0000000000000007"},
		{"GBP", 500, "0000000000000588", "", "D0000000000000001"},
		{"EUR", 500, "0000000000000500", "", "D0000000000000001"},
		{"CHF", 700, "0000000000000700", "", "D0000000000000001"}, // without a rate it is settled in itself
	} {
		result, err := d.Take(bytes.NewReader(file(t, header(n+1), format.Presentment{
			AmountMinor: c.amount, Currency: c.currency, ARN: arn(t, uint64(n)),
		})))
		if err != nil || result.Posted != 1 {
			t.Fatalf("%+v, %v", result, err)
		}
		records := read(t, fs, result.Answer)
		if len(records) != 3 {
			t.Fatalf("%s: %d records", c.currency, len(records))
		}
		r := records[1]
		if pds(r, 390) != c.euro || pds(r, 395) != c.feeEuro {
			t.Errorf("%s %d: %s, fee %s, want %s and %s", c.currency, c.amount, pds(r, 390), pds(r, 395), c.euro, c.feeEuro)
		}
	}
	// What they come to: all but the last in euro.
	records := read(t, fs, fileIDOf(t, d))
	if len(records) != 4 {
		t.Fatalf("%d records of the window", len(records))
	}
	for n, want := range []string{
		"756 0000000000000700 0000000000000000 C0000000000000700 D0000000000000001 C0000000000000699 0000000001",
		"978 0000000000022090 0000000000000000 C0000000000022090 D0000000000000172 C0000000000021918 0000000005",
	} {
		r := records[n+1]
		got := []string{r.Text(50)}
		for _, tag := range []int{390, 391, 394, 395, 396, 402} {
			got = append(got, pds(r, tag))
		}
		if strings.Join(got, " ") != want || len(pds(r, 359)) != 67 {
			t.Errorf("%s, want %s; %q", strings.Join(got, " "), want, pds(r, 359))
		}
	}
}

// An amount that has more than twelve digits in what is settled in is rejected.
func TestConversionBeyondTheLayout(t *testing.T) {
	d, books := desk(t, vfs.NewMem(), clearing.Options{Settlement: "EUR", Rates: map[string]string{"KWD": "9999999"}})
	result, err := d.Take(bytes.NewReader(file(t, header(1), format.Presentment{
		AmountMinor: 999_999_999_999, Currency: "KWD", ARN: arn(t, 1),
	})))
	if err != nil || result.Excepted != 1 || result.Exceptions[0].Element != "D0005" ||
		len(books.Ledger().Currencies) != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestOptionErrors(t *testing.T) {
	for want, o := range map[string]clearing.Options{
		"clearing.mode":                        {Mode: "X"},
		"clearing.id":                          {ID: "12"},
		"clearing.members":                     {Members: []string{"4x"}},
		"clearing.incoming":                    {Incoming: "in", Out: "in/out"},
		"clearing.settlement":                  {Settlement: "EURO"},
		"rates: expected settlement":           {Rates: map[string]string{"USD": "1"}},
		"expected a number above 0":            {Settlement: "EUR", Rates: map[string]string{"USD": "0.0"}},
		"expected none of what is settled in":  {Settlement: "EUR", Rates: map[string]string{"EUR": "1"}},
		"fees, number 1: type":                 {Fees: []clearing.FeeRate{{Type: "x"}}},
		"fees, number 1: basis_points":         {Fees: []clearing.FeeRate{{BasisPoints: -1}}},
		"fees, number 2: currencies":           {Fees: []clearing.FeeRate{{}, {Currencies: []string{"EURO"}}}},
		"fees, number 1: bins":                 {Fees: []clearing.FeeRate{{BINs: []string{"x"}}}},
		"transfer_agent, account: expected up": {Account: "ä"},
		"clearing.poll":                        {Poll: -1},
	} {
		if _, err := clearing.NewDesk(vfs.NewMem(), o, nil, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}

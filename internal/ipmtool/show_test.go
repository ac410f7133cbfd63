package ipmtool_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"switchyard/internal/ipmtool"
	"switchyard/switch/clearing"
)

// golden is the file that testdata/golden.py of the format's package wrote.
func golden(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("../../switch/clearing/testdata/golden-cp500-1014.hex")
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// show fails the test if a card of a golden presentment is in what is shown.
func show(t *testing.T, data []byte, opts ipmtool.ShowOptions) (string, error) {
	t.Helper()
	var b bytes.Buffer
	err := ipmtool.Show(&b, bytes.NewReader(data), opts)
	for _, card := range []string{"411111111111", "555555555555", "4000000000000000"} {
		if strings.Contains(b.String(), card) {
			t.Errorf("a card number is shown:\n%s", b.String())
		}
	}
	return b.String(), err
}

func TestShow(t *testing.T) {
	text, err := show(t, golden(t), ipmtool.ShowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"cp500, 1014 blocks\n",
		"record 1 at byte 0, 74 bytes: 1644/697 file header\n",
		"    PDS0105 file id                      0022611210000001234500007\n" +
			"      type                                 002  made by a member\n" +
			"      date                                 261121\n" +
			"      processor                            00000012345\n",
		"DE2       card number                  411111******1111\n",
		"DE3       processing code              000000\n    transaction type                     00  purchase\n",
		"DE4       amount                       000000001234  12.34 EUR\n",
		"DE31      acquirer reference           12345676325000000000012\n" +
			"    kind of BIN                          1\n" +
			"    acquirer BIN                         234567\n",
		"DE55      chip data                    9F26=C0FFEE4040404000 9F27=80\n" +
			"    9F26    application cryptogram       C0FFEE4040404000\n",
		"DE2       card number                  400000*********0006\n",
		"DE4       amount                       000000001001  1.001 KWD\n",
		"    PDS0025 reversal                     R261120\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	text, err = show(t, golden(t), ipmtool.ShowOptions{Brief: true})
	const presentment = "1240/200 first presentment  "
	const want = "cp500, 1014 blocks\n" +
		"       1  byte 0          1644/697 file header\n" +
		"       2  byte 78         " + presentment + "411111******1111  debit 12.34 EUR  12345676325000000000012\n" +
		"       3  byte 402        " + presentment + "555555******4444  credit 500 JPY  12345676325000000000020\n" +
		"       4  byte 593        " + presentment +
		"400000*********0006  credit 1.001 KWD  12345676324000000000039  reversal\n" +
		"       5  byte 864        1644/695 file trailer\n"
	if err != nil || text != want {
		t.Errorf("Show() = %v\n%s\nwant\n%s", err, text, want)
	}
}

// shownNumbers are the numbers of the records that are shown.
func shownNumbers(t *testing.T, data []byte, opts ipmtool.ShowOptions) (string, error) {
	t.Helper()
	opts.Brief, opts.JSON = true, true
	text, err := show(t, data, opts)
	var numbers []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var is struct {
			Kind   string
			Record int
		}
		if jsonErr := json.Unmarshal([]byte(line), &is); jsonErr != nil && line != "" {
			t.Fatalf("%q: %v", line, jsonErr)
		}
		if is.Kind == "record" {
			numbers = append(numbers, fmt.Sprint(is.Record))
		}
	}
	return strings.Join(numbers, " "), err
}

func TestShowSelects(t *testing.T) {
	ps := presentments(9)
	ps[3].PAN = "5555555555554444"
	f := file(t, 1, clearing.Header{Blocked: true}, ps)
	data := make([]byte, f.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	sel := func(s ipmtool.Selection) ipmtool.ShowOptions { return ipmtool.ShowOptions{Selection: s} }
	for _, c := range []struct {
		opts ipmtool.ShowOptions
		want string
	}{
		{ipmtool.ShowOptions{}, "1 2 3 4 5 6 7 8 9 10 11"},
		{ipmtool.ShowOptions{Offset: 3, Limit: 2}, "4 5"},
		{sel(ipmtool.Selection{Records: "4"}), "4"},
		{sel(ipmtool.Selection{Records: "4-6"}), "4 5 6"},
		{sel(ipmtool.Selection{Records: "10-"}), "10 11"},
		{sel(ipmtool.Selection{Records: "-2"}), "1 2"},
		{sel(ipmtool.Selection{RRN: "R00000000002"}), "4"},
		{sel(ipmtool.Selection{ARN: ps[5].ARN}), "7"},
		{sel(ipmtool.Selection{PAN: "555555******4444"}), "5"},
		{sel(ipmtool.Selection{PAN: "...4444"}), "5"},
		{sel(ipmtool.Selection{PAN: "1111", Records: "1-4"}), "2 3 4"},
		{sel(ipmtool.Selection{Merchant: "M1", Records: "1-6"}), "3 5"},
		{sel(ipmtool.Selection{Merchant: "SHOP xxxxxxx"}), "9 10"},
		{sel(ipmtool.Selection{Amount: "1003"}), "5"},
		{sel(ipmtool.Selection{Amount: "10.03"}), "5"},
		{sel(ipmtool.Selection{Amount: "1004 JPY"}), "6"},
	} {
		if got, err := shownNumbers(t, data, c.opts); got != c.want || err != nil {
			t.Errorf("%+v shows %q (%v), want %q", c.opts, got, err, c.want)
		}
	}
	for _, s := range []ipmtool.Selection{
		{RRN: "R1"}, {ARN: "1"}, {PAN: "0000"}, {Merchant: "M7"}, {Amount: "10.03 USD"}, {PAN: "1111", Amount: "1"},
	} {
		if got, err := shownNumbers(t, data, sel(s)); got != "" || !errors.Is(err, ipmtool.ErrNoRecord) {
			t.Errorf("%+v shows %q (%v)", s, got, err)
		}
	}
	for _, c := range []struct {
		opts ipmtool.ShowOptions
		want string
	}{
		{sel(ipmtool.Selection{Records: "12"}), "no record 12"}, {sel(ipmtool.Selection{Records: "0"}), "records"},
		{sel(ipmtool.Selection{Records: "x"}), "records"}, {sel(ipmtool.Selection{Records: "5-4"}), "records"},
		{sel(ipmtool.Selection{Records: "-"}), "records"}, {sel(ipmtool.Selection{PAN: "4111111111111111"}), "whole number"},
		{sel(ipmtool.Selection{Amount: "12,34"}), "amount"}, {ipmtool.ShowOptions{Limit: -1}, "limit -1"},
	} {
		_, err := shownNumbers(t, data, c.opts)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "41111111111") {
			t.Errorf("%+v: %v", c.opts, err)
		}
	}
}

// A card number is masked wherever it stands, and nothing that moves a terminal's cursor is printed.
func TestShowMasksEverywhere(t *testing.T) {
	const card = "4111111111111111"
	p := presentments(1)[0]
	p.Acceptor.Name, p.RRN = "Shop "+card, ""
	p.OtherAmounts = "card " + card + ";"
	p.PDS = []clearing.PDS{{Tag: 999, Value: card}}
	p.ChipData, _ = hex.DecodeString("5A08" + card + "57134111111111111111D29122010000000000000F" + "70025A00" + "9F1F04" +
		"34313131" + "9F3403010203" + "FF")
	f := file(t, 1, clearing.Header{CodePage: clearing.ASCII}, []clearing.Presentment{p})
	data := make([]byte, f.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, []byte("Shop "), []byte("\x1b[2J\x9b"), 1)
	for _, opts := range []ipmtool.ShowOptions{{}, {Brief: true}, {JSON: true}, {JSON: true, Brief: true}} {
		text, err := show(t, data, opts)
		if err != nil || strings.ContainsAny(text, "\x1b\u009b") {
			t.Errorf("%+v: %v\n%q", opts, err, text)
		}
	}
	text, _ := show(t, data, ipmtool.ShowOptions{})
	const want = "5A=(8 bytes) 57=(19 bytes) 70=(2 bytes) 9F1F=(4 bytes) 9F34=010203 (1 byte without a tag)"
	if !strings.Contains(text, want) {
		t.Errorf("chip data are shown as\n%s", text)
	}
	shifted := bytes.Replace(data, []byte("16"+card+"000000"), []byte("04"+card+"000000"), 1)
	for _, opts := range []ipmtool.ShowOptions{{}, {Brief: true}, {JSON: true}} {
		text, err := show(t, shifted, opts)
		if !errors.Is(err, ipmtool.ErrUnreadable) || !strings.Contains(text, "DE48 additional data") {
			t.Errorf("a shifted record: %v\n%s", err, text)
		}
	}
}

// All kinds of messages that public programs name are shown by name, and their subelements taken apart.
func TestShowNames(t *testing.T) {
	kinds := map[string]string{
		"1240/200": "first presentment", "1240/205": "second presentment, full", "1240/282": "second presentment, partial",
		"1442/450": "first chargeback, full", "1442/451": "arbitration chargeback, full",
		"1442/453": "first chargeback, partial", "1442/454": "arbitration chargeback, partial",
		"1644/603": "retrieval request", "1644/605": "retrieval request acknowledgement", "1644/640": "currency update",
		"1644/680": "file currency summary", "1644/685": "financial position detail",
		"1644/688": "settlement position detail", "1644/691": "message exception", "1644/693": "text message",
		"1644/695": "file trailer", "1644/696": "addendum", "1644/697": "file header", "1644/699": "file reject",
		"1740/700": "fee collection", "1740/780": "fee return", "1740/781": "fee resubmission",
		"1740/782": "fee arbitration return", "1740/783": "fee collection by the clearing system",
		"1740/790": "funds transfer",
	}
	if len(kinds) != 25 {
		t.Fatalf("%d kinds", len(kinds))
	}
	var b bytes.Buffer
	for kind := range kinds {
		record(&b, kind[:4], map[int]string{24: kind[5:], 71: "00000001"})
	}
	pds := func(tag, value string) string { return fmt.Sprintf("%s%03d%s", tag, len(value), value) }
	record(&b, "1240", map[int]string{
		9: "61234567", 10: "01234567", 22: "500001500001", 24: "205", 30: "000000001234" + "000000000000",
		43: `Shop\1 High St\Cork\` + "T12       MUNIRL", 49: "978", 50: "840", 5: "000000000100",
		54: "0040978D000000000500" + "0041978C000000000001", 63: "L123456789012345", 71: "00000002",
		48: pds("0005", "00004041234000"+"00031059999001") + pds("0146", "001201978000000000012840000000000013") +
			pds("0148", "97828402") + pds("0158", "MCC2123456AB26112101YNN") +
			pds("0159", "12345678901"+strings.Repeat("A", 28)+"2"+"SERVICE123"+"M"+"261121"+"01"+"261122"+"02") +
			pds("0164", "840000012345671261121010") + pds("0384", "D0000000000001234"),
	})
	b.Write([]byte{0, 0, 0, 0})
	text, err := show(t, b.Bytes(), ipmtool.ShowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for kind, name := range kinds {
		if !strings.Contains(text, ": "+kind+" "+name+"\n") {
			t.Errorf("%s is not called %s", kind, name)
		}
	}
	flat := strings.Join(strings.Fields(text), " ")
	for _, want := range []string{
		"DE9 conversion rate, reconciliation 61234567 1.234567", "DE10 conversion rate, cardholder billing 01234567 1234567",
		"DE5 amount, reconciliation 000000000100 1.00 USD", "DE30 original amounts 000000001234000000000000 12.34 EUR",
		"card data input capability 5 cardholder authentication capability 0 card capture capability 0",
		"cardholder present 0 card present 1 card data input mode 5 cardholder authentication method 0",
		"terminal output capability 0 PIN capture capability 1",
		"name Shop street 1 High St city Cork postal code T12 state MUN country IRL",
		"1 account 00 1 kind 40 1 currency 978 EUR 1 sign D debit 1 amount 000000000500 2 account 00 2 kind 41",
		"life cycle L network id 123456789012345",
		"1 element 00004 1 severity 04 1 error 1234 1 subfield 000 2 element 00031 2 severity 05 2 error 9999",
		"PDS0146 fees 001201978000000000012840000000000013 fee type 00 processing 12 settlement indicator 01 " +
			"currency 978 EUR amount 000000000012 reconciliation currency 840 USD reconciliation amount 000000000013",
		"1 currency 978 EUR 1 decimals 2 2 currency 840 USD 2 decimals 2",
		"card program MCC arrangement type 2 service id 123456 interchange rate designator AB business date 261121 " +
			"business cycle 01 flags YNN",
		"SERVICE123M2611210126112202 transfer agent 12345678901 account AAAAAAAAAAAAAAAAAAAAAAAAAAAA level 2 " +
			"service SERVICE123 exchange rate class M " +
			"reconciliation date 261121 reconciliation cycle 01 settlement date 261122 settlement cycle 02",
		"PDS0164 conversion rates", "debit or credit D debit amount 0000000000001234",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// record appends a record of a file of ASCII without blocks.
func record(b *bytes.Buffer, mti string, elements map[int]string) {
	lengths := map[int]string{
		2: "%02d", 31: "%02d", 43: "%02d", 48: "%03d", 54: "%03d", 55: "%03d", 62: "%03d", 63: "%03d",
	}
	bitmap := make([]byte, 16)
	bitmap[0] = 0x80
	var values string
	for de := 2; de <= 128; de++ {
		if value, ok := elements[de]; ok {
			bitmap[(de-1)/8] |= 0x80 >> ((de - 1) % 8)
			if digits := lengths[de]; digits != "" {
				value = fmt.Sprintf(digits, len(value)) + value
			}
			values += value
		}
	}
	n := 4 + 16 + len(values)
	b.Write([]byte{0, 0, byte(n >> 8), byte(n)})
	b.WriteString(mti + string(bitmap) + values)
}

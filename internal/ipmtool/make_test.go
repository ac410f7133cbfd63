package ipmtool_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/internal/ipmtool"
	"switchyard/internal/pan"
	"switchyard/switch/clearing"
)

func newOptions() ipmtool.NewOptions {
	return ipmtool.NewOptions{
		FileID:   ipmtool.DefaultFileID(time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)),
		CodePage: "ascii", Blocking: "vbs", AcquirerBIN: "234567", Force: true,
	}
}

// records are all of a file.
func records(t *testing.T, data []byte, take func(*clearing.Record)) {
	t.Helper()
	reader, err := clearing.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		r, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		take(r)
	}
}

// A file is made of what is said, in CSV and in JSON lines alike; what is left out is made.
func TestNew(t *testing.T) {
	dir := t.TempDir()
	rows := write(t, filepath.Join(dir, "rows.csv"), []byte(
		"Card,amount,currency,mcc,rrn,merchant,name,city,country,terminal type,PDS0165,chip_data\n"+
			"4111111111111111,12.34,EUR,5411,R1,M1,Shop,Cork,IRL,CT6,M,9f270180\n"+
			"5555555555554444,500,392,,,,,,,,,\n"))
	lines := write(t, filepath.Join(dir, "rows.jsonl"), []byte(
		`{"card":"4111111111111111","DE4":"1234","DE49":"978","DE26":"5411","DE37":"R1","42":"M1","name":"Shop",`+
			`"city":"Cork","country":"IRL","DE48":[{"tag":"0023","value":"CT6"}],"PDS165":"M","DE55":"9f270180"}`+"\n\n"+
			`{"pan":"5555555555554444","amount":500,"currency":"JPY"}`+"\n"))
	var files [2][]byte
	for i, in := range []string{rows, lines} {
		out := filepath.Join(dir, "out.ipm")
		report, err := ipmtool.New(t.Context(), in, out, newOptions())
		if err != nil || !report.OK || report.Totals.Presentments != 2 || report.Totals.SumMinor != 1734 {
			t.Fatalf("%s: %v, %+v", in, err, report)
		}
		files[i] = readFile(t, out)
		if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Errorf("of CSV\n%q\nof JSON lines\n%q", files[0], files[1])
	}
	var said strings.Builder
	records(t, files[0], func(r *clearing.Record) {
		fmt.Fprintf(&said, "%s", r.Kind())
		for _, de := range []int{2, 4, 12, 26, 31, 37, 42, 43, 48, 49, 55, 71} {
			fmt.Fprintf(&said, " %d=%x", de, r.Get(de))
			if de != 55 {
				fmt.Fprintf(&said, "%s", r.Get(de))
			}
		}
		said.WriteByte('\n')
	})
	for _, want := range []string{
		"4111111111111111", "000000001234", "261126120000", "R1          ", "M1             ",
		`Shop\ \Cork\             IRL`, "0023003CT601480049782" + "0165001M", "55=9f270180", "0148004" + "3920",
		"1234567633000000000002",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not in\n%s", want, said.String())
		}
	}

	// What convert wrote is made a file again, with other numbers and totals.
	again := write(t, filepath.Join(dir, "made.ipm"), files[0])
	convert(t, again, filepath.Join(dir, "made.csv"), ipmtool.ConvertOptions{ClearPAN: true})
	if _, err := ipmtool.New(t.Context(), filepath.Join(dir, "made.csv"), again, newOptions()); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(readFile(t, again), files[0]) {
		t.Error("made of what was converted it is another file")
	}
}

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.ipm")
	for text, want := range map[string]string{
		"shoe\n1\n":                             "line 2: shoe: is no element",
		"card,amount\n4111111111111111,12.34\n": "line 2: amount 12.34: it needs a currency",
		"card,amount,currency\n411,12.3,EUR\n":  "EUR has 2 decimals",
		"DE55\nxy\n":                            "line 2: DE55: is not hexadecimal",
		"DE48\nxy\n":                            "line 2: DE48: expected subelements",
		"mti\n12\n":                             `message type "12"`,
		"{\"DE48\":[{\"tag\":\"1\",\"value\":\"\"}]}\n": "line 1: DE48: tag",
		"{\"DE4\":\n": "line 1: ",
		"card,amount\n" + strings.Repeat("9", 300) + ",1": "card number: is 300 long",
	} {
		in := write(t, filepath.Join(dir, "in"), []byte(text))
		if _, err := ipmtool.New(t.Context(), in, out, newOptions()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	in := write(t, filepath.Join(dir, "in"), []byte("card,amount,currency\n4111x,1,EUR\n"))
	report, err := ipmtool.New(t.Context(), in, out, newOptions())
	if _, statErr := os.Stat(out); err != nil || report.OK || statErr == nil {
		t.Errorf("a file with errors: %v, %+v, %v", err, report, statErr)
	}
	o := newOptions()
	o.Invalid = true
	if _, err := ipmtool.New(t.Context(), in, out, o); err != nil || len(readFile(t, out)) == 0 {
		t.Errorf("--invalid: %v", err)
	}
	o.FileID.Sequence = 0
	if _, err := ipmtool.New(t.Context(), in, out, o); err == nil {
		t.Error("sequence 0 is taken")
	}
	ipm := write(t, filepath.Join(dir, "in.ipm"), golden(t))
	_, err = ipmtool.New(t.Context(), ipm, out, newOptions())
	if err == nil || !strings.Contains(err.Error(), "expected CSV") {
		t.Error(err)
	}
}

// secrets are values that must not be in an anonymized file.
var secrets = []string{"4111111111111111", "5555555555554444", "SECRETSHOP", "HIDDEN1", "A1B2C3", "R00000000"}

// An anonymized file has other cards, merchants and references, and is otherwise the same.
func TestAnonymize(t *testing.T) {
	dir := t.TempDir()
	ps := presentments(40)
	for i := range ps {
		ps[i].PAN = []string{"4111111111111111", "5555555555554444", "4000000000000000006", "378282246310005"}[i%4]
		ps[i].Acceptor.Name, ps[i].Merchant, ps[i].Terminal, ps[i].AuthCode = "SECRETSHOP of Mr X", "HIDDEN1", "HIDDEN1",
			"A1B2C3"
		ps[i].ChipData, _ = hex.DecodeString("5A084111111111111111" + "9F270180" +
			"9F160748494444454E31" + "9F1E0748494444454E31")
		ps[i].PDS = []clearing.PDS{{Tag: 999, Value: "of HIDDEN1"}}
		ps[i].OtherAmounts = "paid with 4111111111111111."
		ps[i].NetworkID = "123456789012345"
	}
	f := file(t, 1, clearing.Header{Blocked: true, Production: true}, ps)
	data := make([]byte, f.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	in := write(t, filepath.Join(dir, "in.ipm"), data)
	var made [3][]byte
	for i, key := range []string{"one", "one", "two"} {
		out := filepath.Join(dir, fmt.Sprint(i))
		a, err := ipmtool.Anonymize(t.Context(), in, out, ipmtool.AnonymizeOptions{Key: []byte(key)})
		if err != nil || a.Records != 42 || a.Cards != 40 || a.Form != "cp500 1014" {
			t.Fatalf("%v %+v", err, a)
		}
		made[i] = readFile(t, out)
	}
	if !bytes.Equal(made[0], made[1]) || bytes.Equal(made[0], made[2]) {
		t.Error("it does not follow from the key")
	}
	was, err := clearing.Verify(bytes.NewReader(data), clearing.VerifyOptions{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	is, err := clearing.Verify(bytes.NewReader(made[0]), clearing.VerifyOptions{Strict: true})
	if err != nil || !is.OK || fmt.Sprint(is.Totals) != fmt.Sprint(was.Totals) || is.Mode != "T" {
		t.Errorf("%v %+v", err, is)
	}
	text := filepath.Join(dir, "out.jsonl")
	convert(t, filepath.Join(dir, "0"), text, ipmtool.ConvertOptions{ClearPAN: true})
	for _, secret := range secrets {
		if strings.Contains(string(readFile(t, text)), secret) {
			t.Errorf("%s is in the file", secret)
		}
	}
	cards, arns := map[string]string{}, map[string]bool{}
	n := 0
	records(t, made[0], func(r *clearing.Record) {
		if !r.Has(2) {
			return
		}
		before, now := ps[n].PAN, r.Text(2)
		n++
		if other := cards[before]; other != "" && other != now {
			t.Errorf("a card became two")
		}
		cards[before] = now
		if len(now) != len(before) || now[:6] != before[:6] || now == before || !pan.Luhn(now) {
			t.Errorf("%s became %s", pan.Mask(before), now)
		}
		if arn := r.Text(31); arns[arn] || arn[:11] != ps[n-1].ARN[:11] || arn == ps[n-1].ARN {
			t.Errorf("%s became %s", ps[n-1].ARN, arn)
		} else {
			arns[arn] = true
		}
		if got := hex.EncodeToString(r.Get(55)); got != "9f270180" {
			t.Errorf("chip data became %s", got)
		}
		if got, _ := r.PDS(999); len(got) != len("of HIDDEN1") || got == "of HIDDEN1" {
			t.Errorf("a subelement that nobody knows became %q", got)
		}
	})
	if len(cards) != 4 || n != 40 {
		t.Errorf("%d cards, %d records", len(cards), n)
	}

	// Without a key it is another one each time, and what is no clearing file is refused.
	out := filepath.Join(dir, "random")
	for range 2 {
		if _, err := ipmtool.Anonymize(t.Context(), in, out, ipmtool.AnonymizeOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(readFile(t, out), made[0]) {
			t.Error("without a key it is the same")
		}
	}
	for name, want := range map[string]string{text: "no clearing file", in: "is what is read"} {
		_, err := ipmtool.Anonymize(t.Context(), name, in, ipmtool.AnonymizeOptions{Force: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

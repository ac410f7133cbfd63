package isotool_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"switchyard/internal/isotool"
)

// FuzzParseJSON: no file of messages takes the reader down. Messages stand in the order of their lines, and what is
// wrong with one is said with its line.
func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"mti": "0800", "fields": {"7": "now", "48.01": "05"}, "expect": ["39=00|10"], "wait": "5s"}`))
	f.Add([]byte("{\"mti\": \"0100\",\n \"fields\": [{\"de\": 12, \"value\": \"now\"}]}\n{\"mti\": \"0100\"}"))
	f.Add([]byte("{\"mti\": \"0800\"}\n{\"fields\": {\"200\": 5}} x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		drafts, err := isotool.ParseJSON(data, moment(time.Unix(0, 0)))
		if err != nil {
			if said := err.Error(); !strings.HasPrefix(said, "line ") && said != "want a message as JSON, got nothing" {
				t.Fatalf("without a line: %v", err)
			}
			return
		}
		last := 1
		for _, d := range drafts {
			if d.Line < last || d.Line > 1+bytes.Count(data, []byte("\n")) || len(d.Message.MTI()) != 4 || d.Wait < 0 {
				t.Fatalf("behind line %d: %+v", last, d)
			}
			last = d.Line
			for _, e := range d.Expect {
				_ = e.Check(&d.Message)
			}
		}
	})
}

// FuzzParseExpectation: what is taken for an expectation a message meets or not, and of the latter it is told what was
// expected; what must be there and what must not are never both met.
func FuzzParseExpectation(f *testing.F) {
	for _, text := range []string{"39=00", "39=00|10", "mti=0810", "38", "!55", "43~BERLIN", "48.16=M", "!48.01", "41~("} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := isotool.ParseExpectation(text)
		if err != nil {
			return
		}
		m := payment(t)
		wrong := e.Check(m)
		if wrong != "" && !strings.HasPrefix(wrong, "expected "+text+", which is ") {
			t.Fatalf("%q: %q", text, wrong)
		}
		if strings.ContainsAny(text, "=~") || strings.HasPrefix(text, "!") {
			return
		}
		absent, err := isotool.ParseExpectation("!" + text)
		if err != nil || (absent.Check(m) == "") == (wrong == "") {
			t.Fatalf("%q: it is there: %q; it is not: %q, %v", text, wrong, absent.Check(m), err)
		}
	})
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// operatorSays runs a command against an operator API that gives one answer.
func operatorSays(t *testing.T, answer string, cmd *cobra.Command, args ...string) (stdout string, err error) {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer) // whoever hangs up has failed already
	}))
	defer api.Close()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true // as the root command does
	cmd.SetArgs(append(args, "--operator", strings.TrimPrefix(api.URL, "http://")))
	err = cmd.Execute()
	return out.String(), err
}

const asideAnswer = `{"count": 2, "records": [{"payment": "p1", "operation": 1, "merchant": "M1", "destination": "visa",
	"why": "name is missing", "carried_to": "2026-11-21"}]}`

const asideText = `records that could not be built and stand in no file of the date: 2
  p1-1  merchant M1  carried to 2026-11-21  name is missing
  and 1 more
`

func TestDays(t *testing.T) {
	written := `{"date": "2026-11-19", "state": "written", "data": {"files": [{"records": 3}],
		"result": {"files": [{"presentments": 3}]}}}`
	for name, c := range map[string]struct {
		answer, want string
		failed       bool
	}{
		"nothing in the way": {`[` + written + `, {"date": "2026-11-20", "state": "open"}]`,
			"2026-11-19  written  files: 1  presentments: 3\n2026-11-20  open\n", false},
		"no settlement": {`[{"date": "2026-11-19", "state": "written", "data": {"held": ["amex", "visa"], "files": null}},
			{"date": "2026-11-20", "state": "open", "no_settlement": ["amex"]}]`,
			"2026-11-19  written  no settlement: amex, visa\n2026-11-20  open     no settlement: amex\n", false},
		"no files": {`[{"date": "2026-11-19", "state": "sealed", "problem": "no space left on device",
			"data": {"files": [{"records": 2}, {"records": 1}]}}]`,
			"2026-11-19  sealed  files: 2  presentments: 3\n\n2026-11-19 could not be closed so far: no space left on device\n",
			true},
		"unreleased": {`[{"date": "2026-11-19", "state": "sealed", "data": {"files": [{"records": 2}], "release": {}}}]`,
			"2026-11-19  sealed  files: 1  presentments: 2  waits for release\n", true},
		"unreleased windows": {`[{"date": "2026-11-19", "state": "open", "data": {"windows": [
			{"destination": "visa", "window": 1, "files": [{"records": 2}], "release": {"by": "ann and bob"}, "result": {}},
			{"destination": "visa", "window": 2, "files": [{"records": 1}], "release": {}},
			{"destination": "jcb", "window": 1, "files": [{"records": 0}], "release": {}}]}}]`,
			"2026-11-19  open  files: 3  presentments: 3  windows: jcb 1, visa 2  " +
				"windows that wait for release: jcb 1, visa 1\n", true},
		"aside": {`[{"date": "2026-11-20", "state": "written", "data": {"aside": ` + asideAnswer + `}}]`,
			"2026-11-20  written\n\n2026-11-20: " + asideText, true},
		"aside once": {
			`[{"date": "2026-11-18", "state": "written", "data": {"aside": ` + asideAnswer + `}}, ` + written + `]`,
			"2026-11-18  written\n2026-11-19  written  files: 1  presentments: 3\n\n2026-11-18: " + asideText, false,
		},
	} {
		got, err := operatorSays(t, c.answer, newDaysCmd())
		if got != c.want || errors.Is(err, errNo) != c.failed || err != nil && !c.failed {
			t.Errorf("%s: %q, error %v; want %q", name, got, err, c.want)
		}
		got, _ = operatorSays(t, c.answer, newDaysCmd(), "--json")
		var want, is any
		if err := errors.Join(json.Unmarshal([]byte(c.answer), &want), json.Unmarshal([]byte(got), &is)); err != nil ||
			!reflect.DeepEqual(is, want) {
			t.Errorf("%s: as JSON %q, error %v", name, got, err)
		}
	}
	_, err := operatorSays(t, `{"error": "?"}`, newDaysCmd())
	if err == nil || errors.Is(err, errNo) {
		t.Errorf("an answer of something else: %v", err)
	}
}

// One date is told of whole: what its files are made with, what they add up to and where they stand.
func TestDaysOfOneDate(t *testing.T) {
	const answer = `[{"date": "2026-11-19", "state": "written", "data": {"sealed_at": "2026-11-20T00:00:01Z",
		"processor_id": "400001", "code_page": "cp500", "blocked": true, "rdw": true, "files": [{"records": 3}],
		"forms": {"jcb": {"code_page": "ascii", "blocked": false}},
		"result": {"business_date": "2026-11-19", "files": [{"destination": "visa", "file_id": "0022611190000040000100001",
			"ipm": "c/f.ipm", "detail_csv": "c/f.detail.csv", "summary_csv": "c/f.summary.csv",
			"manifest": "c/f.manifest.json", "messages": 5, "presentments": 3, "sum_minor": 3000,
			"totals": [{"currency": "EUR", "debit_count": 2, "debit_minor": 2500, "credit_count": 1,
				"credit_minor": 500}]}]}}},
		{"date": "2026-11-20", "state": "sealed", "problem": "disk full", "data": {"sealed_at": "2026-11-21T00:00:02Z",
			"processor_id": "400001", "code_page": "ascii", "production": true, "files": [{"records": 2}]}},
		{"date": "2026-11-21", "state": "open"},
		{"date": "2026-11-18", "state": "written", "data": {"sealed_at": "2026-11-19T00:00:02Z", "processor_id": "400001",
			"code_page": "ascii", "release": {"by": "ann and bob", "at": "2026-11-19T07:30:00Z"}}},
		{"date": "2026-11-16", "state": "written", "data": {"sealed_at": "2026-11-17T00:00:02Z", "processor_id": "400001",
			"code_page": "ascii", "held": ["visa"], "files": null, "result": {"files": []},
			"refused": {"by": "ann and bob", "at": "2026-11-17T07:30:00Z", "reason": "wrong categories",
				"files": [{"destination": "visa", "file_id": "0022611160000040000100001", "presentments": 2}]}}},
		{"date": "2026-11-17", "state": "open", "data": {"windows": [
			{"destination": "visa", "window": 1, "sealed_at": "2026-11-17T06:00:00Z", "files": [{"records": 2}], "result": {},
				"release": {"by": "ann and bob", "at": "2026-11-17T07:30:00Z"}},
			{"destination": "visa", "window": 2, "sealed_at": "2026-11-17T12:00:00Z", "files": [{"records": 1}],
				"release": {}}]}}]`
	for date, c := range map[string]struct {
		want, failed string
	}{
		"2026-11-19": {`2026-11-19  written  files: 1  presentments: 3
sealed at 2026-11-20T00:00:01Z: processor 400001, cp500, 1014 blocks, RDW, test
files of jcb: ascii, no blocks

visa  3 presentments, file 0022611190000040000100001
      2 debits 25.00 EUR, 1 credit 5.00 EUR
      c/f.ipm
      c/f.detail.csv
      c/f.summary.csv
      c/f.manifest.json
`, ""},
		"2026-11-20": {`2026-11-20  sealed  files: 1  presentments: 2

2026-11-20 could not be closed so far: disk full
sealed at 2026-11-21T00:00:02Z: processor 400001, ascii, no blocks, production
`, "no"},
		"2026-11-21": {"2026-11-21  open\n", ""},
		"2026-11-18": {`2026-11-18  written
sealed at 2026-11-19T00:00:02Z: processor 400001, ascii, no blocks, test
released at 2026-11-19T07:30:00Z by ann and bob
`, ""},
		"2026-11-17": {`2026-11-17  open  files: 2  presentments: 3  windows: visa 2  windows that wait for release: visa 1
window 1 of visa, of 2026-11-17T06:00:00Z: sealed, released at 2026-11-17T07:30:00Z by ann and bob
window 2 of visa, of 2026-11-17T12:00:00Z: sealed, waits for release
`, "no"},
		"2026-11-16": {`2026-11-16  written  refused
sealed at 2026-11-17T00:00:02Z: processor 400001, ascii, no blocks, test
refused at 2026-11-17T07:30:00Z by ann and bob: wrong categories
never made: visa, file 0022611160000040000100001, 2 presentments
`, ""},
		"2026-11-22": {"", "2026-11-22: the switch has no such business date; it has 2026-11-19 to 2026-11-17"},
		"20261119":   {"", `"20261119": expected a business date, YYYY-MM-DD`},
	} {
		got, err := operatorSays(t, answer, newDaysCmd(), date)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if got != c.want || said != c.failed {
			t.Errorf("%s: %q, error %q; want %q, %q", date, got, said, c.want, c.failed)
		}
	}
	var one []struct{ Date string }
	got, err := operatorSays(t, answer, newDaysCmd(), "--json", "2026-11-21")
	if jsonErr := json.Unmarshal([]byte(got), &one); err != nil || jsonErr != nil || len(one) != 1 ||
		one[0].Date != "2026-11-21" {
		t.Errorf("as JSON %q, %v, %v", got, err, jsonErr)
	}
	if _, err := operatorSays(t, `[]`, newDaysCmd(), "2026-11-21"); err == nil || errors.Is(err, errNo) {
		t.Errorf("of no dates: %v", err)
	}
}

// What is released is named, and what waits.
func TestReleaseTellsOfWindows(t *testing.T) {
	const files = `"files": [{"destination": "visa", "presentments": 2, "file_id": "f"}]`
	date := []string{"--date=2026-11-19"}
	whose := slices.Concat(date, []string{"--destination=visa"})
	window := slices.Concat(whose, []string{"--window=2"})
	for name, c := range map[string]struct {
		answer string
		cmd    *cobra.Command
		args   []string
		want   string
	}{
		"date": {
			`{"business_date": "2026-11-19", ` + files + `}`, newClearingReleaseCmd(), date,
			"business date 2026-11-19 is released; clearing files: 1\n",
		},
		"window": {
			`{"business_date": "2026-11-19", "window": 2, ` + files + `}`, newClearingReleaseCmd(), window,
			"window 2 of visa of business date 2026-11-19 is released; clearing files: 1\n",
		},
		"refused": {
			`{"business_date": "2026-11-19", "files": [], "refused": {"files": [{"presentments": 2}, {"presentments": 1}]}}`,
			newClearingRefuseCmd(), []string{"--date=2026-11-19", "--reason=wrong"},
			"business date 2026-11-19 is refused; clearing files that are never made: 2; presentments carried on: 3\n",
		},
		"window that waits": {
			`{"business_date": "2026-11-19", "window": 2, "files": [], "unreleased": 1}`, newCutoverCmd(), nil,
			"business date 2026-11-19 is open; window 2 is sealed; clearing files that wait for switchctl clearing release: 1\n",
		},
	} {
		if got, err := operatorSays(t, c.answer, c.cmd, c.args...); !strings.HasPrefix(got, c.want) || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := operatorSays(t, `{}`, newClearingReleaseCmd(), whose...); err == nil {
		t.Error("a destination without its window is taken")
	}
}

func TestCutoverTellsWhatIsAside(t *testing.T) {
	answer := `{"business_date": "2026-11-20", "files": [], "aside": ` + asideAnswer + `}`
	got, err := operatorSays(t, answer, newCutoverCmd())
	if want := "business date 2026-11-20 is closed; clearing files: 0\n\n" + asideText; got != want || err != nil {
		t.Errorf("%q, error %v; want %q", got, err, want)
	}
	got, err = operatorSays(t, answer, newCutoverCmd(), "--json")
	if err != nil || !strings.Contains(got, `"carried_to"`) {
		t.Errorf("as JSON %q, error %v", got, err)
	}
}

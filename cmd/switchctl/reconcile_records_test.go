package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/matching"
	"switchyard/switch/switchtest"
)

// The records of a date are matched with a running switch's journal, and with that of one that is stopped.
func TestReconcileRecords(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	p := s.Do(switchtest.Authorize("a", 1000))
	s.Do(switchtest.On(api.OpCapture, "c", p.Payment, 1000))
	s.AwaitDrained()
	var closed struct {
		BusinessDate string `json:"business_date"`
		Files        []struct {
			IPM string `json:"ipm"`
		} `json:"files"`
	}
	s.Operator("POST", "/v1/cutover", &closed)
	date, data := closed.BusinessDate, filepath.Join(t.TempDir(), "data")
	if _, err := vfs.Clone(s.FS, vfs.Default, s.Config.Data, data); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (out, said string, err error) {
		return execute(t, newReconcileCmd(), append([]string{"--date", date, "--as-of", date}, args...)...)
	}
	running := []string{"--operator", s.OperatorAddr, "--clearing", filepath.Join(data, "clearing")}
	matches := filepath.Join(t.TempDir(), "matches.jsonl")
	out, said, err := run(append(running, "--matches", matches)...)
	if err != nil || !strings.HasPrefix(out, "no host is asked") ||
		!strings.Contains(out, "because no 1644/685 has come") || !strings.HasSuffix(out, "0 wrong, 1 late\n") {
		t.Errorf("of a running switch: %s, %s, %v", out, said, err)
	}
	var first matching.Match
	text, err := os.ReadFile(matches)
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if err != nil || json.Unmarshal(line, &first) != nil || first.ID != "presented/"+p.Payment+"-1" ||
		first.Class != matching.Matched {
		t.Errorf("matches: %s, %v", text, err)
	}
	for _, args := range [][]string{
		{"--matches", matches}, {"--late-days", "61"}, {"--as-of", "today"}, {"--incoming", "nowhere"}, {"--limit", "-1"},
		{"--advice", "nowhere.csv"}, {"--totals"}, {"--issuer", "h=127.0.0.1:1", "--operator", "", "--data", data},
	} {
		if out, said, err := run(append(running, args...)...); err == nil || errors.Is(err, errNo) {
			t.Errorf("%v: %s, %s, %v", args, out, said, err)
		}
	}
	out, _, err = execute(t, newReconcileCmd(), "--date", date, "--operator", s.OperatorAddr, "--totals")
	if err != nil || !strings.HasPrefix(out, "no host is asked") || strings.Contains(out, "relation") {
		t.Errorf("totals alone: %s, %v", out, err)
	}
	if _, said, err := run(append(running, "--date", "2001-01-01")...); !errors.Is(err, errNo) ||
		!strings.Contains(said, "refused: the journal has no business date 2001-01-01") {
		t.Errorf("a date that is not there: %s, %v", said, err)
	}

	s.StopSwitch()
	stopped := []string{"--data", data, "--json"}
	var told reconciled
	out, said, err = run(stopped...)
	if err != nil || json.Unmarshal([]byte(out), &told) != nil || told.Hosts != nil || told.Records.Late != 1 {
		t.Errorf("of a stopped switch: %s, %s, %v", out, said, err)
	}
	if places := endsAnywhere(t, newReconcileCmd, "--date", date, "--as-of", date, "--data", data); places < 4 {
		t.Errorf("it could be ended at %d places", places)
	}
	half := filepath.Join(t.TempDir(), "half.jsonl") // which no run would write over
	endsAnywhere(t, newReconcileCmd, "--date", date, "--as-of", date, "--data", data, "--matches", half)
	if _, err := os.Stat(half); err != nil {
		t.Errorf("the matches of the run that came to its end: %v", err)
	}
	name := filepath.Join(data, "clearing", date, filepath.Base(closed.Files[0].IPM))
	text, err = os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	amount := []byte("\xf0\xf0\xf0\xf0\xf0\xf0\xf0\xf0\xf1\xf0\xf0\xf0") // DE4 in cp500
	if err := os.WriteFile(name, bytes.Replace(text, amount, append(amount[:11:11], 0xf1), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	out, said, err = run("--data", data)
	if !errors.Is(err, errNo) || !strings.Contains(out, "because amount: ours 10.00 EUR, theirs 10.01 EUR") ||
		!strings.HasSuffix(out, "1 wrong, 1 late\n") {
		t.Errorf("with another amount in the file: %s, %s, %v", out, said, err)
	}
}

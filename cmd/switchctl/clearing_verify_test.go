package main

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// Files of a date are held against the journal of it: each capture stands in them once, with its amount.
func TestClearingVerifyJournal(t *testing.T) {
	for name, c := range map[string]struct {
		was, is string // of the journal
		date    string
		want    []string // of what is printed where that is a no
	}{
		"right":  {date: "2026-11-20"},
		"amount": {`"amount":400`, `"amount":401`, "2026-11-20", []string{"another than the journal's 401 EUR"}},
		"another": {
			"12345676324000000000013", "12345676324000000000021", "2026-11-20",
			[]string{"12345676324000000000021 of payment P10000000001: it is in the journal and in no file", "record 2"},
		},
		"carried": {
			`"business_date":"2026-11-20"`, `"business_date":"2026-11-20","carried_to":"2026-11-21"`, "2026-11-20",
			[]string{"a record is not in the journal"},
		},
		"another date": {"", "", "2026-11-22", []string{"a record is not in the journal"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newAuditBooks(t)
			b.journal = strings.Replace(b.journal, c.was, c.is, 1)
			file := filepath.Join(b.dir, "2026-11-20", testFileID.String()+".ipm")
			out, err := clearingRun(t, nil, "verify", "--operator", b.serve(t), "--date", c.date, file)
			if c.want == nil {
				if err != nil || !strings.Contains(out, "\njournal: 1 presentment on 2026-11-20\n") {
					t.Errorf("verify = %v\n%s", err, out)
				}
				return
			}
			if !errors.Is(err, errNo) {
				t.Errorf("verify = %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
	_, err := clearingRun(t, nil, "verify", "--data", t.TempDir(), "--date", "2026-11-20", "x.ipm")
	if err == nil || errors.Is(err, errNo) {
		t.Errorf("verify of no file = %v", err)
	}
}

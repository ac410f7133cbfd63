package main

import (
	"errors"
	"testing"
)

func TestReconcile(t *testing.T) {
	const (
		figures = `{"debits": {"number": 4, "amount_minor": 8500}, "debit_reversals": {"number": 1, "amount_minor": 5000},
			"credits": {"number": 1, "amount_minor": 50}, "credit_reversals": {"number": 0, "amount_minor": 0}}`
		others = `{"debits": {"number": 5, "amount_minor": 10000}, "debit_reversals": {"number": 1, "amount_minor": 5000},
			"credits": {"number": 1, "amount_minor": 50}, "credit_reversals": {"number": 0, "amount_minor": 0}}`
	)
	result := func(rest string) string {
		return `{"host": "issuer", "acquirer": "400001", "currency": "EUR", "ours": ` + figures + `, ` + rest + `}`
	}
	day := func(ended, results string) string {
		return `[{"date": "2026-11-21", "hosts": [{"host": "issuer", "ended": ` + ended + `, "results": [` + results + `]}]}]`
	}
	for name, c := range map[string]struct {
		answer, want string
		failed       bool
	}{
		"in balance": {day("true", result(`"status": "in_balance"`)),
			"2026-11-21  issuer  acquirer 400001  EUR  in balance  net 34.50 EUR\n", false},
		"out of balance": {day("true", result(`"status": "out_of_balance", "theirs": `+others)),
			`2026-11-21  issuer  acquirer 400001  EUR  out of balance
                            ours         theirs      difference
            debits  4  85.00 EUR  5  100.00 EUR  -1  -15.00 EUR
  of them reversed  1  50.00 EUR  1   50.00 EUR   0    0.00 EUR
           credits  1   0.50 EUR  1    0.50 EUR   0    0.00 EUR
  of them reversed  0   0.00 EUR  0    0.00 EUR   0    0.00 EUR
               net     34.50 EUR      49.50 EUR      -15.00 EUR
`, true},
		"out of balance without figures": {day("true", result(`"status": "out_of_balance"`)),
			"2026-11-21  issuer  acquirer 400001  EUR  out of balance\n" +
				"  the host tells no totals; ours come to 34.50 EUR net\n", true},
		"refused": {day("true", result(`"status": "refused", "response_code": "12"`)),
			"2026-11-21  issuer  acquirer 400001  EUR  the host does not reconcile it: it answers 12\n", true},
		"unanswered": {day("false", result(`"status": "unanswered", "open": 3`)),
			"2026-11-21  issuer  acquirer 400001  EUR  not answered so far  " +
				"without 3 messages that wait for the host's answer\n", true},
		"not asked yet":    {day("false", ""), "2026-11-21  issuer  the host has not been asked yet\n", true},
		"nothing was told": {day("true", ""), "2026-11-21  issuer  the host was told nothing\n", false},
		"no host is asked": {`[]`,
			"no host is asked: none is configured with reconcile, or no date was sealed since\n", false},
	} {
		got, err := operatorSays(t, c.answer, newReconcileCmd())
		if got != c.want || errors.Is(err, errNo) != c.failed || err != nil && !c.failed {
			t.Errorf("%s: error %v\n%s\nwant\n%s", name, err, got, c.want)
		}
	}
	got, err := operatorSays(t, `{"asked": "2026-11-21"}`, newReconcileCmd(), "--date", "2026-11-21", "--again")
	const asked = "the hosts are asked about 2026-11-21: see switchctl reconcile --date 2026-11-21\n"
	if got != asked || err != nil {
		t.Errorf("again: %q, error %v, want %q", got, err, asked)
	}
	if _, err := operatorSays(t, `{}`, newReconcileCmd(), "--again"); err == nil || errors.Is(err, errNo) {
		t.Errorf("again without a date: %v", err)
	}
}

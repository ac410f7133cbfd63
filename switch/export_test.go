package txswitch_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// TestPaymentsOfBusinessDates: the export of a range has each payment with a record in it, once, and no other; and what
// the journal fixed for the record.
func TestPaymentsOfBusinessDates(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	stats := func() (st operator.Stats) {
		t.Helper()
		var text string
		s.Operator("GET", "/v1/stats", &text)
		if err := json.Unmarshal([]byte(text), &st); err != nil {
			t.Fatal(err)
		}
		return st
	}
	captured := func(key string) api.Answer {
		p := s.Do(switchtest.Authorize(key, 1000))
		s.Do(switchtest.On(api.OpCapture, key+"-1", p.Payment, 400))
		s.AwaitDrained()
		return p
	}
	authorized := s.Do(switchtest.Authorize("authorized", 1000))
	voided := captured("voided")
	s.Do(api.Request{Op: api.OpVoid, Key: "void", Payment: voided.Payment, Present: api.Fields(api.FieldKey,
		api.FieldPayment)})
	first, both := captured("first"), captured("both")
	s.AwaitDrained()
	day := stats().OpenDay
	cutover(t, s, false)
	s.Do(switchtest.On(api.OpCapture, "both-2", both.Payment, 300))
	s.Do(switchtest.On(api.OpCapture, "both-3", both.Payment, 300))
	second := captured("second")
	next := stats().OpenDay

	export := func(query string) (ids []string, list []operator.PaymentExport) {
		t.Helper()
		var text string
		s.Operator("GET", "/v1/payments"+query, &text)
		for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
			var p operator.PaymentExport
			if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			ids, list = append(ids, p.Payment), append(list, p)
		}
		slices.Sort(ids)
		return ids, list
	}
	sorted := func(ids ...string) []string { slices.Sort(ids); return ids }
	for query, want := range map[string][]string{
		"": sorted(authorized.Payment, voided.Payment, first.Payment, both.Payment,
			second.Payment),
		"?from=" + day + "&to=" + day:    sorted(first.Payment, both.Payment),
		"?from=" + next + "&to=" + next:  sorted(both.Payment, second.Payment),
		"?from=" + day + "&to=" + next:   sorted(first.Payment, both.Payment, second.Payment),
		"?from=2001-01-01&to=2001-01-02": nil,
	} {
		if got, _ := export(query); !slices.Equal(got, want) {
			t.Errorf("payments%s: %v, want %v", query, got, want)
		}
	}
	_, list := export("?from=" + day + "&to=" + day)
	for _, p := range list {
		c := p.Ops[1].Clearing
		if c == nil || c.MerchantName == "" || c.Country == "" || c.MCC == "" || c.Sequence != 1 || c.Destination != p.Route {
			t.Errorf("payment %s: its record's note is %+v", p.Payment, c)
		}
	}
	for _, query := range []string{"?from=" + day, "?to=" + day, "?from=1&to=" + day, "?since=" + day, "?from=" + next +
		"&to=" + day,
		"?from=1900-01-01&to=2100-01-01"} {
		resp, err := http.Get("http://" + s.OperatorAddr + "/v1/payments" + query)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("payments%s: %s", query, resp.Status)
		}
	}
	if now := stats().Now; time.Since(now).Abs() > time.Minute {
		t.Errorf("the switch's clock shows %s", now)
	}
	s.Audit()
}

package txswitch_test

import (
	"bytes"
	"strings"
	"testing"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/merchant"
	"switchyard/switch/switchtest"
)

func credit(key string, amountMinor int64) api.Request {
	r := switchtest.Authorize(key, amountMinor)
	r.Op = api.OpCredit
	return r
}

// mayCredit lets merchant M1 credit; all others are unknown, and may not.
func mayCredit(c *txswitch.Config) {
	c.Merchants.Profiles = []merchant.Profile{{
		ID: "M1", Name: "Shop", City: "Berlin", PostalCode: "10115", Country: "DEU", MCC: "5999", Credits: true,
	}}
}

// balance is what a card has left in a currency at the issuer.
func balance(s *switchtest.System, card, currency string) (minor int64) {
	var account struct {
		Accounts []struct {
			Currency string
			Balance  int64
		}
	}
	s.Control("GET", "/v1/accounts/"+card, &account)
	for _, a := range account.Accounts {
		if a.Currency == currency {
			minor = a.Balance
		}
	}
	return minor
}

// A credit pays the cardholder at the issuer, stands in the day's clearing file as a credit, and is settled by it once;
// the books agree before and after. Of a merchant whose profile does not allow it nothing is stored.
func TestCredit(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: mayCredit})
	wantApproved(t, s.Do(switchtest.Authorize("a", 1)), "00") // opens the account
	before := balance(s, switchtest.GoodCard, "EUR")
	a := s.Do(credit("c", 1500))
	wantApproved(t, a, "00")
	wantSums(t, a, "credited authorized 0 released 0 captured 0 refunded 0")
	if a.Amount != 1500 || a.Refund != a.Payment+"-0" || a.BusinessDate == "" || a.AuthCode == "" {
		t.Fatalf("%+v", a)
	}
	if again := s.Do(credit("c", 1500)); !again.Replayed || again.Payment != a.Payment || again.Refund != a.Refund {
		t.Fatalf("the repeat: %+v, error %v", again, again.Err)
	}
	stranger := credit("other", 1500)
	stranger.Merchant = "M2"
	wantError(t, s.Do(stranger), api.CodeInvalidField, "merchant")
	status := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
	wantSums(t, status, "credited authorized 0 released 0 captured 0 refunded 0")
	if h := status.History; len(h) != 1 || h[0].Op != "credit" || !h[0].Approved || h[0].Refund != a.Refund {
		t.Fatalf("its history: %+v", h)
	}
	wantError(t, s.Do(switchtest.On(api.OpVoid, "v", a.Payment, 0)), api.CodeInvalidState, "")
	wantError(t, s.Do(switchtest.On(api.OpRefund, "r", a.Payment, 0)), api.CodeInvalidState, "")

	h := issuerBooks(t, s)[a.RRN]
	if h.Kind != "refund" || h.Hold != 0 || len(h.Postings) != 1 || h.Postings[0].Amount != 1500 {
		t.Fatalf("the issuer has %+v", h)
	}
	if got := balance(s, switchtest.GoodCard, "EUR"); got != before+1500 {
		t.Fatalf("the cardholder has %d, had %d", got, before)
	}
	s.Audit()

	var result struct {
		Files []struct {
			IPM       string
			DetailCSV string `json:"detail_csv"`
		}
	}
	s.Operator("POST", "/v1/cutover", &result)
	rows := 0
	for row, err := range clearing.ReadDetail(bytes.NewReader(s.Contents(result.Files[0].DetailCSV))) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
		if row.Kind != "refund" || row.Direction != "credit" || row.AmountMinor != 1500 || row.CaptureID != a.Refund {
			t.Errorf("its row is %+v", row)
		}
	}
	if rows != 1 {
		t.Errorf("%d rows", rows)
	}
	s.Audit()
	s.GoesOut(result.Files[0].IPM)
	h = issuerBooks(t, s)[a.RRN]
	if len(h.Postings) != 1 || h.Postings[0].State != "settled" || balance(s, switchtest.GoodCard, "EUR") != before+1500 {
		t.Fatalf("after clearing the issuer has %+v", h)
	}
	s.Audit()
}

// A credit that the issuer took and did not answer is taken back, and the cardholder has what was there before.
func TestCreditWithoutAnswer(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: mayCredit, Deadline: waitedOut, Rules: `
rules:
- when: {mti: ["0200"]}
  fault: {kind: late, delay: 7s}
`})
	wantApproved(t, s.Do(switchtest.Authorize("a", 1)), "00")
	before := balance(s, switchtest.GoodCard, "EUR")
	a := s.Do(credit("c", 1500))
	if a.Approved || a.Status != api.StatusReversing {
		t.Fatalf("%+v, error %v", a, a.Err)
	}
	s.AwaitDrained()
	s.Await("the late answer is recorded", func() bool {
		var story struct{ Events []struct{ What string } }
		s.Operator("GET", "/v1/explain?of="+a.RRN, &story)
		for _, e := range story.Events {
			if strings.Contains(e.What, "late") {
				return true
			}
		}
		return false
	})
	s.AwaitDrained()
	status := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
	wantSums(t, status, "reversed authorized 0 released 0 captured 0 refunded 0")
	if got := balance(s, switchtest.GoodCard, "EUR"); got != before {
		t.Fatalf("the cardholder has %d, had %d", got, before)
	}
	if rows := dayRows(t, s, false); len(rows) != 0 {
		t.Errorf("there stands %q", rows)
	}
	s.Audit()
}

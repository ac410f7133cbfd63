package txswitch_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// searched are the ids of the payments that a search finds.
func searched(t *testing.T, s *switchtest.System, search operator.Search) (ids []string) {
	t.Helper()
	err := s.API().EachFound(t.Context(), search, func(f *operator.Found) error {
		ids = append(ids, f.Payment)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// A payment is found by whatever somebody has of it, and the other one is not; the other way round too where it has the
// same.
func TestSearch(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	begin := time.Now().Add(-time.Hour)
	order := func(key, merchant, card string, amountMinor int64) api.Answer {
		r := switchtest.Authorize(key, amountMinor)
		r.Merchant, r.Card.Number = merchant, card
		r.Reference, r.Present = "order", r.Present.With(api.FieldReference)
		a := s.Do(r)
		wantApproved(t, a, "00")
		return a
	}
	first := order("same key", "M1", switchtest.GoodCard, 1000)
	second := order("same key", "M2", "4000000000000002", 2500)
	capture := s.Do(switchtest.On(api.OpCapture, "ship", first.Payment, 600))
	refund := s.Do(switchtest.On(api.OpRefund, "back", first.Payment, 200))
	wantApproved(t, refund, "00")
	exported, err := s.API().Payment(t.Context(), first.Payment)
	if err != nil {
		t.Fatal(err)
	}
	one, two := []string{first.Payment}, []string{second.Payment}
	both, none := []string{first.Payment, second.Payment}, []string(nil)
	for _, c := range []struct {
		name   string
		search operator.Search
		want   []string
	}{
		{"everything", operator.Search{}, both},
		{"pages of one", operator.Search{Limit: 1}, both},
		{"behind the first", operator.Search{After: first.Payment}, two},
		{"its id", operator.Search{Of: first.Payment}, one},
		{"its id, behind it", operator.Search{Of: first.Payment, After: first.Payment}, none},
		{"its capture", operator.Search{Of: capture.Capture}, one},
		{"its refund", operator.Search{Of: refund.Refund}, one},
		{"an operation that it has not", operator.Search{Of: first.Payment + "-9"}, none},
		{"its RRN", operator.Search{Of: second.RRN}, two},
		{"its refund's RRN", operator.Search{Of: refund.RRN}, one},
		{"its capture's ARN", operator.Search{Of: exported.Ops[1].ARN}, one},
		{"its card", operator.Search{Of: "4111 1111 1111 1111"}, one},
		{"its card, with dashes", operator.Search{Of: "4111-1111-1111-1111"}, one},
		{"its card, masked", operator.Search{Of: "411111******1111"}, one},
		{"a card that has none", operator.Search{Of: "4000000000000028"}, none},
		{"its key", operator.Search{Key: "same key", Merchant: "M2"}, two},
		{"a later key", operator.Search{Key: "back", Merchant: "M1"}, one},
		{"a key of another merchant", operator.Search{Key: "back", Merchant: "M2"}, none},
		{"its reference", operator.Search{Reference: "order", Merchant: "M2"}, two},
		{"a reference of any merchant", operator.Search{Reference: "order"}, both},
		{"its merchant", operator.Search{Merchant: "M1"}, one},
		{"its status", operator.Search{Status: "authorized"}, two},
		{"its refund's amount", operator.Search{AmountMinor: 200, Currency: "EUR"}, one},
		{"another currency", operator.Search{AmountMinor: 200, Currency: "JPY"}, none},
		{"its time", operator.Search{From: begin.Format(time.RFC3339)}, both},
		{"later", operator.Search{From: begin.Add(2 * time.Hour).Format(time.RFC3339)}, none},
		{"before it", operator.Search{To: begin.Format(time.RFC3339)}, none},
		{"its day", operator.Search{
			From: first.Created.UTC().Format(time.DateOnly), To: second.Created.UTC().Format(time.DateOnly),
		}, both},
		{"its card and another's merchant", operator.Search{Of: switchtest.GoodCard, Merchant: "M2"}, none},
	} {
		if got := searched(t, s, c.search); !slices.Equal(got, c.want) {
			t.Errorf("%s: found %v, want %v", c.name, got, c.want)
		}
	}
	if log := s.Logs.String(); strings.Contains(log, switchtest.GoodCard) || strings.Contains(log, "4000000000000028") {
		t.Error("a card that was looked for is in the log")
	}
}

// Of more payments with one reference than a page has, none is left out and none comes twice.
func TestSearchOfManyWithOneReference(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	var want []string
	for _, key := range []string{"a", "b", "c"} {
		r := switchtest.Authorize(key, 1000)
		r.Reference, r.Present = "order", r.Present.With(api.FieldReference)
		want = append(want, s.Do(r).Payment)
	}
	for _, limit := range []int{0, 3, 2, 1} {
		search := operator.Search{Merchant: "M1", Reference: "order", Limit: limit}
		if got := searched(t, s, search); !slices.Equal(got, want) {
			t.Errorf("%d a page: found %v, want %v", limit, got, want)
		}
	}
}

// A card number, right or mistyped, stands in no answer, without its name neither, and is not taken from an address.
func TestSearchTellsNoCard(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	at := "http://" + s.OperatorAddr + "/v1/payments/search"
	for number, want := range map[string]int{
		"4111111111111111": http.StatusOK, "4111111111111112": http.StatusBadRequest,
	} {
		req, err := http.NewRequest("POST", at, strings.NewReader(url.Values{"of": {number}}.Encode()))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if status, said := asked(t, req, err); status != want || strings.Contains(said, number) {
			t.Errorf("in the body: %d %q", status, said)
		}
		req, err = http.NewRequest("POST", at, strings.NewReader(number))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if status, said := asked(t, req, err); status != http.StatusBadRequest || strings.Contains(said, number) ||
			!strings.HasPrefix(said, "(digits): no such parameter: expected of, ") {
			t.Errorf("without its name: %d %q", status, said)
		}
		req, err = http.NewRequest("POST", at+"?of="+number, nil)
		if status, said := asked(t, req, err); status != http.StatusBadRequest || strings.Contains(said, number) ||
			!strings.Contains(said, "expected them in the body") {
			t.Errorf("in the address: %d %q", status, said)
		}
	}
}

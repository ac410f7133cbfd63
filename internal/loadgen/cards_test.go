package loadgen_test

import (
	"testing"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/pan"
	"switchyard/switch/api"
)

func TestCardsAreValidAndDifferent(t *testing.T) {
	cards := loadgen.NewCards(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC))
	seen, brands := map[string]bool{}, map[string]int{}
	for n := range uint64(10_000) {
		c := cards.Card(n * 997)
		r := api.Request{Op: api.OpVerify, Key: "k", Merchant: "m", Terminal: "t", Currency: "EUR", Card: c,
			Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldCurrency, api.FieldCard)}
		if err := r.Validate(); err != nil {
			t.Fatalf("card %d: %v", n, err)
		}
		if seen[c.Number] {
			t.Fatalf("card %d is there twice", n)
		}
		seen[c.Number] = true
		brands[pan.Brand(c.Number)]++
		if c.Expiry != "2911" {
			t.Fatalf("card %d expires %s, want 2911", n, c.Expiry)
		}
	}
	if brands["visa"] != 4000 || brands["mastercard"] != 4000 || brands["amex"] != 1000 || brands["jcb"] != 1000 {
		t.Errorf("schemes: %v", brands)
	}
	if cards.Card(3) != cards.Card(3+loadgen.MaxCards) {
		t.Error("a number past MaxCards does not wrap around")
	}
}

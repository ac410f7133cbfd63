package flow_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

const (
	grouped    = "4000 0000-0000 0002" // another card
	groupsSeen = "4000 00**-**** 0002"
)

// I12: no card number is kept in what names a request or its payment, whichever way the request goes. Nothing is stored
// or sent then, and the key is left as it was.
func TestNoCardNumberInText(t *testing.T) {
	sale := api.Request{
		Op: api.OpSale, Key: "k", Merchant: "UNLIMITED", Terminal: "T1", Currency: "EUR", Amount: 1000, Reference: "r",
		Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldAmount, api.FieldCurrency, api.FieldCard),
		Card:    api.Card{Number: goodCard, Expiry: "3012"},
	}
	for _, together := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, settings{})
			defer w.end()
			w.together = together
			wantRefused := func(r api.Request, field string) {
				t.Helper()
				before := len(w.trace)
				a := w.do(r, 0)
				if a.Err == nil || a.Err.Code != api.CodeInvalidField || a.Err.Field != field {
					t.Errorf("%s: %+v, want %s refused", r.Op, a, field)
				}
				if len(w.trace) > before {
					t.Errorf("%s refused for %s did %q", r.Op, field, w.trace[before:])
				}
			}
			for field, change := range map[string]func(*api.Request, string){
				"key":       func(r *api.Request, text string) { r.Key = text },
				"reference": func(r *api.Request, text string) { r.Reference = text },
				"merchant":  func(r *api.Request, text string) { r.Merchant = text },
			} {
				for _, text := range []string{grouped, goodCard, "4111.1111.1111.1111"} {
					r := sale
					change(&r, text)
					wantRefused(r, field)
				}
			}
			own := sale
			own.Card.Number, own.NetworkID = "9999999999999995", "X9999999999999995" // of no scheme
			wantRefused(own, "network_id")
			own.NetworkID, own.Reference = "", "9999-9999-9999-9995"
			wantRefused(own, "reference")

			a := w.do(sale, 0)
			if !a.Approved {
				t.Fatalf("%+v", a)
			}
			hold := sale
			hold.Op, hold.Key = api.OpAuthorize, "other"
			b := w.do(hold, 0)
			for _, r := range []api.Request{
				{Op: api.OpRefund, Payment: a.Payment}, {Op: api.OpCapture, Payment: b.Payment},
				{Op: api.OpReverse, Payment: b.Payment}, {Op: api.OpIncrement, Payment: b.Payment, Amount: 1},
			} {
				r.Key = grouped
				r.Present = r.Present.With(api.FieldKey).With(api.FieldPayment)
				if r.Amount > 0 {
					r.Present = r.Present.With(api.FieldAmount)
				}
				wantRefused(r, "key")
			}
			undo := api.Request{
				Op: api.OpReverse, Key: "undo", Merchant: "UNLIMITED", OfKey: grouped,
				Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey),
			}
			wantRefused(undo, "of_key")
			undo.Key, undo.OfKey = grouped, "never used"
			wantRefused(undo, "key")
		})
	}
}

// An order number is taken although it passes Luhn, and so is a UUID in which a card number stands by chance.
func TestWhatIsNoCardNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.end()
		r := api.Request{
			Op: api.OpSale, Key: "41111111-1111-4111-8abc-0123456789ab", Merchant: "UNLIMITED", Terminal: "T1",
			Currency: "EUR", Amount: 1000, Reference: "9999999999999995",
			Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldAmount, api.FieldCurrency, api.FieldCard),
			Card:    api.Card{Number: goodCard, Expiry: "3012"},
		}
		if a := w.do(r, 0); !a.Approved {
			t.Errorf("%+v", a)
		}
	})
}

// References may be kept masked instead: the request goes on, its repeat is one, and it is found by what the merchant
// gave. One that is written so that it cannot be masked is refused still.
func TestMaskedReferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{masks: true})
		defer w.end()
		r := api.Request{
			Op: api.OpSale, Key: "k", Merchant: "UNLIMITED", Terminal: "T1", Currency: "EUR", Amount: 1000,
			Reference: "order of " + grouped,
			Present:   api.Fields(api.FieldKey, api.FieldMerchant, api.FieldAmount, api.FieldCurrency, api.FieldCard),
			Card:      api.Card{Number: goodCard, Expiry: "3012"},
		}
		a := w.do(r, 0)
		if !a.Approved {
			t.Fatalf("%+v", a)
		}
		id, err := payment.ParseID(a.Payment)
		w.must(err)
		p, err := w.journal.Payment(t.Context(), id)
		w.must(err)
		if p.Reference != "order of "+groupsSeen {
			t.Errorf("the reference is kept as %q", p.Reference)
		}
		if again := w.do(r, 0); !again.Replayed || again.Payment != a.Payment {
			t.Errorf("its repeat: %+v", again)
		}
		for _, reference := range []string{r.Reference, p.Reference} {
			found := w.do(api.Request{
				Op: api.OpStatus, Merchant: "UNLIMITED", Reference: reference,
				Present: api.Fields(api.FieldMerchant, api.FieldReference),
			}, 0)
			if len(found.Payments) != 1 || found.Payments[0].Payment != a.Payment {
				t.Errorf("by %q: %+v", reference, found)
			}
		}
		changed := r
		changed.Amount = 999
		if c := w.do(changed, 0); c.Err == nil || c.Err.Code != api.CodeConflict ||
			!strings.Contains(c.Err.Message, "amount") {
			t.Errorf("with another amount: %+v", c)
		}
		r.Key, r.Reference = "k2", "4111.1111.1111.1111"
		if c := w.do(r, 0); c.Err == nil || c.Err.Field != "reference" {
			t.Errorf("dotted: %+v", c)
		}
	})
}

// A key that was used before card numbers were looked for is answered as it was.
func TestKeysOfBeforeWithCardNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.end()
		w.must(w.journal.BurnKey(t.Context(), journal.KeyClaim{Merchant: "UNLIMITED", Key: grouped}))
		sale := w.do(api.Request{
			Op: api.OpSale, Key: grouped, Merchant: "UNLIMITED", Terminal: "T1", Currency: "EUR", Amount: 1000,
			Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldAmount, api.FieldCurrency, api.FieldCard),
			Card:    api.Card{Number: goodCard, Expiry: "3012"},
		}, 0)
		if sale.Err == nil || sale.Err.Code != api.CodeConflict {
			t.Errorf("its late request: %+v", sale)
		}
		undone := w.do(api.Request{
			Op: api.OpReverse, Key: "undo", Merchant: "UNLIMITED", OfKey: grouped,
			Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey),
		}, 0)
		if !undone.Approved {
			t.Errorf("reversed by it again: %+v", undone)
		}
	})
}

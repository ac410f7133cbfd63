package flow_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/switch/api"
)

// A key that was used with another body is told with the payment and the field that differs, to whom both belong.
func TestConflictNamesPaymentAndField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, settings{})
		defer w.end()
		first := api.Request{
			Op: api.OpAuthorize, Key: "k", Merchant: "M1", Terminal: "T1", Currency: "EUR", Amount: 1000, Reference: "r",
			Present: api.Fields(api.FieldKey, api.FieldAmount, api.FieldCurrency),
			Card:    api.Card{Number: goodCard, Expiry: "3012", CVC: "123"},
		}
		a, other := w.do(first, 0), first
		other.Key = "other"
		b := w.do(other, 0)
		capture := api.Request{
			Op: api.OpCapture, Key: "c", Payment: a.Payment, Amount: 400,
			Present: api.Fields(api.FieldKey, api.FieldPayment, api.FieldAmount),
		}
		undo := api.Request{
			Op: api.OpReverse, Key: "u", Merchant: "M1", OfKey: "undone",
			Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey),
		}
		undone := first
		undone.Key = "undone"
		u := w.do(undone, 0)
		if c, d := w.do(capture, 0), w.do(undo, 0); !a.Approved || !b.Approved || !c.Approved || !u.Approved || !d.Approved {
			t.Fatalf("%+v, %+v, %+v, %+v, %+v", a, b, c, u, d)
		}
		for _, c := range []struct {
			of     api.Request
			change func(*api.Request)
			field  string // "": none is known
		}{
			{first, func(r *api.Request) { r.Op = api.OpSale }, "op"},
			{first, func(r *api.Request) { r.Amount = 999 }, "amount"},
			{first, func(r *api.Request) { r.Currency = "USD" }, "currency"},
			{first, func(r *api.Request) { r.Terminal = "T2" }, "terminal"},
			{first, func(r *api.Request) { r.Card.Number = "4012888888881881" }, ""}, // nobody may try a card
			{first, func(r *api.Request) { r.Card.Expiry = "3011" }, ""},
			{first, func(r *api.Request) { r.Card.Sequence = "1" }, ""},
			{first, func(r *api.Request) { r.Entry = api.EntryMOTO }, "entry"},
			{first, func(r *api.Request) { r.Initiator = api.InitiatorMerchant }, "initiator"},
			{first, func(r *api.Request) { r.Reference = "s" }, "reference"},
			{first, func(r *api.Request) { r.ThreeDS.ECI = "05" }, "threeds.eci"},
			{first, func(r *api.Request) { r.Address.Line = "1 Main St" }, ""}, // it is not kept
			{capture, func(r *api.Request) { r.Op = api.OpRefund }, "op"},
			{capture, func(r *api.Request) { r.Amount = 300 }, "amount"},
			{capture, func(r *api.Request) { r.Payment = b.Payment }, "payment"},
			{capture, func(r *api.Request) { r.Final = true }, ""},
			{undo, func(r *api.Request) { r.OfKey = "k" }, "of_key"},
			{undo, func(r *api.Request) { *r = first; r.Key = "u" }, "op"},
		} {
			r, of := c.of, a.Payment
			if c.of.Op == api.OpReverse {
				of = u.Payment
			}
			c.change(&r)
			want := "the key was used with another request, of payment " + of
			if c.field != "" {
				want += ", which differs in " + c.field
			}
			got := w.do(r, 0)
			if got.Err == nil || got.Err.Code != api.CodeConflict || got.Err.Field != "key" || got.Err.Message != want {
				t.Errorf("%s: got %v, want %s", c.field, got.Err, want)
			}
		}
		r := first
		r.Amount = 999
		stranger := w.flow.Handle(context.Background(), &api.Caller{Gateway: "stranger"}, &r)
		if stranger.Err == nil || strings.Contains(stranger.Err.Message, a.Payment) ||
			strings.Contains(stranger.Err.Message, "amount") {
			t.Errorf("another gateway is told %v", stranger.Err)
		}
	})
}

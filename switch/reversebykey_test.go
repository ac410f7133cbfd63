package txswitch_test

import (
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// reverseByKey is a reversal of whatever a request with a key made; amountMinor 0 leaves the amount out.
func reverseByKey(key, of string, amountMinor int64) api.Request {
	r := api.Request{
		ID: key, Op: api.OpReverse, Key: key, Merchant: "M1", OfKey: of, Amount: amountMinor,
		Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey),
	}
	if amountMinor != 0 {
		r.Present = r.Present.With(api.FieldAmount)
	}
	return r
}

// A reversal by key undoes what the request with that key made and nothing else.
func TestReverseByKeyUndoesThatRequest(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c1", a.Payment, 400)), "")
	wantApproved(t, s.Do(switchtest.On(api.OpIncrement, "i1", a.Payment, 50)), "00")
	for _, of := range []string{"c1", "i1"} {
		wantError(t, s.Do(reverseByKey("r "+of, of, 0)), api.CodeInvalidField, "of_key")
	}
	wantSums(t, s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)), "partially_captured authorized 1050 released 0 captured 400 refunded 0")

	sale := switchtest.Authorize("k2", 1000)
	sale.Op = api.OpSale
	wantApproved(t, s.Do(sale), "00")
	wantError(t, s.Do(reverseByKey("r2", "k2", 999)), api.CodeInvalidField, "amount")
	wantSums(t, s.Do(reverseByKey("r2", "k2", 1000)), "reversed authorized 1000 released 1000 captured 0 refunded 0")

	voice := switchtest.Authorize("k3", 700)
	voice.Op, voice.AuthCode, voice.Present = api.OpCapture, "A1B2C3", voice.Present.With(api.FieldAuthCode)
	voice.Card.CVC = ""
	wantApproved(t, s.Do(voice), "")
	s.AwaitDrained()
	if r := s.Do(reverseByKey("r3", "k3", 0)); r.Err != nil || !r.Approved || r.Captured != 0 {
		t.Fatalf("%+v, error %v", r, r.Err)
	}
	s.AwaitDrained()
	for rrn, h := range issuerBooks(t, s) {
		for _, p := range h.Postings {
			if h.RRN != a.RRN && p.State != "reversed" {
				t.Errorf("the issuer still has %s: %+v", rrn, p)
			}
		}
	}
}

// I3: a reversal of a key that was never used has a key of its own, which stands for it from then on.
func TestBurningKeepsItsOwnKey(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	burn := reverseByKey("r1", "never", 0)
	for range 2 {
		wantApproved(t, s.Do(burn), "")
	}
	wantError(t, s.Do(switchtest.Authorize("r1", 1000)), api.CodeConflict, "key")
	wantError(t, s.Do(reverseByKey("r1", "neither", 0)), api.CodeConflict, "key")
	wantApproved(t, s.Do(switchtest.Authorize("neither", 1000)), "00")
	wantError(t, s.Do(reverseByKey("neither", "not this one", 0)), api.CodeConflict, "key")
	wantApproved(t, s.Do(switchtest.Authorize("not this one", 1000)), "00")
	wantError(t, s.Do(reverseByKey("itself", "itself", 0)), api.CodeInvalidField, "of_key")
}

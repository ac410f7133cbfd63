package txswitch_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

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
	wantSums(t, s.Do(switchtest.On(
		api.OpStatus, "", a.Payment, 0,
	)), "partially_captured authorized 1050 released 0 captured 400 refunded 0")

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
	wantApproved(t, s.Do(reverseByKey("r2", "nor this", 0)), "")
	wantError(t, s.Do(reverseByKey("r1", "nor this", 0)), api.CodeConflict, "key")
}

// Two reversals that name each other's key do not wait for each other: one burns both, for the other its key is taken.
func TestReversalsThatNameEachOther(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			one, other := reverseByKey(fmt.Sprint("a", i), fmt.Sprint("b", i), 0), reverseByKey(
				fmt.Sprint("b", i), fmt.Sprint("a", i), 0,
			)
			var first *api.Answer
			done := make(chan struct{})
			go func() {
				defer close(done)
				first, _ = s.Client.Do(t.Context(), &one)
			}()
			second, err := s.Client.Do(t.Context(), &other)
			<-done
			for _, a := range []*api.Answer{first, second} {
				if a.Err != nil && a.Err.Code != api.CodeConflict {
					t.Errorf("pair %d: %v", i, a.Err)
				}
			}
			if err != nil || first.Approved == second.Approved {
				t.Errorf("pair %d: both are %v, error %v", i, first.Approved, err)
			}
		})
	}
	all.Wait()
}

// I11: what was answered without a refusal, a replay or an intent is counted apart.
func TestEachAnsweredRequestIsAnIntent(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: time.Minute, IssuerData: true})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, s.Do(switchtest.Authorize("k1", 1000)), "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c1", a.Payment, 400)), "")
	wantApproved(t, s.Do(reverseByKey("r1", "never", 0)), "")
	s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
	leftUnanswered(t, s, switchtest.Authorize("k2", 1000))
	wantApproved(t, s.Do(reverseByKey("r2", "k2", 0)), "")
	requests := counters(t, s, "switchyard_requests_total")
	if n := requests["approved"] + requests["reversing"]; n != 3 || requests["answered"] != 3 ||
		requests["replayed"] != 1 {
		t.Errorf("requests: %v", requests)
	}
	if begun := counters(t, s, "switchyard_intents_total")["begun"]; begun != 3 {
		t.Errorf("%v intents begun, want 3", begun)
	}
}

// counters reads a metric's counters by their label outcome.
func counters(t *testing.T, s *switchtest.System, name string) map[string]float64 {
	t.Helper()
	families, err := s.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					by[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return by
}

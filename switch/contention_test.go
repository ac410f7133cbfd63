package txswitch_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/payment"
	"switchyard/switch/switchtest"
)

// I5, I6: answers that come around the deadline, so that some are late by less than their outcome takes to be stored.
// Each request has one outcome all the same, and what the gateway was not told is reversed.
func TestAnswersAroundTheDeadline(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Deadline: 50 * time.Millisecond, SyncTakes: 3 * time.Millisecond, Rules: `
rules:
- when: {mti: ["0100"]}
  latency: {distribution: uniform, min: 48ms, max: 60ms}
`})
	const gateways, requests = 2, 30
	var wg sync.WaitGroup
	for i := range gateways {
		wg.Go(func() {
			for j := range requests {
				a := s.Do(switchtest.Authorize(fmt.Sprint(i, "/", j), 1000))
				if a.Err != nil || a.Approved != (a.Status == api.StatusAuthorized) || !a.Approved &&
					a.Status != api.StatusReversing && a.Status != api.StatusReversed {
					t.Errorf("%+v, error %v", a, a.Err)
				}
			}
		})
	}
	wg.Wait()
	for _, item := range s.Audit().InFlight.Items {
		if item.State == payment.StatePending.String() {
			t.Errorf("no outcome: %+v", item)
		}
	}
	var strays []struct {
		MTI   string `json:"mti"`
		OfRRN string `json:"of_rrn"`
	}
	s.Operator("GET", "/v1/strays", &strays)
	answers := 0
	for _, late := range strays {
		if late.MTI != "0110" {
			continue // to a reversal, whose repeat was answered in time
		}
		answers++
		var story string
		s.Operator("GET", "/v1/explain?of="+late.OfRRN, &story)
		if !strings.Contains(story, `"what": "late"`) {
			t.Errorf("the late answer to %s is not recorded", late.OfRRN)
		}
	}
	if answers == 0 {
		t.Error("no answer was late")
	}
	for line := range strings.Lines(s.Logs.String()) {
		if strings.Contains(line, "request failed") || strings.Contains(line, "not recorded") {
			t.Fatal(line)
		}
	}
}

// I7: increments, captures, reversals, voids and refunds at once on one payment; the sums hold in each answer, and the
// issuer's books are the same at the end.
func TestContentionOnOnePayment(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	for round := range 4 {
		p := s.Do(switchtest.Authorize(fmt.Sprint("root", round), 10_000)).Payment
		rng := rand.New(rand.NewPCG(1, uint64(round)))
		var wg sync.WaitGroup
		for i := range 60 {
			op := []api.Op{api.OpIncrement, api.OpCapture, api.OpCapture, api.OpReverse, api.OpVoid, api.OpRefund}[rng.IntN(6)]
			req := switchtest.On(op, fmt.Sprintf("%d/%d", round, i), p, 1+rng.Int64N(700))
			if op == api.OpVoid {
				req = switchtest.On(op, req.Key, p, 0)
				req.Capture, req.Present = fmt.Sprintf("%s-%d", p, 1+rng.IntN(40)), req.Present.With(api.FieldCapture)
			}
			wg.Go(func() { wantI7(t, s.Do(req)) })
		}
		wg.Wait()
		wantI7(t, s.Do(switchtest.On(api.OpStatus, "", p, 0)))
	}
	cutover(t, s, false)
	s.Audit()
}

// wantI7 holds an answer's sums against I7; what a payment refuses by its state is fine.
func wantI7(t *testing.T, a api.Answer) {
	t.Helper()
	if a.Err != nil {
		if c := a.Err.Code; c != api.CodeInvalidState && c != api.CodeAmountExceeds && c != api.CodeBusy {
			t.Errorf("%s: %v", a.Op, a.Err)
		}
		return
	}
	if a.Captured+a.Released > a.Authorized || a.Refunded > a.Captured || min(a.Captured, a.Released, a.Refunded) < 0 ||
		a.Capturable != a.Authorized-a.Released-a.Captured || a.Refundable != a.Captured-a.Refunded {
		t.Errorf("%s: %s", a.Op, sums(a))
	}
}

// A refund goes out behind the captures that are queued: while the issuer is away it waits, and reaches it after them.
func TestRefundWaitsForCaptures(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Rules: `
rules:
- when: {mti: ["0220", "0221"]}
  latency: {distribution: constant, value: 150ms}
`})
	a := s.Do(switchtest.Authorize("k1", 1000))
	for i := range 3 {
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, fmt.Sprint("c", i), a.Payment, 100)), "")
	}
	wantApproved(t, s.Do(switchtest.On(api.OpRefund, "r", a.Payment, 0)), "00")
	st := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
	refund := st.History[len(st.History)-1]
	for _, h := range st.History[1:4] {
		if h.State != "approved" || h.Op != "capture" {
			t.Errorf("refunded before %s of %d was acknowledged: %s", h.Op, h.Amount, h.State)
		}
	}
	if refund.Op != "refund" || refund.Amount != 300 {
		t.Errorf("%+v", refund)
	}
	s.Audit()
}

// Past the deadline the refund is refused, nothing of it is sent or stored, and its key is free.
func TestRefundGivesUpWaiting(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{IssuerData: true})
	a := s.Do(switchtest.Authorize("k1", 1000))
	s.StopIssuer()
	s.Await("the links are down", func() bool { return s.Switch.Unready() != "" })
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c", a.Payment, 0)), "")
	refund := switchtest.On(api.OpRefund, "r", a.Payment, 0)
	wantError(t, s.Do(refund), api.CodeIssuerUnavailable, "")
	if st := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)); len(st.History) != 2 {
		t.Fatalf("history %+v", st.History)
	}
	s.StartIssuer()
	s.AwaitDrained()
	if again := s.Do(refund); again.Replayed || !again.Approved {
		t.Fatalf("%+v, error %v", again, again.Err)
	}
	s.Audit()
}

// The other dialect, and TLS on every connection, end to end.
func TestDialectAndTLS(t *testing.T) {
	for _, o := range []switchtest.Options{{Dialect: "iso87bcd"}, {TLS: true}, {Dialect: "iso87bcd", TLS: true}} {
		t.Run(strings.TrimSpace(fmt.Sprint(o.Dialect, " TLS ", o.TLS)), func(t *testing.T) {
			s := switchtest.Start(t, o)
			r := switchtest.Authorize("k1", 12345)
			r.EMV, r.Entry, r.Present = "9F26081122334455667788", api.EntryChip, r.Present.With(api.FieldEMV).With(
				api.FieldEntry,
			)
			r.Card.CVC, r.Card.Sequence = "", "001"
			a := s.Do(r)
			wantApproved(t, a, "00")
			eachOperation(t, s, a)
			cutover(t, s, false)
			s.Audit()
		})
	}
}

// eachOperation goes on with an authorization over 12345: it is raised, lowered, captured, the capture taken back,
// captured finally and refunded, each over the keys from k2, and there is a sale.
func eachOperation(t *testing.T, s *switchtest.System, a api.Answer) {
	t.Helper()
	wantApproved(t, s.Do(switchtest.On(api.OpIncrement, "k2", a.Payment, 655)), "00")
	wantSums(t, s.Do(switchtest.On(
		api.OpReverse, "k3", a.Payment, 1000,
	)), "authorized authorized 13000 released 1000 captured 0 refunded 0")
	wantSums(t, s.Do(switchtest.On(
		api.OpCapture, "k4", a.Payment, 5000,
	)), "partially_captured authorized 13000 released 1000 captured 5000 refunded 0")
	wantSums(t, s.Do(switchtest.On(
		api.OpVoid, "k5", a.Payment, 0,
	)), "authorized authorized 13000 released 1000 captured 0 refunded 0")
	final := switchtest.On(api.OpCapture, "k6", a.Payment, 2000)
	final.Final, final.Present = true, final.Present.With(api.FieldFinal)
	wantSums(t, s.Do(final), "captured authorized 13000 released 11000 captured 2000 refunded 0")
	wantSums(t, s.Do(switchtest.On(
		api.OpRefund, "k7", a.Payment, 50,
	)), "partially_refunded authorized 13000 released 11000 captured 2000 refunded 50")
	sale := switchtest.Authorize("k8", 777)
	sale.Op = api.OpSale
	wantApproved(t, s.Do(sale), "00")
}

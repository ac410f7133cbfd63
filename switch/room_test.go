package txswitch_test

import (
	"fmt"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// A gateway that has a refund declined again and again, each time under a new key, is told to wait; what else is
// possible on the payment still is, and each key has its answer.
func TestDeclinedRefundsLeaveRoom(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Rules: `
rules:
- when: {mti: ["0200"], amount: {to: 100}}
  response_code: "51"
`})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 400)), "")
	const atOnce = 50
	for i := range atOnce {
		r := s.Do(switchtest.On(api.OpRefund, fmt.Sprintf("r%d", i), a.Payment, 100))
		if r.Err != nil || r.Approved || r.ResponseCode != "51" {
			t.Fatalf("refund %d: %+v, error %v", i, r, r.Err)
		}
	}
	wantError(t, s.Do(switchtest.On(api.OpRefund, "later", a.Payment, 100)), api.CodeBusy, "")
	r := s.Do(switchtest.On(api.OpRefund, "r0", a.Payment, 100))
	if r.Err != nil || !r.Replayed || r.ResponseCode != "51" {
		t.Errorf("a repeat: %+v, error %v", r, r.Err)
	}
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k3", a.Payment, 100)), "")
	void := switchtest.On(api.OpVoid, "k4", a.Payment, 0)
	void.Capture, void.Present = a.Payment+"-1", void.Present.With(api.FieldCapture)
	wantApproved(t, s.Do(void), "00")
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "k5", a.Payment, 0)), "00")
	wantSums(t, s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)),
		"captured authorized 1000 released 900 captured 100 refunded 0")
	s.AwaitDrained()
	s.Audit()
}

package payment_test

import (
	"testing"

	"switchyard/switch/payment"
)

// A parked release may be sent again while it leaves no more authorized than stands. What was parked behind it counts
// against it unless the issuer refused it: else it may be done there, and the issuer would hold more again.
func TestOvertaken(t *testing.T) {
	for name, c := range map[string]struct {
		state payment.State
		code  string
		want  bool
	}{
		"done":                         {payment.StateApproved, "00", true},
		"refused":                      {payment.StateParked, "25", false},
		"parked, nobody knows":         {payment.StateParked, "", true},
		"approved, and parked for all": {payment.StateParked, "00", true},
		"closed by a person":           {payment.StateClosed, "25", true},
	} {
		p := &payment.Payment{Ops: []payment.Op{
			{Kind: payment.KindAuthorize, State: payment.StateApproved, Amount: 1000, Granted: 1000, Target: payment.NoTarget,
				ResponseCode: "00"},
			{Kind: payment.KindReverse, State: payment.StateParked, Amount: 300, Stays: 700, ResponseCode: "25"},
			{Kind: payment.KindReverse, State: c.state, Amount: 100, Stays: 600, ResponseCode: c.code},
		}}
		if got := p.Overtaken(1); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

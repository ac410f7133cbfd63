package txswitch_test

import (
	"testing"
	"time"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// operations are a payment's, as it is exported.
func operations(s *switchtest.System, id string) []operator.OpExport {
	var p operator.PaymentExport
	s.Operator("GET", "/v1/payments?payment="+id, &p)
	return p.Ops
}

// of asks for a payment that was answered.
func of(a api.Answer) api.Request { return switchtest.On(api.OpStatus, "", a.Payment, 0) }

// last is the last operation of a payment.
func last(s *switchtest.System, id string) operator.OpExport {
	ops := operations(s, id)
	return ops[len(ops)-1]
}

// A window ends while the switch is down: once it is up and the clock is beyond doubt the hold is released, and the
// issuer holds nothing. While the clock is in doubt nothing ends; what is captured at once is.
func TestWindowEndsWhileDown(t *testing.T) {
	var c setClock
	s := switchtest.Start(t, switchtest.Options{Wall: c.wall, Unsynchronized: true})
	open := s.Do(switchtest.Authorize("k1", 100))
	part := s.Do(switchtest.Authorize("k2", 100))
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c2", part.Payment, 40)), "")
	s.AwaitDrained()
	s.StopSwitch()
	c.set(31 * day)
	s.StartSwitch()
	if a := s.Do(of(open)); a.Status != api.StatusAuthorized {
		t.Errorf("with a clock in doubt it is %+v", a)
	}
	at := switchtest.Authorize("k3", 100)
	at.Capture, at.Present = api.CaptureImmediate, at.Present.With(api.FieldCapture)
	if a := s.Do(at); a.Status != api.StatusCaptured || a.Captured != 100 {
		t.Errorf("captured at once with a clock in doubt it is %+v", a)
	}
	s.Operator("POST", "/v1/clock/confirm", nil)
	if a := s.Do(of(open)); a.Status != api.StatusExpired || a.Capturable != 100 {
		t.Errorf("past its window it is %+v", a)
	}
	s.StopSwitch()
	s.StartSwitch()
	s.CrashSwitch() // wherever it is with what is due
	s.StartSwitch()
	for _, id := range []string{open.Payment, part.Payment} {
		s.Await("the window's end is acknowledged", func() bool {
			op := last(s, id)
			return op.Op == "expire" && op.State == "approved"
		})
	}
	if a := s.Do(of(open)); a.Status != api.StatusExpired || a.Released != 100 || len(a.History) != 2 {
		t.Errorf("released it is %+v", a)
	}
	if a := s.Do(of(part)); a.Status != api.StatusCaptured || a.Released != 60 || a.Captured != 40 {
		t.Errorf("of a part that was captured: %+v", a)
	}
	refused := s.Do(switchtest.On(api.OpCapture, "c3", open.Payment, 100))
	if refused.Err == nil || refused.Err.Code != api.CodeInvalidState {
		t.Errorf("a capture past the window: %+v", refused)
	}
	s.Audit()
}

// A window that begins while the clock is behind ends no earlier for it: once the clock is put right, the authorization
// is as young as it is, and is captured.
func TestWindowBegunWhileTheClockIsBehind(t *testing.T) {
	var c setClock
	s := switchtest.Start(t, switchtest.Options{Wall: c.wall})
	wantApproved(t, s.Do(switchtest.Authorize("k1", 100)), "00")
	s.StopSwitch()
	c.set(-31 * day)
	s.StartSwitch()
	young := s.Do(switchtest.Authorize("k2", 100))
	wantApproved(t, young, "00")
	c.set(0)
	s.Operator("POST", "/v1/clock/confirm", nil)
	if a := s.Do(of(young)); a.Status != api.StatusAuthorized {
		t.Errorf("with the clock put right it is %+v", a)
	}
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c2", young.Payment, 100)), "")
	s.Audit()
}

// A capture by the switch that is asked for while the clock is behind comes no earlier for it: it comes as long after
// the clock is right as was asked for.
func TestCaptureAskedForWhileTheClockIsBehind(t *testing.T) {
	var c setClock
	s := switchtest.Start(t, switchtest.Options{Wall: c.wall, Unsynchronized: true})
	wantApproved(t, s.Do(switchtest.Authorize("k1", 100)), "00")
	shown := c.wall()
	s.StopSwitch()
	c.set(-31 * day)
	s.StartSwitch()
	asked := switchtest.Authorize("k2", 100)
	asked.CaptureAfter, asked.Present = 48*time.Hour, asked.Present.With(api.FieldCapture)
	young := s.Do(asked)
	wantApproved(t, young, "00")
	at := operations(s, young.Payment)[0].CaptureAt
	if at == nil || at.Before(shown.Add(48*time.Hour-time.Minute)) {
		t.Errorf("it is to be captured at %v, and %s was shown before it was asked for", at, shown)
	}
	c.set(0)
	s.Operator("POST", "/v1/clock/confirm", nil)
	if a := s.Do(of(young)); a.Status != api.StatusAuthorized {
		t.Errorf("with the clock put right it is %+v", a)
	}
	s.StopSwitch()
	c.set(49 * time.Hour)
	s.StartSwitch()
	s.Operator("POST", "/v1/clock/confirm", nil)
	s.Await("it is captured", func() bool { return last(s, young.Payment).Op == "capture" })
	s.AwaitDrained()
	s.Audit()
}

// A refund window ends by the confirmed clock, too, and what comes past it is refused with nothing stored.
func TestRefundWindow(t *testing.T) {
	var c setClock
	s := switchtest.Start(t, switchtest.Options{
		Wall: c.wall, Unsynchronized: true,
		Configure: func(config *txswitch.Config) { config.Merchants.Default.RefundWindowDays = 90 },
	})
	sale := switchtest.Authorize("k1", 100)
	sale.Op = api.OpSale
	sold := s.Do(sale)
	wantApproved(t, sold, "00")
	s.StopSwitch()
	c.set(91 * day)
	s.StartSwitch()
	// Nobody has confirmed the clock yet.
	wantApproved(t, s.Do(switchtest.On(api.OpRefund, "r1", sold.Payment, 10)), "00")
	s.Operator("POST", "/v1/clock/confirm", nil)
	refused := s.Do(switchtest.On(api.OpRefund, "r2", sold.Payment, 10))
	if refused.Err == nil || refused.Err.Code != api.CodeInvalidState {
		t.Errorf("a refund past its window: %+v", refused)
	}
	if ops := operations(s, sold.Payment); len(ops) != 2 {
		t.Errorf("stored are %+v", ops)
	}
}

// What the switch is to capture it captures once, over stops and crashes; what it captures at once is in the answer.
func TestAutomaticCaptures(t *testing.T) {
	var c setClock
	s := switchtest.Start(t, switchtest.Options{Wall: c.wall, Unsynchronized: true})
	now := switchtest.Authorize("k1", 100)
	now.Capture, now.Present = api.CaptureImmediate, now.Present.With(api.FieldCapture)
	if a := s.Do(now); a.Status != api.StatusCaptured || a.Captured != 100 {
		t.Errorf("captured at once: %+v", a)
	}
	later := switchtest.Authorize("k2", 100)
	later.CaptureAfter, later.Present = 48*time.Hour, later.Present.With(api.FieldCapture)
	first := s.Do(later)
	wantApproved(t, first, "00")
	given := later
	given.Key = "k3"
	back := s.Do(given)
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "r3", back.Payment, 0)), "00")
	s.CrashSwitch()
	c.set(49 * time.Hour)
	s.StartSwitch()
	s.Operator("POST", "/v1/clock/confirm", nil)
	s.StopSwitch()
	s.StartSwitch()
	s.CrashSwitch() // wherever it is with what is due
	s.StartSwitch()
	s.Await("it is captured", func() bool { return last(s, first.Payment).Op == "capture" })
	s.AwaitDrained()
	s.StopSwitch()
	s.StartSwitch()
	ops := operations(s, first.Payment)
	if len(ops) != 2 || !ops[1].Automatic || ops[1].Key != "" || ops[1].Amount != 100 || ops[0].CaptureAt == nil {
		t.Errorf("captured later: %+v", ops)
	}
	if ops := operations(s, back.Payment); len(ops) != 2 || ops[1].Op != "reverse" {
		t.Errorf("reversed before it was captured: %+v", ops)
	}
	s.Audit()
}

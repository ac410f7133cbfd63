package txswitch_test

import (
	"context"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/payment"
	"switchyard/switch/switchtest"
)

// A request that would commit what breaks I7 commits nothing and is answered internal: here on a payment that an
// earlier program has left broken.
func TestRequestThatBreaksMoney(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{BrokenMoney: true})
	first := s.Do(switchtest.Authorize("first", 1000))
	s.Do(switchtest.On(api.OpCapture, "capture", first.Payment, 600))
	s.AwaitDrained()
	s.StopSwitch()
	j, err := pebble.Open(pebble.Options{
		FS: s.FS, Dir: s.FS.PathJoin(s.Config.Data, "journal"), Node: s.Config.Node,
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := payment.ParseID(first.Payment)
	if err != nil {
		t.Fatal(err)
	}
	p, err := j.Payment(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	p.Version++
	p.Ops[0].Granted = 500
	if err := j.Commit(context.Background(), &journal.Transition{Payment: p, EvenBroken: true}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s.StartSwitch()
	for _, op := range []api.Op{api.OpIncrement, api.OpRefund, api.OpVoid} {
		req := switchtest.On(op, op.String(), first.Payment, 50)
		if op == api.OpVoid {
			req = switchtest.On(op, op.String(), first.Payment, 0)
		}
		a := s.Do(req)
		if a.Err == nil || a.Err.Code != api.CodeInternal {
			t.Errorf("%s: %+v", op, a)
		}
	}
	status := s.Do(switchtest.On(api.OpStatus, "", first.Payment, 0))
	if status.Captured != 600 || status.Authorized != 500 || status.Refunded != 0 || status.Released != 0 {
		t.Errorf("the sums are %+v", status)
	}
}

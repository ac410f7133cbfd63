package txswitch_test

import (
	"errors"
	"io/fs"
	"testing"

	"go.uber.org/zap"

	"switchyard/switch/api"
	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/journal/memory"
	"switchyard/switch/switchtest"
)

// A whole switch runs on any engine of the contract: a payment from its authorization to its clearing file, over a
// restart, on the journal in memory. Nothing of the engine on disk is there.
func TestSwitchOnAnotherEngine(t *testing.T) {
	store := memory.NewStore()
	s := switchtest.Start(t, switchtest.Options{
		Journal: func(c *clock.Clock) (journal.Engine, error) { return store.Open(c, zap.NewNop()), nil },
	})
	auth := s.Do(switchtest.Authorize("a", 10_000))
	if !auth.Approved {
		t.Fatalf("authorize: %+v", auth)
	}
	capture := s.Do(switchtest.On(api.OpCapture, "c", auth.Payment, 6_000))
	if !capture.Approved {
		t.Fatalf("capture: %+v", capture)
	}
	if again := s.Do(switchtest.Authorize("a", 10_001)); again.Err == nil || again.Err.Code != api.CodeConflict {
		t.Errorf("another body under the key: %+v", again)
	}

	s.StopSwitch()
	s.StartSwitch()
	if again := s.Do(switchtest.Authorize("a", 10_000)); !again.Replayed || again.Payment != auth.Payment {
		t.Errorf("the key after a restart: %+v", again)
	}
	if refund := s.Do(switchtest.On(api.OpRefund, "r", auth.Payment, 1_500)); !refund.Approved {
		t.Errorf("refund: %+v", refund)
	}
	status := s.Do(switchtest.On(api.OpStatus, "", auth.Payment, 0))
	if status.Captured != 6_000 || status.Refunded != 1_500 || status.Capturable != 4_000 {
		t.Errorf("status: %+v", status)
	}
	s.AwaitDrained()
	s.Operator("POST", "/v1/cutover?wait=1m", nil)

	names, err := s.FS.List(s.FS.PathJoin(s.Config.Data, "clearing", capture.BusinessDate))
	if err != nil || len(names) != 4 {
		t.Errorf("the date's files: %v, %v", names, err)
	}
	if report := s.Audit(); !report.Clean() || report.Payments != 1 || report.Presentments != 2 {
		t.Errorf("the audit: %+v", report)
	}
	if _, err := s.FS.Stat(s.FS.PathJoin(s.Config.Data, "journal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a journal on disk: %v", err)
	}
}

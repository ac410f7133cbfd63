package txswitch_test

import (
	"sync/atomic"
	"testing"
	"time"

	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// What /readyz says of the whole switch can be watched: not ready without its issuer, and with the disk nearly full.
func TestStandingIsShown(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	s := switchtest.Start(t, switchtest.Options{FreeBytes: free.Load})
	s.AwaitReady()
	for name, want := range map[string]float64{
		"switchyard_ready": 1, "switchyard_held": 0, "switchyard_disk_free_bytes": 1 << 40,
		"switchyard_disk_reserve_bytes": 256 << 20, "switchyard_backup_timestamp_seconds": 0,
	} {
		if got := metric(t, s, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	before := time.Now()
	if err := s.API().Backup(t.Context(), "copy"); err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(int64(metric(t, s, "switchyard_backup_timestamp_seconds") * 1000))
	if at.Before(before.Truncate(time.Second)) || at.After(time.Now()) {
		t.Errorf("the backup is shown to be of %s; it was made after %s", at, before)
	}
	free.Store(1 << 20)
	s.Await("the full disk is shown", func() bool { return metric(t, s, "switchyard_ready") == 0 })
	free.Store(1 << 40)
	s.AwaitReady()
	s.StopIssuer()
	s.Await("the lost issuer is shown", func() bool { return metric(t, s, "switchyard_ready") == 0 })
}

// A switch whose data folder was put back shows that it is held, until an operator has confirmed it.
func TestHoldIsShown(t *testing.T) {
	s, _, _ := putBack(t, nil)
	if held, ready := metric(t, s, "switchyard_held"), metric(t, s, "switchyard_ready"); held != 1 || ready != 0 {
		t.Errorf("put back: held %v, ready %v; want 1 and 0", held, ready)
	}
	var r operator.Review
	s.Operator("GET", "/v1/restore", &r)
	s.Operator("POST", "/v1/restore/confirm?token="+r.Token, nil)
	if held := metric(t, s, "switchyard_held"); held != 0 {
		t.Errorf("confirmed: held %v, want 0", held)
	}
}

package txswitch_test

import (
	"context"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/switchtest"
)

// A clock that is a day behind what it was is named in the log, and payments go on under numbers that were never used (I9).
func TestClockADayBack(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	before := s.Do(switchtest.Authorize("k1", 100))
	wantApproved(t, before, "00")
	s.StopSwitch()
	const alarm = "the clock was set back"
	if strings.Contains(s.Logs.String(), alarm) {
		t.Fatal("an alarm without cause")
	}
	// The switch ran a day from now and reserved DE7 as it does then.
	tomorrow := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Second)
	j, err := journal.Open(journal.Options{FS: s.FS, Dir: s.FS.PathJoin(s.Config.Data, "journal"), Node: s.Config.Node, Fatal: func(msg string, err error) {
		t.Errorf("%s: %v", msg, err)
		runtime.Goexit()
	}})
	if err != nil {
		t.Fatal(err)
	}
	name := "clock/" + s.Config.AcquirerID + "/" + s.Config.Issuers[0].Name
	if err := j.PutMeta(context.Background(), name, binary.BigEndian.AppendUint64(nil, uint64(tomorrow.Unix()))); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s.StartSwitch()
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("k2", 100))
	wantApproved(t, a, "00")
	st := s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0))
	if len(st.History) != 1 || st.RRN == before.RRN {
		t.Errorf("%+v", st)
	}
	s.Await("the log names it", func() bool { return strings.Contains(s.Logs.String(), alarm) })
}

package txswitch_test

import (
	"errors"
	"testing"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/switchtest"
)

// storeOfFormat1 is a switch's data folder and its issuer's, as an older program left them on 2026-11-26: a day of
// every operation is written, the next one is open.
const (
	storeOfFormat1  = "testdata/store-format1"
	storeKeyFormat1 = "switchyard-key-1 6047f4bc 3ddZkeiPRoATj/XxghZ56MDDf9rI1nkxWmD2DVUbnYg=\n"
)

// What an older program stored goes on: it is captured, refunded and reversed, its day is closed, and the books agree.
func TestStoreOfFormat1(t *testing.T) {
	fs, issuer := vfs.NewCrashableMem(), vfs.NewMem()
	for _, c := range []struct {
		to        vfs.FS
		from, dir string
	}{{fs, "data", "switch"}, {issuer, "issuer-data", "issuer"}} {
		if _, err := vfs.Clone(vfs.Default, c.to, storeOfFormat1+"/"+c.from, c.dir); err != nil {
			t.Fatal(err)
		}
	}
	began, then := time.Now(), time.Date(2026, time.November, 26, 12, 0, 0, 0, time.UTC)
	s := switchtest.Start(t, switchtest.Options{
		FS: fs, KeyText: storeKeyFormat1, IssuerFS: issuer, IssuerData: true,
		Wall: func() time.Time { return then.Add(time.Since(began)) },
	})
	s.AwaitReady()
	s.AwaitDrained()
	for _, step := range []struct {
		op      api.Op
		payment string
		amount  int64
	}{
		{api.OpCapture, "P10000000004", 700}, {api.OpCapture, "P10000000001", 200}, {api.OpRefund, "P10000000001", 300},
		{api.OpReverse, "P10000000009", 0},
	} {
		if a := s.Do(switchtest.On(step.op, step.op.String()+" "+step.payment, step.payment, step.amount)); !a.Approved {
			t.Errorf("%s of %s: %+v", step.op, step.payment, a)
		}
	}
	s.Operator("POST", "/v1/cutover", nil)
	s.Audit()

	s.StopSwitch()
	j, err := pebble.Open(pebble.Options{
		FS: fs, Dir: "switch/journal", Node: 1, ReadOnly: true,
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	err = j.Verify(func(problem string) bool { t.Error(problem); return true })
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
}

package loadgen_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
	"switchyard/spec"
)

// unread is a target of one connection from which nobody reads, and its traffic.
func unread(t *testing.T, inFlight int) (*loadgen.ISOTarget, *loadgen.Traffic) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	tr := traffic(t, "authorize")
	target, err := loadgen.NewISOTarget(
		[]net.Conn{here}, loadgen.ISOOptions{Codec: spec.MustCodec("iso87ascii")}, inFlight, tr)
	if err != nil {
		t.Fatal(err)
	}
	return target, tr
}

// A host that stops reading is given up after a while, and the run ends with all that was asked of it lost.
func TestISOTargetGivesUpAHostThatReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target, tr := unread(t, 20_000)
		defer target.Close()
		began := time.Now()
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: target, InFlight: 20_000, Rate: 20_000, Fixed: true, Duration: time.Second, Ops: tr.Ops(),
			Drain: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		lost := res.Total.Count(record.ConnectionLost)
		if took := time.Since(began); took < 5*time.Second || took > 15*time.Second || lost == 0 || res.Failed != 19_999 {
			t.Errorf("%s, %d lost of %d failed; want 10 s and all of 19,999 failed", took, lost, res.Failed)
		}
	})
}

// A request that waits until the connection takes more can be given up, and waits no longer.
func TestISOTargetForgetsWhatWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots = 20_000
		target, _ := unread(t, slots)
		defer target.Close()
		started := make(chan uint64, slots)
		go func() {
			defer close(started)
			for n := range uint64(slots) {
				target.Open(0, int(n), n)
				target.Start(0, int(n), n, func(loadgen.Outcome) {})
				started <- n
			}
		}()
		synctest.Wait()
		stuck := uint64(len(started))
		if stuck == slots {
			t.Fatal("the connection takes all of it")
		}
		if o, was := target.Forget(0, int(stuck), stuck); !was || o.Class != record.NoAnswer {
			t.Errorf("%+v %v, want no answer", o, was)
		}
		synctest.Wait()
		if n := uint64(len(started)); n != stuck+1 {
			t.Errorf("%d started, want the one that was given up and no more behind %d", n, stuck)
		}
		if _, was := target.Forget(0, int(stuck), stuck); was {
			t.Error("it is given up twice")
		}
	})
}

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

// What waits for a host that reads nothing is bounded, also where callers give up sooner than the host is given up.
func TestWhatWaitsToBeWrittenIsBounded(t *testing.T) {
	forBoth(t, func(t *testing.T, h *hosts) {
		const slots, most = 10, 20_000
		here, there := net.Pipe()
		defer there.Close()
		target, _ := h.silent(here)
		defer target.Close()
		began, n := time.Now(), uint64(0)
		ended := make(chan loadgen.Outcome, 1)
		for ; n < most; n++ {
			slot := int(n % slots)
			target.(loadgen.Opener).Open(0, slot, n)
			target.Start(0, slot, n, func(o loadgen.Outcome) { ended <- o })
			target.(loadgen.Flusher).Flush(0)
			if _, was := target.(loadgen.Forgetter).Forget(0, slot, n); !was {
				break // it has ended, or ends
			}
		}
		const about = 1 << 20 / 1000 // there is room for more than so many requests, none of them of 1,000 bytes
		if n < about || n == most {
			t.Fatalf("%d requests are taken", n)
		}
		if o := <-ended; o.Class != record.ConnectionLost || time.Since(began) != 0 ||
			o.Code != "the host takes nothing, and too much waits for it" {
			t.Errorf("%+v after %s, want that the host is given up at once", o, time.Since(began))
		}
	})
}

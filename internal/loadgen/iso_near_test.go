package loadgen_test

import (
	"maps"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
	"switchyard/spec"
)

// framesOf counts what came and completed no request.
func framesOf(res *loadgen.Result) map[record.Outcome]uint64 {
	frames := map[record.Outcome]uint64{}
	for _, f := range res.Run.Failures {
		if f.Frames > 0 {
			frames[f.Outcome] = f.Frames
		}
	}
	return frames
}

// A second answer is told as one although its place has another request already.
func TestASecondAnswerInAClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		answered := uint64(0)
		go playHost(t, there, func(_ int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
			time.Sleep(10 * time.Millisecond)
			answered++
			b := pack(approve(m))
			return [][]byte{b, b}
		})
		tr := traffic(t, "authorize")
		target, err := loadgen.NewISOTarget(
			[]net.Conn{here}, loadgen.ISOOptions{Codec: spec.MustCodec("iso87ascii")}, 1, tr)
		if err != nil {
			t.Fatal(err)
		}
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: target, InFlight: 1, Duration: time.Second, Timeout: time.Second, Ops: tr.Ops(),
		})
		if err != nil {
			t.Fatal(err)
		}
		target.Close()
		synctest.Wait()
		again := record.Outcome{Class: record.Unmatched, Code: "again"}
		// The very last one may come when the record is closed.
		if got := framesOf(res); len(got) != 1 || got[again] < answered-1 || res.Failed != 0 || res.Approved < 90 {
			t.Errorf("frames %v of %d answers, %d approved, errors %v", got, answered, res.Approved, res.Errors)
		}
	})
}

// alike is traffic whose requests differ in nothing but what names them.
func alike(t *testing.T) *loadgen.Traffic {
	t.Helper()
	tr := &loadgen.Traffic{
		Flows: []loadgen.Flow{{Name: "x", Weight: 1, Steps: []loadgen.Step{loadgen.StepAuthorize}}}, Terminals: 1,
		Cards: loadgen.NewCards(time.Now()), Run: "r-", Amounts: [2]int64{1000, 1000},
		Merchants: []loadgen.Merchant{{ID: "M", Currency: "EUR", Weight: 1}},
	}
	if err := tr.Prepare(); err != nil {
		t.Fatal(err)
	}
	return tr
}

// An answer that has an amount and a currency of requests in flight, and no name of any, is none of theirs: it may be
// anybody's. Where only one waits it is taken for that one's.
func TestWhatAnAnswerComesNearestTo(t *testing.T) {
	for name, c := range map[string]struct {
		waiting int // requests in flight when it comes
		nearest string
		errors  map[string]uint64
	}{
		"three": {3, "one of 3 requests in flight, but for DE7", map[string]uint64{"unanswered": 3}},
		"one":   {1, "a request in flight, but for DE7", map[string]uint64{"unmatched: DE7": 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			res := trafficAt(t, alike(t), nil, func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				if n >= c.waiting {
					return [][]byte{pack(approve(m))}
				}
				if n < c.waiting-1 {
					return nil
				}
				m.Set(7, "0202020202")
				m.Set(11, "999997")
				m.Set(37, "NOBODYKNOWS1")
				return [][]byte{pack(approve(m))}
			})
			if !maps.Equal(res.Errors, c.errors) {
				t.Errorf("%s: errors %v, want %v", name, res.Errors, c.errors)
			}
			stray := record.Outcome{Class: record.Unmatched, Code: "DE7"}
			if got := framesOf(res); got[stray] != 1 || len(got) != 1 {
				t.Errorf("%s: frames %v", name, got)
			}
			for _, f := range res.Run.Failures {
				if f.Outcome == stray && !strings.HasPrefix(f.Nearest, c.nearest) {
					t.Errorf("%s: it comes nearest to %s, want %s", name, f.Nearest, c.nearest)
				}
			}
		})
	}
}

// An answer that comes on another connection than its request completes nothing, and is told for what it is.
func TestAnAnswerOnAnotherConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stray := make(chan []byte, 1)
		var conns []net.Conn
		for lane := range 2 {
			here, there := net.Pipe()
			conns = append(conns, here)
			go playHost(t, there, func(n int, m *spec.Message, pack func(*spec.Message) []byte) [][]byte {
				answer := pack(approve(m))
				switch {
				case n > 0:
				case lane == 0:
					stray <- answer
					return nil
				default:
					return [][]byte{<-stray, answer}
				}
				return [][]byte{answer}
			})
		}
		tr := traffic(t, "authorize")
		target, err := loadgen.NewISOTarget(conns, loadgen.ISOOptions{Codec: spec.MustCodec("iso87ascii")}, 100, tr)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: target, Lanes: 2, InFlight: 100, Rate: 10, Fixed: true, Duration: 1050 * time.Millisecond,
			Timeout: time.Second / 2, Ops: tr.Ops(), Drain: 5 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		f := res.Run.Failures
		other := record.Outcome{Class: record.Unmatched, Code: "connection"}
		if res.Approved != 9 || len(f) != 1 || f[0].Outcome != other ||
			f[0].Frames != 1 || f[0].Requests != 1 || f[0].Nearest != "a request in flight on another connection" {
			t.Errorf("%d approved, %+v", res.Approved, f)
		}
	})
}

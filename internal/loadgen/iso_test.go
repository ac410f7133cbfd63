package loadgen_test

import (
	"bufio"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// plenty is how many answers a closed loop is driven for: a window of some time may be over on a busy machine before
// there were any.
const plenty = 300

// A tally opens when so many were counted.
type tally struct {
	left atomic.Int64
	full chan struct{}
}

func newTally(n int64) *tally {
	c := &tally{full: make(chan struct{})}
	c.left.Store(n)
	return c
}

func (c *tally) one() {
	if c.left.Add(-1) == 0 {
		close(c.full)
	}
}

// serveISO answers each 0100 as an issuer does: those of an odd amount with 51. After limit requests it hangs up.
func serveISO(t *testing.T, conn net.Conn, codec *spec.Codec, format framing.Format, limit int, answers *tally) {
	defer conn.Close()
	var m spec.Message
	seen := map[string]bool{}
	in := bufio.NewReaderSize(conn, 8<<10)
	for range limit {
		frame, err := format.Peek(in, 4096)
		if err != nil {
			return
		}
		if err := codec.Unpack(frame.Message, &m); err != nil {
			t.Errorf("a request does not parse: %v", err)
			return
		}
		if rrn := m.String(37); seen[rrn] || len(rrn) != 12 {
			t.Errorf("RRN %q is there twice or too short", rrn)
		}
		seen[m.String(37)] = true
		m.SetMTI("0110")
		code := "00"
		if amount, _ := m.Uint(4); amount%2 == 1 {
			code = "51"
		}
		m.Set(39, code)
		answer, err := codec.Pack(nil, &m)
		if err != nil {
			t.Errorf("pack: %v", err)
			return
		}
		out, err := format.Answer(nil, answer, frame.Head)
		if err != nil {
			t.Errorf("frame: %v", err)
			return
		}
		if _, err := in.Discard(frame.Size); err != nil {
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
		answers.one()
	}
}

// traffic is prepared traffic of one flow.
func traffic(t testing.TB, flow string) *loadgen.Traffic {
	t.Helper()
	tr := &loadgen.Traffic{
		Flows: []loadgen.Flow{{Name: flow, Weight: 1, Steps: loadgen.Flows[flow]}}, Cards: loadgen.NewCards(time.Now()),
		Pool: loadgen.Population{Cards: 1000}, Run: "r-", Seed: 1,
	}
	if err := tr.Prepare(); err != nil {
		t.Fatal(err)
	}
	return tr
}

func isoTarget(t *testing.T, limit, inFlight int, text string, answers *tally) *loadgen.ISOTarget {
	format := framing.MustParse(text)
	codec := spec.MustCodec("iso87ascii")
	var conns []net.Conn
	for range 2 {
		here, there := net.Pipe()
		conns = append(conns, here)
		go serveISO(t, there, codec, format, limit, answers)
	}
	target, err := loadgen.NewISOTarget(
		conns, loadgen.ISOOptions{Codec: codec, Framing: format}, inFlight, traffic(t, "authorize"))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestISOTarget(t *testing.T) {
	for _, text := range []string{"binary2", "ascii4+inclusive+tpdu:6000030000", "none+trailer:03"} {
		t.Run(text, func(t *testing.T) { testISOTarget(t, text) })
	}
}

func testISOTarget(t *testing.T, framing string) {
	answers := newTally(plenty)
	target := isoTarget(t, 1<<30, 64, framing, answers)
	defer target.Close()
	res, err := loadgen.Run(t.Context(), loadgen.Options{
		Target: target, Lanes: 2, InFlight: 64, Duration: time.Hour, Until: answers.full,
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Approved == 0 || res.Declines["51"] == 0 || res.Failed != 0 {
		t.Errorf("%d approved, declines %v, errors %v; want some, some 51, none", res.Approved, res.Declines, res.Errors)
	}
}

func TestISOTargetCountsWhatAHangUpLost(t *testing.T) {
	target := isoTarget(t, 10, 8, "binary2", newTally(plenty))
	res, err := loadgen.Run(t.Context(), loadgen.Options{
		Target: target, Lanes: 2, InFlight: 8, Rate: 1000, Fixed: true, Duration: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	// On a busy machine many are due at once, and those of which there is no room in flight are not sent.
	if n := res.Approved + res.Declined; n == 0 || n > 20 || n+res.Failed != 99 || res.Unanswered != 0 {
		t.Errorf(
			"%d approved, %d declined, %d failed, %d unanswered; 99 were due, and 20 answers at the most", res.Approved,
			res.Declined, res.Failed, res.Unanswered,
		)
	}
	target.Close()
}

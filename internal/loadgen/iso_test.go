package loadgen_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/spec"
	"switchyard/switch/api"
)

// serveISO answers each 0100 as an issuer does: those of an odd amount with 51. After limit requests it hangs up.
func serveISO(t *testing.T, conn net.Conn, codec *spec.Codec, limit int) {
	defer conn.Close()
	var m spec.Message
	seen := map[string]bool{}
	for range limit {
		var head [2]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(conn, frame); err != nil {
			return
		}
		if err := codec.Unpack(frame, &m); err != nil {
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
		out, err := codec.PackFrame(nil, &m)
		if err != nil {
			t.Errorf("pack: %v", err)
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func isoTarget(t *testing.T, limit int) *loadgen.ISOTarget {
	codec := spec.MustCodec("iso87ascii")
	var conns []net.Conn
	for range 2 {
		here, there := net.Pipe()
		conns = append(conns, here)
		go serveISO(t, there, codec, limit)
	}
	return loadgen.NewISOTarget(
		conns, codec, loadgen.Payments{Op: api.OpAuthorize, Run: "r", Cards: loadgen.NewCards(time.Now())},
	)
}

func TestISOTarget(t *testing.T) {
	target := isoTarget(t, 1<<30)
	defer target.Close()
	res, err := loadgen.Run(
		t.Context(), loadgen.Options{Target: target, Lanes: 2, InFlight: 64, Duration: 200 * time.Millisecond},
	)
	if err != nil {
		t.Fatal(err)
	}
	if res.Approved == 0 || res.Declines["51"] == 0 || res.Failed != 0 {
		t.Errorf("%d approved, declines %v, errors %v; want some, some 51, none", res.Approved, res.Declines, res.Errors)
	}
}

func TestISOTargetCountsWhatAHangUpLost(t *testing.T) {
	target := isoTarget(t, 10)
	res, err := loadgen.Run(t.Context(), loadgen.Options{
		Target: target, Lanes: 2, InFlight: 8, Rate: 1000, Fixed: true, Duration: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Approved+res.Declined != 20 || res.Failed != 79 || res.Unanswered != 0 {
		t.Errorf(
			"%d approved, %d declined, %d failed, %d unanswered; want 20 answers of 99", res.Approved, res.Declined, res.Failed,
			res.Unanswered,
		)
	}
	target.Close()
}

package loadgen_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/record"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// What is no message, where nothing but a message says where it ends, is told, and ends the connection: nothing behind
// it can be read, and nobody waits for it.
func TestISOTargetGarbageWithoutFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		go func() {
			first := make([]byte, 4096)
			if _, err := there.Read(first); err != nil {
				return
			}
			if _, err := there.Write([]byte("garbage that is no ISO 8583")); err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, there)
		}()
		tr := traffic(t, "authorize")
		target, err := loadgen.NewISOTarget([]net.Conn{here}, loadgen.ISOOptions{
			Codec: spec.MustCodec("iso87ascii"), Framing: framing.MustParse("none"),
		}, 10, tr)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		res, err := loadgen.Run(t.Context(), loadgen.Options{
			Target: target, InFlight: 10, Rate: 10, Fixed: true, Duration: time.Second, Ops: tr.Ops(), Timeout: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		frames := uint64(0)
		for _, f := range res.Run.Failures {
			if f.Class == record.Unparsable {
				frames += f.Frames
			}
		}
		longest, _ := res.Total.Latency.Max()
		if frames != 1 || res.Total.Count(record.ConnectionLost) != res.Failed || res.Failed != 9 || longest > time.Second {
			t.Errorf("%d frames that cannot be read, errors %v, %s at the longest; want one, and 9 lost at once", frames,
				res.Errors, longest)
		}
	})
}

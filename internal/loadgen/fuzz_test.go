package loadgen_test

import (
	"bufio"
	"bytes"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// What FuzzBytesFromHost picks from: framings of each kind, and dialects whose numbers and bitmaps differ. No number in
// BCD has the trailer in it.
var (
	fuzzFramings = []string{
		"binary2", "binary4", "bcd2", "ascii4", "ascii4+inclusive", "bcd2+tpdu:6000010002", "binary2+header:0000+visa",
		"binary2+text:ISO006000020", "none", "none+visa", "none+trailer:0d0a", "none+tpdu:6000030000",
	}
	fuzzDialects = []*spec.Codec{spec.MustCodec("iso87ascii"), spec.MustCodec("iso87bcd")}
)

// spoken is what a number picks of them.
func spoken(which byte) (framing.Format, *spec.Codec) {
	text, n := fuzzFramings[int(which)%len(fuzzFramings)], int(which)/len(fuzzFramings)
	codec := fuzzDialects[n%len(fuzzDialects)]
	return framing.MustParse(text).Measuring(codec.Measure), codec
}

// firstAsked is the first request of a run that begins when time does in a bubble.
func firstAsked(f *testing.F) *spec.Message {
	here, there := net.Pipe()
	defer there.Close()
	codec := spec.MustCodec("iso87ascii")
	target, err := loadgen.NewISOTarget(
		[]net.Conn{here}, loadgen.ISOOptions{Codec: codec, Now: bubbleBegin}, 1, traffic(f, "authorize"))
	if err != nil {
		f.Fatal(err)
	}
	defer target.Close()
	target.Open(0, 0, 0)
	target.Start(0, 0, 0, func(loadgen.Outcome) {})
	target.Flush(0)
	frame, err := framing.Format{}.Peek(bufio.NewReader(there), 4000)
	if err != nil {
		f.Fatal(err)
	}
	m := new(spec.Message)
	if err := codec.Unpack(frame.Message, m); err != nil {
		f.Fatal(err)
	}
	m.Set(7, bubbleBegin.Format("0102150405"))
	return m
}

// bubbleBegin is when time begins in a bubble.
var bubbleBegin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// FuzzBytesFromHost lets a host answer the first of three requests with any bytes, in any framing and two dialects, and
// the others as it should: each request ends once, and only what has its RRN answers the first.
func FuzzBytesFromHost(f *testing.F) {
	request := firstAsked(f)
	rrn := []byte(request.String(37))
	for which := range byte(len(fuzzFramings) * len(fuzzDialects)) {
		format, codec := spoken(which)
		answer, other, echo := new(spec.Message), new(spec.Message), new(spec.Message)
		answer.CopyFrom(request)
		approve(answer)
		other.CopyFrom(answer)
		other.Set(37, "633000000001")
		echo.SetMTI("0800")
		echo.Set(7, request.String(7))
		echo.Set(11, "000009")
		echo.Set(70, "301")
		for _, m := range []*spec.Message{answer, other, echo} {
			message, err := codec.Pack(nil, m)
			if err != nil {
				f.Fatal(err)
			}
			frame, err := format.Append(nil, message)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(which, frame)
			f.Add(which, append([]byte{0, 0, 0}, frame[:len(frame)-1]...))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, came []byte) {
		format, codec := spoken(which)
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			go answerFirstWith(t, there, codec, format, came)
			tr := traffic(t, "authorize")
			target, err := loadgen.NewISOTarget([]net.Conn{here}, loadgen.ISOOptions{
				Codec: codec, Framing: format, Now: bubbleBegin,
			}, 4, tr)
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			begin := time.Now()
			res, err := loadgen.Run(t.Context(), loadgen.Options{
				Target: target, InFlight: 4, Rate: 10, Fixed: true, Duration: 350 * time.Millisecond,
				Timeout: time.Second / 2, Ops: tr.Ops(), Drain: 5 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			if ended := res.Approved + res.Declined + res.Failed; ended != 3 || time.Since(begin) > time.Second {
				t.Errorf("%s: %d requests ended within %v, want 3 within a second", format, ended, time.Since(begin))
			}
			if answered := res.Approved + res.Declined; answered > 2 && !bytes.Contains(came, rrn) {
				t.Errorf("%s: the first request was answered by %x, in which nothing is its RRN", format, came)
			}
		})
	})
}

// answerFirstWith answers the first request with bytes, and approves the others.
func answerFirstWith(t *testing.T, conn net.Conn, codec *spec.Codec, format framing.Format, came []byte) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 16<<10)
	for n := 0; ; {
		frame, err := format.Peek(in, 4096)
		if err != nil {
			return
		}
		var m spec.Message
		if err := codec.Unpack(frame.Message, &m); err != nil {
			t.Errorf("what it sent cannot be read: %v", err)
			return
		}
		answer := came
		if m.MTI() != "0100" {
			answer = nil // of the bytes' own: the tool answers a host that asks
		} else if n++; n > 1 {
			message, err := codec.Pack(nil, approve(&m))
			if err != nil {
				t.Errorf("pack: %v", err)
				return
			}
			if answer, err = format.Answer(nil, message, frame.Head); err != nil {
				t.Errorf("frame: %v", err)
				return
			}
		}
		if _, err := in.Discard(frame.Size); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

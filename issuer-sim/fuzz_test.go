package issuersim_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// What FuzzBytesFromSwitch picks from: framings of each kind, and dialects whose numbers and bitmaps differ. No number
// in BCD has the trailer in it.
var (
	fuzzFramings = []string{
		"binary2", "binary4", "bcd2", "ascii4", "ascii4+inclusive", "bcd2+tpdu:6000010002", "binary2+header:0000+visa",
		"binary2+text:ISO006000020", "none", "none+visa", "none+trailer:0d0a", "none+tpdu:6000030000",
	}
	fuzzDialects = []*spec.Codec{codec, spec.MustCodec("iso87bcd"), spec.MustCodec("iso93ascii")}
)

// spoken is what a number picks of them.
func spoken(which byte) (framing.Format, *spec.Codec) {
	text, n := fuzzFramings[int(which)%len(fuzzFramings)], int(which)/len(fuzzFramings)
	codec, format := fuzzDialects[n%len(fuzzDialects)], framing.MustParse(text)
	if format.Carries(codec) != nil {
		codec = fuzzDialects[0] // of characters
	}
	return format.Measuring(codec.Measure), codec
}

// framed is a line as a frame.
func framed(t testing.TB, line string, format framing.Format, codec *spec.Codec) []byte {
	t.Helper()
	m, err := message(line)
	if err != nil {
		t.Fatal(err)
	}
	if codec.Version() == spec.ISO1993 {
		m.SetMTI("1" + m.MTI()[1:])
		if m.Has(70) {
			m.SetMTI("1804")
			m.Set(24, "831")
			m.Unset(70)
		}
	}
	b, err := codec.Pack(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = format.Append(nil, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzBytesFromSwitch lets a switch send any bytes, in any framing and three dialects: what comes back are whole
// frames, the books stay right, and the next connection is served.
func FuzzBytesFromSwitch(f *testing.F) {
	for which := range byte(len(fuzzFramings) * len(fuzzDialects)) {
		format, codec := spoken(which)
		frame := framed(f, "0100 stan=1", format, codec)
		cut, _, err := format.Cut(frame, 8192)
		if err != nil {
			f.Fatal(err)
		}
		short, err := format.Append(nil, cut.Message[:24]) // of which no more than the MTI can be read
		if err != nil {
			f.Fatal(err)
		}
		f.Add(which, short)
		f.Add(which, bytes.Repeat(frame, 2))
		f.Add(which, append([]byte{0, 0, 0}, frame[:len(frame)-1]...))
	}
	f.Fuzz(func(t *testing.T, which byte, sent []byte) {
		format, codec := spoken(which)
		synctest.Test(t, func(t *testing.T) {
			conns := make(chan net.Conn)
			server, err := issuersim.New(issuersim.Options{
				Codec: codec, Framing: format, Dialed: 1, Dial: func(ctx context.Context) (net.Conn, error) {
					ours, its := net.Pipe()
					select {
					case conns <- its:
						return ours, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- server.Serve() }()

			fuzzed := <-conns
			came := make(chan []byte, 1)
			go func() {
				b, _ := io.ReadAll(fuzzed) // its error says that one of both ended it
				came <- b
			}()
			if _, err := fuzzed.Write(sent); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
			synctest.Wait()
			fuzzed.Close()
			wholeFrames(t, format, codec, <-came)

			next := <-conns
			in := bufio.NewReader(next)
			if _, err := next.Write(framed(t, "0800 stan=2 net=301", format, codec)); err != nil {
				t.Error(err)
			}
			if err := next.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Error(err)
			}
			frame, err := format.Peek(in, 8192)
			var m spec.Message
			if err == nil {
				err = codec.Unpack(frame.Message, &m)
			}
			if err != nil || m.MTI()[1:3] != "81" || m.String(11) != "000002" {
				t.Errorf("the next connection's echo is answered by %s of %s, %v", m.MTI(), m.String(11), err)
			}
			if wrong := server.Audit(); wrong != nil {
				t.Errorf("the books: %v", wrong)
			}
			if err := server.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	})
}

// wholeFrames wants frames of messages, and nothing else. Those that were sent back, of version 9, are any bytes.
func wholeFrames(t *testing.T, format framing.Format, codec *spec.Codec, came []byte) {
	t.Helper()
	for len(came) > 0 {
		frame, need, err := format.Cut(came, 8192)
		if err != nil || need > 0 {
			t.Errorf("%x came, which is no frame: need %d bytes, %v", came, need, err)
			return
		}
		var m spec.Message
		if err := codec.Unpack(frame.Message, &m); err != nil && frame.Message[0] != '9' && frame.Message[0]>>4 != 9 {
			t.Errorf("%x came, which cannot be read: %v", frame.Message, err)
		}
		came = came[frame.Size:]
	}
}

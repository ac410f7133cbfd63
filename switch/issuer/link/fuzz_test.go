package link_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// FuzzBytesFromHost lets a host answer a request with any bytes, in any framing: the link lives on or is made again, a
// slot is never lost, and only the right response completes the request.
func FuzzBytesFromHost(f *testing.F) {
	for n, text := range framings {
		which := byte(n)
		f.Add(which, []byte{0xff, 0xff, 1, 2, 3})
		m, _ := asked(1)
		other := response(m, "00")
		other.Set(37, "633000000001")
		for _, m := range []*spec.Message{response(m, "00"), other, echoRequest(7)} {
			message, err := codec.Pack(nil, m)
			if err != nil {
				f.Fatal(err)
			}
			frame, err := framed(f, text).Append(nil, message)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(which, frame)
			f.Add(which, frame[:len(frame)-1])
		}
	}
	f.Fuzz(func(t *testing.T, which byte, came []byte) {
		format := framed(t, framings[int(which)%len(framings)])
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{framing: format, on: func(c *hostConn, m *spec.Message) bool {
				if m.MTI() == "0100" && m.String(11) == "000001" {
					c.sendRaw(came)
					return true
				}
				return m.MTI() == "0810"
			}}
			fx := newFixture(t, i, func(c *link.Config) { c.Framing = format })
			defer fx.close()
			synctest.Wait()
			_, want := asked(1)
			answer, err := fx.send(1)
			if err == nil && (answer.String(37) != want.RRN || !bytes.Contains(came, []byte(want.RRN))) {
				t.Errorf("%s: answered by %x, in which nothing is its RRN", format, came)
			}
			// A frame that was begun swallows what follows until the echo finds it out.
			time.Sleep(2 * time.Minute)
			if _, err := fx.send(2); err != nil {
				t.Errorf("%s: the next request: %v", format, err)
			}
			if in := fx.Links()[0].InUse; in != 0 {
				t.Errorf("%s: %d slots are taken, want none", format, in)
			}
		})
	})
}

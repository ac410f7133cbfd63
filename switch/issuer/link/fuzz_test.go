package link_test

import (
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
)

// FuzzBytesFromHost lets a host answer a request with any bytes: the link lives on or is made again, a slot is never
// lost, and only the right response completes the request.
func FuzzBytesFromHost(f *testing.F) {
	f.Add([]byte{0, 0})
	f.Add([]byte{0xff, 0xff, 1, 2, 3})
	f.Add([]byte{0, 4, '0', '8', '1', '0'})
	frame, _ := request(1)
	f.Add(frame)
	for _, m := range []string{"0110", "0810", "0800"} {
		var msg spec.Message
		msg.SetMTI(m)
		msg.Set(7, de7)
		msg.Set(11, "000001")
		msg.Set(39, "00")
		msg.Set(70, "201")
		frame, err := codec.PackFrame(nil, &msg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
				if m.MTI() == "0100" && m.String(11) == "000001" {
					c.sendRaw(bytes)
					return true
				}
				return m.MTI() == "0810"
			}}
			fx := newFixture(t, i, nil)
			defer fx.close()
			synctest.Wait()
			// The codec's own fuzzing shows that what completes it is a message; here it may be one by chance.
			_, _ = fx.send(1)
			// A frame that was begun swallows what follows until the echo finds it out.
			time.Sleep(2 * time.Minute)
			if _, err := fx.send(2); err != nil {
				t.Errorf("the next request: %v", err)
			}
			if in := fx.Links()[0].InUse; in != 0 {
				t.Errorf("%d slots are taken, want none", in)
			}
		})
	})
}

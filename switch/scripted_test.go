package txswitch_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"switchyard/spec"
)

// scripted is an issuer that answers as a test wants it: answer is handed each request with the response that approves
// it, changes the response, or returns false to stay silent; where it resets the response the connection is closed.
type scripted struct {
	t        *testing.T
	listener net.Listener
	answer   func(request, response *spec.Message) bool
	closes   bool        // each connection, once it has answered a request on it
	codec    *spec.Codec // default iso87ascii

	mu    sync.Mutex
	conns []net.Conn
	over  bool
	ended sync.WaitGroup
}

// startScripted runs one until the test ends and returns its address.
func startScripted(t *testing.T, answer func(request, response *spec.Message) bool) string {
	t.Helper()
	return newScripted(t, answer).listener.Addr().String()
}

// newScripted runs one until the test ends.
func newScripted(t *testing.T, answer func(request, response *spec.Message) bool) *scripted {
	t.Helper()
	return newScriptedIn(t, nil, answer)
}

// newScriptedIn runs one that speaks a dialect until the test ends.
func newScriptedIn(t *testing.T, codec *spec.Codec, answer func(request, response *spec.Message) bool) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &scripted{t: t, listener: listener, answer: answer, codec: codec}
	x.start()
	return x
}

// send sends a message over the newest connection.
func (x *scripted) send(m *spec.Message) {
	out, err := x.codec.PackFrame(nil, m)
	if err != nil {
		x.t.Error(err)
		return
	}
	x.mu.Lock()
	nc := x.conns[len(x.conns)-1]
	x.mu.Unlock()
	if _, err := nc.Write(out); err != nil {
		x.t.Error(err)
	}
}

// start runs it until the test ends.
func (x *scripted) start() {
	if x.codec == nil {
		x.codec = spec.MustCodec(spec.DefaultDialect)
	}
	x.ended.Go(func() {
		for {
			nc, err := x.listener.Accept()
			if err != nil {
				return
			}
			x.mu.Lock()
			if x.conns = append(x.conns, nc); x.over { // it was accepted while the others were closed
				nc.Close()
			}
			x.mu.Unlock()
			x.ended.Go(func() { x.serve(nc) })
		}
	})
	x.t.Cleanup(func() {
		x.listener.Close()
		x.mu.Lock()
		x.over = true
		for _, nc := range x.conns {
			nc.Close()
		}
		x.mu.Unlock()
		x.ended.Wait()
	})
}

func (x *scripted) serve(nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	var m spec.Message
	for {
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(in, frame); err != nil {
			return
		}
		if err := x.codec.Unpack(frame, &m); err != nil {
			x.t.Errorf("the switch sent: %v", err)
			return
		}
		response := approve(&m)
		if m.MTI()[1] != '8' && !x.answer(&m, response) {
			continue
		}
		if response.MTI() == "" {
			return
		}
		out, err := x.codec.PackFrame(nil, response)
		if err != nil {
			x.t.Error(err)
			return
		}
		if _, err := nc.Write(out); err != nil || x.closes && m.MTI()[1] != '8' {
			return
		}
	}
}

// approve is the response that approves a request.
func approve(m *spec.Message) *spec.Message {
	var r spec.Message
	mti := []byte(m.MTI())
	mti[2], mti[3] = mti[2]+1, '0'
	r.SetMTI(string(mti))
	for _, de := range []int{3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70} {
		if m.Has(de) {
			r.Set(de, m.String(de))
		}
	}
	r.Set(39, "00")
	if mti[1] == '1' || mti[1] == '2' && mti[2] == '1' {
		r.Set(38, "A1B2C3")
	}
	return &r
}

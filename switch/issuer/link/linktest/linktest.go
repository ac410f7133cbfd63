// Package linktest is an issuer's host for tests of what stands above links: connections in memory, answers by a
// function. It takes sign-ons and echoes by itself.
//
// It is not issuer-sim: it has no accounts, and says what it is told to say.
package linktest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"switchyard/spec"
)

// Host is one host. Its methods may be called from any goroutine.
type Host struct {
	// Answer is asked about each message but those of network management, in the order in which a connection brings them.
	// It returns the answer, nil for none, and after how long it goes out.
	Answer func(m *spec.Message) (answer *spec.Message, after time.Duration)
	// Fault is told what cannot be read or packed; the connection ends with it.
	Fault func(err error)

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

// Dial connects to the host; it fails while the host is down.
func (h *Host) Dial(context.Context, string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		return nil, io.ErrClosedPipe
	}
	here, there := net.Pipe()
	h.conns = append(h.conns, there)
	go h.serve(there)
	return here, nil
}

// SetDown cuts the connections and lets none be made, or lets them.
func (h *Host) SetDown(down bool) {
	h.mu.Lock()
	h.down = down
	h.mu.Unlock()
	if down {
		h.Cut()
	}
}

// Cut cuts the connections.
func (h *Host) Cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.conns {
		c.Close()
	}
	h.conns = nil
}

func (h *Host) serve(nc net.Conn) {
	defer nc.Close()
	codec := spec.MustCodec(spec.DefaultDialect)
	in := bufio.NewReader(nc)
	for {
		m, err := read(in, codec)
		if err != nil {
			h.Fault(err)
		}
		if m == nil {
			return
		}
		answer, after := Response(m, "00"), time.Duration(0)
		if m.MTI()[1] != '8' {
			answer, after = h.Answer(m)
		}
		if answer == nil {
			continue
		}
		out, err := codec.PackFrame(nil, answer)
		if err != nil {
			h.Fault(fmt.Errorf("an answer cannot be packed: %w", err))
			return
		}
		write := func() { _, _ = nc.Write(out) } // fails once the connection is closed, as the next read does
		if after == 0 {
			write()
			continue
		}
		time.AfterFunc(after, write)
	}
}

// read reads a message, nil at the end of the connection.
func read(in io.Reader, codec *spec.Codec) (*spec.Message, error) {
	var head [spec.LengthHeader]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, nil
	}
	frame := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(in, frame); err != nil {
		return nil, nil
	}
	m := new(spec.Message)
	if err := codec.Unpack(frame, m); err != nil {
		return nil, fmt.Errorf("a message cannot be read: %w", err)
	}
	return m, nil
}

// Response is a response to a message, with a code unless that is "".
func Response(m *spec.Message, code string) *spec.Message {
	r := new(spec.Message)
	mti := []byte(m.MTI())
	mti[2], mti[3] = mti[2]+1, '0'
	r.SetMTI(string(mti))
	for _, de := range []int{3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70} {
		if m.Has(de) {
			r.Set(de, m.String(de))
		}
	}
	if code != "" {
		r.Set(39, code)
	}
	return r
}

package lines_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/spec"
	"switchyard/switch/switchtest"
)

// issuer is an issuer that signs on, confirms reversals, and answers each 0100 as a case wants it.
type issuer struct {
	t        *testing.T
	listener net.Listener
	// on0100 is handed the request's approving response as a frame.
	on0100 func(nc net.Conn, approval []byte)
	mu     sync.Mutex
	conns  []net.Conn
	over   bool
	ended  sync.WaitGroup
}

func startIssuer(t *testing.T, on0100 func(nc net.Conn, approval []byte)) *issuer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, listener: listener, on0100: on0100}
	i.ended.Go(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			i.mu.Lock()
			if i.conns = append(i.conns, nc); i.over { // it was accepted while the others were closed
				nc.Close()
			}
			i.mu.Unlock()
			i.ended.Go(func() { i.serve(nc) })
		}
	})
	t.Cleanup(i.stop)
	return i
}

func (i *issuer) stop() {
	i.listener.Close()
	i.mu.Lock()
	i.over = true
	for _, nc := range i.conns {
		nc.Close()
	}
	i.mu.Unlock()
	i.ended.Wait()
}

func (i *issuer) serve(nc net.Conn) {
	defer nc.Close()
	codec := spec.MustCodec(spec.DefaultDialect)
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
		if err := codec.Unpack(frame, &m); err != nil {
			i.t.Errorf("the switch sent: %v", err)
			return
		}
		mti := m.MTI()
		response, err := codec.PackFrame(nil, respond(&m))
		if err != nil {
			i.t.Error(err)
			return
		}
		if mti == "0100" {
			i.on0100(nc, response)
		} else {
			nc.Write(response)
		}
	}
}

// respond makes the approving response to a request: its own fields that a response echoes.
func respond(m *spec.Message) *spec.Message {
	var r spec.Message
	mti := []byte(m.MTI())
	mti[2]++
	mti[3] = '0'
	r.SetMTI(string(mti))
	for _, de := range []int{3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70} {
		if m.Has(de) {
			r.Set(de, m.String(de))
		}
	}
	r.Set(39, "00")
	if m.MTI() == "0100" {
		r.Set(38, "A1B2C3")
	}
	return &r
}

// withIssuer authorizes once at an issuer of ours and returns the verdict, and the metric where it counted something.
func withIssuer(metric string, on0100 func(nc net.Conn, approval []byte)) badCase {
	return withDeadline(time.Minute, metric, on0100) // which nothing waits for: there is an answer, or the link is lost
}

// withDeadline is withIssuer with a deadline for the issuer.
func withDeadline(deadline time.Duration, metric string, on0100 func(nc net.Conn, approval []byte)) badCase {
	return func(t *testing.T) ([]string, string) {
		i := startIssuer(t, on0100)
		system := switchtest.Start(t, switchtest.Options{IssuerAddr: i.listener.Addr().String(), Deadline: deadline})
		system.AwaitReady()
		p := connectTo(t, system.GatewayAddr)
		p.send(bad(`"bad"`, `"`+strings.ToLower(t.Name())[:8]+`"`) + "\n")
		answer := verdict(p.answer())
		p.alive()
		system.AwaitDrained()
		if metric != "" && counted(t, system, metric) {
			answer = append(answer, metric)
		}
		return answer, "kept"
	}
}

func counted(t *testing.T, system *switchtest.System, metric string) bool {
	s := server{t: t, registry: system.Registry}
	return s.metric(metric, "") > 0
}

const malformed, strays = "switchyard_link_malformed_total", "switchyard_link_strays_total"

// before sends bytes ahead of the approval.
func before(bytes func(approval []byte) []byte) func(net.Conn, []byte) {
	return func(nc net.Conn, approval []byte) { nc.Write(append(bytes(approval), approval...)) }
}

var badIssuers = map[string]badCase{
	"issuer_down": func(t *testing.T) ([]string, string) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		listener.Close()
		system := switchtest.Start(t, switchtest.Options{IssuerAddr: address})
		p := connectTo(t, system.GatewayAddr)
		p.send(bad(`"bad"`, `"down"`) + "\n")
		answer := verdict(p.answer())
		p.alive()
		return answer, "kept"
	},
	"issuer_silent": withDeadline(2*time.Second, "", func(net.Conn, []byte) {}),
	"issuer_closes_mid_frame": withIssuer("", func(nc net.Conn, approval []byte) {
		nc.Write(approval[:len(approval)/2])
		nc.Close()
	}),
	"issuer_empty_frame": withIssuer(malformed, before(func([]byte) []byte { return []byte{0, 0} })),
	"issuer_frame_of_65535_bytes": withIssuer(malformed, before(func([]byte) []byte {
		return append([]byte{0xff, 0xff}, make([]byte, 65535)...)
	})),
	"issuer_unparsable": withIssuer(malformed, before(func([]byte) []byte { return append([]byte{0, 5}, "hello"...) })),
	"issuer_answers_nothing": withIssuer(strays, before(func(approval []byte) []byte {
		codec := spec.MustCodec(spec.DefaultDialect)
		var m spec.Message
		if err := codec.Unpack(approval[2:], &m); err != nil {
			panic(err)
		}
		m.Set(11, "999999")
		stray, err := codec.PackFrame(nil, &m)
		if err != nil {
			panic(err)
		}
		return stray
	})),
}

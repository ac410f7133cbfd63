package lines_test

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"switchyard/internal/secret"
	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
	"switchyard/switch/front/lines/wire"
)

func decodeAndValidate(line string) *api.Error {
	var l wire.Line
	if err := wire.DecodeLine([]byte(line), &l); err != nil || l.Hello {
		return err
	}
	return l.Validate()
}

// closedFor waits until a connection was closed for a reason, and says so as the table does.
func (s *server) closedFor(reason string) string {
	s.t.Helper()
	s.awaitMetric(closedMetric, reason, 1)
	return "closed (" + reason + ")"
}

// badConnections are the rows that are about the connection and not about a line.
var badConnections = map[string]badCase{
	"half_line": func(t *testing.T) ([]string, string) {
		s := serve(t, front.Options{Handler: unreachable(t)}, lines.Options{})
		p := s.connect()
		line := authorizeLine("1")
		p.send(line[:len(line)-1]) // all but the LF, even
		p.Conn.(*net.TCPConn).CloseWrite()
		p.ended()
		return nil, s.closedFor("half_line")
	},
	"line_of_1_mib": func(t *testing.T) ([]string, string) {
		s := serve(t, front.Options{Handler: unreachable(t)}, lines.Options{})
		p := s.connect()
		p.send(strings.Repeat("x", 1<<20) + "\n")
		answer := verdict(p.answer())
		p.ended()
		p.Close()
		return answer, s.closedFor("too_large")
	},
	"request_before_hello": func(t *testing.T) ([]string, string) {
		return notLetIn(t, authorizeLine("1"))
	},
	"wrong_hello": func(t *testing.T) ([]string, string) {
		return notLetIn(t, hello("1", "shop", strings.Repeat("x", secret.MinLen)))
	},
	"second_hello": func(t *testing.T) ([]string, string) {
		return notLetIn(t, hello("1", "shop", shopSecret), hello("2", "shop", shopSecret))
	},
	"no_hello": func(t *testing.T) ([]string, string) {
		s := serve(t, front.Options{Handler: unreachable(t), Gateways: listed(t)},
			lines.Options{HelloTimeout: 20 * time.Millisecond})
		p := s.connect()
		p.ended()
		p.Close()
		return nil, s.closedFor("hello_timeout")
	},
	"never_reads": func(t *testing.T) ([]string, string) {
		s := serve(t, front.Options{}, lines.Options{UnsentTimeout: 100 * time.Millisecond})
		floodWithoutReading(s)
		return nil, s.closedFor("unsent_timeout")
	},
	"never_reads_a_flood": func(t *testing.T) ([]string, string) {
		g := newGate()
		s := serve(t, front.Options{Handler: handlerFunc(func(ctx context.Context, c *api.Caller, r *api.Request) api.Answer {
			g.Handle(ctx, c, r)
			return longAnswers(ctx, c, r)
		})}, lines.Options{})
		p := s.connect()
		const enough = 1500 // answers of 16 KiB: more than a megabyte and what the kernel's buffers take
		for i := range enough {
			p.send(authorizeLine(fmt.Sprint(i)))
		}
		for range enough {
			<-g.arrived
		}
		g.release()
		return nil, s.closedFor("unsent_bytes")
	},
	"too_many_in_flight": func(t *testing.T) ([]string, string) {
		g := newGate()
		s := serve(t, front.Options{Handler: g}, lines.Options{MaxInFlightPerConn: 10})
		p := s.connect()
		for i := range 20 {
			p.send(authorizeLine(fmt.Sprint(i)))
		}
		const paused = "switchyard_gateway_reads_paused_total"
		s.awaitMetric(paused, "", 1)
		g.release()
		for range 20 {
			if a := p.answer(); !a.Approved {
				t.Errorf("got %+v", a)
			}
		}
		p.alive()
		return []string{paused}, "kept"
	},
	"surplus_connection": func(t *testing.T) ([]string, string) {
		s := serve(t, front.Options{}, lines.Options{MaxConnections: 1})
		first := s.connect()
		first.alive()
		second := s.connect()
		answer := verdict(second.answer())
		second.ended()
		second.Close()
		first.alive()
		first.Close()
		s.awaitMetric("switchyard_gateway_connections", "", 0)
		s.connect().alive()
		return answer, s.closedFor("max_connections")
	},
	"idle_connections": func(t *testing.T) ([]string, string) {
		s := serve(t, front.Options{}, lines.Options{})
		quiet := make([]*peer, 1000)
		for i := range quiet {
			quiet[i] = s.connect()
		}
		busy := s.connect()
		for i := range 100 {
			busy.send(authorizeLine(fmt.Sprint(i)))
			if a := busy.answer(); !a.Approved {
				t.Errorf("got %+v", a)
			}
		}
		for _, p := range quiet {
			p.alive()
			p.Close()
		}
		busy.alive()
		return nil, "kept"
	},
	"no_tls": func(t *testing.T) ([]string, string) {
		config, _ := certificates(t, pkix.Name{CommonName: "x"})
		s := serve(t, front.Options{Handler: unreachable(t)}, lines.Options{TLS: config})
		p := s.connect()
		p.send(authorizeLine("1"))
		a := p.answer()
		if a.ID != "" || a.Err == nil || !strings.HasPrefix(a.Err.Message, "TLS is spoken on this port") {
			t.Errorf("got %+v", a)
		}
		p.ended()
		p.Close()
		return verdict(a), s.closedFor("handshake")
	},
}

// unreachable is a handler that must not be called.
func unreachable(t *testing.T) api.Handler {
	return handlerFunc(func(context.Context, *api.Caller, *api.Request) api.Answer {
		t.Error("the handler was reached")
		return api.Answer{}
	})
}

// longAnswers answers with 16 KiB.
var longAnswers = handlerFunc(func(context.Context, *api.Caller, *api.Request) api.Answer {
	return api.Answer{Payment: "P1", Approved: true, Reason: strings.Repeat("x", 16<<10)}
})

// notLetIn sends lines, each but the last answered well, and holds that the last one ends the connection.
func notLetIn(t *testing.T, sent ...string) ([]string, string) {
	s := serve(t, front.Options{Handler: unreachable(t), Gateways: listed(t)}, lines.Options{})
	p := s.connect()
	for _, line := range sent[:len(sent)-1] {
		p.send(line)
		if a := p.answer(); a.Err != nil {
			t.Fatal(a.Err)
		}
	}
	p.send(sent[len(sent)-1])
	answer := verdict(p.answer())
	p.ended()
	p.Close()
	return answer, s.closedFor("unauthorized")
}

// floodWithoutReading sends requests on a connection and reads none of the answers, until the connection breaks.
func floodWithoutReading(s *server) {
	p := s.connect()
	line := authorizeLine("1")
	for {
		if _, err := p.Write([]byte(line)); err != nil {
			return
		}
	}
}

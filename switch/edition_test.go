package txswitch_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"switchyard/internal/config"
	"switchyard/spec"
	"switchyard/spec/mapping"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// A host that speaks ISO 8583:1993: sign-on and echo, authorizations, captures, reversals of gateways and of the
// switch, refunds, reconciliation, the host's cutover, and books that agree.
func TestISO1993(t *testing.T) {
	for _, dialect := range []string{"iso93ascii", "iso93bcd"} {
		t.Run(dialect, func(t *testing.T) {
			s := switchtest.Start(t, switchtest.Options{
				Dialect: dialect, Deadline: time.Minute, IssuerData: true, Configure: func(c *txswitch.Config) {
					follows("issuer")(c)
					c.Issuers[0].Echo = config.Duration(100 * time.Millisecond)
				},
			})
			a := s.Do(switchtest.Authorize("k1", 12345))
			wantApproved(t, a, "00")
			eachOperation(t, s, a)

			leftUnanswered(t, s, switchtest.Authorize("k9", 888))
			declined := switchtest.Authorize("k10", 999)
			declined.Card.Number = "4000000000000515"
			if got := s.Do(declined); got.Err != nil || got.ResponseCode != "51" {
				t.Fatalf("declined: %+v, error %v", got, got.Err)
			}
			half := switchtest.Authorize("k11", 1000)
			half.Card.Number, half.Partial = "4000000000000101", true
			half.Present = half.Present.With(api.FieldPartial)
			wantSums(t, s.Do(half), "authorized authorized 500 released 0 captured 0 refunded 0")
			whole := s.Do(switchtest.Authorize("k12", 400))
			wantSums(t, s.Do(switchtest.On(
				api.OpReverse, "k13", whole.Payment, 0,
			)), "reversed authorized 400 released 400 captured 0 refunded 0")
			s.AwaitDrained()
			s.Audit()

			announce(t, s)
			s.Await("the date is closed with the host's", func() bool { return logged(s, followed) == 1 })
			cutover(t, s, true)
			s.Audit()
			reconciles(t, s, dialect)
		})
	}
}

// reconciles sends a reconciliation without figures (1520) on a connection of its own, which is out of balance, and
// then the issuer's own figures, which are not; and a message that cannot be read, which is a format error (904).
func reconciles(t *testing.T, s *switchtest.System, dialect string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.IssuerListens())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in, codec := bufio.NewReader(conn), spec.MustCodec(dialect)
	to, err := mapping.Compile(mapping.Config{}, codec)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(m *spec.Message) *spec.Message {
		t.Helper()
		frame, err := codec.PackFrame(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(in, body); err != nil {
			t.Fatal(err)
		}
		answer := new(spec.Message)
		if err := codec.Unpack(body, answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	var m spec.Message
	m.SetMTI("0500")
	day := s.Switch.Stats().OpenDay // YYYY-MM-DD
	for de, value := range map[int]string{
		7: "1126083000", 11: "000001", 15: day[5:7] + day[8:10], 32: "400001", 50: "978", 76: "0000000099",
	} {
		m.Set(de, value)
	}
	if err := to.Send(&m, time.Now()); err != nil {
		t.Fatal(err)
	}
	answer := ask(&m)
	if answer.MTI() != "1530" || answer.String(39) != "501" {
		t.Errorf("figures that are wrong: %s with %s, want 1530 with 501", answer.MTI(), answer.String(39))
	}
	for de := 74; de <= 97; de++ {
		m.Unset(de)
		if answer.Has(de) {
			m.Set(de, answer.String(de))
		}
	}
	m.Set(11, "000002")
	if answer = ask(&m); answer.MTI() != "1530" || answer.String(39) != "500" {
		t.Errorf("the issuer's own figures: %s with %s, want 1530 with 500", answer.MTI(), answer.String(39))
	}
	if err := to.Receive(answer); err != nil || answer.String(66) != "1" || answer.String(39) != "00" {
		t.Errorf("DE66 %s, DE39 %s, error %v", answer.String(66), answer.String(39), err)
	}
	m.Reset()
	m.SetMTI("1420")
	m.Set(7, "1126083000")
	m.Set(11, "000003")
	m.Set(56, "1100000001") // names no original
	if answer = ask(&m); answer.MTI() != "1430" || answer.String(39) != "904" {
		t.Errorf("a DE56 that is none: %s with %s, want 1430 with 904", answer.MTI(), answer.String(39))
	}
}

// A host that is not told originals, and has an RRN of them alone: the void of a capture, whose RRN is that of its
// authorization, would undo either. It is refused with nothing sent; a sale, whose RRN is its own, is voided.
func TestHostWithoutOriginals(t *testing.T) {
	var sent wireTrace
	address := startScripted(t, func(m, _ *spec.Message) bool { sent.add(m); return true })
	s := switchtest.Start(t, switchtest.Options{IssuerAddr: address, Configure: func(c *txswitch.Config) {
		c.Issuers[0].Mapping = mapping.Config{Original: "omit"}
	}})
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("k1", 12345))
	wantApproved(t, a, "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 5000)), "")
	s.AwaitDrained()
	wantError(t, s.Do(switchtest.On(api.OpVoid, "k3", a.Payment, 0)), api.CodeInvalidState, "")
	sale := switchtest.Authorize("k4", 777)
	sale.Op = api.OpSale
	b := s.Do(sale)
	wantApproved(t, b, "00")
	wantApproved(t, s.Do(switchtest.On(api.OpVoid, "k5", b.Payment, 0)), "00")
	if got, want := fmt.Sprint(sent.list()), "[0100 0220 0200 0400]"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// A host that is sent no private data: an increment, which nothing else would tell from another authorization, is
// refused with nothing sent; all else goes on.
func TestHostWithoutPrivateData(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{Configure: func(c *txswitch.Config) {
		c.Issuers[0].Mapping = mapping.Config{
			Private: "off", Acceptor: "omit", Constants: []mapping.Constant{{DE: 60, Value: "0001"}},
		}
	}})
	a := s.Do(switchtest.Authorize("k1", 12345))
	wantApproved(t, a, "00")
	wantError(t, s.Do(switchtest.On(api.OpIncrement, "k2", a.Payment, 655)), api.CodeInvalidState, "")
	wantSums(t, s.Do(switchtest.On(
		api.OpCapture, "k3", a.Payment, 5000,
	)), "partially_captured authorized 12345 released 0 captured 5000 refunded 0")
	wantSums(t, s.Do(switchtest.On(
		api.OpReverse, "k4", a.Payment, 0,
	)), "captured authorized 12345 released 7345 captured 5000 refunded 0")
	s.AwaitDrained()
	if h := issuerBooks(t, s)[a.RRN]; h.Authorized != 5000 || h.Captured != 5000 || h.Hold != 0 {
		t.Errorf("the issuer holds %+v", h)
	}
	b := s.Do(switchtest.Authorize("k5", 1000))
	final := switchtest.On(api.OpCapture, "k6", b.Payment, 400)
	final.Final, final.Present = true, final.Present.With(api.FieldFinal)
	wantSums(t, s.Do(final), "captured authorized 1000 released 600 captured 400 refunded 0")
	s.AwaitDrained()
	if h := issuerBooks(t, s)[b.RRN]; h.Captured != 400 || h.Hold != 0 {
		t.Errorf("after a final capture the issuer holds %+v", h)
	}
}

package txswitch_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"switchyard/internal/loadgen/clients"
	played "switchyard/internal/loadgen/day"
	"switchyard/internal/localday"
	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
	"switchyard/switch/switchtest"
)

// playDay plays the core of the demo's day, small: every answer is held against the plan, and the books are audited.
func playDay(t *testing.T, o switchtest.Options) *switchtest.System {
	t.Helper()
	configure := o.Configure
	o.Configure = func(c *txswitch.Config) {
		c.Merchants.Unknown = "accept"
		if configure != nil {
			configure(c)
		}
	}
	s := switchtest.Start(t, o)
	book, err := played.Run(context.Background(), played.Options{
		Plan: localday.Plan(1, time.Now()), Clients: clients.Players([]played.Client{s.Client}), Payments: 60, InFlight: 16,
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, which := book.Mismatches(); n > 0 {
		t.Errorf("%d answers are not those of the plan: %v", n, which)
	}
	s.Audit()
	return s
}

// A day's payments go through in each framing, towards an issuer that requires all that it can of the switch.
func TestFramings(t *testing.T) {
	for _, framing := range []string{
		"binary4", "bcd2", "ascii4+inclusive", "binary2+tpdu:6000030000", "ascii4+tpdu", "binary2+header:00c0ffee",
		"binary2+text:ISO006000020", "none+visa", "binary2+header:0000+visa", "none+trailer:03", "binary2+trailer:03",
		"none", "none+tpdu",
	} {
		t.Run(framing, func(t *testing.T) {
			playDay(t, switchtest.Options{
				Framing: framing, Require: issuersim.Require{SignOn: true, Elements: true},
			})
		})
	}
}

// A day's payments go through in each dialect that is packed, with a framing of its kind of hosts.
func TestDialectsFramed(t *testing.T) {
	for dialect, framing := range map[string]string{
		"iso87ascii": "ascii4", "iso87bcd": "bcd2+tpdu", "iso87binary": "binary2+tpdu", "iso87binary-jpos": "binary2",
		"iso87ebcdic": "none+visa", "iso87bcd-ebcdic": "binary2+header:0000+visa", "iso93ascii": "ascii4+tpdu",
		"iso93bcd": "ascii4+tpdu",
	} {
		t.Run(dialect+" without framing", func(t *testing.T) {
			playDay(t, switchtest.Options{Dialect: dialect, Framing: "none"})
		})
		t.Run(dialect, func(t *testing.T) { playDay(t, switchtest.Options{Dialect: dialect, Framing: framing}) })
	}
}

// The switch listens and the issuer connects to it, and again after either was away.
func TestIssuerThatConnects(t *testing.T) {
	for name, o := range map[string]switchtest.Options{
		"plain":  {IssuerConnects: true, IssuerData: true},
		"framed": {IssuerConnects: true, IssuerData: true, Framing: "ascii4+tpdu"},
	} {
		t.Run(name, func(t *testing.T) {
			s := playDay(t, o)
			s.StopIssuer()
			s.StartIssuer()
			s.AwaitReady()
			s.StopSwitch()
			s.StartSwitch()
			book, err := played.Run(context.Background(), played.Options{
				Plan: localday.Plan(2, time.Now()), Clients: clients.Players([]played.Client{s.Client}), Payments: 20, InFlight: 4,
			})
			if err != nil {
				t.Fatal(err)
			}
			if n, which := book.Mismatches(); n > 0 {
				t.Errorf("%d answers are not those of the plan: %v", n, which)
			}
			s.Audit()
		})
	}
}

// Only the issuer's addresses are let in.
func TestStrangerThatConnects(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{
		IssuerConnects: true,
		Configure:      func(c *txswitch.Config) { c.Issuers[0].From = []string{"127.0.0.1", "10.1.0.0/16"} },
	})
	s.StopIssuer()
	// As long as a link has not seen its connection end, a new one may be refused, and the host comes again.
	s.Await("the issuer's address is signed on", func() bool {
		l, err := net.Dial("tcp", s.ListeningAddr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		_, err = l.Read(make([]byte, 2))
		return err == nil
	})
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	stranger, err := from.Dial("tcp", s.ListeningAddr())
	if err != nil {
		t.Skipf("another address of loopback: %v", err)
	}
	defer stranger.Close()
	if n, err := stranger.Read(make([]byte, 2)); err == nil {
		t.Errorf("a stranger was sent %d bytes", n)
	}
	if !strings.Contains(s.Logs.String(), "it comes from an address that is not the host's") {
		t.Error("the log says nothing of the stranger")
	}
}

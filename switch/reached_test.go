package txswitch_test

import (
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	txswitch "switchyard/switch"
	"switchyard/switch/switchtest"
)

// elsewhere is a listener whose address strangers reach, whatever name it was configured by.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 9583} }

// A name that stands for loopback in the configuration may lead elsewhere: the switch does not start there, whichever
// port it is of.
func TestPortElsewhere(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	s.StopSwitch()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	const address = "localhost:9583"
	for want, o := range map[string]txswitch.Options{
		"gateway.listen":    {Gateway: elsewhere{port}},
		"operator.listen":   {Gateway: port, Operator: elsewhere{port}},
		"issuers[0].listen": {Gateway: port, Issuers: map[string]net.Listener{s.Config.Issuers[0].Name: elsewhere{port}}},
	} {
		c := *s.Config
		c.Gateway.Listen, c.Operator.Listen = address, address
		if len(o.Issuers) > 0 {
			c.Issuers = []txswitch.IssuerConfig{c.Issuers[0]}
			c.Issuers[0].Address, c.Issuers[0].Listen = "", address
		}
		if err := c.Check(); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		o.Config, o.Keyring, o.FS, o.Registry = &c, s.Keyring, s.FS, prometheus.NewRegistry()
		o.Logger, o.Fatal = zap.NewNop(), func(msg string, err error) { t.Errorf("%s: %v", msg, err) }
		want += ": localhost:9583 is 10.0.0.1:9583 and not loopback: set "
		started, err := txswitch.New(o)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("it starts: %v, want %s", err, want)
		}
		if started != nil {
			_ = started.Close(t.Context())
		}
	}
}

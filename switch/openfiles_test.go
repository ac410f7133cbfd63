package txswitch_test

import (
	"bufio"
	"net"
	"strings"
	"testing"

	"go.uber.org/zap"

	txswitch "switchyard/switch"
	"switchyard/switch/switchtest"
)

// I14: what the process may have open is divided: gateways get what journal, links and operators leave, whatever is
// configured, and one more is told so.
func TestFewFiles(t *testing.T) {
	const others = 1200 + 256 + 64 + 2 // of the journal, operators, refusals and the links to the issuer
	s := switchtest.Start(t, switchtest.Options{OpenFiles: others + 20})
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for {
		c, err := net.Dial("tcp", s.GatewayAddr)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		if _, err := c.Write([]byte(`{"id":"1","op":"ping"}` + "\n")); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "max_connections") {
			break
		}
		if len(open) > 20 {
			t.Fatal("more are connected than there is room for")
		}
	}
	if len(open) < 15 {
		t.Errorf("there was room for %d", len(open)-1)
	}
}

// A process that may not even open what it needs itself says so at its start.
func TestTooFewFiles(t *testing.T) {
	_, err := txswitch.New(txswitch.Options{Config: txswitch.DefaultConfig(), OpenFiles: 1024, Logger: zap.NewNop()})
	if err == nil || !strings.Contains(err.Error(), "this process may have 1024 files and sockets open (ulimit -n; "+
		"LimitNOFILE= in its systemd unit): expected at least 15") {
		t.Errorf("it says %v", err)
	}
}

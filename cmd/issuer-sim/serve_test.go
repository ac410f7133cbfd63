package main

import (
	"net"
	"strings"
	"testing"
)

// The hosts file may put localhost elsewhere: the port's own address decides. Who names an address means it.
func TestLocalhostElsewhere(t *testing.T) {
	inside, outside := net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)
	for _, c := range []struct {
		address string
		is      net.IP
		refused bool
	}{
		{"localhost:8583", inside, false},
		{"localhost:8583", net.IPv6loopback, false},
		{"localhost:8583", outside, true},
		{"10.0.0.1:8583", outside, false},
		{":8583", net.IPv6unspecified, false},
	} {
		at := &net.TCPAddr{IP: c.is, Port: 8583}
		err := checkLocalhost(c.address, at)
		if refused := err != nil; refused != c.refused {
			t.Errorf("%s at %s: %v, want it refused: %t", c.address, at, err, c.refused)
		}
		if err != nil && !strings.Contains(err.Error(), "localhost:8583 is 10.0.0.1:8583 and not loopback") {
			t.Errorf("it says %v", err)
		}
	}
}

package front_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"switchyard/switch/front"
)

// holds are for how long wrong hellos of an address, with its port, for a gateway are held back, as many as are asked
// for.
func holds(f *front.Front, address, gateway string, n int) string {
	from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
	all := make([]string, n)
	for i := range all {
		all[i] = f.Wrong(from, gateway).Hold.String()
	}
	return strings.Join(all, " ")
}

// What a wrong hello waits for grows with each of an address, or network, for a gateway, and is forgotten in time.
// Others do not notice.
func TestWrongHellosAreHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t, front.Options{Gateways: gateways(t, nil)})
		hold := func(address, gateway, want string) {
			t.Helper()
			if got := holds(f, address, gateway, len(strings.Fields(want))); got != want {
				t.Errorf("%s for %s waits %s, want %s", address, gateway, got, want)
			}
		}
		hold("192.0.2.1:1000", "shop", "0s 0s 0s 250ms 500ms 1s 2s 4s 8s 8s")
		hold("192.0.2.1:2000", "shop", "8s")          // another port
		hold("[::ffff:192.0.2.1]:1000", "shop", "8s") // the same address
		hold("192.0.2.1:1000", "tills", "0s")         // another gateway
		hold("192.0.2.2:1000", "shop", "0s")          // another address
		hold("192.0.2.1:1000", "shoe", "0s 0s 0s")
		hold("192.0.2.1:1000", "sheep", "250ms") // names that are not listed are one
		hold("[2001:db8::1]:1000", "shop", "0s 0s 0s")
		hold("[2001:db8::2]:1000", "shop", "250ms") // the same network
		hold("[2001:db8:0:1::1]:1000", "shop", "0s")

		time.Sleep(9 * time.Minute)
		hold("192.0.2.1:1000", "shop", "8s")
		time.Sleep(9 * time.Minute)
		hold("192.0.2.1:1000", "shop", "8s") // it was not silent for long enough
		time.Sleep(10 * time.Minute)
		hold("192.0.2.1:1000", "shop", "0s")
	})
}

// However many addresses there are, a bounded number of them is remembered: the one that was silent for longest goes.
func TestWrongHellosAreBounded(t *testing.T) {
	f := newFront(t, front.Options{Gateways: gateways(t, nil)})
	holds(f, "192.0.2.1:1", "shop", 3)
	for i := range 4096 {
		holds(f, fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), "shop", 3)
	}
	if got := holds(f, "192.0.2.1:1", "shop", 1); got != "0s" {
		t.Errorf("the first is remembered: %s", got)
	}
	if got := holds(f, "10.0.15.255:1", "shop", 1); got != "250ms" {
		t.Errorf("the last is forgotten: %s", got)
	}
}

func TestWrongHellosAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := newFront(t, front.Options{Gateways: gateways(t, nil), Registerer: registry})
	holds(f, "192.0.2.1:1", "shop", 2)
	holds(f, "192.0.2.1:1", "shoe", 1)
	want := `
# HELP switchyard_gateway_wrong_hellos_total Hellos with a wrong secret, by the gateway that they named; empty: one that is not listed.
# TYPE switchyard_gateway_wrong_hellos_total counter
switchyard_gateway_wrong_hellos_total{gateway=""} 1
switchyard_gateway_wrong_hellos_total{gateway="shop"} 2
switchyard_gateway_wrong_hellos_total{gateway="tills"} 0
`
	const name = "switchyard_gateway_wrong_hellos_total"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}

package steady

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// host is a port that is driven, by a part of the connections.
type host struct {
	address     string
	weight      float64
	connections int
}

// parseHosts reads addresses with commas between and weights behind them, and shares out connections by their weights,
// at least one each.
func parseHosts(text string, connections int) ([]host, error) {
	var hosts []host
	all := 0.0
	for _, part := range strings.Split(text, ",") {
		address, weight, weighted := strings.Cut(strings.TrimSpace(part), "=")
		h := host{address: address, weight: 1}
		if weighted {
			var err error
			if h.weight, err = strconv.ParseFloat(weight, 64); err != nil || !(h.weight > 0 && h.weight <= 1e6) {
				return nil, fmt.Errorf("%s: a weight of %q, expected more than 0", address, weight)
			}
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("%q: expected HOST:PORT, several with commas: %w", address, err)
		}
		hosts = append(hosts, h)
		all += h.weight
	}
	if connections < len(hosts) {
		return nil, fmt.Errorf("%d connections to %d hosts, expected one each or more", connections, len(hosts))
	}
	for i := range hosts {
		hosts[i].connections = 1
	}
	for range connections - len(hosts) { // to the one that lacks most
		most, lack := 0, -1.0
		for i := range hosts {
			h := &hosts[i]
			if d := h.weight/all*float64(connections) - float64(h.connections); d > lack {
				most, lack = i, d
			}
		}
		hosts[most].connections++
	}
	return hosts, nil
}

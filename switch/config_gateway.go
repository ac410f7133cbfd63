package txswitch

import (
	"errors"
	"fmt"
	"net"

	"switchyard/internal/certname"
	"switchyard/internal/config"
	"switchyard/switch/front"
	"switchyard/switch/front/lines"
	"switchyard/switch/merchant"
)

// GatewayConfig is the gateway port.
type GatewayConfig struct {
	Listen         string `yaml:"listen"`
	MaxConnections int    `yaml:"max_connections"`
	// MaxConnectionsPerAddress is how many of them may come from one address, but for loopback; 0: a quarter.
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address"`
	MaxInFlightPerConnection int `yaml:"max_in_flight_per_connection"`
	// MaxInFlightPerGateway is how many requests of a listed gateway are served at once, through all its connections; 0
	// means a quarter of limits.max_in_flight, or all of it for one that is listed alone.
	MaxInFlightPerGateway int `yaml:"max_in_flight_per_gateway"`
	// CardNumbers says what becomes of a reference in which a card number stands: refuse, the default, or mask.
	CardNumbers string      `yaml:"card_numbers"`
	TLS         *config.TLS `yaml:"tls"`
	// Gateways lists who may connect. Without a list only loopback is served.
	Gateways []GatewayEntry `yaml:"gateways"`
}

// GatewayEntry is one gateway that may connect.
type GatewayEntry struct {
	Name        string   `yaml:"name"`
	SecretHash  string   `yaml:"secret_hash"` // as `switchctl secret` prints it
	Certificate string   `yaml:"certificate"` // a name of its client certificate (package certname), instead of a secret
	Merchants   []string `yaml:"merchants"`   // whom it may act for; none means any
	Operations  []string `yaml:"operations"`  // what it may ask for beside status and ping; none means any
	// MaxInFlight is how many of its requests are served at once; 0 means gateway.max_in_flight_per_gateway.
	MaxInFlight int `yaml:"max_in_flight"`

	Limits *merchant.Limits `yaml:"limits"` // of what it asks for; none bounds nothing
}

// What becomes of references in which card numbers stand.
const (
	cardNumbersRefused = "refuse"
	cardNumbersMasked  = "mask"
)

func defaultGateway() GatewayConfig {
	return GatewayConfig{
		CardNumbers: cardNumbersRefused,
		Listen:      "127.0.0.1:7583", MaxConnections: lines.DefaultMaxConnections,
		MaxInFlightPerConnection: lines.DefaultMaxInFlightPerConn,
	}
}

// check keeps the gateway port from being open to anybody: without TLS and a list of gateways it is loopback only.
func (g *GatewayConfig) check() error {
	switch {
	case g.MaxConnections < 1:
		return fmt.Errorf("max_connections: %d: expected at least 1", g.MaxConnections)
	case g.MaxConnectionsPerAddress < 0:
		return fmt.Errorf("max_connections_per_address: %d: expected at least 1, or 0 for a quarter of max_connections",
			g.MaxConnectionsPerAddress)
	case g.MaxInFlightPerConnection < 1:
		return fmt.Errorf("max_in_flight_per_connection: %d: expected at least 1", g.MaxInFlightPerConnection)
	case g.MaxInFlightPerGateway < 0:
		return fmt.Errorf("max_in_flight_per_gateway: %d: expected at least 1, or 0 for a quarter of "+
			"limits.max_in_flight", g.MaxInFlightPerGateway)
	}
	if g.CardNumbers != cardNumbersRefused && g.CardNumbers != cardNumbersMasked {
		return fmt.Errorf("card_numbers: %q: expected %s or %s", g.CardNumbers, cardNumbersRefused, cardNumbersMasked)
	}
	host, _, err := net.SplitHostPort(g.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for i, e := range g.Gateways {
		if e.Name == "" || (e.SecretHash == "") == (e.Certificate == "") {
			return fmt.Errorf("gateways[%d]: expected a name and either secret_hash or certificate", i)
		}
		if err := e.Limits.Check(); err != nil {
			return fmt.Errorf("gateways[%d].%w", i, err)
		}
		if e.Certificate == "" {
			continue
		}
		if g.TLS == nil || g.TLS.CA == "" {
			return fmt.Errorf("gateways[%d]: certificate: nobody is asked for one without gateway.tls.ca", i)
		}
		if err := certname.Check(e.Certificate); err != nil {
			return fmt.Errorf("gateways[%d]: certificate: %w", i, err)
		}
	}
	if err := checkPortTLS(g.TLS); err != nil {
		return err
	}
	if err := front.CheckGateways(g.list()); err != nil {
		return err
	}
	if loopback(host) || !g.open() {
		return nil
	}
	return fmt.Errorf("listen: %s is not loopback: %s", g.Listen, setFirst)
}

// checkPortTLS holds TLS on a port at which many ask, who are told apart by the names in a list.
func checkPortTLS(t *config.TLS) error {
	if t != nil && (t.Peer != "" || t.ServerName != "") {
		return errors.New("tls: peer, server_name: not expected: who asks is listed by the name in its certificate")
	}
	if err := t.Check(); err != nil {
		return fmt.Errorf("tls.%w", err)
	}
	return nil
}

// open tells whether anybody may connect, or card data comes in clear: only loopback may be served then.
func (g *GatewayConfig) open() bool { return len(g.Gateways) == 0 || g.TLS == nil }

// setFirst says what a port that is not on loopback needs.
const setFirst = "set gateway.tls and gateway.gateways first, so that only known gateways connect and card data is " +
	"not sent in clear"

// limits are those of the gateways, by name.
func (g *GatewayConfig) limits() map[string]*merchant.Limits {
	limits := map[string]*merchant.Limits{}
	for _, e := range g.Gateways {
		if e.Limits != nil {
			limits[e.Name] = e.Limits
		}
	}
	return limits
}

// list is the gateways as package front takes them.
func (g *GatewayConfig) list() (gateways []front.Gateway) {
	for _, e := range g.Gateways {
		gateways = append(gateways, front.Gateway{
			Name: e.Name, SecretHash: e.SecretHash, CertSubject: e.Certificate, Merchants: e.Merchants,
			Operations: e.Operations, MaxInFlight: e.MaxInFlight,
		})
	}
	return gateways
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

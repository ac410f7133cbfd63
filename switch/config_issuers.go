package txswitch

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"switchyard/internal/certname"
	"switchyard/internal/config"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/mapping"
	"switchyard/switch/issuer/link"
	"switchyard/switch/payment"
)

// IssuerConfig is one issuer host.
type IssuerConfig struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
	// Listen is where the host connects to us, in place of Address; From are whose addresses or networks it may come from.
	Listen   string   `yaml:"listen"`
	From     []string `yaml:"from"`
	Dialect  string   `yaml:"dialect"`   // one of spec.Stock
	SpecFile string   `yaml:"spec_file"` // a dialect of one's own, instead
	// Framing is how messages are framed, as framing.Parse reads it. Default: a length of two binary bytes.
	Framing  string          `yaml:"framing"`
	Links    int             `yaml:"links"`    // connections
	Window   int             `yaml:"window"`   // requests in flight on a connection
	Deadline config.Duration `yaml:"deadline"` // for an answer
	Echo     config.Duration `yaml:"echo"`     // idle time before an echo
	TLS      *config.TLS     `yaml:"tls"`
	NoEcho   bool            `yaml:"no_echo"` // asks for none
	SignOn   string          `yaml:"sign_on"` // required, optional or none
	// Match are the elements that an answer must repeat; none: DE4, 7, 37, 41 and 49.
	Match []int `yaml:"match"`
	// LatestAnswer is how long after a request was sent its answer may still come; for hosts whose answers have neither
	// DE7 nor DE37. Default: DefaultLatestAnswer.
	LatestAnswer config.Duration `yaml:"latest_answer"`
	Mapping      mapping.Config  `yaml:"mapping"` // what of its messages is not as ours are
	// Reconcile: it is sent an 0500 for each business date once that is sealed.
	Reconcile bool `yaml:"reconcile"`

	// Spec is the text of SpecFile; whoever reads the config reads it too.
	Spec []byte `yaml:"-"`
}

// sameAddress tells whether two addresses, host:port, are written for one. Names are not looked up.
func sameAddress(a, b string) bool {
	plain := func(address string) string {
		if ip, err := netip.ParseAddrPort(address); err == nil {
			return ip.String()
		}
		return strings.ToLower(address)
	}
	return plain(a) == plain(b)
}

func (c *Config) checkIssuer(i int) error {
	x := &c.Issuers[i]
	if !storable(x.Name) {
		return fmt.Errorf("name: expected 1 to %d printable characters", maxNameLen)
	}
	for j := range i {
		if c.Issuers[j].Name == x.Name {
			return fmt.Errorf("name: %q stands twice", x.Name)
		}
		// Each host has STANs of its own from 1 on (I9). What stands before a frame may tell two behind one address apart.
		if x.Address != "" && c.Issuers[j].Framing == x.Framing && sameAddress(c.Issuers[j].Address, x.Address) {
			return fmt.Errorf("address: %q is that of issuer %q: one host that stands twice gets its STANs twice", x.Address,
				c.Issuers[j].Name)
		}
	}
	if err := x.checkReach(); err != nil {
		return err
	}
	switch { // 0 stands for the default
	case x.Links < 0 || x.Links > link.MaxLinks:
		return fmt.Errorf("links: %d: expected 1 to %d", x.Links, link.MaxLinks)
	case x.Window < 0 || x.Window > link.MaxWindow:
		return fmt.Errorf("window: %d: expected 1 to %d", x.Window, link.MaxWindow)
	}
	if most, share := x.inFlight(), c.stans(); len(c.Nodes) > 1 && most > share {
		return fmt.Errorf("links, window: %d requests in flight: expected at most %d, this node's share of the STANs",
			most, share)
	}
	if _, err := x.framing(); err != nil {
		return err
	}
	if err := c.checkMatch(x); err != nil {
		return err
	}
	if _, known := signOns[x.SignOn]; !known {
		return fmt.Errorf("sign_on: %q: expected required, optional or none", x.SignOn)
	}
	_, _, err := x.speaks()
	return err
}

// signOns are the values of sign_on.
var signOns = map[string]link.SignOn{
	"": link.SignOnRequired, "required": link.SignOnRequired, "optional": link.SignOnOptional, "none": link.SignOnNone,
}

// checkReach holds where an issuer is to what can be reached, and what may reach us. Card data goes over a port that it
// connects to: on another address than loopback it has to show who it is.
func (x *IssuerConfig) checkReach() error {
	if err := x.TLS.Check(); err != nil {
		return fmt.Errorf("tls.%w", err)
	}
	if x.TLS != nil && x.TLS.Peer != "" {
		if err := certname.Check(x.TLS.Peer); err != nil {
			return fmt.Errorf("tls.peer: %w", err)
		}
	}
	if x.Listen == "" {
		if len(x.From) > 0 {
			return errors.New("from: given without listen; nobody connects")
		}
		if _, _, err := net.SplitHostPort(x.Address); err != nil {
			return fmt.Errorf("address: %w", err)
		}
		return nil
	}
	if x.Address != "" {
		return errors.New("address: given together with listen; expected one of them")
	}
	host, _, err := net.SplitHostPort(x.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := x.networks(); err != nil {
		return err
	}
	if t := x.TLS; t != nil && (t.Certificate == "" || t.Key == "" || t.ServerName != "") {
		return errors.New("tls: expected certificate and key, and no server_name: the issuer connects to us")
	}
	if !loopback(host) && x.open() {
		return fmt.Errorf("listen: %s is not loopback: %s", x.Listen, setFromFirst)
	}
	return nil
}

// open tells whether anybody may connect to its port: only loopback may be served then.
func (x *IssuerConfig) open() bool { return len(x.From) == 0 && (x.TLS == nil || x.TLS.CA == "") }

// setFromFirst says what an issuer's port that is not on loopback needs.
const setFromFirst = "set from, or tls with ca, first, so that only the issuer connects"

// networks are whose addresses the issuer may come from.
func (x *IssuerConfig) networks() (networks []netip.Prefix, err error) {
	for i, text := range x.From {
		network, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			network, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("from[%d]: %q: expected an address such as 10.1.2.3 or a network such as 10.1.2.0/24", i,
				text)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// known tells whether an address is one of the issuer's; nil where each may be.
func (x *IssuerConfig) known() func(net.Addr) bool {
	networks, err := x.networks()
	if err != nil || len(networks) == 0 { // Check has passed
		return nil
	}
	return func(a net.Addr) bool {
		at, err := netip.ParseAddrPort(a.String())
		return err == nil && slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(at.Addr().Unmap()) })
	}
}

// at is where the issuer is, or connects to.
func (x *IssuerConfig) at() string { return cmp.Or(x.Listen, x.Address) }

// framing reads how an issuer's messages are framed.
func (x *IssuerConfig) framing() (framing.Format, error) { return framing.Parse(x.Framing) }

// speaks compiles an issuer's dialect and what is done to messages before it is packed.
func (x *IssuerConfig) speaks() (*spec.Codec, *mapping.Mapping, error) {
	codec, err := x.codec()
	if err != nil {
		return nil, nil, err
	}
	to, err := mapping.Compile(x.Mapping, codec)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping.%w", err)
	}
	for theirs, ours := range x.Mapping.Codes {
		if ours != mapping.Unknown && !payment.KnownCode(ours) {
			return nil, nil, fmt.Errorf("mapping.codes: %s: %q: expected a response code that the switch knows, or %s", theirs,
				ours, mapping.Unknown)
		}
	}
	return codec, to, nil
}

// codec compiles an issuer's dialect.
func (x *IssuerConfig) codec() (*spec.Codec, error) {
	if x.SpecFile != "" {
		if x.Dialect != "" {
			return nil, errors.New("dialect: given together with spec_file; expected one of them")
		}
		c, err := spec.OpenFile(x.SpecFile, bytes.NewReader(x.Spec))
		if err != nil {
			return nil, fmt.Errorf("spec_file: %w", err)
		}
		return c, nil
	}
	c, err := spec.Open(cmp.Or(x.Dialect, spec.DefaultDialect))
	if err != nil {
		return nil, fmt.Errorf("dialect: %w", err)
	}
	return c, nil
}

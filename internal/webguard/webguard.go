// Package webguard keeps web pages away from an HTTP port that tools use. A browser on the port's machine reaches it as
// well as any tool does, and carries out what a page of anybody's tells it: a form that posts here, or a script of a
// site whose name leads here since a moment ago (DNS rebinding), which may then read the answers, too. The first names
// its page as the Origin, the second its own name as the Host; tools give neither.
//
// It is no access control: it does not ask who calls, and a tool may send any Host.
package webguard

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"switchyard/internal/mutant"
)

// Options say which port is guarded.
type Options struct {
	// Hosts are names and addresses that the port is reached by, besides loopback, localhost and the address that a
	// request came in on. Default: none.
	Hosts []string
	// Certificate is what the port is served under where it speaks TLS: its names are the port's, too. Default: none.
	Certificate *x509.Certificate
	// Configured says in an error which those are, such as "the host of operator.listen".
	Configured string
}

// Guard tells tools' requests from those of web pages. Its methods may be called from any goroutine.
type Guard struct {
	hosts       []string // lower case
	certificate *x509.Certificate
	configured  string
	cross       *http.CrossOriginProtection
}

// New makes the guard of a port.
func New(o Options) *Guard {
	g := &Guard{certificate: o.Certificate, configured: o.Configured, cross: http.NewCrossOriginProtection()}
	for _, host := range o.Hosts {
		g.hosts = append(g.hosts, strings.ToLower(strings.TrimSuffix(host, ".")))
	}
	return g
}

// Check tells why a request is refused, nil if it is not.
func (g *Guard) Check(r *http.Request) error {
	if !g.ours(r) && !mutant.On(mutant.AnyHostDrives) {
		return fmt.Errorf("the Host %q is none of this server's: expected a loopback address, localhost, %s, or the address "+
			"that it is reached at", r.Host, g.configured)
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return fmt.Errorf("the Origin %q is another than the server's own: a web page may not ask it", origin)
		}
	}
	if g.cross.Check(r) != nil {
		return errors.New("the request comes from another site's page (Sec-Fetch-Site): a web page may not drive it")
	}
	return nil
}

// ours tells whether the Host names this server. The address that a request came in on cannot be another site's name.
func (g *Guard) ours(r *http.Request) bool {
	host := strings.ToLower(strings.TrimSuffix(hostname(r.Host), "."))
	if host == "localhost" || host != "" && slices.Contains(g.hosts, host) {
		return true
	}
	if r.TLS != nil && g.certificate != nil && g.certificate.VerifyHostname(host) == nil {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	if addr.IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap().WithZone("") == addr.WithZone("")
}

// hostname is a Host header's without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

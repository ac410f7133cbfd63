package operator

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

// guard keeps web pages away. A browser on the switch's machine reaches the API as well as any tool does, and carries
// out what a page of anybody's tells it: a form that posts here, or a script of a site whose name leads here since a
// moment ago (DNS rebinding), which may then read the answers, too. The first names its page as the Origin, the second
// its own name as the Host; tools give neither.
type guard struct {
	hosts       []string          // of the configured address, lower case
	certificate *x509.Certificate // nil: without TLS
	cross       *http.CrossOriginProtection
}

func newGuard(hosts []string, certificate *x509.Certificate) *guard {
	g := &guard{certificate: certificate, cross: http.NewCrossOriginProtection()}
	for _, host := range hosts {
		g.hosts = append(g.hosts, strings.ToLower(host))
	}
	return g
}

// check tells why a request is refused.
func (g *guard) check(r *http.Request) error {
	if !g.ours(r) && !mutant.On(mutant.AnyHostDrives) {
		return fmt.Errorf("the Host %q is none of this switch's: expected a loopback address, localhost, the host of "+
			"operator.listen, a name of its certificate, or the address that it is reached at", r.Host)
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return fmt.Errorf("the Origin %q is another than the switch's own: a web page may not ask it", origin)
		}
	}
	if g.cross.Check(r) != nil {
		return errors.New("the request comes from another site's page (Sec-Fetch-Site): a web page may not drive the switch")
	}
	return nil
}

// ours tells whether the Host names this switch. The address that a request came in on cannot be another site's name.
func (g *guard) ours(r *http.Request) bool {
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

package txswitch

import (
	"errors"
	"fmt"
	"net"
)

// checkReached holds the ports against the configuration: a name that stands for loopback there may lead elsewhere, so
// the address of the listener decides.
func checkReached(o *Options) error {
	c := o.Config
	if at := elsewhere(o.Gateway); at != nil && c.Gateway.open() {
		return fmt.Errorf("gateway.listen: %s is %s and not loopback: %s", c.Gateway.Listen, at, setFirst)
	}
	if c.Operator.TLS != nil && o.OperatorTLS == nil && o.Operator != nil {
		return errors.New("operator.tls: configured, and the port has no certificate")
	}
	if at, missing := elsewhere(o.Operator), c.Operator.missing(); at != nil && missing != "" {
		return fmt.Errorf("operator.listen: %s is %s and not loopback: set %s first", c.Operator.Listen, at, missing)
	}
	for i := range c.Issuers {
		x := &c.Issuers[i]
		if at := elsewhere(o.Issuers[x.Name]); at != nil && x.open() {
			return fmt.Errorf("issuers[%d].listen: %s is %s and not loopback: %s", i, x.Listen, at, setFromFirst)
		}
	}
	return nil
}

// elsewhere is the address of a port that is not on loopback; nil of any other listener, and of none.
func elsewhere(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	if at, ok := l.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() {
		return at
	}
	return nil
}

package doctor

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"
	"time"
)

// dialFor bounds a look at a port.
const dialFor = time.Second

// ports looks at where the switch is going to listen, or does. It connects and sends nothing: to listen there for a
// moment would keep a switch that is just being started from it.
func (p *Patient) ports(ctx context.Context) {
	c := p.config
	p.port(ctx, "gateway port", c.Gateway.Listen)
	if c.Operator.Listen != "" {
		p.port(ctx, "operator port", c.Operator.Listen)
	}
	if c.Operator.Socket != "" {
		p.socket(ctx, c.Operator.Socket)
	}
	for i := range c.Issuers {
		if c.Issuers[i].Listen != "" {
			p.port(ctx, "port of issuer "+c.Issuers[i].Name, c.Issuers[i].Listen)
		}
	}
}

func (p *Patient) port(ctx context.Context, name, listen string) {
	const which = "ss -ltnp shows who listens where"
	at, why := p.reachedAt(listen)
	if why != "" {
		p.add(Fail, name, "", "%s: %s", listen, why)
		return
	}
	if at == "" {
		p.ok(name, "%s: any that is free", listen)
		return
	}
	switch err := p.connect(ctx, "tcp", at); {
	case err == nil && p.running.up():
		p.ok(name, "%s: something listens there, and the switch runs", listen)
	case err == nil:
		p.add(Fail, name, "name another one, or end that: "+which, "%s: another program listens there: no switch was reached",
			listen)
	case errors.Is(err, syscall.ECONNREFUSED) && p.running.up():
		p.add(Warn, name, "was it started with other ports than the configuration's?",
			"%s: nothing listens there, and the switch runs", listen)
	case errors.Is(err, syscall.ECONNREFUSED):
		p.ok(name, "%s is free", listen)
	default:
		p.add(Warn, name, which, "%s: it cannot be told whether it is free: %v", listen, err)
	}
}

// connect connects and hangs up.
func (p *Patient) connect(ctx context.Context, network, at string) error {
	ctx, cancel := context.WithTimeout(ctx, dialFor)
	defer cancel()
	conn, err := p.machine.Dial(ctx, network, at)
	if err != nil {
		return err
	}
	return conn.Close()
}

// reachedAt is where something that listens at an address is reached from this machine; "" where the port is chosen at
// the start. why says that nobody can listen there.
func (p *Patient) reachedAt(listen string) (at, why string) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err.Error()
	}
	if port == "0" {
		return "", ""
	}
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && ip.IsUnspecified():
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	case ip != nil && !ip.IsLoopback() && !p.ours(ip):
		return "", "no interface of this machine has that address"
	}
	return net.JoinHostPort(host, port), ""
}

// ours tells whether an address is one of this machine; also where that is not told.
func (p *Patient) ours(ip net.IP) bool {
	addresses, err := p.machine.Addresses()
	if err != nil {
		return true
	}
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.Equal(ip) {
			return true
		}
	}
	return false
}

// socket looks at the operator API's socket file.
func (p *Patient) socket(ctx context.Context, path string) {
	const name = "operator socket"
	switch err := p.connect(ctx, "unix", path); {
	case err == nil && p.running.up():
		p.ok(name, "%s: something listens there, and the switch runs", path)
	case err == nil:
		p.add(Warn, name, "name it with --operator unix:"+path, "%s: something listens there, and no switch was reached",
			path)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED): // the next start takes its place
		p.ok(name, "%s: nobody listens there", path)
	default:
		p.add(Warn, name, "", "%s: %v", path, err)
	}
}

// Operator is where the operator API of the configuration is asked, as --operator names it; "" where it is not known.
func (p *Patient) Operator() string {
	if p.unread != nil {
		return ""
	}
	c := &p.config.Operator
	if c.Socket != "" {
		return "unix:" + c.Socket
	}
	at, _ := p.reachedAt(c.Listen)
	if at != "" && c.TLS != nil {
		return "https://" + at
	}
	return at
}

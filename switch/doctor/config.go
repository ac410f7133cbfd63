package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"switchyard/internal/infile"
	"switchyard/switch/configfile"
)

// configuration reads it as the daemon does, and what it names.
func (p *Patient) configuration() {
	const name = "config"
	switch {
	case p.unread != nil:
		p.add(Fail, name, "", "%v", p.unread)
	case p.path == "":
		p.ok(name, "none named: the defaults, which serve loopback")
	default:
		p.ok(name, "%s: issuers: %d, merchants in a file: %d", p.path, len(p.config.Issuers),
			len(p.config.Merchants.Profiles))
	}
}

// key looks at what seals card numbers.
func (p *Patient) key() {
	const name = "key"
	c := p.config
	if c.Key.File != "" || c.Key.Env != "" {
		from := c.Key.File
		if from == "" {
			from = "$" + c.Key.Env
		}
		if _, err := configfile.Key(c); err != nil {
			p.add(Fail, name, "", "%v", err)
			return
		}
		p.ok(name, "%s is readable, and by nobody else", from)
		return
	}
	file := filepath.Join(c.Data, configfile.KeyFile)
	_, err := configfile.ReadKey(file)
	switch entries, unread := os.ReadDir(c.Data); {
	case err == nil:
		p.add(OK, name, "", "%s is readable, and by nobody else", file)
	case !errors.Is(err, fs.ErrNotExist):
		p.add(Fail, name, "", "%v", err)
	case unread == nil && len(entries) > 0:
		p.add(Fail, name, "set key.file to the key that sealed its cards", "%s does not exist, and %s is not empty", file,
			c.Data)
	case !onLoopback(c.Gateway.Listen):
		p.add(Fail, name, "make one with `switchd keygen FILE` and set key.file",
			"none is configured, and the gateway port is not on loopback")
	default:
		p.ok(name, "none yet: the first start makes %s", file)
	}
}

// onLoopback tells whether an address is one of loopback. A name may lead anywhere.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

// expiresSoon is how long before its end a certificate is told of.
const expiresSoon = 30 * 24 * time.Hour

// certificates reads those of the ports and of issuers, with their keys.
func (p *Patient) certificates() {
	const name = "certificates"
	gateway, gatewayErr := configfile.ServerTLS(p.path, p.config.Gateway.TLS)
	operator, operatorErr := configfile.ServerTLS(p.path, p.config.Operator.TLS)
	issuers, err := configfile.IssuerTLS(p.path, p.config)
	if gatewayErr != nil {
		err = fmt.Errorf("gateway.tls: %w", gatewayErr)
	} else if operatorErr != nil {
		err = fmt.Errorf("operator.tls: %w", operatorErr)
	}
	if err != nil {
		p.add(Fail, name, "", "%v", err)
		return
	}
	all := map[string]*tls.Config{"gateway.tls": gateway, "operator.tls": operator}
	for issuer, t := range issuers {
		all["tls of issuer "+issuer] = t
	}
	first, of := time.Time{}, ""
	for _, where := range slices.Sorted(maps.Keys(all)) {
		if t := all[where]; t != nil && len(t.Certificates) > 0 {
			if end := t.Certificates[0].Leaf.NotAfter; of == "" || end.Before(first) {
				first, of = end, where
			}
		}
	}
	left, day := first.Sub(p.machine.Now()), first.UTC().Format(time.DateOnly)
	switch {
	case of == "":
		p.ok(name, "none is configured")
	case left <= 0:
		p.add(Fail, name, "have a new one issued, and start the switch again", "that of %s ended on %s", of, day)
	case left < expiresSoon:
		p.add(Warn, name, "have a new one issued", "that of %s ends on %s, in %d days", of, day, int(left.Hours()/24))
	default:
		p.ok(name, "the first to end is that of %s, on %s", of, day)
	}
}

// dataFolder looks at whose it is and who else gets at it.
func (p *Patient) dataFolder() {
	const name = "data"
	dir := p.config.Data
	warning, err := infile.CheckFolder(dir)
	info, missing := os.Stat(dir)
	switch {
	case err != nil:
		p.add(Fail, name, "", "%v", err)
	case errors.Is(missing, fs.ErrNotExist):
		p.ok(name, "%s is not there: the first start makes it", dir)
	case missing != nil:
		p.add(Fail, name, "", "%v", missing)
	case warning != "":
		p.add(Warn, name, "", "%s", warning)
	default:
		owner, known := info.Sys().(*syscall.Stat_t)
		if me := os.Geteuid(); known && int(owner.Uid) != me && me != 0 {
			p.add(Warn, name, fmt.Sprintf("ask again as that user: sudo -u '#%d' switchctl doctor …", owner.Uid),
				"%s is of the user %d, and this is user %d", dir, owner.Uid, me)
			return
		}
		p.ok(name, "%s has mode %04o", dir, info.Mode().Perm())
	}
}

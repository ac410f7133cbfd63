package configfile

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"switchyard/internal/config"
	"switchyard/internal/infile"
	txswitch "switchyard/switch"
)

// ServerTLS makes the TLS of the gateway port or the operator's; nil where none is configured. With a CA each client
// needs a certificate of it.
func ServerTLS(configPath string, t *config.TLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	c, err := baseTLS(configPath, t)
	if err != nil {
		return nil, err
	}
	if len(c.Certificates) == 0 {
		return nil, fmt.Errorf("certificate and key: missing")
	}
	if c.RootCAs != nil {
		c.ClientCAs, c.RootCAs = c.RootCAs, nil
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// IssuerTLS makes the TLS of each issuer that has it configured.
func IssuerTLS(configPath string, c *txswitch.Config) (map[string]*tls.Config, error) {
	all := map[string]*tls.Config{}
	for i := range c.Issuers {
		x := &c.Issuers[i]
		if x.TLS == nil {
			continue
		}
		settings := baseTLS
		if x.Listen != "" {
			settings = ServerTLS
		}
		t, err := settings(configPath, x.TLS)
		if err != nil {
			return nil, fmt.Errorf("issuers[%d].tls: %w", i, err)
		}
		t.ServerName = x.TLS.ServerName
		all[x.Name] = t
	}
	return all, nil
}

func baseTLS(configPath string, t *config.TLS) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.Certificate != "" || t.Key != "" {
		pair, err := infile.KeyPair(beside(configPath, t.Certificate), beside(configPath, t.Key))
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if t.CA != "" {
		text, err := infile.Read(beside(configPath, t.CA), infile.MaxSecret)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("ca: %s holds no PEM certificate", t.CA)
		}
	}
	return c, nil
}

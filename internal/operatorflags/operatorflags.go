// Package operatorflags has the flags by which a command finds a switch's operator API and says who asks: --operator,
// --token-file, --ca, --cert and --cert-key, with SWITCHYARD_OPERATOR_TOKEN in the environment.
package operatorflags

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"switchyard/internal/infile"
	"switchyard/switch/operator/client"
)

// TokenVariable is the environment variable that holds the token where no file is named.
const TokenVariable = "SWITCHYARD_OPERATOR_TOKEN"

// secure begins an address whose certificate is of an authority that the system trusts.
const secure = "https://"

// Flags are the flags of one command.
type Flags struct {
	addr, tokenFile, ca, cert, key string
}

// Add adds the flags. addr is the address without them.
func (f *Flags) Add(to *pflag.FlagSet, addr string) {
	to.StringVar(&f.addr, "operator", addr, "operator API of the switch: host:port, https://host:port or unix:PATH")
	to.StringVar(&f.tokenFile, "token-file", "",
		"`file` with the token that shows who asks (default: $"+TokenVariable+", or none)")
	to.StringVar(&f.ca, "ca", "", "PEM `file` of the authority of the switch's certificate; TLS is spoken with it")
	to.StringVar(&f.cert, "cert", "", "PEM `file` of a client certificate, where the operator API asks for one")
	to.StringVar(&f.key, "cert-key", "", "PEM `file` of its key")
}

// Client makes the client that the flags ask for. No error shows the token.
func (f *Flags) Client() (*client.Client, error) {
	addr, system := strings.CutPrefix(f.addr, secure)
	var o client.Options
	if system || f.ca != "" {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if f.ca != "" {
		text, err := infile.Read(f.ca, infile.MaxSecret)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		o.TLS.RootCAs = x509.NewCertPool()
		if !o.TLS.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca: %s holds no PEM certificate", f.ca)
		}
	}
	if err := f.show(&o); err != nil {
		return nil, err
	}
	var err error
	if o.Token, err = f.token(); err != nil {
		return nil, err
	}
	c, err := client.With(addr, o)
	if err != nil {
		return nil, fmt.Errorf("--operator: %w (--ca names the authority of its certificate)", err)
	}
	return c, nil
}

// show has the certificate be shown that the flags name.
func (f *Flags) show(o *client.Options) error {
	switch {
	case f.cert == "" && f.key == "":
		return nil
	case f.cert == "" || f.key == "":
		return errors.New("--cert, --cert-key: expected both")
	case o.TLS == nil:
		return errors.New("--cert: TLS is not spoken; expected --ca, or https:// before the address")
	}
	pair, err := infile.KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("--cert: %w", err)
	}
	o.TLS.Certificates = []tls.Certificate{pair}
	return nil
}

// token is the one that the file has, or the environment.
func (f *Flags) token() (string, error) {
	text, from := os.Getenv(TokenVariable), TokenVariable
	if f.tokenFile != "" {
		read, err := infile.ReadSecret(f.tokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		if len(strings.TrimSpace(string(read))) == 0 {
			return "", fmt.Errorf("--token-file: %s is empty; expected a token, as switchctl secret makes it", f.tokenFile)
		}
		text, from = string(read), "--token-file: "+f.tokenFile
	}
	token := strings.TrimSpace(text)
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: expected one token, as switchctl secret makes it, and nothing else", from)
	}
	return token, nil
}

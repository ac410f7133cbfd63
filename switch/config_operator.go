package txswitch

import (
	"errors"
	"fmt"
	"net"

	"switchyard/internal/config"
	"switchyard/switch/operator"
)

// OperatorConfig is the operator API: on a port, a socket file, or both.
type OperatorConfig struct {
	Listen string      `yaml:"listen"`
	Socket string      `yaml:"socket"` // path of a socket file, made with mode 0600
	TLS    *config.TLS `yaml:"tls"`    // on the port
	// Identities lists who may ask. Without a list it is whoever gets to loopback or the socket file.
	Identities []OperatorIdentity `yaml:"identities"`
	// TwoPeople are the topics for which two identities have to make a call.
	TwoPeople []operator.Topic `yaml:"two_people"`
}

// OperatorIdentity is somebody who may ask the operator API.
type OperatorIdentity struct {
	Name      string          `yaml:"name"`       // in the record of acts
	TokenHash string          `yaml:"token_hash"` // as `switchctl secret` prints it
	Roles     []operator.Role `yaml:"roles"`      // read, operate, approve
	// Certificate is a name of its client certificate (package certname), instead of a token.
	Certificate string `yaml:"certificate"`
}

// maxSocketLen is the longest path of a socket file: an address of one has no more room (104 bytes on some systems).
const maxSocketLen = 100

// check keeps the operator API from being open to anybody: without TLS and identities it is on loopback or a socket
// file only.
func (o *OperatorConfig) check() error {
	if o.Listen == "" && o.Socket == "" {
		return errors.New("listen: missing, and so is operator.socket; expected at least one of them")
	}
	if len(o.Socket) > maxSocketLen {
		return fmt.Errorf("socket: %d bytes; expected a path of at most %d", len(o.Socket), maxSocketLen)
	}
	if t := o.TLS; t != nil {
		if t.Certificate == "" || t.Key == "" {
			return errors.New("tls: expected certificate and key")
		}
		if err := checkPortTLS(t); err != nil {
			return err
		}
	}
	for i, x := range o.Identities {
		if x.Certificate != "" && (o.Listen == "" || o.TLS == nil || o.TLS.CA == "") {
			return fmt.Errorf("identities[%d]: certificate: nobody is asked for one without operator.listen and "+
				"operator.tls.ca", i)
		}
	}
	if err := operator.CheckIdentities(o.list()); err != nil {
		return err
	}
	if err := operator.CheckTwoPeople(o.TwoPeople, o.list()); err != nil {
		return fmt.Errorf("two_people: %w", err)
	}
	if o.Listen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if missing := o.missing(); !loopback(host) && missing != "" {
		return fmt.Errorf("listen: %s is not loopback: set %s first, so that only known operators decide and no token is "+
			"sent in clear", o.Listen, missing)
	}
	return nil
}

// missing is what keeps the API from being served on an address that strangers reach; "" if nothing does.
func (o *OperatorConfig) missing() string {
	switch noTLS, nobody := o.TLS == nil, len(o.Identities) == 0; {
	case noTLS && nobody:
		return "operator.tls and operator.identities"
	case noTLS:
		return "operator.tls"
	case nobody:
		return "operator.identities"
	}
	return ""
}

// asks says, for people, what who reaches the API has to show.
func (o *OperatorConfig) asks() string {
	if len(o.Identities) == 0 {
		return "nobody who he is: whoever gets to this address of this machine has all roles (operator.identities)"
	}
	return fmt.Sprintf("for the token or certificate of one of %d identities", len(o.Identities))
}

// list is the identities as package operator takes them.
func (o *OperatorConfig) list() []operator.Identity {
	all := make([]operator.Identity, len(o.Identities))
	for i, x := range o.Identities {
		all[i] = operator.Identity(x)
	}
	return all
}

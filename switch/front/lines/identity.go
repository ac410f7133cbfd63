package lines

import (
	"crypto/tls"
	"fmt"

	"switchyard/internal/secret"
	"switchyard/switch/api"
)

// Gateway is one who may connect, by a secret, a certificate, or either.
type Gateway struct {
	Name string
	// SecretHash is the text of its secret's hash (package secret); "" where only the certificate counts.
	SecretHash string
	// CertSubject is the subject of its client certificate as RFC 2253 writes it, for example "CN=shop,O=Example"; "" where
	// only the secret counts.
	CertSubject string
	// Merchants are the ids that it may act for; nil means any.
	Merchants []string
}

// identities knows the gateways.
type identities struct {
	byName    map[string]*identity
	bySubject map[string]*identity
}

type identity struct {
	caller api.Caller
	secret secret.Hash
}

// CheckGateways returns what New would have against a list of gateways.
func CheckGateways(gateways []Gateway) error {
	_, err := newIdentities(gateways)
	return err
}

func newIdentities(gateways []Gateway) (*identities, error) {
	if len(gateways) == 0 {
		return nil, nil
	}
	ids := &identities{byName: map[string]*identity{}, bySubject: map[string]*identity{}}
	for i, g := range gateways {
		if g.Name == "" {
			return nil, fmt.Errorf("gateways[%d]: name is missing", i)
		}
		if ids.byName[g.Name] != nil {
			return nil, fmt.Errorf("gateways[%d]: name %q is taken", i, g.Name)
		}
		id := &identity{caller: api.Caller{Gateway: g.Name}}
		if g.Merchants != nil {
			id.caller.Merchants = make(map[string]bool, len(g.Merchants))
			for _, m := range g.Merchants {
				id.caller.Merchants[m] = true
			}
		}
		if g.SecretHash != "" {
			var err error
			if id.secret, err = secret.ParseHash(g.SecretHash); err != nil {
				return nil, fmt.Errorf("gateways[%d] %q: %w", i, g.Name, err)
			}
		}
		if g.CertSubject != "" {
			if ids.bySubject[g.CertSubject] != nil {
				return nil, fmt.Errorf("gateways[%d] %q: certificate subject %q is taken", i, g.Name, g.CertSubject)
			}
			ids.bySubject[g.CertSubject] = id
		}
		if g.SecretHash == "" && g.CertSubject == "" {
			return nil, fmt.Errorf("gateways[%d] %q: it has neither a secret nor a certificate subject", i, g.Name)
		}
		ids.byName[g.Name] = id
	}
	return ids, nil
}

// bySecret returns the caller whose secret it is, or nil. An unknown name takes as long as a wrong secret.
func (ids *identities) bySecret(name, told string) *api.Caller {
	id := ids.byName[name]
	var kept secret.Hash
	if id != nil {
		kept = id.secret
	}
	if !kept.Fits(told) {
		return nil
	}
	return &id.caller
}

// byCertificate returns the caller whom the peer's verified certificate stands for, or nil.
func (ids *identities) byCertificate(state tls.ConnectionState) *api.Caller {
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return nil
	}
	if id := ids.bySubject[state.PeerCertificates[0].Subject.String()]; id != nil {
		return &id.caller
	}
	return nil
}

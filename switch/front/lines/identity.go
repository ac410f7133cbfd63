package lines

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"strings"

	"switchyard/switch/api"
)

// Gateway is one who may connect, by a secret, a certificate, or either.
type Gateway struct {
	Name string
	// SecretHash is HashSecret of its secret; "" where only the certificate counts.
	SecretHash string
	// CertSubject is the subject of its client certificate as RFC 2253 writes it, for example "CN=shop,O=Example"; "" where
	// only the secret counts.
	CertSubject string
	// Merchants are the ids that it may act for; nil means any.
	Merchants []string
}

// MinSecret is the shortest secret in characters. A secret is made by a machine (switchctl secret), from 32 random bytes.
const MinSecret = 32

const hashPrefix = "sha256:"

// HashSecret returns the form in which a configuration keeps a secret: "sha256:" and 64 hex digits.
//
// A plain hash is enough because a secret has nothing to guess: short ones, which people make up, are refused. A slow
// hash would only give strangers a way to burn the processor with wrong hellos.
func HashSecret(secret string) (string, error) {
	if len(secret) < MinSecret {
		return "", fmt.Errorf("a gateway's secret needs at least %d characters", MinSecret)
	}
	sum := sha256.Sum256([]byte(secret))
	return hashPrefix + hex.EncodeToString(sum[:]), nil
}

// identities knows the gateways.
type identities struct {
	byName    map[string]*identity
	bySubject map[string]*identity
}

type identity struct {
	caller    api.Caller
	hash      [sha256.Size]byte
	hasSecret bool
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
			digits, found := strings.CutPrefix(g.SecretHash, hashPrefix)
			sum, err := hex.DecodeString(digits)
			if !found || err != nil || len(sum) != sha256.Size {
				return nil, fmt.Errorf("gateways[%d] %q: the secret's hash: expected %s and %d hex digits", i, g.Name, hashPrefix, 2*sha256.Size)
			}
			id.hash, id.hasSecret = [sha256.Size]byte(sum), true
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
func (ids *identities) bySecret(name, secret string) *api.Caller {
	id := ids.byName[name]
	var want [sha256.Size]byte
	if id != nil {
		want = id.hash
	}
	sum := sha256.Sum256([]byte(secret))
	same := subtle.ConstantTimeCompare(sum[:], want[:]) == 1
	if id == nil || !id.hasSecret || !same || len(secret) < MinSecret {
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

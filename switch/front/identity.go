package front

import (
	"container/list"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/internal/certname"
	"switchyard/internal/secret"
	"switchyard/switch/api"
)

// Gateway is one who may call, by a secret, a certificate, or either.
type Gateway struct {
	Name string
	// SecretHash is the text of its secret's hash (package secret); "" where only the certificate counts.
	SecretHash string
	// CertSubject is a name of its client certificate as package certname writes it, for example "CN=shop,O=Example", its
	// whole subject; "" where only the secret counts.
	CertSubject string
	// Merchants are the ids that it may act for; nil means any.
	Merchants []string
	// Operations are what it may ask for, by their names on the wire; nil means any. Status and ping need no permission:
	// whoever asked for something must be able to ask what became of it.
	Operations []string
	// MaxInFlight is how many of its requests may be served at once; 0 means Options.MaxInFlightPerGateway.
	MaxInFlight int
}

// Caller is one who calls: a listed gateway, or anyone where none are listed. It lives as long as its Front.
type Caller struct {
	identity api.Caller
	secret   secret.Hash
	refuses  [api.OpCount]bool // operations that it may not ask for

	most     int64 // requests in flight; 0: no bound but everybody's
	inFlight atomic.Int64
	refused  prometheus.Counter // at that bound; nil of anyone
	wrong    prometheus.Counter // hellos with a wrong secret; nil of anyone
}

// Name is the configured name; "" of anyone.
func (c *Caller) Name() string { return c.identity.Gateway }

// anyone is the caller where no gateways are listed.
var anyone Caller

// callers knows the listed gateways.
type callers struct {
	byName    map[string]*Caller
	bySubject map[string]*Caller

	strangers strangers
	unlisted  prometheus.Counter // wrong hellos that named nobody
}

// CheckGateways returns what New would have against a list of gateways.
func CheckGateways(gateways []Gateway) error {
	_, err := newCallers(gateways, 1)
	return err
}

func newCallers(gateways []Gateway, most int) (*callers, error) {
	if len(gateways) == 0 {
		return nil, nil
	}
	cs := &callers{
		byName: map[string]*Caller{}, bySubject: map[string]*Caller{},
		strangers: strangers{known: map[stranger]*list.Element{}},
	}
	for i := range gateways {
		g := &gateways[i]
		switch {
		case g.Name == "":
			return nil, fmt.Errorf("gateways[%d]: name is missing", i)
		case cs.byName[g.Name] != nil:
			return nil, fmt.Errorf("gateways[%d]: name %q is taken", i, g.Name)
		case g.CertSubject != "" && cs.bySubject[g.CertSubject] != nil:
			return nil, fmt.Errorf("gateways[%d] %q: certificate subject %q is taken", i, g.Name, g.CertSubject)
		}
		c, err := newCaller(g, most)
		if err != nil {
			return nil, fmt.Errorf("gateways[%d] %q: %w", i, g.Name, err)
		}
		cs.byName[g.Name] = c
		if g.CertSubject != "" {
			cs.bySubject[g.CertSubject] = c
		}
	}
	return cs, nil
}

func newCaller(g *Gateway, most int) (*Caller, error) {
	c := &Caller{identity: api.Caller{Gateway: g.Name}, most: int64(most)}
	if g.SecretHash == "" && g.CertSubject == "" {
		return nil, errors.New("it has neither a secret nor a certificate subject")
	}
	var err error
	if g.SecretHash != "" {
		if c.secret, err = secret.ParseHash(g.SecretHash); err != nil {
			return nil, err
		}
	}
	if g.Merchants != nil {
		c.identity.Merchants = make(map[string]bool, len(g.Merchants))
		for _, m := range g.Merchants {
			c.identity.Merchants[m] = true
		}
	}
	if g.Operations != nil {
		if err := c.allowOnly(g.Operations); err != nil {
			return nil, err
		}
	}
	switch {
	case g.MaxInFlight < 0:
		return nil, fmt.Errorf("max_in_flight: %d: expected at least 1, or 0 for the default", g.MaxInFlight)
	case g.MaxInFlight > 0:
		c.most = int64(g.MaxInFlight)
	}
	return c, nil
}

// allowOnly refuses all operations but those named, and those that need no permission.
func (c *Caller) allowOnly(names []string) error {
	var known []string
	for _, op := range api.Ops() {
		if op == api.OpStatus || op == api.OpPing {
			continue
		}
		known = append(known, op.String())
		c.refuses[op] = !slices.Contains(names, op.String())
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("operations: %q: expected some of %s; status and ping need no permission",
				name, strings.Join(known, ", "))
		}
	}
	return nil
}

// may tells whether the caller may ask for a request, as far as the request itself says. Whose payment it names is for
// the flows to find.
func (c *Caller) may(req *api.Request) *api.Error {
	if c.refuses[req.Op] {
		return &api.Error{Code: api.CodeUnauthorized, Field: "op", Message: "this gateway may not ask for the operation"}
	}
	if req.Present.Has(api.FieldMerchant) && !c.identity.MayActFor(req.Merchant) {
		return &api.Error{
			Code: api.CodeUnauthorized, Field: "merchant", Message: "this gateway may not act for the merchant",
		}
	}
	return nil
}

// Anyone is the caller who need not say who it is; nil where gateways are listed.
func (f *Front) Anyone() *Caller {
	if f.callers != nil {
		return nil
	}
	return &anyone
}

// BySecret returns the caller whose secret it is, or nil; anyone where no gateways are listed. An unknown name takes as
// long as a wrong secret.
func (f *Front) BySecret(name, told string) *Caller {
	if f.callers == nil {
		return &anyone
	}
	c := f.callers.byName[name]
	var kept secret.Hash
	if c != nil {
		kept = c.secret
	}
	if !kept.Fits(told) {
		return nil
	}
	return c
}

// ByCertificate returns the caller whom the peer's verified certificate stands for, or nil.
func (f *Front) ByCertificate(state tls.ConnectionState) *Caller {
	if f.callers == nil || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return nil
	}
	var found *Caller
	for _, name := range certname.Of(state.PeerCertificates[0]) {
		switch c := f.callers.bySubject[name]; {
		case c == nil || c == found:
		case found != nil:
			return nil // two gateways' names are in it: it is neither's
		default:
			found = c
		}
	}
	return found
}

// Resembles returns the name in the list that the peer's verified certificate would have where the parts of its subject
// were listed in another order, or not all of them; "" if there is none. It stands for nobody: it tells who wrote the
// list what is wrong with it.
func (f *Front) Resembles(state tls.ConnectionState) string {
	if f.callers == nil || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return ""
	}
	// crypto/x509 writes a subject's parts in an order of its own, and one of each.
	if name := state.PeerCertificates[0].Subject.String(); f.callers.bySubject[name] != nil {
		return name
	}
	return ""
}

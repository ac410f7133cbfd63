package operator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"switchyard/internal/certname"
	"switchyard/internal/mutant"
	"switchyard/internal/secret"
)

// Role is what somebody may do. Each request of the API asks for one of them; none includes another.
type Role string

// The roles.
const (
	RoleRead    Role = "read"    // sees everything that the API shows, and changes nothing
	RoleOperate Role = "operate" // does what a day needs: cutovers, backups, sending an advice again
	RoleApprove Role = "approve" // decides about money: what is closed for good, what is believed, what ends a hold
)

// Roles lists all of them.
func Roles() []Role { return []Role{RoleRead, RoleOperate, RoleApprove} }

// Identity is somebody who may ask.
type Identity struct {
	Name string // stands in the record of acts
	// TokenHash is the hash of the token that it shows, as package secret writes it.
	TokenHash string
	Roles     []Role
	// Certificate is, in place of a token, a name of the client certificate that it shows (package certname).
	Certificate string
}

// Names of those whom nobody asked who they are, by the way that they came.
const (
	byLoopback = "loopback"
	bySocket   = "socket" // with the user's id behind it where the system tells it
)

// maxNameLen bounds an identity's name.
const maxNameLen = 64

// caller is who asks.
type caller struct {
	name  string
	roles []Role
}

// may tells whether it has a role. A request without one is nobody's.
func (c *caller) may(role Role) bool { return slices.Contains(c.roles, role) }

// identities are those who may ask; nil: everybody who gets here.
type identities struct {
	callers []caller
	hashes  []secret.Hash  // of their tokens; of who shows a certificate one that no token fits
	byName  map[string]int // in a certificate
}

// CheckIdentities returns what New would have against a list of identities.
func CheckIdentities(list []Identity) error {
	_, err := newIdentities(list)
	return err
}

func newIdentities(list []Identity) (*identities, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids := &identities{byName: map[string]int{}}
	for i := range list {
		x := &list[i]
		if err := ids.add(x); err != nil {
			return nil, fmt.Errorf("identities[%d] %q: %w", i, x.Name, err)
		}
	}
	return ids, nil
}

func (ids *identities) add(x *Identity) error {
	unprintable := func(r rune) bool { return r < 0x20 || r > 0x7e }
	var hash secret.Hash
	var err error
	if x.TokenHash != "" {
		hash, err = secret.ParseHash(x.TokenHash)
	}
	_, taken := ids.byName[x.Certificate]
	switch {
	case x.Name == "" || len(x.Name) > maxNameLen || strings.IndexFunc(x.Name, unprintable) >= 0:
		return fmt.Errorf("name: expected 1 to %d printable characters", maxNameLen)
	case x.Name == byLoopback || strings.HasPrefix(x.Name, bySocket):
		return fmt.Errorf("name: expected another one than %s, or one that begins with %s: so those are named who are "+
			"not asked who they are", byLoopback, bySocket)
	case slices.ContainsFunc(ids.callers, func(c caller) bool { return c.name == x.Name }):
		return errors.New("name: it is taken")
	case (x.TokenHash == "") == (x.Certificate == ""):
		return errors.New("expected either token_hash or certificate")
	case err != nil:
		return fmt.Errorf("token_hash: %w", err)
	case x.TokenHash != "" && slices.Contains(ids.hashes, hash):
		return errors.New("token_hash: another identity has the same token")
	case taken:
		return errors.New("certificate: another identity has the same")
	case len(x.Roles) == 0:
		return fmt.Errorf("roles: expected at least one of %s", roleNames(Roles()))
	}
	for i, role := range x.Roles {
		if !slices.Contains(Roles(), role) || slices.Contains(x.Roles[:i], role) {
			return fmt.Errorf("roles: %q: expected %s, each once", role, roleNames(Roles()))
		}
	}
	if x.Certificate != "" {
		if err := certname.Check(x.Certificate); err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		ids.byName[x.Certificate] = len(ids.callers)
	}
	ids.callers = append(ids.callers, caller{x.Name, slices.Clone(x.Roles)})
	ids.hashes = append(ids.hashes, hash)
	return nil
}

func roleNames(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

var (
	errNoToken = errors.New(
		"a token is needed: Authorization: Bearer TOKEN (switchctl: --token-file, or the environment " +
			"variable SWITCHYARD_OPERATOR_TOKEN)")
	errWrongToken = errors.New("the token is nobody's")
	errNobodys    = errors.New(
		"a token is needed, or another certificate: operator.identities lists none of the names of this one, its whole " +
			"subject, its URI and its DNS names")
	errTwoNames = errors.New("the certificate has names of two identities")
)

// who tells who asks. Where there are identities it is the one whose token is shown; else everybody has all roles,
// since the request came by a way that only those have who may.
func (ids *identities) who(r *http.Request) (*caller, error) {
	if ids == nil {
		return &caller{came(r), Roles()}, nil
	}
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") || token == "" {
		return ids.byCertificate(r.TLS)
	}
	var found *caller
	for i := range ids.hashes { // all of them, so that it takes as long for each
		if ids.hashes[i].Fits(token) {
			found = &ids.callers[i]
		}
	}
	if found == nil {
		return nil, errWrongToken
	}
	return found, nil
}

// byCertificate tells who asks by the certificate of a connection. One that two identities are listed by is neither's.
func (ids *identities) byCertificate(state *tls.ConnectionState) (*caller, error) {
	if len(ids.byName) == 0 || state == nil || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return nil, errNoToken
	}
	found := -1
	for _, name := range certname.Of(state.PeerCertificates[0]) {
		switch i, listed := ids.byName[name]; {
		case !listed || i == found:
		case found >= 0:
			return nil, errTwoNames
		default:
			found = i
		}
	}
	if found < 0 {
		return nil, errNobodys
	}
	return &ids.callers[found], nil
}

// roleOf is the role that a request needs.
func roleOf(e *endpoint) Role {
	if e.Pattern == "POST /v1/cutover" && mutant.On(mutant.RoleForgotten) {
		return RoleRead
	}
	return e.Role
}

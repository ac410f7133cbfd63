package sim

import (
	"errors"
	"net/http"
	"strings"

	"switchyard/internal/secret"
	txswitch "switchyard/switch"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// operators are the people who ask a switch. Each shows a token, which a switch that knows nobody passes over.
var operators = []string{"anna", "ben"}

func tokenOf(who string) string { return "the-token-of-" + who + "-in-the-simulation" }

// knownOperators are they as a config lists them.
func knownOperators() (list []txswitch.OperatorIdentity, err error) {
	for _, who := range operators {
		hash, err := secret.HashOf(tokenOf(who))
		if err != nil {
			return nil, err
		}
		list = append(list, txswitch.OperatorIdentity{Name: who, TokenHash: hash.String(), Roles: operator.Roles()})
	}
	return list, nil
}

// bearer shows who asks with each request.
type bearer struct {
	token string
	http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.RoundTripper.RoundTrip(r)
}

// api is the client of the node's operator API, for the first of the operators.
func (n *switchNode) api() *client.Client { return n.apiOf(operators[0]) }

func (n *switchNode) apiOf(who string) *client.Client {
	return client.Over(n.operator, &http.Client{Transport: bearer{tokenOf(who), n.w.http.Transport}})
}

// decides has an operator ask for something and, where two people are wanted for it, another one, whose call carries
// out what the first one's has proposed. The proposal may be of an earlier life.
func (n *switchNode) decides(ask func(*client.Client) error) (err error) {
	for _, who := range operators {
		if err = ask(n.apiOf(who)); !waitsForAnother(err) {
			return err
		}
	}
	return err
}

// waitsForAnother tells whether a call is proposed, by itself or before, and somebody else has to make it, too.
func waitsForAnother(err error) bool {
	var proposed *client.ProposedError
	why, refused := client.Refused(err)
	return errors.As(err, &proposed) || refused && strings.Contains(why, "the same identity twice")
}

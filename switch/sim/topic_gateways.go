package sim

import (
	"slices"
	"strings"

	"pgregory.net/rapid"

	"switchyard/internal/secret"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
)

// Listed gateways: each says who it is, acts for its merchants and sees nothing of the other's. One tells a wrong
// secret.

func init() { addTopic(topic{name: "gateways", draw: drawGateways}) }

const gatewaysPercent = 30

func drawGateways(t *rapid.T, p *Plan) section {
	if !percent(t, gatewaysPercent) {
		return nil
	}
	return gatewaysSection{Alone: bits(t, 4)}
}

// gatewayIdentity is who an actor is; the zero value where no gateways are listed.
type gatewayIdentity struct {
	name, secret string
	merchants    []string // whom it may act for
}

// The two gateways share a merchant, whose payments each sees of its own.
var gatewayIdentities = []gatewayIdentity{
	{"shop", strings.Repeat("shop secret ", 4), []string{"M1", "M2"}},
	{"till", strings.Repeat("till secret ", 4), []string{"M1", "M3", "M4"}},
}

// gatewaysSection says which actors are which gateway: actor i is the one, but for those that Alone counts.
type gatewaysSection struct{ Alone int }

// String implements section.
func (s gatewaysSection) String() string { return "gateways are listed" }

// of is the gateway that an actor is.
func (s gatewaysSection) of(actor int) gatewayIdentity {
	return gatewayIdentities[(actor/2+s.Alone)%len(gatewayIdentities)]
}

func (s gatewaysSection) begin(w *world) any { return &gatewaysPart{w: w} }

type gatewaysPart struct{ w *world }

// configure implements configures.
func (g *gatewaysPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	for _, who := range gatewayIdentities {
		hash, err := secret.HashOf(who.secret)
		if err != nil {
			g.w.failf("a secret", "%v", err)
		}
		o.Config.Gateway.Gateways = append(o.Config.Gateway.Gateways, txswitch.GatewayEntry{
			Name: who.name, SecretHash: hash.String(), Merchants: who.merchants,
		})
	}
}

// conclude implements concludes: whoever does not know the secret is not served.
func (g *gatewaysPart) conclude() {
	for i := range g.w.nodes {
		a := newActor(g.w, i)
		a.who.secret += "!"
		if ans, sent := a.once(askFor("nobody's", merchant), false); ans != nil || sent {
			g.w.failf("a gateway is served that does not know its secret", "%v", ans)
		}
	}
}

// check implements checks: nobody was answered about a merchant that is not its own, or about another gateway's
// payment.
func (g *gatewaysPart) check(all []*books) {
	owners := map[string]string{} // payment → gateway
	for _, b := range all {
		for i := range b.list {
			owners[b.list[i].Payment] = b.list[i].Gateway
		}
	}
	for _, c := range g.w.history.calls {
		if c.answer == nil || c.answer.Err != nil {
			continue
		}
		for _, seen := range append([]api.Answer{*c.answer}, c.answer.Payments...) {
			foreign := seen.Payment != "" && owners[seen.Payment] != c.by.who.name
			if foreign || !c.by.mayActFor(c.merchant) {
				g.w.failf("a gateway is told of another's payment", "%s as %s: %s", requestText(&c.req.Request), c.by.who.name,
					answerText(&seen))
			}
		}
	}
}

// mayActFor tells whether an actor's gateway may act for a merchant.
func (a *actor) mayActFor(merchant string) bool {
	return a.who.merchants == nil || slices.Contains(a.who.merchants, merchant)
}

package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/secret"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
)

// Listed gateways: each says who it is, acts for its merchants and sees nothing of the other's. One tells a wrong
// secret. In some plans they have little room, and one asks for more than all the room there is, of which the other has
// its part all the same.

func init() { addTopic(topic{name: "gateways", draw: drawGateways}) }

const gatewaysPercent = 30

func drawGateways(t *rapid.T, p *Plan) section {
	if !percent(t, gatewaysPercent) {
		return nil
	}
	n := bits(t, 4)
	return gatewaysSection{First: n % 2, Greedy: n >= 2 && p.InFlight > greedyRoom}
}

// What a switch with a greedy gateway serves at once, and what of one gateway.
const (
	greedyRoom       = 16
	greedyPerGateway = 6
)

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

// gatewaysSection says which gateway the first actor is; the actors are the one and the other in pairs.
type gatewaysSection struct {
	First  int
	Greedy bool // the first asks too much in the end
}

// String implements section.
func (s gatewaysSection) String() string {
	if s.Greedy {
		return "gateways are listed, of which one is greedy"
	}
	return "gateways are listed"
}

// of is the gateway that an actor is.
func (s gatewaysSection) of(actor int) gatewayIdentity {
	return gatewayIdentities[(actor/2+s.First)%len(gatewayIdentities)]
}

func (s gatewaysSection) begin(w *world) any { return &gatewaysPart{w: w, greedy: s.Greedy} }

type gatewaysPart struct {
	w      *world
	greedy bool
}

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
	if g.greedy {
		o.Config.Limits.MaxInFlight, o.Config.Gateway.MaxInFlightPerGateway = greedyRoom, greedyPerGateway
	}
}

// conclude implements concludes: whoever does not know the secret is not served, and one gateway cannot take all the
// room.
func (g *gatewaysPart) conclude() {
	for i := range g.w.nodes {
		if g.greedy {
			g.crowdOut(i)
		}
		a := newActor(g.w, i)
		a.who.secret += "!"
		if ans, sent := a.once(askFor("nobody's", merchant), false); ans != nil || sent {
			g.w.failf("a gateway is served that does not know its secret", "%v", ans)
		}
	}
}

// crowdOut has one gateway ask for more than a switch serves at once, of which the issuer answers nothing, and wants
// the other one to be served meanwhile.
func (g *gatewaysPart) crowdOut(node int) {
	w := g.w
	greedy, modest := newActor(w, node), newActor(w, node)
	greedy.who, modest.who = gatewayIdentities[0], gatewayIdentities[1]
	var asking sync.WaitGroup
	for i := range 2 * greedyRoom {
		req := (&Step{Do: DoAuthorize, Amount: 1, Card: silentCard}).creation(fmt.Sprintf("greedy%d-%d", node, i))
		asking.Go(func() { greedy.once(&req, false) })
	}
	time.Sleep(w.plan.Deadline / 2)
	req := (&Step{Do: DoSale, Amount: 1}).creation(fmt.Sprintf("modest%d", node))
	// One that has no answer in time had its room.
	if ans, _ := modest.once(&req, false); ans == nil || !ans.Approved && ans.Status != api.StatusReversing {
		w.failf("a greedy gateway leaves no room", "%s%s: %v", requestText(&req.Request), modest.node.suffix(), ans)
	}
	asking.Wait()
	greedy.hangUp()
	modest.hangUp()
	w.quiet()
}

// check implements checks: nobody was answered about a merchant that is not its own, or about another gateway's
// payment, and nobody was told that there is no payment which is its own.
func (g *gatewaysPart) check(all []*books) {
	owners := map[string]string{} // payment → gateway
	for _, b := range all {
		for i := range b.list {
			owners[b.list[i].Payment] = b.list[i].Gateway
		}
	}
	for _, c := range g.w.history.calls {
		if c.answer == nil {
			continue
		}
		if err := c.answer.Err; err != nil {
			own := owners[c.req.Payment] == c.by.who.name && c.by.mayActFor(c.merchant)
			if own && err.Code == api.CodeUnknownPayment && c.req.Payment != "" {
				g.w.failf("a gateway is not told of its own payment", "%s as %s", requestText(&c.req.Request), c.by.who.name)
			}
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

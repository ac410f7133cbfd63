package sim

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	profiles "switchyard/switch/merchant"
)

// Somebody changes the config between the lives of a switch: acquirer id, the merchant's profile, processor id,
// production. What a payment repeats is what it was made with, so no message of an earlier payment follows the
// change.

func init() { addTopic(topic{name: "config", draw: drawConfig}) }

const configPercent = 35

func drawConfig(t *rapid.T, _ *Plan) section {
	if !percent(t, configPercent) {
		return nil
	}
	return configSection{}
}

type configSection struct{}

func (configSection) String() string {
	return "config: another acquirer, merchant and processor with each life"
}

func (configSection) begin(w *world) any { return configPart{w} }

type configPart struct{ w *world }

// configure implements configures. Of two nodes each keeps its acquirer, which topic nodes gives it.
func (c configPart) configure(n *switchNode, life int, o *txswitch.Options) {
	any := n.chance(life)
	o.Config.AcquirerID = []string{"400001", "500002", "60000300003"}[any.below(3, "acquirer", 0)]
	profile := profiles.DefaultProfile()
	profile.ID, profile.Name = merchant, fmt.Sprint("Shop ", life)
	profile.MCC = []string{"5999", "5411", "5812"}[any.below(3, "category", 0)]
	o.Config.Merchants.Profiles = []profiles.Profile{profile}
	o.Config.Clearing.ProcessorID = fmt.Sprint(400001 + any.below(3, "processor", 0))
	o.Config.Clearing.Production = any.oneIn(2, "production", 0)
	c.w.trace.addf(n.name, "is configured with acquirer %s, merchant category %s", o.Config.AcquirerID, profile.MCC)
}

// check implements checks: each message of a payment has the acquirer of its first in DE32, and in DE90.
func (c configPart) check(all []*books) {
	for _, b := range all {
		c.oneAcquirer(b)
	}
}

func (c configPart) oneAcquirer(b *books) {
	payments := map[string]string{} // identity → payment
	for i := range b.list {
		for j := range b.list[i].Ops {
			if op := &b.list[i].Ops[j]; op.STAN != "" {
				payments[identity(op.Host, op.DE7, op.STAN)] = b.list[i].Payment
			}
		}
	}
	const kind = "a payment's acquirer changes"
	first := map[string]string{}
	frames := c.w.wire.all()
	for i := range frames {
		f := &frames[i]
		payment := payments[f.identity()]
		if f.node != b.node || payment == "" || !f.financial() {
			continue
		}
		if first[payment] == "" {
			first[payment] = f.acquirer
		}
		was := first[payment]
		if f.acquirer != was {
			c.w.failf(kind, "payment %s: %s under %s, before it %s", payment, f.text(), f.acquirer, was)
		}
		const at, end = 20, 31 // of DE32 in DE90
		if host, ok := sectionOf[*hostSection](c.w.plan); ok && host.Mapping.Original == "short" {
			continue // the host is not told
		}
		if f.original != "" && strings.TrimLeft(f.original[at:end], "0") != was {
			c.w.failf(kind, "payment %s: %s names its original under %s", payment, f.text(), f.original[at:end])
		}
	}
}

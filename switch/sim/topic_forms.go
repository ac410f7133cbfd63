package sim

import (
	"fmt"

	"pgregory.net/rapid"

	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
)

// Clearing files have every form that they may have, another one with each life: record descriptor words or lengths,
// blocks or none, cp500 or ASCII, those of a destination one of their own. What is rebuilt has that of its date's
// sealing; what answers a file has the file's.

func init() { addTopic(topic{name: "forms", since: 24, draw: drawForms}) }

const formsPercent = 30

func drawForms(t *rapid.T, _ *Plan) section {
	if !percent(t, formsPercent) {
		return nil
	}
	return formsSection{}
}

type formsSection struct{}

// String implements section.
func (formsSection) String() string { return "clearing files have another form with each life" }

func (formsSection) begin(w *world) any { return formsPart{w} }

type formsPart struct{ w *world }

// configure implements configures.
func (f formsPart) configure(n *switchNode, life int, o *txswitch.Options) {
	any, c := n.chance(life), &o.Config.Clearing
	c.Framing = []string{"rdw", "vbs"}[any.below(2, "framing", 0)]
	c.CodePage = []string{"cp500", "ascii"}[any.below(2, "code page", 0)]
	c.Blocked = any.oneIn(2, "blocked", 0)
	f.w.faults.add(fmt.Sprintf("clearing files: %s %s, blocked %t", c.CodePage, c.Framing, c.Blocked), 1)
	if any.oneIn(2, "form of a destination", 0) {
		blocked := any.oneIn(2, "blocked for a destination", 0)
		c.Forms = []txswitch.FormConfig{{
			Destinations: []string{"visa"}, Blocked: &blocked,
			CodePage: []string{"cp500", "ascii"}[any.below(2, "code page for a destination", 0)],
			Framing:  []string{"rdw", "vbs"}[any.below(2, "framing for a destination", 0)],
		}}
		f.w.faults.add("clearing files of a destination in a form of their own", 1)
	}
}

// equip implements equips: the forms of the clearing system's own files.
func (f formsPart) equip(o *issuersim.Options) {
	o.Clearing.ASCII = f.w.chance.oneIn(2, "code page of windows", 0)
	o.Clearing.Unblocked = f.w.chance.oneIn(2, "blocks of windows", 0)
}

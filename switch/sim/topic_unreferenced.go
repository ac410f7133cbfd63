package sim

import (
	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	profiles "switchyard/switch/merchant"
)

// Credits: some steps pay a cardholder without a payment that it would pay back, in the name of merchants that may and
// of one that may not. The topic is drawn last, so that plans without it are what they were.

func init() { addTopic(topic{name: "unreferenced", draw: drawCredits}) }

const creditsPercent = 30

func drawCredits(t *rapid.T, p *Plan) section {
	if !percent(t, creditsPercent) {
		return nil
	}
	for i := range p.Actors {
		for j := range p.Actors[i] {
			if s := &p.Actors[i][j]; percent(t, 25) {
				s.Do, s.Amount = DoCredit, max(1, s.Amount)
				s.NotOpened = percent(t, 20)
			}
		}
	}
	return creditsSection{}
}

// notOpened is the merchant that may not credit. It does nothing else.
const notOpened = "M9"

// asCredit makes of a request of the step's card and amount one for a credit.
func (s *Step) asCredit(r *wish) {
	r.Op = api.OpCredit
	if s.Dress.Merchant != "" {
		r.Entry, r.Present = s.Dress.Entry, r.Present.With(api.FieldEntry)
	}
	if s.Dress.Reference {
		r.Reference, r.Present = reference, r.Present.With(api.FieldReference)
	}
	if s.NotOpened {
		r.Merchant, r.merchant = notOpened, notOpened
	}
}

type creditsSection struct{}

// String implements section.
func (creditsSection) String() string { return "merchants may credit, but for one" }

func (creditsSection) begin(w *world) any { return creditsPart{w} }

type creditsPart struct{ w *world }

// configure implements configures.
func (creditsPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	m := &o.Config.Merchants
	m.Default.Credits = true
	for i := range m.Profiles {
		m.Profiles[i].Credits = true
	}
	m.Profiles = append(m.Profiles, profiles.Profile{ID: notOpened, City: "Oslo", Country: "NOR", MCC: "5999"})
}

// check implements checks: nothing was begun for the merchant that may not, and nobody was told that something was.
func (c creditsPart) check(all []*books) {
	for _, b := range all {
		for i := range b.list {
			if p := &b.list[i]; p.Merchant == notOpened {
				c.w.failf("a merchant credits that may not", "payment %s%s", p.Payment, b.node.suffix())
			}
		}
	}
	for _, call := range c.w.history.calls {
		if call.req.Merchant == notOpened && call.answer != nil && call.answer.Err == nil && call.req.Op == api.OpCredit {
			c.w.failf("a merchant credits that may not", "%s: %s", requestText(&call.req.Request), answerText(call.answer))
		}
	}
}

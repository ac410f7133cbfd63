package sim

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// A host that reads another card than was sent, as one does whose padding of BCD is not ours: it works on that card,
// finds its own originals there, and names it in DE2 of its answers. So no request of the card may be approved; each
// becomes unknown and is undone. Once the faults end the host no longer names the card when it answers a reversal, as
// after the operator of a real one was told; else nothing would ever end. Some hosts only answer so, now and then.
//
// The topic is drawn last, so that plans without it are what they were.

func init() { addTopic(topic{name: "wrongcard", draw: drawWrongCard}) }

const wrongCardPercent = 12

// misreadCard is the one of the good cards that is read as another one.
const misreadCard = 2

func drawWrongCard(t *rapid.T, p *Plan) section {
	if !percent(t, wrongCardPercent) {
		return nil
	}
	s := wrongCardSection{}
	if percent(t, 60) {
		s.Answers = []string{"wrong_card", "wrong_processing"}[bits(t, 2)]
		s.Percent = []int{10, 30}[bits(t, 2)]
		return s
	}
	// What the issuer is told of as a fact is applied to whichever card it reads, and nobody undoes it.
	p.StandIn = false
	for i := range p.Actors {
		for j := range p.Actors[i] {
			switch step := &p.Actors[i][j]; {
			case step.Do == DoVoice && step.Card%goodCards == misreadCard:
				step.Card = 0
			case step.Do.creates() && step.Do != DoVoice && percent(t, 40):
				step.Card = misreadCard
			}
		}
	}
	return s
}

// wrongCardSection says how the host is wrong: in so many of a hundred answers, or, where Answers is empty, about what
// it does for one card.
type wrongCardSection struct {
	Answers string
	Percent int
}

// String implements section.
func (s wrongCardSection) String() string {
	if s.Answers != "" {
		return fmt.Sprintf("the host's answers have a %s, %d of 100", s.Answers, s.Percent)
	}
	return fmt.Sprintf("the host reads another card where card %d is sent", misreadCard)
}

func (wrongCardSection) begin(*world) any { return nil }

// rules implements hosts.
func (s wrongCardSection) rules(calm bool) string {
	if s.Answers != "" {
		if calm {
			return ""
		}
		return fmt.Sprintf("  - probability: %g\n    fault: {kind: %s}\n", float64(s.Percent)/100, s.Answers)
	}
	undoing := "misread"
	if calm {
		undoing = "misread_silent"
	}
	var b strings.Builder
	for _, r := range [...]struct{ mtis, fault string }{
		{`"0100", "0200"`, "misread"},
		{`"0120", "0121", "0220", "0221", "0400", "0420", "0421"`, undoing},
	} {
		fmt.Fprintf(&b, "  - when: {mti: [%s], pan: [%q]}\n    fault: {kind: %s}\n", r.mtis, cards[misreadCard], r.fault)
	}
	return b.String()
}

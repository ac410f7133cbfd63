package sim

import "pgregory.net/rapid"

// Several actors on one payment: captures, voids, refunds, increments and reversals under keys of their own, at once.

func init() { addTopic(topic{name: "crowd", draw: drawCrowd}) }

const crowdPercent = 40

func drawCrowd(t *rapid.T, p *Plan) section {
	if len(p.Actors) < 2 || !percent(t, crowdPercent) {
		return nil
	}
	for i := range p.Actors {
		for j := range p.Actors[i] {
			if percent(t, 50) {
				p.Actors[i][j].Whose = 1 + bits(t, 2)
			}
		}
	}
	return crowdSection{}
}

type crowdSection struct{}

// String implements section.
func (crowdSection) String() string { return "actors are about each other's payments" }

func (crowdSection) begin(*world) any { return nil }

package sim

import (
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/config"
	txswitch "switchyard/switch"
)

// Hours in which nothing happens: actors rest, so that business dates end by the clock and whatever runs out does, and
// an issuer's host is down for long.

func init() { addTopic(topic{name: "hours", draw: drawHours}) }

const (
	hoursPercent  = 1 // each of them costs as much as many others
	longestOutage = 2 * time.Hour
)

func drawHours(t *rapid.T, p *Plan) section {
	if !percent(t, hoursPercent) {
		return nil
	}
	most := rests[bits(t, len(rests))]
	for i := range p.Actors {
		if percent(t, 70) {
			steps := p.Actors[i]
			steps[bits(t, len(steps))].Wait = between(t, time.Minute, most)
		}
	}
	if percent(t, 40) {
		p.Faults = append(p.Faults, Fault{Kind: HostDown, At: between(t, 0, span), For: between(t, time.Minute,
			longestOutage)})
	}
	return hoursSection{}
}

// rests are what the actors' may take in a plan.
var rests = []time.Duration{20 * time.Minute, 20 * time.Minute, 3 * time.Hour, 27 * time.Hour}

type hoursSection struct{}

// String implements section.
func (hoursSection) String() string { return "hours of rest" }

func (hoursSection) begin(w *world) any { return hoursPart{w} }

type hoursPart struct{ w *world }

// calm implements calms.
func (h hoursPart) calm() { h.w.net.bringUp() }

// configure implements configures: an echo a minute over days is all that a run would do.
func (hoursPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	for i := range o.Config.Issuers {
		o.Config.Issuers[i].Echo = config.Duration(time.Hour)
	}
}

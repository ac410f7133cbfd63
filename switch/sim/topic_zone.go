package sim

import (
	"time"

	"pgregory.net/rapid"

	"switchyard/internal/config"
	txswitch "switchyard/switch"
)

// Somebody changes the time zone of the business day and the time of its cutover between the lives of a switch. In some
// plans summer time begins or ends in one of the zones meanwhile. What stands in a file keeps its DE12, whatever
// repeats it and in whichever zone, and each presentment stands in one file, whatever becomes of the dates.

func init() { addTopic(topic{name: "zone", since: 31, draw: drawZone}) }

const zonePercent = 25

func drawZone(t *rapid.T, p *Plan) section {
	if !percent(t, zonePercent) {
		return nil
	}
	begun := false
	for _, other := range p.Sections {
		switch other.(type) {
		case *clockSection:
			return nil // knows how far ahead of UTC a date may be
		case *holidaysSection, *endsSection:
			begun = true // they have drawn when the plan begins
		}
	}
	if percent(t, 40) && !begun {
		moment := summerChanges[bits(t, len(summerChanges))]
		p.Begin = moment.Sub(virtualBegin) - between(t, 0, span)
	}
	return zoneSection{}
}

// virtualBegin is when virtual time begins.
var virtualBegin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// summerChanges are when summer time begins and ends in 2000: in Berlin, and in New York.
var summerChanges = []time.Time{
	time.Date(2000, 3, 26, 1, 0, 0, 0, time.UTC), time.Date(2000, 10, 29, 1, 0, 0, 0, time.UTC),
	time.Date(2000, 4, 2, 7, 0, 0, 0, time.UTC), time.Date(2000, 10, 29, 6, 0, 0, 0, time.UTC),
}

type zoneSection struct{}

// String implements section.
func (zoneSection) String() string { return "zone: another time zone and cutover with each life" }

func (zoneSection) begin(w *world) any { return zonePart{w} }

type zonePart struct{ w *world }

var (
	zones    = []string{"Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC"}
	cutovers = []config.TimeOfDay{0, config.TimeOfDay(22 * time.Hour)}
)

// configure implements configures.
func (z zonePart) configure(n *switchNode, life int, o *txswitch.Options) {
	any := n.chance(life)
	day := &o.Config.BusinessDay
	day.Timezone = zones[any.below(len(zones), "zone", 0)]
	day.Cutover = cutovers[any.below(len(cutovers), "cutover", 0)]
	z.w.faults.add("zone "+day.Timezone, 1)
	z.w.trace.addf(n.name, "closes its dates at %s in %s", time.Duration(day.Cutover), day.Timezone)
}

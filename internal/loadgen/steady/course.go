package steady

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/scenario"
	"switchyard/switch/api"
)

// course is what is driven, made of options or of a plan.
type course struct {
	drive      loadgen.Options
	payments   *loadgen.Payments // single payments at a gateway port; nil for traffic
	traffic    *loadgen.Traffic
	hosts      []host
	lanes      []string      // addresses, once they are connected to
	hello      clients.Hello // that they were connected with
	thresholds []judge.Threshold
	faults     []scenario.Fault

	// For the record:
	rate             float64
	rateOf, arrivals string
	cards            uint64
	scenario         *record.Scenario
	stages           []record.Stage
	course           string
	notes            []string
}

// note tells a person something that the record is to have, too.
func (c *course) note(say func(string, ...any), format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
	say(format, args...)
}

// course makes it.
func (o *Options) course() (*course, error) {
	c := &course{thresholds: o.Thresholds}
	var err error
	if o.Plan == nil {
		err = c.ofOptions(o)
	} else {
		err = c.ofPlan(o)
	}
	if err != nil {
		return nil, err
	}
	if c.hosts, err = parseHosts(o.Address, c.drive.Lanes); err != nil {
		return nil, err
	}
	c.drive.Drain = c.drive.Timeout
	return c, nil
}

// ofOptions makes single requests of one kind.
func (c *course) ofOptions(o *Options) error {
	c.drive = loadgen.Options{
		InFlight: o.InFlight, Rate: o.Rate, Fixed: o.Fixed, Warmup: o.Warmup, Duration: o.Duration, Seed: o.Seed,
		Timeout: o.Timeout,
	}
	d := &c.drive
	if o.Rate > 0 {
		d.InFlight = loadgen.DefaultOpenInFlight
	}
	d.Lanes = min(o.Connections, d.InFlight)
	c.rate, c.rateOf, c.arrivals, c.cards = o.Rate, "requests", "poisson", o.Cards
	if o.Fixed {
		c.arrivals = "constant"
	}
	flow := cmp.Or(o.Flow, "authorize")
	if o.Sale {
		flow = "sale"
	}
	op, single := singles[flow]
	if o.PerFlow {
		c.rateOf = "flows"
	}
	if d.Ops = []string{flow}; single && !o.ISO {
		c.payments = &loadgen.Payments{
			Op: op, Run: loadgen.RunName(), Cards: loadgen.NewCards(time.Now()), Pool: o.Cards, Seed: o.Seed,
			RandomKeys: o.RandomKeys,
		}
		return nil
	}
	c.traffic = &loadgen.Traffic{
		Flows: []loadgen.Flow{{Name: flow, Weight: 1, Steps: loadgen.Flows[flow]}}, Cards: loadgen.NewCards(time.Now()),
		Pool: loadgen.Population{Cards: o.Cards}, Seed: o.Seed, Run: loadgen.RunName(), RandomKeys: o.RandomKeys,
	}
	if o.ISO {
		c.traffic.Flows = c.overISO(c.traffic.Flows, func(int) string { return "" }, o.Say)
	}
	if err := c.traffic.Prepare(); err != nil {
		return err
	}
	if !o.PerFlow {
		d.Rate /= c.traffic.PerFlow()
	}
	d.Ops = c.traffic.Ops()
	return asked(o.Thresholds, d.Ops)
}

// singles are the flows of one request of which a gateway port is asked for most with least work.
var singles = map[string]api.Op{"authorize": api.OpAuthorize, "sale": api.OpSale}

// ofPlan makes the flows of a scenario.
func (c *course) ofPlan(o *Options) error {
	plan := *o.Plan
	p, traffic := &plan, plan.Traffic
	traffic.Cards, traffic.Run, traffic.RandomKeys = loadgen.NewCards(time.Now()), loadgen.RunName(), o.RandomKeys
	if o.ISO {
		place := func(i int) string {
			if p.FlowLines == nil {
				return ""
			}
			return fmt.Sprintf("%s: line %d: ", p.Name, p.FlowLines[i])
		}
		traffic.Flows = c.overISO(traffic.Flows, place, o.Say)
	}
	if err := traffic.Prepare(); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	if err := asked(p.Thresholds, traffic.Ops()); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	p.PerFlow = traffic.PerFlow()
	schedule, err := p.Schedule()
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	c.traffic, c.faults = &traffic, p.Faults
	c.drive = loadgen.Options{
		InFlight: p.MaxInFlight, Schedule: schedule, Think: p.Think, Warmup: p.Warmup, Duration: p.Duration, Seed: p.Seed,
		Timeout: p.Timeout, Ops: traffic.Ops(),
	}
	if p.Closed > 0 {
		c.drive.InFlight = p.Closed
	}
	c.drive.Lanes = min(p.Connections, c.drive.InFlight)
	c.thresholds = append(c.thresholds, p.Thresholds...)
	c.cards, c.rateOf = traffic.Pool.Cards, p.RateOf
	c.scenario = &record.Scenario{Name: p.Name, Text: cmp.Or(p.Text, p.Said)}
	if p.ScaledRates != 1 || p.ScaledTime != 1 {
		c.scenario.ScaleRates, c.scenario.ScaleTime = p.ScaledRates, p.ScaledTime
	}
	switch {
	case p.Moments != nil:
		c.arrivals, c.rateOf = "replay", "flows"
	case p.Even:
		c.arrivals = "stages, even"
	default:
		c.arrivals = "stages, poisson"
	}
	c.rate, c.course = p.Rate(), p.Course()
	for _, m := range p.Marks {
		c.stages = append(c.stages, record.Stage{At: m.At, Name: m.Name})
	}
	for _, f := range p.Faults {
		c.stages = append(c.stages, record.Stage{At: f.At, Name: "fault: " + f.Name})
	}
	return nil
}

// overISO are flows without the steps that no message of ISO 8583 asks for, which it tells of, and where they stand.
func (c *course) overISO(
	all []loadgen.Flow, place func(int) string, say func(string, ...any),
) (flows []loadgen.Flow) {
	none := func(s loadgen.Step) bool { return !s.OverISO() }
	for i, f := range all {
		if k := slices.IndexFunc(f.Steps, none); k >= 0 {
			c.note(say, "%sflow %s: no message of ISO 8583 asks for %s: it is left out", place(i), f.Name, f.Steps[k])
			f.Steps = slices.DeleteFunc(slices.Clone(f.Steps), none)
		}
		flows = append(flows, f)
	}
	return flows
}

// asked refuses thresholds of operations that nothing asks for.
func asked(thresholds []judge.Threshold, operations []string) error {
	for _, t := range thresholds {
		if t.Operation != "" && !slices.Contains(operations, t.Operation) {
			return fmt.Errorf("threshold %s: no request of this run asks for %s: expected %s", t.Text, t.Operation,
				strings.Join(operations, ", "))
		}
	}
	return nil
}

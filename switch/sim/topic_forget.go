package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// An issuer that refuses reversals for good, does not find what it approved, forgets the messages that it has
// answered, or is away for hours and days; and the operator who decides on what is parked then.

func init() {
	addTopic(topic{name: "forget", draw: drawForget})
	addFaults(
		faultRow{IssuerForgets, nil, func(w *world, _ *Fault) { w.issuer.forget() }},
		faultRow{LongOutage, drawOutage, longOutage},
	)
	// 21 and 25 are said of what was approved only, 0400s: of the undo of an unknown outcome nobody could tell them from
	// the truth.
	addRules(
		ruleRow{"12", onReversals}, ruleRow{"14", onReversals}, ruleRow{"58", onReversals}, ruleRow{"21", onOnline},
		ruleRow{"25", onOnline},
	)
}

// The topic's faults.
const (
	IssuerForgets FaultKind = "issuer forgets" // it knows no message any more that it has answered; its books stay
	LongOutage    FaultKind = "long outage"    // all hosts are down, for hours or more than a day
)

// reversalCodes are what the topic's rules answer.
var reversalCodes = []string{"12", "14", "58", "21", "25"}

func onReversals(_ *rapid.T, r *Rule) {
	if r.MTI != "0400" {
		r.MTI = "0420"
	}
}

func onOnline(_ *rapid.T, r *Rule) { r.MTI = "0400" }

// outagePercent is how many of a hundred long outages that are drawn take place: each is hours of echoes, repeats and
// attempts to connect. The others are ordinary ones.
const outagePercent = 5

func drawOutage(t *rapid.T, f *Fault) {
	if !percent(t, outagePercent) {
		f.Kind = HostDown
		return
	}
	f.For = between(t, time.Hour, 26*time.Hour)
}

func longOutage(w *world, f *Fault) {
	for _, addr := range []string{issuerAddr, secondAddr} {
		for _, n := range w.nodes {
			w.net.takeDown(n.name, addr, f.For)
		}
	}
	w.aside.Go(func() { time.Sleep(f.For) })
}

// forget makes the issuer forget which messages it has answered.
func (n *issuerNode) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life != nil {
		n.life.sim.Forget()
	}
}

// drawForget gives a plan an operator where something may be parked.
func drawForget(t *rapid.T, p *Plan) section {
	refuses := slices.ContainsFunc(p.Rules, func(r Rule) bool { return slices.Contains(reversalCodes, r.Fault) })
	forgets := slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind == IssuerForgets || f.Kind == LongOutage })
	if !refuses && !forgets {
		return nil
	}
	return forgetSection{Closes: refuses && percent(t, 25)}
}

type forgetSection struct {
	Closes bool // the operator closes some of what is parked
}

// String implements section.
func (s forgetSection) String() string {
	if s.Closes {
		return "an operator has what is parked sent again, or closes it"
	}
	return "an operator has what is parked sent again"
}

func (s forgetSection) begin(w *world) any {
	return &decider{w: w, closes: s.Closes, closed: map[string]bool{}}
}

// decider is the operator who decides on what is parked, once nothing fails any more: it is sent again once, and closed
// if a plan says so. What the issuer refuses again fails the run, since it has everything in its books. What the switch
// refuses to send again is closed: its DE95 leaves more than stands by now.
type decider struct {
	w      *world
	closes bool

	mu     sync.Mutex
	rounds int
	closed map[string]bool // payments
}

// mostRounds is how often the operator looks for what was parked meanwhile: each payment's advices go one after
// another.
const mostRounds = 6

// roundWithin bounds the calls of one round.
const roundWithin = 10 * time.Minute

// unrest implements hastens: it is asked when everything else has come to its end.
func (o *decider) unrest() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rounds == mostRounds || o.w.putBack.Load() {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), roundWithin)
	defer cancel()
	decided := 0
	for _, n := range o.w.nodes {
		rows, err := o.parked(ctx, n)
		if err != nil {
			return fmt.Sprintf("the parked advices cannot be read: %v", err)
		}
		for _, r := range rows {
			what, err := o.decide(ctx, n.api(), &r)
			if err != nil {
				return fmt.Sprintf("a parked advice cannot be decided on: %v", err)
			}
			o.w.faults.add("operator: "+what+" "+r.Kind, 1)
			decided++
		}
	}
	if decided > 0 {
		o.rounds++
		return fmt.Sprintf("%d parked advices were just decided on", decided)
	}
	return ""
}

// decide has one parked advice sent again, or closes it, and tells which.
func (o *decider) decide(ctx context.Context, at *client.Client, r *operator.Advice) (what string, err error) {
	if !o.closes || !o.w.chance.oneIn(2, "close", r.Seq) {
		err := at.RetryAdvice(ctx, r.Host, r.Seq)
		if _, refused := client.Refused(err); !refused {
			return "retry", err
		}
	}
	o.closed[r.Payment] = true
	return "close", at.CloseAdvice(ctx, r.Host, r.Seq)
}

// excuse implements excuses: what the operator closed has ended, and its payment stands apart.
func (o *decider) excuse(_ *books, p *exported, op int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed[p.Payment] {
		return false
	}
	if p.Ops[op].State == "closed" {
		return true
	}
	for i := range p.Ops {
		if u := &p.Ops[i]; u.Op == "timeout_reversal" && u.Target == op && u.State == "closed" {
			return true
		}
	}
	return false
}

// parked lists what waits for a person at a node.
func (o *decider) parked(ctx context.Context, n *switchNode) (rows []operator.Advice, err error) {
	err = n.api().EachAdvice(ctx, true, func(a *operator.Advice) error {
		rows = append(rows, *a)
		return nil
	})
	return rows, err
}

package sim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/operator/client"
)

// The wall clocks of the switches: they are stepped both ways, at a start or while running, drift, are put right, and
// are confirmed by an operator, right or wrong; a machine is off for hours and days between two lives; the plan begins
// shortly before a new year; STANs come round. Virtual time itself is what the machines' monotonic clocks show.

func init() { addTopic(topic{name: "clock", draw: drawClock}) }

const clockPercent = 40

// clockSection is what becomes of the clocks. What it confirms and how long machines are off stays below the days that
// keys are kept, so that no key may be forgotten within a run.
type clockSection struct {
	Begin  time.Duration // how far the right time is ahead of virtual time
	Steps  []clockStep
	Drift  time.Duration // what is gained each second while a step lasts
	Off    time.Duration // how long the machine is off between two lives
	Synced bool          // a time service keeps the clocks
	Rounds bool          // STANs come round between two lives
}

// clockStep is one time of a wrong clock.
type clockStep struct {
	At, For time.Duration
	By      time.Duration
	Start   bool // the switch is started again as the clock is set
	Confirm bool // an operator takes it for right
}

func drawClock(t *rapid.T, p *Plan) section {
	if !percent(t, clockPercent) {
		return nil
	}
	const daysOf2000 = 366 // virtual time begins with it; a clock that is set back to before it dates nothing
	s := &clockSection{
		Begin:  daysOf2000 * 24 * time.Hour,
		Off:    []time.Duration{0, 0, 3 * time.Hour, 2 * 24 * time.Hour}[bits(t, 4)],
		Synced: percent(t, 50), Rounds: percent(t, 50),
	}
	if percent(t, 40) {
		s.Begin += 365*24*time.Hour - p.Begin - between(t, 0, time.Minute)
	}
	if percent(t, 30) {
		s.Drift = between(t, 0, 2*time.Minute)
	}
	for range 1 + bits(t, 3) {
		step := clockStep{At: between(t, 0, span), For: between(t, time.Second, span), Start: percent(t, 40)}
		by := []time.Duration{time.Minute, 50 * time.Minute, 26 * time.Hour, 40 * 24 * time.Hour}[bits(t, 4)]
		step.By = between(t, by/2, by)
		step.Confirm = percent(t, 20) && step.By < 10*24*time.Hour
		if percent(t, 35) {
			step.By = -step.By
		}
		s.Steps = append(s.Steps, step)
	}
	return s
}

// String implements section.
func (s *clockSection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "clock: %s ahead of virtual time, off for %s between lives, a time service %t, STANs come round %t, "+
		"drift %s a second",
		s.Begin, s.Off, s.Synced, s.Rounds, s.Drift)
	for _, x := range s.Steps {
		fmt.Fprintf(&b, "; at %s for %s by %s", x.At, x.For, x.By)
		if x.Start {
			b.WriteString(" with a start")
		}
		if x.Confirm {
			b.WriteString(", confirmed")
		}
	}
	return b.String()
}

func (s *clockSection) begin(w *world) any {
	return &clockPart{w: w, s: s, off: map[*switchNode]time.Duration{}, rounds: map[string]uint64{}}
}

type clockPart struct {
	w *world
	s *clockSection

	rounds map[string]uint64 // by node and counter: where the STANs of its last life began

	mu      sync.Mutex
	off     map[*switchNode]time.Duration // how long a node's machine was off, all in all
	wrong   time.Duration                 // by how much the clocks are wrong
	drifts  time.Time                     // since when they drift; zero: they do not
	calmed  bool
	trusted bool // an operator has confirmed a wrong clock
}

// right is the true time at a node.
func (c *clockPart) right(n *switchNode) time.Time {
	return time.Now().Add(n.wallOffset() + c.s.Begin + c.off[n])
}

func (c *clockPart) wall(n *switchNode) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	wrong := c.wrong
	if !c.drifts.IsZero() {
		wrong += time.Duration(time.Since(c.drifts).Seconds() * float64(c.s.Drift))
	}
	return c.right(n).Add(wrong)
}

// configure implements configures.
func (c *clockPart) configure(n *switchNode, _ int, o *txswitch.Options) {
	o.Wall = func() time.Time { return c.wall(n) }
	o.Synchronized = func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.calmed || c.s.Synced && c.wrong == 0
	}
}

// prepare implements prepares: the machine was off, and a round of STANs was used elsewhere.
func (c *clockPart) prepare(n *switchNode, life int) {
	if life == 1 {
		return
	}
	c.mu.Lock()
	if !c.calmed && c.off[n] < 20*24*time.Hour {
		c.off[n] += c.s.Off
	}
	c.mu.Unlock()
	if c.s.Rounds {
		c.comeRound(n)
	}
}

// comeRound moves the STANs to where they were when the life before began, one round later.
func (c *clockPart) comeRound(n *switchNode) {
	n.moveCounters(nil, func(take func(string, uint64) uint64) {
		for _, host := range []string{issuerName, secondName} {
			for _, acquirer := range []string{"400001", "400002", "500002", "60000300003"} {
				name := "stan/" + acquirer + "/" + host
				at := take(name, 1)
				if at == 1 {
					continue
				}
				began, known := c.rounds[n.name+" "+name]
				if !known {
					began = n.stans
				}
				for began < at {
					began += stansOfARound
				}
				if began > at {
					take(name, began-at)
				}
				c.rounds[n.name+" "+name] = began
			}
		}
	})
}

// play implements plays.
func (c *clockPart) play() {
	for _, x := range c.s.Steps {
		c.w.rest(time.Until(c.w.begin.Add(x.At)))
		c.set(x.By, c.s.Drift > 0)
		c.w.trace.addf("plan", "the clocks are set by %s", x.By)
		c.w.faults.add("clock set", 1)
		if x.Start {
			for _, n := range c.w.nodes {
				n.restart(&Fault{})
			}
		}
		if x.Confirm {
			c.w.rest(time.Second)
			c.confirm()
		}
		c.w.rest(x.For)
		c.set(0, false)
		c.w.trace.addf("plan", "the clocks are right")
	}
}

func (c *clockPart) set(wrong time.Duration, drifts bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calmed {
		return
	}
	c.wrong, c.drifts = wrong, time.Time{}
	if drifts {
		c.drifts = time.Now()
	}
}

// confirm is an operator who takes the clocks for right.
func (c *clockPart) confirm() {
	c.mu.Lock()
	c.trusted = c.trusted || c.wrong != 0
	c.mu.Unlock()
	for _, n := range c.w.nodes {
		n.confirm()
	}
}

// calm implements calms: the clocks are right, and a time service keeps them.
func (c *clockPart) calm() {
	c.set(0, false)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calmed = true
}

// unrest implements hastens: an operator confirms a clock that is still in doubt, since it is right.
func (c *clockPart) unrest() string {
	for _, n := range c.w.nodes {
		st, up := n.stats()
		if up && st.Clock != "" {
			c.confirm()
			return "a clock is unconfirmed: " + st.Clock
		}
	}
	return ""
}

// conclude implements concludes: no date was opened ahead of its time unless an operator said that it had come, and
// then he goes back.
func (c *clockPart) conclude() {
	for _, n := range c.w.nodes {
		c.mu.Lock()
		today := c.right(n)
		trusted := c.trusted
		c.mu.Unlock()
		open, up := n.stats()
		if !up {
			continue
		}
		const ahead = 2 // by hand, by a clock that may be an hour ahead unseen
		if latest := today.Add(time.Hour).AddDate(0, 0, ahead).Format(time.DateOnly); open.OpenDay <= latest {
			continue
		} else if !trusted {
			c.w.failf("a date is opened by an unconfirmed clock", "%s is open, want %s at most", open.OpenDay, latest)
			continue
		}
		c.goBack(n, today)
	}
}

// goBack opens the first date that can be opened.
func (c *clockPart) goBack(n *switchNode, today time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	days, err := n.api().Days(ctx)
	used := map[string]bool{}
	for _, d := range days {
		used[d.Date] = true
	}
	date := today
	for used[date.Format(time.DateOnly)] {
		date = date.AddDate(0, 0, 1)
	}
	if err == nil {
		_, err = n.api().Cutover(ctx, client.Cutover{Wait: 90 * time.Second, To: date.Format(time.DateOnly)})
	}
	if _, refused := client.Refused(err); err != nil && !refused {
		c.w.failf("there is no way back to the right date", "%v", err)
	}
}

// check implements checks: no message is dated by more than an hour ahead of the right time for each life of its
// switch, which is what a clock may gain unseen, unless an operator said so.
func (c *clockPart) check([]*books) {
	if c.trusted || c.s.Off > 0 {
		return // the right time of a message is not kept
	}
	frames := c.w.wire.all()
	for i := range frames {
		f := &frames[i]
		most := time.Duration(f.node.lives)*time.Hour + 10*time.Minute
		right := c.w.begin.Add(f.at + c.s.Begin)
		if moved := time.Duration(f.node.moved.Load()); moved > 0 && f.at >= moved {
			right = right.Add(f.node.wallOffset())
		}
		for _, year := range []int{right.Year(), right.Year() - 1} {
			at, err := time.Parse("20060102150405", fmt.Sprint(year, f.de7))
			if err == nil && at.Before(right.AddDate(0, 6, 0)) {
				if at.Sub(right) > most {
					c.w.failf("DE7 is ahead of the right time", "%s at %s", f.text(), right)
				}
				break
			}
		}
	}
}

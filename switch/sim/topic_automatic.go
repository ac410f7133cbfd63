package sim

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/api"
)

// Captures that nobody asks for when they are made: some authorizations ask the switch to capture them at once or after
// a while, over whatever happens meanwhile. The told book has the rules: see unasked.

func init() { addTopic(topic{name: "automatic", since: 2, draw: drawAutomatic}) }

const (
	automaticPercent = 20
	longestAfter     = time.Minute // so that some are due while the plan is played
)

func drawAutomatic(t *rapid.T, p *Plan) section {
	if !percent(t, automaticPercent) {
		return nil
	}
	if _, wrong := sectionOf[*clockSection](p); wrong {
		return nil // what a clock ahead has dated may fall due behind the last cutover
	}
	if ends, near := sectionOf[*endsSection](p); near && ends.Dates > 0 && !ends.BIN {
		return nil // what finds no acquirer reference is captured on a later date, which the plan may not close
	}
	for i := range p.Actors {
		for j := range p.Actors[i] {
			s := &p.Actors[i][j]
			if s.Do != DoAuthorize || !percent(t, 60) {
				continue
			}
			if percent(t, 50) {
				s.Capture = api.CaptureImmediate
			} else {
				s.CaptureAfter = between(t, time.Second, longestAfter).Truncate(time.Second)
			}
		}
	}
	return automaticSection{}
}

// capturedBySwitch writes into an authorization when the switch captures it.
func (s *Step) capturedBySwitch(r *api.Request) {
	if s.Capture != "" || s.CaptureAfter != 0 {
		r.Capture, r.CaptureAfter, r.Present = s.Capture, s.CaptureAfter, r.Present.With(api.FieldCapture)
	}
}

type automaticSection struct{}

// String implements section.
func (automaticSection) String() string { return "the switch captures by itself" }

func (automaticSection) begin(*world) any { return nil }

// dueWithin is within what the switch captures what is due, where nothing fails: it looks a minute later at what it
// could not do at once, and at a hold that the void of a capture gives back.
const dueWithin = 2 * time.Minute

// settle waits, where something may be due for payments although nobody asks for it, until that was done, and asks what
// became of each key of the plan's actors. Clocks that were wrong end windows, too: of what was made while they were
// behind.
func (w *world) settle() {
	_, captures := sectionOf[automaticSection](w.plan)
	_, clocks := sectionOf[*clockSection](w.plan)
	_, windows := sectionOf[windowsSection](w.plan)
	if !captures && !clocks && !windows {
		return
	}
	time.Sleep(longestAfter + dueWithin)
	if !w.quiet() {
		return
	}
	w.eachKey(func(a *actor, k *keyed) {
		if !slices.Contains(w.actors, k.by) {
			return // another topic's
		}
		if ans, _ := a.once(askFor(k.key, k.merchant), false); ans == nil {
			w.failf("no answer in quiet times", "status of key %s", k.key)
		}
	})
}

// unasked holds what a payment's newest history says of captures by the switch against what was asked for with the
// authorization: one where it was approved and something was left when its time had come, of all that was left, and
// else none. What a void gives back later, of what was captured as a whole by then, is none of its.
func (w *world) unasked(p *toldPayment, all []*books) {
	asked := p.root.ans.Approved && p.root.req.CapturedBySwitch()
	if p.story == nil {
		if asked {
			w.failf("told: a payment without a history", "%s%s", p.id, p.text())
		}
		return
	}
	byKey := map[string]*told{}
	for _, o := range p.ops {
		byKey[o.req.Key] = o
	}
	made, exhausted := 0, false
	var left int64
	due := p.story.Created.Add(p.root.req.CaptureAfter)
	missed := false // everything was captured when its time had come
	plain := true   // nothing came before that may have been under way at that time
	for i := range p.story.History {
		item := &p.story.History[i]
		if item.Op == "void" && plain && left <= 0 && item.At.After(due) {
			missed = true
		}
		plain = plain && (item.Op == "authorize" || item.Op == "capture")
		if item.Automatic && missed {
			w.failf("told: the switch captures what was captured when its time had come", "%s: due at %s%s", p.id,
				due.Format(time.RFC3339), p.text())
		}
		if item.Automatic {
			if made++; !asked || made > 1 || item.Amount != left {
				w.failf("told: the switch captures what it was not asked to",
					"%s: capture %d by the switch, of %d where %d were left%s", p.id, made, item.Amount, left, p.text())
			}
			p.automatic += item.Amount
		}
		left += leaves(item, byKey[item.Key])
		exhausted = exhausted || left <= 0 && item.Op != "expire" // the windows of a plan end after what is due
	}
	if asked && made == 0 && !exhausted && now(all, p.node).After(due.Add(dueWithin)) {
		w.failf("told: the switch does not capture what it was asked to", "%s: due at %s, %d are left%s", p.id,
			due.Format(time.RFC3339), left, p.text())
	}
}

// tookBack tells whether an operation has taken a capture back: a void, or the reversal by its key of an authorization
// that the switch has captured, which the history tells.
func (p *toldPayment) tookBack(o *told) bool {
	if o.req.Op != api.OpReverse || p.root.req.Op != api.OpAuthorize || p.story == nil {
		return o.req.Op == api.OpVoid
	}
	return slices.ContainsFunc(p.story.History, func(item api.HistoryItem) bool {
		return item.Key == o.req.Key && (item.Op == "void" || item.Op == "void_presentment")
	})
}

// leaves is by how much an operation of a payment's history changes what is left to capture. Its amount is what was
// told of it, where somebody asked for it.
func leaves(item *api.HistoryItem, o *told) int64 {
	switch {
	case item.Automatic, item.Op == "release", item.Op == "expire":
		return -item.Amount
	case item.Key == "" || o == nil || !o.ans.Approved, item.Op == "void_presentment":
		return 0
	case item.Op == "void":
		return o.ans.Amount
	}
	switch o.req.Op {
	case api.OpAuthorize, api.OpIncrement:
		return o.ans.Amount
	case api.OpCapture, api.OpReverse:
		return -o.ans.Amount
	default:
		return 0
	}
}

// now is the time by a node's clock as its books were read.
func now(all []*books, n *switchNode) time.Time {
	for _, b := range all {
		if b.node == n {
			return b.now
		}
	}
	panic(fmt.Sprint("no books of ", n.name))
}

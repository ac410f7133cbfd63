package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	profiles "switchyard/switch/merchant"
)

// Capture windows that end: of one to three days, which pass once the plan is played. What is not captured is released
// then, in some plans over a crash, but for merchants that post by force; and every authorization is captured late. The
// told book has the rule: see windowed.

func init() { addTopic(topic{name: "window", since: 3, draw: drawWindows}) }

const windowsPercent = 15

func drawWindows(t *rapid.T, p *Plan) section {
	if !percent(t, windowsPercent) {
		return nil
	}
	_, back := sectionOf[restoreSection](p)
	_, clocks := sectionOf[*clockSection](p)
	if back || clocks {
		return nil // the copy knows of no release since; what a wrong clock dated has another window
	}
	p.Queued = max(p.Queued, 64) // ends of windows take half of it, and what finds no room waits a minute
	return windowsSection{Days: 1 + bits(t, 3), ForcePost: percent(t, 40), Crash: bits(t, 4)}
}

type windowsSection struct {
	Days      int
	ForcePost bool // merchants post by force, but for one; or that one alone
	Crash     int  // as so many messages were sent to the issuer once the windows have ended; 0: none
}

// String implements section.
func (s windowsSection) String() string {
	return fmt.Sprintf("windows of %d days end, merchants post by force %t, crash after %d messages", s.Days, s.ForcePost,
		s.Crash)
}

// forcePosts tells whether a merchant's captures are taken past their window.
func (s windowsSection) forcePosts(merchant string) bool { return s.ForcePost != (merchant == "M2") }

func (s windowsSection) begin(w *world) any { return windowsPart{s, w} }

type windowsPart struct {
	windowsSection
	w *world
}

// configure implements configures.
func (x windowsPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	o.Config.CaptureWindows = []profiles.WindowRow{{Days: x.Days}}
	m := &o.Config.Merchants
	m.Default.ForcePost = x.forcePosts("")
	for i := range m.Profiles {
		m.Profiles[i].ForcePost = x.forcePosts(m.Profiles[i].ID)
	}
}

// pastAllWindows is longer than any window of a plan's, those of its shops too.
const pastAllWindows = 10 * 24 * time.Hour

// conclude implements concludes: the windows end, and everything is captured late.
func (x windowsPart) conclude() {
	w := x.w
	time.Sleep(longestAfter + dueWithin) // what the switch captures by itself comes first
	if !w.quiet() {
		return
	}
	if x.Crash > 0 {
		w.mu.Lock()
		w.armed = []*armed{{&Fault{Kind: CrashAfterSend, Keeps: []int{0, 50, 100}[x.Crash%3]}, x.Crash}}
		w.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, n := range w.nodes {
		if err := n.pass(ctx, pastAllWindows); err != nil {
			w.trace.addf("operator", "the clock is not confirmed: %v", err) // it has crashed, and a time service keeps it
		}
	}
	time.Sleep(dueWithin) // payments are looked over each minute
	w.mu.Lock()
	w.armed = nil
	w.mu.Unlock()
	if !w.quiet() {
		return
	}
	for _, n := range w.nodes {
		n.confirm() // it may have crashed before it was
	}
	time.Sleep(dueWithin)
	w.eachKey(x.captureLate)
	w.quiet()
}

// lateKey begins the keys of late captures.
const lateKey = "late "

// captureLate captures what is left of an authorization past its window.
func (x windowsPart) captureLate(a *actor, k *keyed) {
	if k.req.Op != api.OpAuthorize || !slices.Contains(x.w.actors, k.by) {
		return
	}
	for _, c := range k.calls {
		if c.answer == nil || c.answer.Err != nil || !c.answer.Approved {
			continue
		}
		a.persist(&wish{merchant: k.merchant, currency: c.req.currency, Request: api.Request{
			ID: "late", Op: api.OpCapture, Key: lateKey + k.key, Payment: c.answer.Payment,
			Present: api.Fields(api.FieldKey, api.FieldPayment),
		}}, LostRetry)
		return
	}
}

// windowed holds a payment's newest history against its window, which has ended: nothing is left to capture, and
// nothing was captured since, unless its merchant posts by force; then nothing was released, and what was captured is
// marked.
func (w *world) windowed(p *toldPayment) {
	s, ends := sectionOf[windowsSection](w.plan)
	if !ends || p.story == nil || p.root.req.Op != api.OpAuthorize || !p.root.ans.Approved {
		return
	}
	force := s.forcePosts(p.root.req.Merchant)
	if p.story.Capturable > 0 && !force {
		w.failf("told: a hold past its window is not released", "%s: %s%s", p.id, answerText(p.story), p.text())
	}
	for i := range p.story.History {
		switch item := &p.story.History[i]; {
		case item.Op == "expire" && force:
			w.failf("told: a hold is released that is captured past its window", "%s%s", p.id, p.text())
		case strings.HasPrefix(item.Key, lateKey) && !(force && item.PastWindow):
			w.failf("told: a capture past its window", "%s: marked %t%s", p.id, item.PastWindow, p.text())
		}
	}
}

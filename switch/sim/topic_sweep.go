package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/api"
)

// Idempotency keys whose time is up. Last of all so many days pass that every key of the plan is older than keys are
// kept, in some plans over a crash in the midst of the sweep, while keys that were used on the way are still to be
// kept. What is swept is nobody's: its request makes a new operation, which stands beside the first one in every book.
// What is young is answered as the first time, and so is what was used anew, whatever it was before.
//
// From the sweep on the history is another one: what a key of before stood for is true, and no answer to its text any
// more.

func init() { addTopic(topic{name: "sweep", since: 30, draw: drawSweep}) }

const sweepPercent = 20

// keysKept is how long keys are kept: the shortest time that a configuration may say, which is the default.
const keysKept = 35 * 24 * time.Hour

func drawSweep(t *rapid.T, p *Plan) section {
	if !percent(t, sweepPercent) {
		return nil
	}
	for _, s := range p.Sections {
		switch s.(type) {
		case restoreSection, *clockSection, windowsSection, reconcileSection, incomingSection:
			return nil // each has an end of its own, of its clock or its books
		}
	}
	return sweepSection{Young: between(t, keysKept/2, keysKept-2*time.Hour), Crash: bits(t, 3)}
}

type sweepSection struct {
	Young time.Duration // how old the young keys are when the others are swept
	Crash int           // in this sync of each node's journal from the sweep on; 0: it does not
}

// String implements section.
func (s sweepSection) String() string {
	return fmt.Sprintf("keys are swept, others are %s old then, crash in sync %d", s.Young, s.Crash)
}

func (s sweepSection) begin(w *world) any { return &sweepPart{sweepSection: s, w: w} }

type sweepPart struct {
	sweepSection
	w *world
}

const (
	pastKept = keysKept + time.Hour   // when a key is surely swept
	notYet   = keysKept - 2*time.Hour // and when it surely is not
)

// after implements follows.
func (x *sweepPart) after() {
	w := x.w
	before := w.history.order
	calls := w.history.calls
	w.history = history{}
	defer func() { w.history.calls = append(calls, w.history.calls...) }()
	last := pastKept - notYet // what passes last, when dates have ended: little but the sweep is to be stored then
	for _, n := range w.nodes {
		n.hasTakenAll()
		last = max(last, pastKept-notYet+n.wallOffset()) // keys may be that old already
	}
	if !x.pass(pastKept-x.Young, 0) {
		return
	}
	x.useYoung()
	young := slices.Clone(w.history.order)
	if !x.pass(x.Young-last, 0) || !x.pass(last, x.Crash) {
		return
	}
	for _, k := range young {
		x.ask(k, false)
	}
	for _, k := range before {
		x.ask(k, true)
	}
	time.Sleep(longestAfter + dueWithin) // what the switch captures by itself
	if !w.quiet() {
		return
	}
	w.linearizable()

	if !x.pass(pastKept-x.Young, 0) {
		return
	}
	for _, k := range w.history.order {
		x.ask(k, slices.Contains(young, k))
	}
	x.holdBooks(slices.Concat(before, w.history.order))
}

// pass has days pass at each node, until its sweep is through.
func (x *sweepPart) pass(days time.Duration, crash int) bool {
	w := x.w
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, n := range w.nodes {
		if err := n.pass(ctx, days); err != nil {
			w.failf("a clock is not confirmed", "%v", err)
		}
	}
	if crash > 0 {
		for _, n := range w.nodes {
			x.crashInSweep(n, crash)
		}
	}
	time.Sleep(dueWithin) // keys are swept each minute
	w.mu.Lock()
	w.armed = nil
	w.mu.Unlock()
	if !w.quiet() {
		return false
	}
	for _, n := range w.nodes {
		n.confirm() // it may have crashed before it was
	}
	time.Sleep(dueWithin)
	return w.quiet()
}

// crashInSweep has a node crash in a sync that follows the moment of its next sweep.
func (x *sweepPart) crashInSweep(n *switchNode, sync int) {
	const sweptEvery = time.Minute // from the start of a life on
	n.mu.Lock()
	l := n.life
	n.mu.Unlock()
	if l == nil {
		return
	}
	time.Sleep(sweptEvery - time.Since(l.began)%sweptEvery)
	keeps := []int{0, 50, 100}[x.w.chance.below(3, "sweep", uint64(n.number))]
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	x.w.armed = append(x.w.armed, &armed{&Fault{Kind: CrashInSync, Node: n.number, Keeps: keeps}, sync})
}

// youngKey begins the keys that are used on the way.
const youngKey = "young "

// useYoung uses some keys at each node.
func (x *sweepPart) useYoung() {
	const each = 3
	for i := range x.w.nodes {
		a := newActor(x.w, i)
		for j := range each {
			req := (&Step{Do: DoSale, Amount: int64(1000 + j)}).creation(fmt.Sprint(youngKey, i, " ", j, a.who.name))
			if ans := a.persist(&req, LostRetry); ans == nil || !ans.Approved && !x.w.overDeadLink(ans) {
				x.w.failf("a payment in quiet times is not approved", "%s: %v", requestText(&req.Request), ans)
			}
		}
		a.hangUp()
	}
}

// ask asks for a key, and where it made a payment for that once more: what is swept is unknown, and makes another one;
// what is not is answered as the first time.
func (x *sweepPart) ask(k *keyed, swept bool) {
	w := x.w
	first := k.tookEffect()
	if first == nil {
		return
	}
	a := newActor(w, k.by.number)
	defer a.hangUp()
	ans, _ := a.once(askFor(k.key, k.merchant), false)
	switch {
	case ans == nil:
		w.failf("no answer in quiet times", "status of key %s", k.key)
		return
	case swept && (ans.Err == nil || ans.Err.Code != api.CodeUnknownPayment):
		w.failf("sweep, a key is still known", "%s: %s", requestText(&first.req.Request), answerText(ans))
		return
	case !swept && (ans.Err != nil || outcomeOf(ans) != outcomeOf(first.answer)):
		w.failf("sweep, a key that is to be kept is not answered as the first time", "%s: %s, then %s",
			requestText(&first.req.Request), answerText(first.answer), answerText(ans))
		return
	}
	if swept {
		w.faults.add("key swept", 1)
	} else {
		w.faults.add("key kept over a sweep", 1)
	}
	if first.req.Payment != "" || first.req.OfKey != "" || swept && strings.HasPrefix(k.key, youngKey) {
		return
	}
	again := first.req
	ans = a.persist(&again, LostRetry)
	switch {
	case ans != nil && ans.Err != nil && ans.Err.Code == api.CodeInvalidField && swept:
		// its merchant is in this life's file no more
	case ans == nil || ans.Err != nil:
		w.failf("sweep, a key is not served", "%s: %v", requestText(&again.Request), ans)
	case swept && (ans.Replayed || ans.Payment == first.answer.Payment):
		w.failf("sweep, a key that is swept makes nothing new", "%s: %s", requestText(&again.Request), answerText(ans))
	case !swept && (!ans.Replayed || outcomeOf(ans) != outcomeOf(first.answer)):
		w.failf("I3 a repeat is not answered as one", "%s: %s, then %s", requestText(&again.Request),
			answerText(first.answer), answerText(ans))
	}
}

// tookEffect is the first call of a key that was told of an operation; nil: none was.
func (k *keyed) tookEffect() *call {
	for _, c := range k.calls {
		if c.answer != nil && c.answer.Err == nil && c.answer.Payment != "" && !nothingToUndo(c) {
			return c
		}
	}
	return nil
}

// holdBooks closes the day and holds the books against each other and against what was told under each key, before it
// was swept and since.
func (x *sweepPart) holdBooks(keys []*keyed) {
	w := x.w
	for _, n := range w.nodes {
		n.closeDay()
	}
	w.present()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, n := range w.nodes {
		b, err := w.read(ctx, n)
		if err != nil {
			w.failf("the books cannot be read", "%v", err)
			return
		}
		w.audit(ctx, b)
		w.ended(b)
		w.onTheWire(b)
		for _, k := range keys {
			if c := k.tookEffect(); c != nil && k.node == n {
				w.keptOne(b, c)
			}
		}
	}
}

// hasTakenAll notes that the issuer has taken each clearing file that there is.
func (n *switchNode) hasTakenAll() {
	err := n.walk(func(path string, _ []byte) error {
		if strings.HasSuffix(path, ".ipm") {
			n.taken.add(path)
		}
		return nil
	})
	if err != nil {
		n.w.failf("the disk cannot be read", "%v", err)
	}
}

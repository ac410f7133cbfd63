package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/internal/httpcall"
	"switchyard/internal/pan"
	"switchyard/spec"
	"switchyard/spec/mapping"
	"switchyard/switch/operator/client"
)

// The parties' addresses.
const (
	issuerAddr   = "issuer:8583"
	secondAddr   = "issuer-2:8583"
	controlAddr  = "issuer:9584"
	switchName   = "switch"
	issuerName   = "issuer"
	secondName   = "issuer-2"
	gatewayName  = "gateway"
	operatorName = "operator"
)

// world is a run under way.
type world struct {
	plan    *Plan
	chance  chance
	trace   *trace
	net     *network
	keyring *pan.Keyring
	keyText string      // that it was made from
	codec   *spec.Codec // of the dialect that the issuer speaks
	nodes   []*switchNode
	actors  []*actor
	issuer  *issuerNode
	wire    wire
	history history
	faults  faultCounts
	parts   []any // of the plan's sections

	begin   time.Time     // of the actors
	acted   chan struct{} // closed when the actors have played their steps
	putBack atomic.Bool   // a journal was put back: what is parked from then on is in doubt, and no retry's
	awake   atomic.Int64  // actors that have steps left and do not rest for long
	order   atomic.Int64
	visitor *party         // the operator and the actors never die
	aside   sync.WaitGroup // what faults began and the plan does not end without
	http    *http.Client

	mu       sync.Mutex
	armed    []*armed // faults that wait for an event
	failures []string
}

// armed is a fault that waits for the nth event of its kind.
type armed struct {
	fault *Fault
	left  int
}

// nodeOf is the switch that a fault is about.
func (w *world) nodeOf(f *Fault) *switchNode { return w.nodes[f.Node%len(w.nodes)] }

// nodeNamed is the switch of a name; nil if it is none's.
func (w *world) nodeNamed(name string) *switchNode {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// faultCounts counts what was injected, by name. Safe for concurrent use.
type faultCounts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *faultCounts) add(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name] += n
}

// Result is what a run came to.
type Result struct {
	Failures []string // what was wrong: first a few words that name the kind, a colon, and the details
	Trace    string
	Faults   map[string]int // injected, by name
	Requests int            // answered or lost
	Messages int            // to the issuer
	Lives    int            // of the switch
}

// run plays a plan. It must be called in a bubble of testing/synctest, and every goroutine of it has ended when it
// returns.
func run(p *Plan) *Result {
	w := &world{
		plan: p, chance: chance(p.Seed), trace: &trace{}, visitor: &party{name: operatorName}, codec: asciiCodec,
		acted: make(chan struct{}),
	}
	w.trace.alarm = w.failf
	w.net = newNetwork(w.chance)
	w.net.onWrite = w.onWrite
	text, err := pan.GenerateKey(rand.NewChaCha8([32]byte{1, 2, 3}))
	if err == nil {
		w.keyText = text
		w.keyring, err = pan.ParseKeyring(text)
	}
	if err != nil {
		return &Result{Failures: []string{"no key: " + err.Error()}}
	}
	time.Sleep(p.Begin)
	w.begin = time.Now()
	w.trace.begin = w.begin
	transport := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		return w.net.dial(ctx, w.visitor, addr)
	}}
	w.http = &http.Client{Transport: transport}

	w.issuer = newIssuerNode(w)
	for i := range p.Nodes {
		w.nodes = append(w.nodes, newSwitchNode(w, i))
	}
	for _, s := range p.Sections {
		w.parts = append(w.parts, s.begin(w))
	}
	w.wire.codec = w.codec
	if w.wire.theirs, err = mapping.Compile(mapping.Config{}, w.codec); err != nil {
		return &Result{Failures: []string{"no mapping: " + err.Error()}}
	}
	w.issuer.up()
	for _, n := range w.nodes {
		n.up()
	}
	w.play()
	if w.quiet() {
		w.reckon()
		w.present()
		w.check()
		for _, p := range partsOf[follows](w) {
			p.after()
		}
	}
	transport.CloseIdleConnections()
	lives := 0
	for _, n := range w.nodes {
		n.down()
		lives += n.lives
	}
	w.issuer.down()
	w.net.each(gatewayName, func(near *conn) { near.reset() })
	return &Result{
		Failures: w.failures, Trace: w.trace.String(), Faults: w.faults.n, Requests: len(w.history.calls),
		Messages: len(w.wire.frames), Lives: lives,
	}
}

// failf notes what is wrong. kind is a few words without anything of this run, by which failures are told apart.
func (w *world) failf(kind, format string, args ...any) {
	text := kind + ": " + fmt.Sprintf(format, args...)
	w.trace.addf("FAILURE", "%s", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, text)
}

// play runs the actors and the faults to their end.
func (w *world) play() {
	var all sync.WaitGroup
	for i := range w.plan.Actors {
		a := newActor(w, i)
		if s, ok := sectionOf[slowSection](w.plan); ok && s.Actor == i {
			a.slow = s.Late
		}
		for _, v := range partsOf[*vanishPart](w) {
			if v.Actor == i {
				a.vanish = v
			}
		}
		w.actors = append(w.actors, a)
	}
	var acting sync.WaitGroup
	w.awake.Store(int64(len(w.actors)))
	for i, steps := range w.plan.Actors {
		acting.Go(func() {
			defer w.awake.Add(-1)
			w.actors[i].play(steps)
		})
	}
	all.Go(func() {
		acting.Wait()
		close(w.acted)
	})
	for _, p := range partsOf[plays](w) {
		all.Go(p.play)
	}
	for i := range w.plan.Faults {
		f := &w.plan.Faults[i]
		all.Go(func() {
			time.Sleep(f.At + time.Duration(i))
			if f.Nth == 0 {
				w.inject(f)
				return
			}
			w.mu.Lock()
			w.armed = append(w.armed, &armed{f, f.Nth})
			w.mu.Unlock()
		})
	}
	watched := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(watched)
		w.watch(over)
	}()
	all.Wait()
	close(over)
	<-watched
	w.mu.Lock()
	w.armed = nil
	w.mu.Unlock()
	w.aside.Wait()
}

// rest waits, as a step says.
func (w *world) rest(d time.Duration) {
	if d > restful {
		w.awake.Add(-1)
		defer w.awake.Add(1)
	}
	time.Sleep(d)
}

// restful is a rest during which the bounds are looked at less often, once all actors rest.
const restful = time.Minute

// watchEvery is how often the bounds are looked at.
const watchEvery = 199 * time.Millisecond

// watch holds what is in flight and queued against its bounds (I13) until the plan is played.
func (w *world) watch(over <-chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-over:
			return
		}
		if w.awake.Load() <= 0 {
			tick.Reset(restful)
		} else {
			tick.Reset(watchEvery)
		}
		for _, n := range w.nodes {
			n.inBounds()
		}
	}
}

// inBounds holds what a node has in flight and queued against its bounds.
func (n *switchNode) inBounds() {
	s, up := n.stats()
	if !up {
		return
	}
	// A capture is refused where the queue is full; what is at the issuer may need a reversal each beyond that.
	w, p := n.w, n.w.plan
	inFlight := 2 * p.InFlight // what an earlier life left without an outcome counts as well
	if s.InFlight > inFlight {
		w.failf("I13 a bound is passed", "%d in flight of %d", s.InFlight, inFlight)
	}
	for host, queued := range s.SAF.ByHost {
		if queued > p.Queued+2*p.InFlight {
			w.failf("I13 a bound is passed", "%d queued for %s of %d", queued, host, p.Queued)
		}
	}
	for host, links := range s.Links {
		for _, l := range links {
			if l.InUse > p.Window {
				w.failf("I13 a bound is passed", "link %s of %s: %d in use of %d", l.Link, host, l.InUse, p.Window)
			}
		}
	}
}

// event counts an event of a node for the faults that wait for it; it returns the one whose turn has come.
func (w *world) event(kind FaultKind, n *switchNode) *Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, a := range w.armed {
		if a.fault.Kind != kind || w.nodeOf(a.fault) != n {
			continue
		}
		if a.left--; a.left == 0 {
			w.armed = append(w.armed[:i], w.armed[i+1:]...)
			if kind == Cutover {
				w.aside.Add(1) // here, so that play does not miss it
			}
			return a.fault
		}
	}
	return nil
}

// arm has a fault wait for the nth event of its kind from now on. disarm ends that, and tells whether it has come to
// pass.
func (w *world) arm(f *Fault, nth int) (disarm func() (happened bool)) {
	one := &armed{f, nth}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = append(w.armed, one)
	return func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		at := slices.Index(w.armed, one)
		if at >= 0 {
			w.armed = slices.Delete(w.armed, at, at+1)
		}
		return at < 0
	}
}

// onWrite sees everything that is written to a connection.
func (w *world) onWrite(c *conn, b []byte) {
	n := w.nodeNamed(c.owner.name)
	if n == nil {
		return
	}
	kind := CrashAfterReply
	if !c.accepted {
		kind = CrashAfterSend
		for _, mti := range w.wire.sent(n, c, b, time.Since(w.begin)) {
			for _, p := range partsOf[sees](w) {
				p.sends(n, mti)
			}
		}
	} else if string(c.local) != n.gateway {
		return
	}
	if f := w.event(kind, n); f != nil {
		w.inject(f)
	}
	if kind == CrashAfterSend {
		if f := w.event(Cutover, n); f != nil {
			go func() {
				defer w.aside.Done()
				w.inject(f)
			}()
		}
	}
}

// onSync sees the syncs of a node's journal's log.
func (w *world) onSync(n *switchNode) error {
	if f := w.event(CrashInSync, n); f != nil {
		w.inject(f)
	}
	if f := w.event(DiskError, n); f != nil {
		w.faults.add(string(f.Kind), 1)
		w.trace.addf("plan", "%s%s", f.Kind, n.suffix())
		n.nextDown(f)
		return errDisk
	}
	return nil
}

// cutover closes the open business date by hand. While faults go on it may fail. If it must not, what waits for people
// is let out, too.
func (n *switchNode) cutover(must bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_, err := n.api().Cutover(ctx, client.Cutover{Wait: 90 * time.Second, Ahead: true})
	_, refused := client.Refused(err)
	switch {
	case !must:
		return
	case err == nil:
	case overtaken(err):
		err = n.awaitWritten(ctx)
	case refused:
		err = n.nextDays(ctx)
	}
	if err != nil {
		n.w.failf("cutover fails", "%v", err)
		return
	}
	n.letOut(true)
}

// control asks the issuer's control port, with a body if there is one, and gives the answer's to take.
func (w *world) control(ctx context.Context, method, path string, send []byte, take func([]byte) error) error {
	at, err := url.Parse(path)
	if err != nil {
		return err
	}
	port := httpcall.Port{Addr: controlAddr, Client: w.http}
	body, err := port.Open(ctx, method, at.Path, at.Query(), send)
	return whole(body, err, take)
}

// whole reads an answer to its end and gives it to take.
func whole(body io.ReadCloser, err error, take func([]byte) error) error {
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil || take == nil {
		return err
	}
	return take(text)
}

// drainWithin is how long the system may take, once nothing fails any more, to bring everything to its end:
// reversals are repeated at least every minute.
const drainWithin = 15 * time.Minute

// quiet ends the faults and waits until nothing is under way.
func (w *world) quiet() bool {
	w.trace.addf("plan", "the faults end")
	for _, n := range w.nodes {
		n.fill(0)
	}
	w.issuer.calm()
	for _, p := range partsOf[calms](w) {
		p.calm()
	}
	give := time.Now().Add(drainWithin)
	var last string
	for calm := 0; calm < 3; {
		if time.Now().After(give) {
			w.failf("does not drain", "%s after the faults: %s", drainWithin, last)
			for _, n := range w.nodes {
				if _, up := n.stats(); !up {
					continue // nobody answers
				}
				if b, err := w.read(context.Background(), n); err == nil {
					w.ended(b)
				}
			}
			return false
		}
		time.Sleep(time.Second)
		if last = w.unrest(); last != "" {
			calm = 0
			continue
		}
		calm++
	}
	return true
}

// unrest is what has not come to its end yet, or "".
func (w *world) unrest() string {
	for _, n := range w.nodes {
		if why := n.unrest(); why != "" {
			return why + n.suffix()
		}
	}
	for _, p := range partsOf[hastens](w) {
		if why := p.unrest(); why != "" {
			return why
		}
	}
	return ""
}

// fatal is the switch's hook (I14): the life ends as in a crash.
func (w *world) fatal(l *switchLife, msg string, err error) {
	if !errors.Is(err, errDisk) && !l.isOver() {
		w.failf("the journal gave up", "%s: %v", msg, err)
	}
	l.node.die(l)
	runtime.Goexit()
}

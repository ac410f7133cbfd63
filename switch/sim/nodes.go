package sim

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"switchyard/internal/config"
	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
)

// switchNode is the machine of the switch: a disk that outlives crashes, and one life of the switch after another.
type switchNode struct {
	w     *world
	lives int

	mu   sync.Mutex
	disk *vfs.MemFS
	life *switchLife // nil while it is down
	rest time.Duration
	last *Fault    // of a disk error that will end the life
	over bool      // no more lives
	full time.Time // until when the disk is full
	ends sync.WaitGroup
}

// switchLife is one process.
type switchLife struct {
	node     *switchNode
	party    *party
	mem      *vfs.MemFS
	sw       *txswitch.Switch // once it is made
	registry *prometheus.Registry
	began    time.Time
	stopped  chan struct{} // closed when its end begins
	over     bool          // under node.mu, as what follows
	started  bool
	clean    bool // it ends in order
}

func newSwitchNode(w *world) *switchNode { return &switchNode{w: w, disk: vfs.NewCrashableMem()} }

// closeWithin is what a switch is given to stop.
const closeWithin = 30 * time.Second

// up keeps the switch alive until down.
func (n *switchNode) up() {
	ready := make(chan struct{})
	n.ends.Go(func() {
		for n.live(ready) {
			ready = nil
		}
	})
	<-ready
}

// live is one life; false if there shall be no other.
func (n *switchNode) live(ready chan struct{}) bool {
	n.mu.Lock()
	if n.over {
		n.mu.Unlock()
		return false
	}
	n.lives++
	l := &switchLife{
		node: n, party: &party{name: switchName}, mem: n.disk, registry: prometheus.NewRegistry(), began: time.Now(),
		stopped: make(chan struct{}),
	}
	n.life = l
	n.mu.Unlock()
	n.w.trace.addf("switch", "starts, life %d", n.lives)
	// The hook for a failed journal ends the goroutine that it is called on, which may be the one that opens it.
	var err error
	begun := make(chan struct{})
	go func() {
		defer close(begun)
		err = l.start()
	}()
	<-begun
	if ready != nil {
		close(ready)
	}
	if err != nil && !l.isOver() {
		n.w.failf("the switch does not start", "%v", err)
		n.mu.Lock()
		n.over = true
		n.end(l)
		n.mu.Unlock()
	}
	<-l.stopped
	if l.clean {
		l.close()
		n.mu.Lock()
		n.disk = l.mem
		n.mu.Unlock()
	} else {
		n.ends.Go(l.close) // what is left of it, on a disk of its own and without a network
	}
	n.mu.Lock()
	rest := n.rest
	n.mu.Unlock()
	time.Sleep(rest)
	return true
}

func (l *switchLife) start() error {
	w := l.node.w
	c := txswitch.DefaultConfig()
	c.Data = "switch"
	c.Issuers[0].Name, c.Issuers[0].Address = issuerName, issuerAddr
	c.Issuers[0].Deadline = config.Duration(w.plan.Deadline)
	c.Issuers[0].Links, c.Issuers[0].Window = w.plan.Links, w.plan.Window
	if w.plan.Hosts > 1 {
		second, weight := c.Issuers[0], 0
		second.Name, second.Address = secondName, secondAddr
		c.Issuers = append(c.Issuers, second)
		if w.plan.Shared {
			weight = 1
		}
		c.Routes.Rules = []txswitch.RouteRule{{Route: "cards", Host: issuerName}, {Route: "cards", Host: secondName, Weight: &weight}}
	}
	if w.plan.StandIn {
		c.StandIn = txswitch.StandInConfig{Enabled: true, MaxAmountMinor: map[string]int64{"EUR": 7000}, MaxPerCardAndDay: 2}
	}
	c.Limits.MaxInFlight, c.Limits.MaxQueued = w.plan.InFlight, w.plan.Queued
	if err := c.Check(); err != nil {
		return err
	}
	sw, err := txswitch.New(txswitch.Options{
		Config: c, Keyring: w.keyring, Gateway: w.net.listen(l.party, gatewayAddr), Operator: w.net.listen(l.party, operatorAddr),
		Dial:     func(ctx context.Context, addr string) (net.Conn, error) { return w.net.dial(ctx, l.party, addr) },
		FS:       &disk{FS: l.mem, chance: w.chance + chance(l.node.lives), most: w.plan.SyncMost, onSync: l.onSync, onFile: l.onFile, full: l.node.isFull},
		Fatal:    func(msg string, err error) { w.fatal(l, msg, err) },
		Seed:     w.plan.Seed,
		Logger:   w.trace.logger(switchName),
		Registry: l.registry,
	})
	if err != nil {
		return err
	}
	l.sw = sw
	if err := sw.Start(context.Background()); err != nil {
		return err
	}
	l.node.mu.Lock()
	defer l.node.mu.Unlock()
	l.started = true
	return nil
}

func (l *switchLife) onSync(n uint64) error {
	if l.isOver() {
		return nil
	}
	return l.node.w.onSync(n)
}

func (l *switchLife) onFile() {
	if l.isOver() {
		return
	}
	if f := l.node.w.event(CrashInFiles); f != nil {
		l.node.w.inject(f)
	}
}

// close ends what runs of a life.
func (l *switchLife) close() {
	if l.sw == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if err := l.sw.Close(ctx); err != nil && l.clean {
		l.node.w.failf("the switch does not stop in order", "%v", err)
	}
}

func (l *switchLife) isOver() bool {
	l.node.mu.Lock()
	defer l.node.mu.Unlock()
	return l.over
}

// end begins a life's end. The caller holds mu.
func (n *switchNode) end(l *switchLife) {
	l.over = true
	n.life = nil
	close(l.stopped)
}

// crash ends the life that runs, at this moment.
func (n *switchNode) crash(f *Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.life; l != nil && !l.over {
		n.kill(l, f)
	}
}

// kill ends a life without warning. The network first: what the node still does reaches nobody. The caller holds mu.
func (n *switchNode) kill(l *switchLife, f *Fault) {
	n.rest = f.For
	n.w.net.kill(l.party, f.Silent)
	n.disk = crashed(l.mem, f.Keeps, n.w.chance, uint64(n.lives))
	n.end(l)
	n.w.files.note(n.disk)
	n.w.trace.addf("switch", "is dead")
}

// nextDown says how the disk error that a sync is about to get will end the life.
func (n *switchNode) nextDown(f *Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = f
}

// die is a life's own end, after a disk error.
func (n *switchNode) die(l *switchLife) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.over {
		return
	}
	f := n.last
	if f == nil {
		f = &Fault{}
	}
	n.kill(l, f)
}

// restart stops the switch in order and starts it again.
func (n *switchNode) restart(f *Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.life; l != nil && !l.over && l.started {
		n.rest = f.For
		l.clean = true
		n.end(l)
	}
}

// fill makes the disk full for a time.
func (n *switchNode) fill(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.full = time.Now().Add(d)
}

func (n *switchNode) isFull() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Before(n.full)
}

// stats is where the switch stands; false while it is down.
func (n *switchNode) stats() (txswitch.Stats, bool) {
	n.mu.Lock()
	l := n.life
	up := l != nil && l.started
	n.mu.Unlock()
	if !up {
		return txswitch.Stats{}, false
	}
	return l.sw.Stats(), true
}

// unrest is what is not settled yet, or "".
func (n *switchNode) unrest() string {
	s, up := n.stats()
	switch {
	case !up:
		return "the switch is down"
	case s.Unready != "":
		return s.Unready
	case s.InFlight > 0:
		return fmt.Sprintf("%d requests in flight", s.InFlight)
	case s.SAF.Queued > 0:
		return fmt.Sprintf("%d advices queued", s.SAF.Queued)
	}
	return ""
}

// down ends the last life in order.
func (n *switchNode) down() {
	n.mu.Lock()
	n.over, n.rest = true, 0
	if l := n.life; l != nil && !l.over {
		l.clean = true
		n.end(l)
	}
	n.mu.Unlock()
	n.ends.Wait()
}

// issuerNode is the machine of the issuer simulator.
type issuerNode struct {
	w     *world
	lives int

	mu    sync.Mutex
	disk  *vfs.MemFS
	life  *issuerLife
	rules *issuersim.Rules
	over  bool
	ends  sync.WaitGroup
}

type issuerLife struct {
	party    *party
	mem      *vfs.MemFS
	sim      *issuersim.Server
	registry *prometheus.Registry
}

func newIssuerNode(w *world) *issuerNode {
	n := &issuerNode{w: w, disk: vfs.NewCrashableMem()}
	var b strings.Builder
	b.WriteString("rules:\n")
	if w.plan.Latency > 0 {
		fmt.Fprintf(&b, "  - latency: {distribution: uniform, min: 100us, max: %s}\n", w.plan.Latency)
	}
	for i := range w.plan.Rules {
		b.WriteString(w.plan.Rules[i].yaml())
	}
	var err error
	if n.rules, err = issuersim.ParseRules("plan", strings.NewReader(b.String())); err != nil {
		w.failf("rules", "%v", err)
	}
	return n
}

// up starts the issuer.
func (n *issuerNode) up() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	n.lives++
	l := &issuerLife{party: &party{name: issuerName}, mem: n.disk, registry: prometheus.NewRegistry()}
	var err error
	l.sim, err = issuersim.New(issuersim.Options{
		Listener: n.w.net.listen(l.party, issuerAddr, secondAddr), ControlListener: n.w.net.listen(l.party, controlAddr),
		DataDir: "issuer", FS: l.mem, Sync: true, Seed: n.w.plan.Seed, Rules: n.rules, Logger: n.w.trace.logger(issuerName), Registry: l.registry,
		Limits: issuersim.Limits{Cards: 3200, Authorizations: 32_000, Messages: 64_000},
	})
	if err != nil {
		n.w.failf("the issuer does not start", "%v", err)
		return
	}
	n.life = l
	n.ends.Go(func() {
		if err := l.sim.Serve(); err != nil {
			n.w.failf("the issuer stopped serving", "%v", err)
		}
	})
}

// crash ends the issuer without warning and starts it again later.
func (n *issuerNode) crash(f *Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.life
	if l == nil {
		return
	}
	n.life = nil
	n.w.net.kill(l.party, f.Silent)
	n.disk = crashed(l.mem, f.Keeps, n.w.chance, uint64(1000+n.lives))
	n.w.trace.addf("issuer", "is dead")
	n.ends.Go(func() {
		n.close(l)
		time.Sleep(f.For)
		n.up()
	})
}

func (n *issuerNode) close(l *issuerLife) {
	for kind, count := range counts(l.registry, "issuersim_faults_total", "kind") {
		n.w.faults.add("issuer: "+kind, int(count))
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if err := l.sim.Close(ctx); err != nil && !l.party.isDead() {
		n.w.failf("the issuer does not stop in order", "%v", err)
	}
}

// calm takes the rules away.
func (n *issuerNode) calm() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rules = nil
	if n.life != nil {
		n.life.sim.SetRules(nil)
	}
}

// down ends the issuer in order.
func (n *issuerNode) down() {
	n.mu.Lock()
	n.over = true
	l := n.life
	n.life = nil
	n.mu.Unlock()
	if l != nil {
		n.close(l)
	}
	n.ends.Wait()
}

// counts reads a counter of a registry, by the value of one label.
func counts(r *prometheus.Registry, name, label string) map[string]float64 {
	out := map[string]float64{}
	families, err := r.Gather()
	if err != nil {
		return out
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label {
					out[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	return out
}

package sim

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/internal/config"
	"switchyard/internal/vfs"
	txswitch "switchyard/switch"
	"switchyard/switch/operator"
)

// switchNode is the machine of a switch: a disk that outlives crashes, and one life of the switch after another.
type switchNode struct {
	w                 *world
	number            int // among the nodes of the plan
	name              string
	gateway, operator string  // addresses
	acquirer          string  // DE32, where there is more than one node
	inRRN             *uint32 // its number, where the nodes of a plan share a DE32
	stans             uint64  // up to which they count as given before its first life
	files             fileNotes
	taken             taken
	lives             int
	first             *party       // its first life
	later             atomic.Int64 // nanoseconds by which its wall clock is ahead of virtual time
	toClose           atomic.Int64 // of these, what passed so that a last date could be closed
	moved             atomic.Int64 // since when, in nanoseconds from the beginning; 0: never

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
	number   int // of the node's lives, from 1
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

func newSwitchNode(w *world, number int) *switchNode {
	n := &switchNode{w: w, number: number, name: switchName, disk: vfs.NewCrashableMem()}
	if number > 0 {
		n.name += "-" + strconv.Itoa(number+1)
	}
	n.gateway, n.operator = n.name+":7583", n.name+":9583"
	return n
}

// suffix tells the node from others in what people read; "" for the first.
func (n *switchNode) suffix() string {
	if n.number == 0 {
		return ""
	}
	return " (" + n.name + ")"
}

// chance is the node's own: no two lives of any nodes have the same.
func (n *switchNode) chance(life int) chance {
	const most = 1000 // lives
	return n.w.chance + chance(n.number*most+life)
}

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
		node: n, number: n.lives, party: &party{name: n.name}, mem: n.disk, registry: prometheus.NewRegistry(),
		began:   time.Now(),
		stopped: make(chan struct{}),
	}
	n.life = l
	if l.number == 1 {
		n.first = l.party
	}
	n.mu.Unlock()
	for _, p := range partsOf[prepares](n.w) {
		p.prepare(n, l.number)
	}
	n.w.trace.addf(n.name, "starts, life %d", n.lives)
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
	n, w := l.node, l.node.w
	c := txswitch.DefaultConfig()
	c.Data, c.Node = "switch", uint32(1+n.number)
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
		c.Routes.Rules = []txswitch.RouteRule{
			{Route: "cards", Host: issuerName}, {Route: "cards", Host: secondName, Weight: &weight},
		}
	}
	if w.plan.StandIn {
		c.StandIn = txswitch.StandInConfig{Enabled: true, MaxAmountMinor: map[string]int64{"EUR": 7000}, MaxPerCardAndDay: 2}
	}
	c.Limits.MaxInFlight, c.Limits.MaxQueued = w.plan.InFlight, w.plan.Queued
	o := txswitch.Options{
		Config: c, Keyring: w.keyring, Gateway: w.net.listen(l.party, n.gateway), Operator: w.net.listen(l.party, n.operator),
		Dial: func(ctx context.Context, addr string) (net.Conn, error) { return w.net.dial(ctx, l.party, addr) },
		FS: &disk{
			FS: l.mem, chance: n.chance(l.number), most: w.plan.SyncMost, onSync: l.onSync, onFile: l.onFile, full: n.isFull,
		},
		Fatal:        func(msg string, err error) { w.fatal(l, msg, err) },
		Wall:         func() time.Time { return time.Now().Add(n.wallOffset()) },
		Synchronized: func() bool { return true },
		Seed:         w.plan.Seed,
		Logger:       w.trace.logger(n.name),
		Registry:     l.registry,
	}
	for _, p := range partsOf[configures](w) {
		p.configure(n, l.number, &o)
	}
	if err := c.Check(); err != nil {
		return err
	}
	for _, p := range partsOf[spoils](w) {
		p.spoil(n, l.number, &o)
	}
	if len(w.nodes) > 1 {
		n.acquirer = c.AcquirerID
		if len(c.Nodes) > 1 {
			n.inRRN = &c.Node
		}
	}
	sw, err := txswitch.New(o)
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

func (l *switchLife) onSync(uint64) error {
	if l.isOver() {
		return nil
	}
	return l.node.w.onSync(l.node)
}

func (l *switchLife) onFile() {
	if l.isOver() {
		return
	}
	if f := l.node.w.event(CrashInFiles, l.node); f != nil {
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
	n.disk = crashed(l.mem, f.Keeps, n.w.chance, uint64(n.chance(n.lives)-n.w.chance))
	n.end(l)
	n.files.note(n.disk)
	n.w.trace.addf(n.name, "is dead")
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
func (n *switchNode) stats() (operator.Stats, bool) {
	n.mu.Lock()
	l := n.life
	up := l != nil && l.started
	n.mu.Unlock()
	if !up {
		return operator.Stats{}, false
	}
	return l.sw.Stats(), true
}

// unrest is what has not come to its end yet, or "".
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

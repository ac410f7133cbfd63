package sim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	issuersim "switchyard/issuer-sim"

	"switchyard/internal/vfs"
)

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
	n.rules = n.parsed(b.String(), false)
	return n
}

// parsed makes rules of a text and what the topics add to it, before the faults end or after.
func (n *issuerNode) parsed(text string, calm bool) *issuersim.Rules {
	for _, s := range n.w.plan.Sections {
		if h, ok := s.(hosts); ok {
			text += h.rules(calm)
		}
	}
	rules, err := issuersim.ParseRules("plan", strings.NewReader(text))
	if err != nil {
		n.w.failf("rules", "%v", err)
	}
	return rules
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
	o := issuersim.Options{
		Codec: n.w.codec, Listener: n.w.net.listen(l.party, issuerAddr, secondAddr),
		ControlListener: n.w.net.listen(l.party, controlAddr),
		DataDir:         "issuer", FS: l.mem, Sync: true, Seed: n.w.plan.Seed, Rules: n.rules,
		Logger: n.w.trace.logger(issuerName), Registry: l.registry,
		Limits: issuersim.Limits{Cards: 3200, Authorizations: 32_000, Messages: 64_000},
	}
	for _, p := range partsOf[equips](n.w) {
		p.equip(&o)
	}
	l.sim, err = issuersim.New(o)
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
	if early := counts(l.registry, "issuersim_bad_frames_total", "reason")["sign_on"]; early > 0 {
		n.w.failf("a message is sent before the host took a sign-on", "%.0f messages", early)
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if err := l.sim.Close(ctx); err != nil && !l.party.isDead() {
		n.w.failf("the issuer does not stop in order", "%v", err)
	}
}

// calm takes the rules away, but for what a topic leaves.
func (n *issuerNode) calm() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rules = n.parsed("rules:\n", true)
	if n.life != nil {
		n.life.sim.SetRules(n.rules)
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

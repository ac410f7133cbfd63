package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/front/lines/client"
)

// Gateways that vanish in the middle of a request, at a second door that ends the request's context with them, as one
// for HTTP may: wherever the flows are then, what they asked for takes effect once or not at all, what the issuer did
// is concluded, and they find out by the key.

func init() { addTopic(topic{name: "vanish", draw: drawVanish}) }

const vanishPercent = 20

func drawVanish(t *rapid.T, p *Plan) section {
	if !percent(t, vanishPercent) {
		return nil
	}
	return vanishSection{Actor: bits(t, len(p.Actors)), OneIn: 1 + bits(t, 3)}
}

// vanishSection says which actor comes by the second door, and that it vanishes in one of so many of its requests.
type vanishSection struct{ Actor, OneIn int }

// String implements section.
func (s vanishSection) String() string {
	return fmt.Sprintf("actor %d comes by another door and vanishes in one of %d requests", s.Actor, s.OneIn)
}

func (s vanishSection) begin(w *world) any {
	return &vanishPart{vanishSection: s, w: w, doors: map[*switchNode]*secondDoor{}}
}

type vanishPart struct {
	vanishSection
	w *world

	mu    sync.Mutex
	doors map[*switchNode]*secondDoor // of the life that runs
}

// configure implements configures.
func (v *vanishPart) configure(n *switchNode, _ int, o *txswitch.Options) {
	o.Doors = append(o.Doors, func(f *front.Front) (front.Door, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.life == nil {
			return nil, errDisk // it is dead already
		}
		d := &secondDoor{front: f, life: n.life, closed: make(chan struct{})}
		d.running, d.cutOff = context.WithCancel(context.Background())
		v.mu.Lock()
		defer v.mu.Unlock()
		v.doors[n] = d
		return d, nil
	})
}

// door is the second door as an actor sees it, for one request.
func (v *vanishPart) door(a *actor) (line, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := v.doors[a.node]
	if d == nil {
		return nil, errors.New("the second door is shut")
	}
	return &secondLine{v, a, d}, nil
}

// moment is when a gateway vanishes in a request; patience if it does not.
func (v *vanishPart) moment(about string) time.Duration {
	if !v.w.chance.oneIn(v.OneIn, "vanish in "+about, 0) {
		return patience
	}
	most := []time.Duration{ // while it is admitted and committed, at the issuer, until after its deadline
		time.Millisecond, 50 * time.Millisecond, time.Second, v.w.plan.Deadline + time.Second,
	}
	return v.w.chance.delay(0, most[v.w.chance.below(len(most), "how late in "+about, 0)], "moment in "+about, 0)
}

// secondDoor is a door whose requests end with who asked.
type secondDoor struct {
	front   *front.Front
	life    *switchLife
	running context.Context
	cutOff  context.CancelFunc

	mu      sync.Mutex
	closing bool
	closed  chan struct{}
	serving sync.WaitGroup
}

// Name implements front.Door.
func (d *secondDoor) Name() string { return "second door" }

// Serve implements front.Door.
func (d *secondDoor) Serve() error {
	<-d.closed
	return nil
}

// Shutdown implements front.Door.
func (d *secondDoor) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	if !d.closing {
		d.closing = true
		close(d.closed)
	}
	d.mu.Unlock()
	done := make(chan struct{})
	go func() {
		d.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		d.cutOff()
		return ctx.Err()
	}
}

// begin counts a request that is served, unless the door is closing or does not serve yet.
func (d *secondDoor) begin() bool {
	d.life.node.mu.Lock()
	up := d.life.started && !d.life.over
	d.life.node.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing || !up {
		return false
	}
	d.serving.Add(1)
	return true
}

// dead tells whether the process has ended without warning: what it still says reaches nobody.
func (d *secondDoor) dead() bool {
	d.life.node.mu.Lock()
	defer d.life.node.mu.Unlock()
	return d.life.over && !d.life.clean
}

// secondLine is the way of one request through the door.
type secondLine struct {
	v *vanishPart
	a *actor
	d *secondDoor
}

// Do implements line.
func (l *secondLine) Do(ctx context.Context, req *api.Request) (*api.Answer, error) {
	caller := l.d.front.Anyone()
	if who := &l.a.who; who.name != "" {
		caller = l.d.front.BySecret(who.name, who.secret)
	}
	if caller == nil || !l.d.begin() {
		return nil, client.ErrNotSent
	}
	l.a.mu.Lock()
	l.a.dialed++
	about := fmt.Sprintf("%d-%d %s", l.a.number, l.a.dialed, req.Key)
	l.a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.v.moment(about))
	serving, leave := context.WithCancel(l.d.running)
	context.AfterFunc(ctx, leave)
	asked, answered := *req, make(chan api.Answer, 1)
	go func() {
		defer l.d.serving.Done()
		answered <- l.d.front.Do(serving, caller, &asked)
	}()
	defer cancel() // and so leave, once there is an answer
	ended := l.d.life.stopped
	for {
		select {
		case a := <-answered:
			if l.d.dead() {
				return nil, errDied
			}
			return &a, nil
		case <-ctx.Done():
			l.v.w.faults.add("a gateway vanishes", 1)
			return nil, ctx.Err()
		case <-ended:
			if l.d.dead() {
				return nil, errDied
			}
			ended = nil // it ends in order, and answers before
		}
	}
}

// errDied is what a gateway meets whose switch dies.
var errDied = errors.New("the switch died")

// Close implements line.
func (*secondLine) Close() error { return nil }

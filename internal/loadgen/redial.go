package loadgen

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// How long is waited before a lost connection is dialled anew: twice as long each time that it fails, within bounds. A
// connection on which nothing came before it was lost, within redialMost, has failed.
const (
	redialFirst = 100 * time.Millisecond
	redialMost  = 5 * time.Second
)

// Dial connects a lane anew, with all that is said on a connection before requests.
type Dial func(ctx context.Context, lane int) (net.Conn, error)

// Keeper is a Target whose lost connections can be dialled anew.
type Keeper interface {
	// Keep dials lost connections anew until the target is closed. Gone is closed when for so long as patience there was
	// no connection at all, or none but such as were lost again soon and without a word; Err says then why.
	Keep(dial Dial, patience time.Duration) *Redialer
}

// keeping is a target's place for its Redialer. A connection may be lost before there is one: a host that takes
// connections and hangs up is faster than whoever starts the load.
type keeping struct {
	redialer atomic.Pointer[Redialer]
	known    chan struct{} // closed once there is one, or there will be none
	once     sync.Once
}

func newKeeping() *keeping { return &keeping{known: make(chan struct{})} }

// keep says who dials lost connections anew.
func (k *keeping) keep(r *Redialer) {
	k.redialer.Store(r)
	k.once.Do(func() { close(k.known) })
}

// await returns who dials a lost connection anew, nil where the target was closed before anybody was to.
func (k *keeping) await() *Redialer {
	<-k.known
	return k.redialer.Load()
}

// close ends redialling.
func (k *keeping) close() {
	if r := k.redialer.Load(); r != nil {
		r.cancel()
	}
	k.once.Do(func() { close(k.known) })
}

// Redialer dials lost connections anew.
type Redialer struct {
	dial     Dial
	patience time.Duration
	notes    *atomic.Pointer[Notes]
	ctx      context.Context
	cancel   context.CancelFunc
	gone     chan struct{}

	mu    sync.Mutex
	up    int       // lanes that are connected
	lacks int       // losses that were counted, whose lanes are not back
	since time.Time // the last one was lost that was good for something; zero before any was lost
	err   error
}

func newRedialer(lanes int, dial Dial, patience time.Duration, notes *atomic.Pointer[Notes]) *Redialer {
	r := &Redialer{dial: dial, patience: patience, notes: notes, up: lanes, gone: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Gone is closed when no connection comes back.
func (r *Redialer) Gone() <-chan struct{} { return r.gone }

// Err says why, nil where there are connections.
func (r *Redialer) Err() error {
	select {
	case <-r.gone:
	default:
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Errorf("no connection for %s: %w", r.patience, r.err)
}

// lost tells that a lane has lost its connection, and whether to go on. good says that something came on it, or that it
// lasted: a host that takes connections and hangs up is not there.
func (r *Redialer) lost(good bool, err error) (goOn bool) {
	if r.ctx.Err() != nil {
		return false // it is closed
	}
	notes := r.notes.Load()
	notes.connection(false)
	r.mu.Lock()
	r.up--
	if notes != nil { // before there are any nothing is counted, as what is lost while others sign on
		r.lacks++
	}
	if good || r.since.IsZero() {
		r.since = time.Now()
	}
	r.mu.Unlock()
	return r.failed(err)
}

// lasted tells whether a connection was there for so long that one after it is dialled at once.
func lasted(began time.Time) bool { return time.Since(began) > redialMost }

// back tells that a lane is connected again.
func (r *Redialer) back() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up++
	if r.lacks > 0 {
		r.lacks--
		r.notes.Load().connection(true)
	}
}

// failed tells that a lane could not be connected again, and whether to go on.
func (r *Redialer) failed(err error) (goOn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	if r.up == 0 && time.Since(r.since) >= r.patience {
		select {
		case <-r.gone:
		default:
			close(r.gone)
		}
	}
	select {
	case <-r.gone:
		return false
	case <-r.ctx.Done():
		return false
	default:
		return true
	}
}

// again connects a lane anew that failed to so often before; nil where it is no use any more. told is told of errors.
func (r *Redialer) again(lane int, before int, told func(error)) net.Conn {
	for n := before; ; n++ {
		pause := time.NewTimer(r.pause(n))
		select {
		case <-r.ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
		conn, err := r.dial(r.ctx, lane)
		if err == nil {
			return conn
		}
		told(err)
		if !r.failed(err) {
			return nil
		}
	}
}

// pause is how long is waited after so many tries that came to nothing, but where there is no connection no longer than
// the patience for that.
func (r *Redialer) pause(tries int) time.Duration {
	pause := min(redialFirst<<min(tries, 10), redialMost)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up == 0 {
		pause = max(min(pause, time.Until(r.since.Add(r.patience))), 0)
	}
	return pause
}

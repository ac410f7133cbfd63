package identity

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/internal/mutant"
	"switchyard/internal/slowlock"
	"switchyard/switch/journal"
)

// A host that repeats neither DE7 nor DE37 answers with the STAN alone, and STANs come round: the late answer to one
// message would complete the next one of its STAN. So towards such a host a STAN is reserved from when it is given
//
//   - until Reserve.Latest after its message was last sent, and
//   - while it is held: who knows of payments holds those of messages that have no outcome yet (package reserve).
//
// When a STAN was last sent is kept for each of them in memory, and durably, before the sending, for each stretch of a
// thousand. The time of it is one of its own, which goes on only while the stream is there: no clock that is set
// changes it, and a stop counts as no time. So what was sent shortly before a stop is reserved after the start, however
// long the stop was, and with it the rest of its stretch.

// Reserve says when a STAN is given again towards a host whose answers are known by their STAN alone.
type Reserve struct {
	// Latest is how long after a message was sent its answer may still come.
	Latest time.Duration
	// Spare is how many STANs are kept for what must be sent, see Stream.Take.
	Spare int
	// Used tells that STANs were given before. Where nothing is remembered of when, each may have been a moment ago.
	Used bool
}

// ErrReserved is returned by Stream.Take while no STAN is free.
var ErrReserved = errors.New("every STAN is reserved: the answer to its last use may still come")

const (
	// reservedStretch is how many STANs in a row have one durable time, and reservedStretches how many such there are.
	reservedStretch   = 1000
	reservedStretches = maxSTAN/reservedStretch + 1
	// reservedReach is how far ahead, in seconds, the time of a stretch is made durable, and reservedAhead how many
	// stretches with it: one sync for so many STANs, or so long.
	reservedReach = 60
	reservedAhead = 8
	// reservedLate is how far, in seconds, a message may be sent after it was given its STAN, and the STAN is free in its
	// turn all the same.
	reservedLate = 5
	// heldPart is after which part of Reserve.Latest a STAN that is held is looked at again.
	heldPart = 8
	// reservedPoll is how often is looked for a free STAN for what must be sent.
	reservedPoll = time.Second

	// reservedFormat is the version; behind it are the node's place and how many nodes share the STANs, when this was
	// written, and the times of the stretches, four bytes each. Version 1 lacked all but the times.
	reservedFormat = 2
	reservedHead   = 1 + 4 + 4
)

// reserved are the STANs that are not to be given.
type reserved struct {
	o       Reserve
	store   Store
	name    string
	share   share // of the node
	total   int   // STANs of it
	refused atomic.Uint64

	base  uint32 // the time at which it began, in seconds of its own, from 1 on
	began time.Time

	disk slowlock.Mutex // held while last is stored; taken before mu

	mu     sync.Mutex // held for memory alone: who holds a STAN waits for no disk
	until  []uint32   // by STAN: when it is free, if it is not held
	listed []bool     // by STAN: it stands in queue
	queue  []due      // the reserved ones, in about the order in which they get free; the first is queue[first]
	first  int
	holds  map[uint32]int
	// last is until when a STAN of each stretch may have been sent, as it is durable; 0: none was. It changes under both
	// locks.
	last [reservedStretches]uint32
}

// due is a STAN and when it is to be looked at.
type due struct{ stan, at uint32 }

// Reserve makes Take give no STAN whose last use may still be answered. It comes before the first message.
func (s *Stream) Reserve(ctx context.Context, o Reserve) error {
	r := &reserved{
		o: o, store: s.stans.store, name: s.reservedName(), share: s.share, began: time.Now(),
		until: make([]uint32, maxSTAN+1), listed: make([]bool, maxSTAN+1), holds: map[uint32]int{},
	}
	for stan := range uint32(maxSTAN) {
		if s.share.has(stan + 1) {
			r.total++
		}
	}
	b, err := r.store.Meta(ctx, r.name)
	switch {
	case errors.Is(err, journal.ErrNotFound):
	case err != nil:
		return fmt.Errorf("read %s: %w", r.name, err)
	case len(b) > 0:
		if err := r.read(b); err != nil {
			return fmt.Errorf("value %s: %w", r.name, err)
		}
	}
	r.base = max(r.base, 1)
	s.reserved = r
	switch {
	case len(b) == 0 && !o.Used:
		return r.write(ctx, &r.last) // from now on all is known
	case len(b) == 0, !bytes.Equal(b[:reservedHead], r.head()):
		return s.ReserveAll(ctx) // the STANs of other nodes, which these may be now, are not known of
	}
	r.restore()
	return nil
}

// head is what a value begins with.
func (r *reserved) head() []byte {
	b := append(make([]byte, 0, reservedHead), reservedFormat)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, r.share.place), r.share.of)
}

// read reads the times of a value, which may be of an earlier version.
func (r *reserved) read(b []byte) error {
	const times = 4 * reservedStretches
	switch {
	case len(b) == reservedHead+4+times && b[0] == reservedFormat:
		r.base = binary.BigEndian.Uint32(b[reservedHead:])
	case len(b) == 1+times && b[0] == 1:
	default:
		return fmt.Errorf("expected format 1 or %d, and %d times", reservedFormat, reservedStretches)
	}
	b = b[len(b)-times:]
	for i := range r.last {
		r.last[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	if r.base == 0 {
		r.base = max(slices.Max(r.last[:]), reservedReach+1) - reservedReach
	}
	return nil
}

// NotReserved forgets when STANs were sent, as long as Take gives each: what was remembered is not true any more.
func (s *Stream) NotReserved(ctx context.Context) error {
	b, err := s.stans.store.Meta(ctx, s.reservedName())
	if errors.Is(err, journal.ErrNotFound) || err == nil && len(b) == 0 {
		return nil
	}
	if err == nil {
		err = s.stans.store.PutMeta(ctx, s.reservedName(), nil)
	}
	if err != nil {
		return fmt.Errorf("forget %s: %w", s.reservedName(), err)
	}
	return nil
}

// ReserveAll reserves every STAN as if it had been sent now: where nobody knows when it was.
func (s *Stream) ReserveAll(ctx context.Context) error {
	r := s.reserved
	if r == nil {
		return nil
	}
	r.disk.Lock()
	defer r.disk.Unlock()
	next := r.last
	for i, now := 0, r.now(); i < len(next); i++ {
		next[i] = max(next[i], now+1)
	}
	if err := r.write(ctx, &next); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restore()
	return nil
}

func (s *Stream) reservedName() string { return "reserved/" + s.name }

// restore reserves what may have been sent, stretch by stretch, those that are free first at the beginning. The caller
// holds mu, if others know of it.
func (r *reserved) restore() {
	order := make([]int, 0, len(r.last))
	for i, last := range r.last {
		if last > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.last[a], r.last[b]) })
	for _, i := range order {
		for n := range uint32(reservedStretch) {
			if stan := uint32(i)*reservedStretch + n; stan > 0 && r.share.has(stan) {
				r.until[stan] = max(r.until[stan], r.after(r.last[i]))
				r.list(stan)
			}
		}
	}
	r.expire()
}

// now is the time, in seconds of its own.
func (r *reserved) now() uint32 { return r.base + uint32(time.Since(r.began)/time.Second) }

// after is when the answer to what was sent in a second can come no more.
func (r *reserved) after(second uint32) uint32 {
	return second + 1 + uint32((r.o.Latest+time.Second-1)/time.Second)
}

// Take is Next for a message of a payment: where STANs are reserved it passes over those. It fails with ErrReserved
// while none is free, or only those that are kept for what must be sent; that waits for one until ctx ends.
func (s *Stream) Take(ctx context.Context, must bool) (stan uint32, de7 string, err error) {
	r := s.reserved
	if r == nil {
		return s.Next(ctx)
	}
	for {
		for !r.room(must) {
			if !must {
				r.refused.Add(1)
				return 0, "", ErrReserved
			}
			if err := rest(ctx); err != nil {
				return 0, "", err
			}
		}
		for range maxSTAN {
			if stan, de7, err = s.Next(ctx); err != nil {
				return 0, "", err
			}
			if taken, err := r.take(ctx, stan); taken || err != nil {
				return stan, de7, err
			}
		}
		if !must {
			r.refused.Add(1)
			return 0, "", ErrReserved
		}
		if err := rest(ctx); err != nil { // others were faster
			return 0, "", err
		}
	}
}

// rest lets some time pass in which a STAN may get free.
func rest(ctx context.Context) error {
	select {
	case <-time.After(reservedPoll):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrReserved, ctx.Err())
	}
}

// room tells whether a STAN may be given.
func (r *reserved) room(must bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	free := r.free()
	return free > r.o.Spare || must && free > 0
}

// free is how many STANs are not reserved. The caller holds mu.
func (r *reserved) free() int {
	r.expire()
	return r.total - (len(r.queue) - r.first)
}

// Free tells how many STANs there are for what must be sent.
func (s *Stream) Free() int {
	if s == nil || s.reserved == nil {
		return maxSTAN
	}
	r := s.reserved
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.free()
}

// take reserves a STAN; false where it is reserved already.
func (r *reserved) take(ctx context.Context, stan uint32) (bool, error) {
	r.mu.Lock()
	if (r.until[stan] > r.now() || r.holds[stan] > 0) && !mutant.On(mutant.ReservedSTANGiven) {
		r.mu.Unlock()
		return false, nil
	}
	r.reserve(stan) // from now on, however long the disk takes
	r.mu.Unlock()
	return true, r.sent(ctx, stan)
}

// Sending is told of each message of a payment before it is sent.
func (s *Stream) Sending(ctx context.Context, stan uint32) error {
	if s == nil || s.reserved == nil {
		return nil
	}
	return s.reserved.sent(ctx, stan)
}

// sent reserves a STAN that is sent now, once that is durable.
func (r *reserved) sent(ctx context.Context, stan uint32) error {
	stretch := stan / reservedStretch
	if r.reserveAt(stan) {
		return nil
	}
	r.disk.Lock()
	defer r.disk.Unlock()
	// What is sent after a slow sync is sent then, and not when that began: a disk that takes longer than is reached
	// ahead is tried with more.
	for reach := uint32(reservedReach); !r.reserveAt(stan); reach *= 2 {
		next := r.last
		for i := stretch; i < min(stretch+reservedAhead, reservedStretches); i++ {
			next[i] = r.now() + reach
		}
		if err := r.write(ctx, &next); err != nil {
			return err
		}
	}
	return nil
}

// reserveAt reserves a STAN as sent now, and tells whether it is durable that one of its stretch may be.
func (r *reserved) reserveAt(stan uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reserve(stan)
	return r.last[stan/reservedStretch] >= r.now()+reservedLate
}

// reserve reserves a STAN as sent now. The caller holds mu.
func (r *reserved) reserve(stan uint32) {
	r.until[stan] = max(r.until[stan], r.after(r.now()))
	r.list(stan)
}

// write makes the times durable. The caller holds disk, if others know of r.
func (r *reserved) write(ctx context.Context, next *[reservedStretches]uint32) error {
	b := slices.Grow(r.head(), 4+4*reservedStretches)
	b = binary.BigEndian.AppendUint32(b, r.now())
	for _, last := range next {
		b = binary.BigEndian.AppendUint32(b, last)
	}
	if err := r.store.PutMeta(ctx, r.name, b); err != nil {
		return fmt.Errorf("reserve %s: %w", r.name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = *next
	return nil
}

// Hold reserves a STAN until it is released as often as it was held, whatever the time.
func (s *Stream) Hold(stan uint32) {
	r := s.reserved
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds[stan]++
	r.list(stan)
}

// Release takes a Hold back. The STAN is free once its last sending is long enough ago.
func (s *Stream) Release(stan uint32) {
	r := s.reserved
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holds[stan]--; r.holds[stan] <= 0 {
		delete(r.holds, stan)
	}
}

// Reserved tells how many STANs are reserved, and how many messages were refused since none was free.
func (s *Stream) Reserved() (stans int, refused uint64) {
	r := s.reserved
	if r == nil {
		return 0, 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	return len(r.queue) - r.first, r.refused.Load()
}

// list puts a STAN into the queue of the reserved ones, if it is not there. The caller holds mu, as for what follows.
func (r *reserved) list(stan uint32) {
	if !r.listed[stan] {
		r.listed[stan] = true
		r.queue = append(r.queue, due{stan, r.until[stan]})
	}
}

// expire takes those from the queue that are free. One that is held, or was sent again meanwhile, is looked at again
// behind all that are there now.
func (r *reserved) expire() {
	for now := r.now(); r.first < len(r.queue) && r.queue[r.first].at <= now; {
		at := &r.queue[r.first]
		until := r.until[at.stan]
		held := r.holds[at.stan] > 0
		if !held && until > now && until <= now+reservedLate {
			at.at = until
			return
		}
		stan := at.stan
		r.first++
		r.listed[stan] = false
		if held || until > now {
			r.listed[stan] = true
			r.queue = append(r.queue, due{stan, max(until, now+1+uint32(r.o.Latest/(heldPart*time.Second)))})
		}
	}
	if r.first > len(r.queue)/2 {
		r.queue, r.first = append(r.queue[:0], r.queue[r.first:]...), 0
	}
}

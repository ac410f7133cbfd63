package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// The committer takes all waiting requests, checks each against the store and against those before it in the group,
// writes one batch and hands it to the syncer, which waits for the sync and wakes the callers. So the next group is
// prepared while this one syncs. A refusal travels with its group, too: what it is based on may not be synced yet.
//
//	Commit ─▶ queue ─▶ committer: check, batch, apply ─▶ syncer: wait for the sync, wake ─▶ Commit
//
// One goroutine checks and applies, so no transition sees a store that changes under it, and the committer needs no
// lock over its state.

// group is a batch on its way to the disk, with the requests in it.
type group struct {
	batch    *pebble.Batch // nil if nothing is to be written: all were refused
	requests []*request
	view     *view // of the store after it
	mark     mark  // of it; its counters are set where it moved one
	released bool  // it ended a hold
}

// committer is the state of the committing goroutine and nobody else's.
type committer struct {
	j *Journal

	versions versionTable
	older    map[payment.ID]uint64 // versions in the group of payments that the table does not hold
	intents  intentList
	days     map[payment.Date]journal.DayState // one entry a business date
	openDay  payment.Date
	counters map[string]uint64 // next number, of counters used since the start
	position uint64            // log position of the next commit
	synced   syncedRecord      // of the newest batch
	marked   map[string]uint64 // counters that stand in the mark, the newest maxMarked of them
	moved    bool              // one of them by the batch under way
	released bool              // the hold is ended by it
	order    []string          // of marked, the one that was moved longest ago first

	lowWritten   uint64 // low-water mark last written
	lowWrittenAt time.Time
	seenAt       time.Time // when the time seen last was written

	reserved bool   // there is room for one more unsynced group
	group    *group // the open one, nil for none
	accepted int
	bytes    int
	claimed  map[uint64]claimRef // hash of a key → who claims it in this group
	stretch  *stretch            // in which the group claims its keys
	begun    bool                // it is not stored yet
	logBuf   []byte

	taken []*request // the slice under way; what is handled is nil
	spare []*request
}

type claimRef struct {
	request *request
	row     int
}

// lowWriteEvery bounds how often the low-water mark is written: start-up reads at most this much more of the log.
const lowWriteEvery = time.Second

func newCommitter(j *Journal) *committer {
	return &committer{
		j:        j,
		older:    map[payment.ID]uint64{},
		days:     map[payment.Date]journal.DayState{},
		counters: map[string]uint64{},
		claimed:  map[uint64]claimRef{},
		marked:   map[string]uint64{},
		position: 1,
	}
}

// loop runs until the queue is closed and empty, or the journal has failed.
func (c *committer) loop() {
	j := c.j
	defer c.abandon()
	defer func() {
		// Pebble panics when a batch meets a log file that has failed.
		if p := recover(); p != nil {
			j.logger.Error("the committer panicked", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			j.views.stuck.Store(true)
			j.fail("the journal cannot be written", fmt.Errorf("panic: %v", p))
		}
	}()
	for {
		c.reserve() // first, so that whoever comes while the disk is behind joins the group
		taken, open := j.queue.take(c.spare)
		if !open {
			return
		}
		c.taken = taken
		for i, r := range taken {
			if j.failed.Load() {
				return
			}
			taken[i] = nil
			c.handle(r)
		}
		c.flush()
		c.taken, c.spare = nil, taken[:0]
	}
}

// reserve waits for room among the groups that are not yet synced.
func (c *committer) reserve() {
	if !c.reserved {
		c.j.unsynced <- struct{}{}
		c.reserved = true
	}
}

// abandon finishes what a failure left behind and lets the syncer end.
func (c *committer) abandon() {
	j := c.j
	if c.group != nil {
		for _, r := range c.group.requests {
			r.finish(journal.ErrClosed)
		}
	}
	c.drop(c.taken)
	for {
		taken, open := j.queue.take(nil)
		if !open {
			break
		}
		c.drop(taken)
	}
	close(j.syncs)
}

func (c *committer) drop(requests []*request) {
	for _, r := range requests {
		if r != nil && r.state.CompareAndSwap(requestQueued, requestTaken) {
			r.finish(journal.ErrClosed)
		}
	}
}

func (c *committer) handle(r *request) {
	if !r.state.CompareAndSwap(requestQueued, requestTaken) {
		c.j.requests.Put(r) // its caller gave up
		return
	}
	if r.control != nil {
		c.flush()
		c.runControl(r)
		return
	}
	g := c.begin()
	g.requests = append(g.requests, r)
	if r.err = c.admit(r); r.err == nil {
		c.accepted++
		c.bytes += len(r.buf)
	}
	if c.accepted >= maxGroupCommits || c.bytes >= maxGroupBytes {
		c.flush()
	}
}

// begin returns the open group.
func (c *committer) begin() *group {
	if c.group == nil {
		c.reserve()
		c.reserved = false // the group's now, until its sync
		c.group = c.j.groups.Get().(*group)
		if c.stretch = c.j.stretches.newest(); c.stretch == nil || c.stretch.full() {
			c.stretch, c.begun = c.j.stretches.begin(c.position), true
		}
	}
	return c.group
}

// runControl runs a request that wants the store as everything before it left it, in a batch of its own.
func (c *committer) runControl(r *request) {
	g := c.begin()
	g.requests = append(g.requests, r)
	b := c.j.db.NewBatch()
	r.err = r.control(c, b)
	if r.err != nil || b.Empty() {
		_ = b.Close() // never applied: nothing can fail
		c.submit(g, nil)
		return
	}
	c.submit(g, b)
}

// flush writes the open group.
func (c *committer) flush() {
	g := c.group
	if g == nil {
		return
	}
	var b *pebble.Batch
	if c.accepted > 0 {
		b = c.fill(g)
	}
	c.submit(g, b)
	c.accepted, c.bytes = 0, 0
	clear(c.claimed)
	clear(c.older)
}

// fill makes the group's batch: rows of a kind together, since a memory table takes neighbours faster.
func (c *committer) fill(g *group) *pebble.Batch {
	first := c.position - uint64(c.accepted)
	b := c.j.db.NewBatchWithSize(c.bytes + c.bytes/4)
	c.logBuf = record.AppendLogHead(c.logBuf[:0], c.j.opts.Clock.Now(), c.accepted)
	for _, r := range g.requests {
		if r.err != nil {
			continue
		}
		if !r.id.IsZero() {
			must(r.put(b, r.payment))
		}
		c.logBuf = append(c.logBuf, r.buf[r.entry.value:r.entry.end]...)
	}
	for _, r := range g.requests {
		if r.err != nil {
			continue
		}
		for i := range r.claims {
			w := &r.claims[i]
			must(b.Set(c.stretch.rowKey(r.claimOf(w)), r.buf[w.value:w.end], nil))
		}
	}
	for _, r := range g.requests {
		if r.err != nil {
			continue
		}
		for _, w := range r.rows {
			must(r.put(b, w))
		}
	}
	must(b.Set(appendLogKey(nil, first), c.logBuf, nil))
	if c.begun {
		must(b.Set(stretchKey(c.stretch.number), record.AppendStretch(nil, c.stretch.first, c.stretch.room), nil))
		c.begun = false
	}
	now := time.Now()
	if low := c.intents.low(c.position); low != c.lowWritten && now.Sub(c.lowWrittenAt) >= lowWriteEvery {
		must(b.Set(keyLow, record.AppendNumber(nil, low), nil))
		c.lowWritten, c.lowWrittenAt = low, now
	}
	if now.Sub(c.seenAt) >= seenEvery {
		c.seen(b)
	}
	return b
}

// must stops at an error that building a batch in memory never returns.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// submit applies a batch and hands its group to the syncer.
func (c *committer) submit(g *group, b *pebble.Batch) {
	j := c.j
	g.batch = b
	if b != nil {
		c.number(g, b)
		must(j.db.ApplyNoSyncWait(b, pebble.Sync))
		g.view = j.views.take(j.db, c.position)
	}
	c.group = nil
	j.syncs <- g
}

// admit checks one transition and, if nothing stands against it, makes it part of what the next ones are checked
// against. The order of the checks is the order in which they tell more: a repeated key explains a wrong version.
func (c *committer) admit(r *request) error {
	err := c.checkKeys(r)
	if errors.Is(err, errSameHash) {
		c.regroup(r)
		err = c.checkKeys(r)
	}
	if err != nil {
		return err
	}
	if !r.id.IsZero() {
		stored, err := c.version(r.id)
		if err != nil {
			return err
		}
		if stored != r.version-1 {
			return journal.ErrVersion
		}
	}
	if err := c.checkDays(r); err != nil {
		return err
	}
	r.position = c.position
	c.position++
	r.fillSeqs()
	for i := range r.claims {
		hash := r.claims[i].hash
		c.claimed[hash] = claimRef{r, i}
		c.stretch.filter.add(hash)
	}
	if !r.id.IsZero() && !c.versions.put(r.id, r.version) {
		c.older[r.id] = r.version
	}
	for _, op := range r.opens {
		c.intents.open(journal.IntentRef{Payment: r.id, Op: op}, r.position)
	}
	for _, op := range r.closes {
		c.intents.close(journal.IntentRef{Payment: r.id, Op: op})
	}
	return nil
}

func (c *committer) checkKeys(r *request) error {
	for i := range r.claims {
		w := &r.claims[i]
		name := r.claimOf(w)[claimHead:]
		for s := range c.j.stretches.mayHold(w.hash) {
			if s == c.stretch {
				if ref, ok := c.claimed[w.hash]; ok {
					held := &ref.request.claims[ref.row]
					if !bytes.Equal(ref.request.claimOf(held)[claimHead:], name) {
						return errSameHash
					}
					return c.refuseKey(r, i, s.rowKey(r.claimOf(w)), ref.request.buf[held.value:held.end])
				}
			}
			row := s.rowKey(r.claimOf(w))
			value, closer, err := c.j.db.Get(row)
			if errors.Is(err, pebble.ErrNotFound) {
				continue
			}
			if err != nil {
				return fmt.Errorf("journal: read of %s: %w", claimName(row)(), err)
			}
			err = c.refuseKey(r, i, row, value)
			_ = closer.Close() // frees a cached block
			return err
		}
	}
	return nil
}

// errSameHash says that a key cannot be told from another one of the group.
var errSameHash = errors.New("journal: two keys of one hash")

// regroup writes the open group without r, its newest, and makes r the first of the next: what was claimed before it is
// in the store then.
func (c *committer) regroup(r *request) {
	g := c.group
	g.requests = g.requests[:len(g.requests)-1]
	c.flush()
	g = c.begin()
	g.requests = append(g.requests, r)
}

func (c *committer) refuseKey(r *request, claim int, key, value []byte) error {
	held, err := record.DecodeKey(claimName(key), value)
	if err != nil {
		return err
	}
	r.taken, r.holds = claim, held
	return errTaken
}

// version returns a payment's stored version, 0 for one that is not stored.
func (c *committer) version(id payment.ID) (uint64, error) {
	if v, known := c.versions.get(id); known {
		return v, nil
	}
	if v, ok := c.older[id]; ok {
		return v, nil
	}
	var key [paymentKeyLen]byte
	value, closer, err := c.j.db.Get(appendPaymentKey(key[:0], id))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("journal: read of payment %s: %w", id, err)
	}
	v, err := record.DecodeVersion(id, value)
	_ = closer.Close() // frees a cached block
	return v, err
}

// checkDays holds a transition against the business dates. Whatever Day and Unsealed say, no presentment enters or
// leaves a date that is sealed or was never opened (I8).
func (c *committer) checkDays(r *request) error {
	if r.day != 0 && r.day != c.openDay {
		return journal.ErrDayClosed
	}
	if r.unsealed != 0 && !c.unsealed(r.unsealed) {
		return journal.ErrDayClosed
	}
	for _, d := range r.dates {
		if !c.unsealed(d) {
			return journal.ErrDayClosed
		}
	}
	return nil
}

func (c *committer) unsealed(d payment.Date) bool {
	s := c.days[d]
	return s == journal.DayOpen || s == journal.DayClosing
}

// syncLoop waits for the sync of each group in order and wakes its callers.
func (j *Journal) syncLoop() {
	var g *group
	defer func() {
		// After a failure: nothing is acknowledged any more, but everyone is told.
		if g != nil {
			g.finish(journal.ErrClosed)
		}
		for g := range j.syncs {
			g.finish(journal.ErrClosed)
			<-j.unsynced
		}
		close(j.done)
	}()
	for g = range j.syncs {
		if g.batch != nil {
			started := time.Now()
			err := g.batch.SyncWait()
			if mutant.On(mutant.FailureIgnored) {
				err = nil
			}
			if err != nil || j.failed.Load() {
				<-j.unsynced
				if err != nil {
					j.fail("the journal cannot be synced", err)
				}
				return
			}
			j.metrics.group(g, time.Since(started))
			if err := j.writeMarks(g); err != nil {
				<-j.unsynced
				j.fail("the journal's mark cannot be written", err)
				return
			}
			j.views.publish(g.view)
		}
		<-j.unsynced
		j.wake(g)
		g = nil
	}
}

// wake finishes the requests of a synced group and keeps its memory.
func (j *Journal) wake(g *group) {
	now := time.Now()
	for _, r := range g.requests {
		if r.after != nil && r.err == nil {
			r.after()
		}
		if r.err == nil {
			j.metrics.commit(now.Sub(r.started))
		}
		r.finish(r.err)
	}
	if g.batch != nil {
		_ = g.batch.Close() // its error was SyncWait's
	}
	clear(g.requests)
	*g = group{requests: g.requests[:0]}
	j.groups.Put(g)
}

func (g *group) finish(err error) {
	for _, r := range g.requests {
		r.finish(err)
	}
	if g.view != nil {
		g.view.release()
	}
}

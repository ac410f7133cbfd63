// Package pebble is the journal on one machine's disk: the engine that switchd runs on, and the one package that
// imports Pebble's engine.
//
// One committer takes the transitions that wait (bounded), checks them, writes them as one batch of Pebble's, syncs
// once
// and wakes their callers; reads look at a view of the store that is taken after each group and published once that is
// synced. [Open] holds a folder against the marks that say how far it was synced, [Journal.Backup] copies it while it
// runs, [CheckBackup] and [Journal.Verify] say whether a copy is whole and right.
//
// Read committer.go first: what becomes of a commit. keys.go has the keys of all rows, journal/record their values, and
// docs/journal.md both, byte by byte.
package pebble

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// journalFormat is the newest layout of keys and records that this program knows; docs/journal.md describes it. A
// journal of a newer one is refused at Open.
const journalFormat = 3

// Defaults and bounds.
const (
	// DefaultMaxWaiting bounds the commits that wait for the committer; one more waits in Commit until ctx ends (I13).
	DefaultMaxWaiting = 16384
	// DefaultCacheBytes is the block cache. What the hot path reads is mostly in memory tables; the cache serves
	// look-ups of older payments. Without cgo, cache and memory tables are part of the Go heap: at their most, 128 MiB
	// together, they must leave room below the daemon's soft memory limit, or garbage is collected all the time.
	DefaultCacheBytes = 64 << 20

	// memTableBytes: with 4 MiB tables (Pebble's default) full load flushes ten times a second, and every payment's
	// second version is written out beside its first instead of replacing it in memory. 64 MiB save a tenth of the CPU
	// against 16, and cost 90 MiB of memory where all goes well, 200 with a backlog.
	memTableBytes = 16 << 20
	// memTables may wait for their flush before writers are held up.
	memTables = 4
	// l0Tables overlapping tables in level 0 start their compaction (Pebble's default is 4, and 12 stop writers): more of
	// them are merged at once into the same tables below, which are written half as often. Reads search as many more.
	l0Tables     = 8
	l0TablesMost = 3 * l0Tables
	// baseLevelBytes is what the level below may have before there is one more (64 MiB): a level less is a time less that
	// each row is written.
	baseLevelBytes = 512 << 20
	// plainLevels are not compressed: the upper ones are a small part of the disk and are written most, which made a tenth
	// of the CPU. What stays lies in the two others.
	plainLevels = 5
	// bloomBits a key: one look-up in a hundred of a key that is not there reads a block for nothing.
	bloomBits = 10

	// maxGroupCommits and maxGroupBytes bound one batch. Far below half a memory table, beyond which Pebble would
	// turn it into a table of its own.
	maxGroupCommits = record.MaxLogEntries
	maxGroupBytes   = 4 << 20
	// maxUnsynced groups may be applied and not yet synced.
	maxUnsynced = 2

	// slowDisk is how long a write or sync may take before it is reported.
	slowDisk = 5 * time.Second
)

// Options are what Open needs.
type Options struct {
	FS     vfs.FS
	Dir    string
	Node   uint32       // payments of this node are new when their counter is
	Clock  *clock.Clock // dates the log and the keys; nil: the machine's
	Logger *zap.Logger
	// Registerer takes the metrics; nil for none. They are unregistered by Close.
	Registerer prometheus.Registerer
	// Fatal is called on the first failed write or sync (I14). It must not return: os.Exit, or in simulation mark the
	// node dead and runtime.Goexit. It may be called from several goroutines. Should it return all the same, nothing is
	// acknowledged either: every commit and every read from then on is ErrClosed.
	Fatal      func(msg string, err error)
	MaxWaiting int   // commits that wait for the committer; 0: DefaultMaxWaiting
	CacheBytes int64 // block cache; 0: DefaultCacheBytes
	// ReadOnly opens an existing journal for reading: what would write fails with ErrReadOnly.
	ReadOnly bool
	// Mark is the path of a mark that outlives the journal's folder, "" for none: a journal that is behind its mark is an
	// earlier copy, and held. See [Journal.Hold].
	Mark string
	// Marked tells which counters stand in the mark with their next number; nil for none. Those with a "/" in their names
	// stand there until others of them have moved since.
	Marked func(counter string) bool
	// Seed goes, with the time, into the identity of a journal that has none yet.
	Seed uint64

	// For tests: how many keys a stretch has at least, and how they are hashed.
	keysOfStretch int
	hashKey       func(name []byte) uint64
}

// ErrReadOnly is returned by what would write to a journal opened for reading.
var ErrReadOnly = errors.New("journal: opened for reading only")

// Journal is the journal on one machine's disk. It implements [journal.Journal].
type Journal struct {
	opts   Options
	db     *pebble.DB
	cache  *pebble.Cache
	fs     vfs.FS    // opts.FS, with slow operations reported
	watch  io.Closer // ends the reporting
	logger *zap.Logger

	queue    queue
	requests sync.Pool // *request; of this journal only, since their channels may live in a bubble of testing/synctest
	lots     sync.Pool // *lot, likewise
	groups   sync.Pool // *group
	syncs    chan *group
	unsynced chan struct{} // a token for each group that is applied and not yet synced
	hashSeed maphash.Seed  // of idempotency keys
	filtered chan struct{} // closed once the filling of filters has ended
	done     chan struct{} // closed once committer and syncer have ended

	stretches stretches // where idempotency keys lie
	views     views     // what reads look at
	failed    atomic.Bool
	closing   atomic.Bool

	openDay atomic.Int32
	intents []journal.IntentRef // as found at Open
	seen    clock.Seen          // what the clock had shown, likewise
	held    atomic.Pointer[journal.Hold]
	lost    atomic.Pointer[mark] // the mark outside, where it is ahead of the journal
	last    time.Time            // of the newest commit at Open; zero for none

	inside, outside *marker  // the syncer's; nil where there is none
	safLow          sync.Map // host → *atomic.Uint64: no row of the host has a lower sequence

	money   *journal.Money
	metrics *metrics
}

var (
	_ journal.Journal = (*Journal)(nil)
	_ journal.Past    = (*Journal)(nil)
	_ journal.Held    = (*Journal)(nil)
)

// Open opens the journal in o.Dir, or makes one. It fails if another process holds the directory and if a newer program
// wrote it, naming both formats.
func Open(o Options) (*Journal, error) {
	switch {
	case o.FS == nil || o.Dir == "":
		return nil, errors.New("journal: Options.FS and Dir are needed")
	case o.Fatal == nil:
		return nil, errors.New("journal: Options.Fatal is needed")
	case o.MaxWaiting < 0 || o.CacheBytes < 0:
		return nil, errors.New("journal: Options.MaxWaiting and CacheBytes must not be negative")
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = DefaultMaxWaiting
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	j := &Journal{
		opts:     o,
		logger:   o.Logger,
		money:    journal.NewMoney(o.Logger),
		syncs:    make(chan *group, maxUnsynced),
		unsynced: make(chan struct{}, maxUnsynced),
		done:     make(chan struct{}),
		filtered: make(chan struct{}),
	}
	j.stretches.lines, j.stretches.least = filterLines, cmp.Or(o.keysOfStretch, leastStretch)
	j.hashSeed = maphash.MakeSeed()
	j.queue.init(o.MaxWaiting)
	j.requests.New = func() any { return &request{done: make(chan struct{}, 1)} }
	j.lots.New = func() any { return &lot{done: make(chan struct{}, 1)} }
	j.groups.New = func() any { return &group{} }

	if err := checkInside(&o); err != nil {
		return nil, err
	}
	j.cache = pebble.NewCache(o.CacheBytes)
	j.fs, j.watch = vfs.WithDiskHealthChecks(o.FS, slowDisk, nil, j.diskSlow)
	db, err := pebble.Open(o.Dir, j.pebbleOptions())
	if err != nil {
		return nil, openError(o.Dir, errors.Join(err, j.release()))
	}
	j.db = db
	c, err := j.load()
	if err == nil {
		err = j.loadHold()
	}
	if err == nil && !o.ReadOnly {
		err = j.openMarks(c)
	}
	if err == nil {
		j.metrics, err = newMetrics(j, o.Registerer)
	}
	if err != nil {
		return nil, errors.Join(err, j.inside.close(), j.outside.close(), db.Close(), j.release())
	}
	j.views.publish(j.views.take(db, c.position))
	if o.ReadOnly {
		j.queue.close(ErrReadOnly)
		close(j.done)
		close(j.filtered)
		return j, nil
	}
	go j.fillFilters(j.stretches.all())
	go j.syncLoop()
	go c.loop()
	return j, nil
}

// openError says why a store could not be opened.
func openError(dir string, err error) error {
	if errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("journal: %s is in use by another process", dir)
	}
	return fmt.Errorf("journal: open %s: %w", dir, err)
}

func (j *Journal) pebbleOptions() *pebble.Options {
	po := &pebble.Options{
		FS:     j.fs,
		Cache:  j.cache,
		Logger: pebbleLogger{j},
		// Explicit, so that a newer Pebble does not move a journal to a format that an older program cannot read: this one
		// has checksums in table footers and tells a torn tail of the log from a damaged one.
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: memTables,
		ReadOnly:                    j.opts.ReadOnly,
		ErrorIfNotExists:            j.opts.ReadOnly,
		L0CompactionThreshold:       l0Tables,
		L0StopWritesThreshold:       l0TablesMost,
		LBaseMaxBytes:               baseLevelBytes,
		EventListener:               j.events(),
	}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
		po.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.SnappyCompression }
		if i < plainLevels {
			po.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
		}
	}
	return po
}

// load checks the journal's format, makes a new journal's first record, and reads what the committer must know: the
// next log position, the days, the open intents and the newest payment of this node.
func (j *Journal) load() (*committer, error) {
	c := newCommitter(j)
	format, err := get(j.db, keyFormat)
	switch {
	case errors.Is(err, journal.ErrNotFound) && j.opts.ReadOnly:
		return nil, fmt.Errorf("journal: %s holds no journal", j.opts.Dir)
	case errors.Is(err, journal.ErrNotFound):
		if err := j.create(); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case len(format) != 1:
		return nil, &record.FormatError{Record: "format", Field: "version", Offset: 0, Want: "one byte"}
	case format[0] > journalFormat:
		return nil, fmt.Errorf(
			"journal: %s has format %d, this program reads up to %d: a newer version wrote it", j.opts.Dir, format[0],
			journalFormat,
		)
	case format[0] < journalFormat && !j.opts.ReadOnly:
		// All of an older format is read as it stands; from here on it may have rows that an older program does not know.
		if err := j.db.Set(keyFormat, []byte{journalFormat}, pebble.Sync); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	if err := j.loadSeen(); err != nil {
		return nil, err
	}
	return c, nil
}

// create writes the first record of a new journal. A directory with records but no format is none of ours.
func (j *Journal) create() error {
	it, err := j.db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	empty := !it.First()
	if err := it.Close(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if !empty {
		return fmt.Errorf("journal: %s holds a Pebble store that is no journal", j.opts.Dir)
	}
	if err := j.db.Set(keyFormat, []byte{journalFormat}, pebble.Sync); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Close waits for what was taken before it, refuses everything after it with ErrClosed, and closes the store once the
// last read has returned. Closing twice is ErrClosed.
func (j *Journal) Close() error {
	if !j.closing.CompareAndSwap(false, true) {
		return journal.ErrClosed
	}
	j.queue.close(journal.ErrClosed)
	<-j.done
	<-j.filtered
	j.views.close()
	j.metrics.unregister()
	err := errors.Join(j.inside.close(), j.outside.close(), j.closeStore(), j.release())
	if err != nil && !j.failed.Load() {
		return fmt.Errorf("journal: close: %w", err)
	}
	return nil
}

// release gives back what Open took before the store.
func (j *Journal) release() error {
	if j.views.stuck.Load() {
		return nil
	}
	j.cache.Unref()
	return j.watch.Close()
}

// closeStore closes Pebble, unless it failed in a way after which it cannot be closed. There is nothing left to save
// then, and the process is about to end.
func (j *Journal) closeStore() error {
	if j.views.stuck.Load() {
		return nil
	}
	return j.db.Close()
}

// OpenDay implements journal.Journal.
func (j *Journal) OpenDay() payment.Date { return payment.Date(j.openDay.Load()) }

// OpenIntents implements journal.Journal.
func (j *Journal) OpenIntents(context.Context) ([]journal.IntentRef, error) {
	return append([]journal.IntentRef(nil), j.intents...), nil
}

package incoming

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/slowlock"
	"switchyard/internal/vfs"
	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Journal is what is asked of the journal.
type Journal interface {
	Payment(ctx context.Context, id payment.ID) (*payment.Payment, error)
	Presentments(ctx context.Context, date payment.Date, yield func(journal.Presentment) bool) error
	Day(ctx context.Context, date payment.Date) (journal.Day, error)
	Days(ctx context.Context, yield func(journal.Day) bool) error
	NewestPayment(ctx context.Context) (counter uint64, err error)
	Presentment(ctx context.Context, ref journal.PresentmentRef) (journal.Presentment, error)
	OpenDay() payment.Date
	Commit(ctx context.Context, t *journal.Transition) error
	Meta(ctx context.Context, name string) ([]byte, error)
	PutMeta(ctx context.Context, name string, value []byte) error
}

// Options are what a desk works with.
type Options struct {
	Journal Journal
	// Lock takes the short lock of a payment: turn.Table.Lock.
	Lock  func(payment.ID) (unlock func())
	Clock *clock.Clock // nil: the machine's
	FS    vfs.FS
	Dir   string // the folder that files are put into; made if need be
	// ClearingDir is where our own files are: one that waits for its release and stands there is out.
	ClearingDir string
	// ProcessorID is ours: files for another member are refused, unless a file of ours was of it, and so are those of
	// another mode.
	ProcessorID string
	Production  bool
	Poll        time.Duration // between two looks at Dir; default DefaultPoll
	MaxBytes    int64         // the longest file; default DefaultMaxBytes
	// ReserveBytes of Dir's disk stay free of what Receive is given: the journal stands on it, too.
	ReserveBytes uint64
	Disputes     Days // how long second presentments may be made
	Logger       *zap.Logger
	Registerer   prometheus.Registerer
}

// Days are for how many calendar days from the date in its file's id a chargeback may be answered, by its reason.
type Days struct {
	Any      int            // of a reason that the others do not name; default DefaultDisputeDays
	ByReason map[string]int // by DE25
}

// The defaults.
const (
	DefaultDisputeDays = 45
	DefaultPoll        = 10 * time.Second
	DefaultMaxBytes    = 64 << 30
)

// Desk takes the files. Safe for concurrent use; it takes one at a time.
type Desk struct {
	o       Options
	metrics metrics
	running context.Context // until Close
	stop    context.CancelFunc
	working sync.WaitGroup

	mu     slowlock.Mutex // held while a file is taken, through its syncs
	byID   map[string]int // the numbers of the files that are known
	spools int            // files that Receive began
	told   map[string]string
	days   sealedDays
}

// New makes a desk and reads which files are known. Nothing is looked at before Start.
func New(o Options) (*Desk, error) {
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	if o.Disputes.Any == 0 {
		o.Disputes.Any = DefaultDisputeDays
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	d := &Desk{o: o, metrics: newMetrics(o.Registerer), byID: map[string]int{}, told: map[string]string{}}
	d.days.known = map[payment.Date]*sealedDay{}
	d.running, d.stop = context.WithCancel(context.Background())
	return d, d.load()
}

// Start begins to look at the folder.
func (d *Desk) Start() {
	d.sweepSpools()
	d.working.Go(d.watch)
}

// Close ends what is being taken between two records; the next start goes on from there.
func (d *Desk) Close() {
	d.stop()
	d.working.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
}

// RefusedError is a file that is refused as a whole. Nothing of it was done.
type RefusedError struct {
	FileID string // "" where it could not be read
	Why    string
	// Changed says that a file of this id was taken before, with other bytes.
	Changed bool
}

// Error implements error.
func (e *RefusedError) Error() string {
	if e.FileID == "" {
		return e.Why
	}
	return "file " + e.FileID + ": " + e.Why
}

// What files are called.
const (
	ending      = ".ipm"
	spoolPrefix = ".receive-"
	spoolEnding = ".part"
	// takingPrefix begins the name of a file while it is taken: nobody else writes under it.
	takingPrefix = ".taking-"
	takenDir     = "taken"
	refusedDir   = "refused"
)

// Received is what came of a file.
type Received struct {
	File
	Again bool `json:"again,omitempty"` // it was taken before: nothing was done
}

// Receive takes the file that in reads. A *RefusedError is one of which nothing was done. What it returns otherwise
// stands in the journal; should the switch end meanwhile, its next start goes on with the file.
func (d *Desk) Receive(in io.Reader, name string) (r Received, err error) {
	path, err := d.spool(in)
	if err != nil {
		return r, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// Under a name of ours it stands in the folder until it is applied, so that a crash loses nothing of it.
	own := ""
	for n := 1; ; n++ {
		own = fmt.Sprintf("%sreceived-%d%s", takingPrefix, n, ending)
		if _, err := d.o.FS.Stat(d.o.FS.PathJoin(d.o.Dir, own)); err != nil {
			break
		}
	}
	if err := d.rename(path, d.o.Dir, own); err != nil {
		return r, errors.Join(err, d.o.FS.Remove(path))
	}
	path = d.o.FS.PathJoin(d.o.Dir, own)
	if r.File, r.Again, err = d.admit(d.running, path, name); err != nil || r.Again {
		if refused := (*RefusedError)(nil); errors.As(err, &refused) {
			d.metrics.files.WithLabelValues("refused").Inc()
		}
		return r, errors.Join(err, d.o.FS.Remove(path))
	}
	if err := d.apply(d.running, &r.File, path); err != nil {
		return r, err
	}
	return r, d.putAway(own, takenDir, r.FileID+ending)
}

// spool writes what came to a file, where nothing looks for it.
func (d *Desk) spool(in io.Reader) (path string, err error) {
	if err := d.o.FS.MkdirAll(d.o.Dir, 0o700); err != nil {
		return "", err
	}
	d.mu.Lock()
	d.spools++
	path = d.o.FS.PathJoin(d.o.Dir, fmt.Sprintf("%s%d%s", spoolPrefix, d.spools, spoolEnding))
	d.mu.Unlock()
	f, err := d.o.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return "", err
	}
	n, err := io.Copy(&spoolWriter{d: d, f: f}, io.LimitReader(in, d.o.MaxBytes+1))
	switch {
	case err != nil:
	case n > d.o.MaxBytes:
		err = &RefusedError{Why: fmt.Sprintf("it has more than %d bytes", d.o.MaxBytes)}
	default:
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, d.o.FS.Remove(path))
	}
	return path, nil
}

// ErrNoRoom is returned for a file that the disk has no room for beside its reserve. Nothing of it is kept.
var ErrNoRoom = errors.New("the disk has no room for the file beside its reserve (limits.disk_reserve_mib): " +
	"nothing of it was kept")

// looksEvery is how many bytes of a spool are written between two looks at the disk.
const looksEvery = 4 << 20

// spoolWriter writes a spool while the disk has room, and keeps what it is given from files that change it.
type spoolWriter struct {
	d    *Desk
	f    vfs.File
	left int // bytes until the next look
}

// Write implements io.Writer.
func (w *spoolWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		w.left = looksEvery
		usage, err := w.d.o.FS.GetDiskUsage(w.d.o.Dir)
		if err == nil && usage.AvailBytes < w.d.o.ReserveBytes+looksEvery { // what cannot be told keeps nobody away
			return 0, ErrNoRoom
		}
	}
	if _, err := w.f.Write(append([]byte(nil), b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// sweepSpools removes what a crash has left of files that did not come whole.
func (d *Desk) sweepSpools() {
	names, err := d.o.FS.List(d.o.Dir)
	if err != nil {
		return // there is none yet
	}
	for _, name := range names {
		if strings.HasPrefix(name, spoolPrefix) && strings.HasSuffix(name, spoolEnding) {
			if err := d.o.FS.Remove(d.o.FS.PathJoin(d.o.Dir, name)); err != nil {
				d.o.Logger.Warn("half an incoming clearing file could not be removed", zap.String("name", name), zap.Error(err))
			}
		}
	}
}

// admit looks through a file and enters it among those that are known, unless it is known: again says that it was taken
// before and is the same. The caller holds mu.
func (d *Desk) admit(ctx context.Context, path, name string) (f File, again bool, err error) {
	is, err := d.inspect(path)
	if err != nil {
		return f, false, err
	}
	if number, known := d.byID[is.id]; known {
		if f, err = d.file(ctx, number); err != nil {
			return f, false, err
		}
		if f.SHA256 != is.sha256 {
			why := fmt.Sprintf("a file of this id was taken at %s, with other bytes (SHA-256 %s, now %s)",
				f.Begun.Format(time.RFC3339), f.SHA256, is.sha256)
			return f, false, &RefusedError{FileID: is.id, Why: why, Changed: true}
		}
		return f, !f.Taken.IsZero(), nil
	}
	if is.foreign != nil {
		return f, false, is.foreign
	}
	f = File{
		Number: len(d.byID) + 1, FileID: is.id, SHA256: is.sha256, Bytes: is.bytes, Name: shownName(name),
		Begun: d.o.Clock.Now().UTC(), Messages: is.messages, Next: 1,
	}
	if f.Number > maxFiles {
		return f, false, fmt.Errorf("more than %d incoming clearing files", maxFiles)
	}
	if err := d.put(ctx, &f); err != nil {
		return f, false, err
	}
	d.byID[f.FileID] = f.Number
	return f, false, nil
}

package cutover_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/payment"
)

// gate is a Sealer that has outcomes to wait for until it is opened.
type gate chan struct{}

func (g gate) Seal(ctx context.Context, _ payment.Date) error {
	select {
	case <-g:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func startEngine(t *testing.T, days cutover.Sealer, fs vfs.FS) (*cutover.Engine, *pebble.Journal) {
	j, err := pebble.Open(pebble.Options{
		FS: vfs.NewMem(), Dir: "journal", Node: 1, Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(),
		Fatal: func(msg string, err error) { panic(msg) },
	})
	if err != nil {
		t.Fatal(err)
	}
	e := cutover.New(cutover.Options{
		Journal: j, Days: days, FS: fs, Dir: "clearing", Location: time.UTC, Logger: zap.NewNop(),
		Settings: cutover.Settings{
			AcquirerID: "400001", ProcessorID: "400001", Form: cutover.Form{CodePage: clearing.CP500},
			Destinations: []string{"default"},
		},
	})
	if err := errors.Join(e.Open(t.Context()), e.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	return e, j
}

func wantDay(t *testing.T, j *pebble.Journal, date payment.Date, state journal.DayState) {
	t.Helper()
	if d, err := j.Day(t.Context(), date); err != nil || d.State != state {
		t.Fatalf("business date %s is in state %d, error %v; want %d", date, d.State, err, state)
	}
}

// A cutover by hand that does not get its outcomes in time leaves the date closed to captures; its files are written
// all the same once the outcomes are there, without a restart.
func TestCutoverThatFailedIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outcomes := make(gate)
		e, j := startEngine(t, outcomes, vfs.NewMem())
		date := j.OpenDay()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := e.Cutover(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("the cutover ended with %v", err)
		}
		wantDay(t, j, date, journal.DayClosing)
		close(outcomes)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		wantDay(t, j, date, journal.DayWritten)
		e.Close()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Close ends a cutover that waits for outcomes, and none begins after it.
func TestCloseEndsCutover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, j := startEngine(t, make(gate), vfs.NewMem())
		failed := make(chan error)
		go func() {
			_, err := e.Cutover(context.Background(), false)
			failed <- err
		}()
		synctest.Wait()
		go e.Close()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("the cutover ended with %v", err)
		}
		if _, err := e.Cutover(context.Background(), true); !errors.Is(err, cutover.ErrClosed) {
			t.Errorf("a cutover after Close: %v", err)
		}
		e.Close()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// fullDisk is a file system whose files cannot be synced while it is full. It counts those that are open.
type fullDisk struct {
	vfs.FS
	full atomic.Bool
	open atomic.Int64
}

type fullDiskFile struct {
	vfs.File
	disk *fullDisk
}

var errFull = errors.New("no space left on device")

func (d *fullDisk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	d.open.Add(1)
	return &fullDiskFile{f, d}, nil
}

func (f *fullDiskFile) Sync() error {
	if f.disk.full.Load() {
		return errFull
	}
	return f.File.Sync()
}

func (f *fullDiskFile) Close() error {
	f.disk.open.Add(-1)
	return f.File.Close()
}

// Files that cannot be written are tried again, and no attempt leaves one open.
func TestFilesThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &fullDisk{FS: vfs.NewMem()}
		disk.full.Store(true)
		outcomes := make(gate)
		close(outcomes)
		e, j := startEngine(t, outcomes, disk)
		date := j.OpenDay()
		if _, err := e.Cutover(t.Context(), false); !errors.Is(err, errFull) {
			t.Fatalf("the cutover ended with %v", err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		wantDay(t, j, date, journal.DaySealed)
		disk.full.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		wantDay(t, j, date, journal.DayWritten)
		if n := disk.open.Load(); n != 0 {
			t.Errorf("%d files are open", n)
		}
		e.Close()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

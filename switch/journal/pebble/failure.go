package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"

	"switchyard/switch/journal"
)

// I14: the first failed write or sync of any file of the journal ends the process. Pebble tells of one in four ways:
// the error of a batch's sync, Logger.Fatalf, a panic when a batch meets a log that has failed already, and events of
// flushes, compactions and log files in the background.

// fail makes sure that nothing more is acknowledged and calls the fatal hook.
func (j *Journal) fail(msg string, err error) {
	j.failed.Store(true)
	j.queue.close(journal.ErrClosed)
	defer j.views.retire() // for a hook that ends its goroutine
	j.logger.Error(msg, zap.Error(err))
	j.opts.Fatal(msg, err)
}

// pebbleLogger hands Pebble's messages on.
type pebbleLogger struct{ j *Journal }

// Infof implements pebble.Logger. Pebble tells every flush and compaction.
func (l pebbleLogger) Infof(format string, args ...any) {
	if l.j.logger.Core().Enabled(zap.DebugLevel) {
		l.j.logger.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

// Errorf implements pebble.Logger.
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.j.logger.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. Pebble counts on it not to return: a commit whose write failed would return nil.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.j.views.stuck.Store(true)
	l.j.fail("the journal cannot be written", err)
	panic(err) // the hook returned against its contract
}

// events turns failures in the background into the end of the process, and slowness into warnings.
func (j *Journal) events() *pebble.EventListener {
	failure := func(what string, err error) {
		if err == nil {
			return
		}
		// Events come with locks held, which a hook that ends its goroutine would leave locked.
		j.failed.Store(true)
		go j.fail("the journal cannot be written: "+what, err)
	}
	return &pebble.EventListener{
		BackgroundError: func(err error) { failure("flush or compaction", err) },
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			failure("damaged file "+i.Path, i.Details)
		},
		ManifestCreated: func(i pebble.ManifestCreateInfo) { failure("new manifest", i.Err) },
		WALCreated: func(i pebble.WALCreateInfo) {
			if i.Err != nil { // at once: Pebble panics next, in a way that nobody can recover from
				j.fail("the journal cannot be written: new log file", i.Err)
			}
		},
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			j.logger.Warn("commits wait for flushes or compactions", zap.String("reason", i.Reason))
		},
		LowDiskSpace: func(i pebble.LowDiskSpaceInfo) {
			j.logger.Warn(
				"the disk is filling up", zap.Uint64("free_bytes", i.AvailBytes), zap.Uint64("total_bytes", i.TotalBytes),
			)
		},
	}
}

func (j *Journal) diskSlow(i vfs.DiskSlowInfo) {
	j.logger.Warn(
		"the disk is slow", zap.String("file", i.Path), zap.Stringer("operation", i.OpType), zap.Duration("for", i.Duration),
	)
}

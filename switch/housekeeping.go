package txswitch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/internal/vfs"
	"switchyard/switch/journal"
)

const (
	diskInterval  = time.Second
	dueInterval   = time.Second
	watchInterval = time.Minute
	sweepInterval = time.Minute
	sweepBatch    = 10_000 // keys a commit
)

// every calls do at once and then at each interval, until ctx ends or do returns false.
func every(ctx context.Context, interval time.Duration, do func() bool) {
	timer := time.NewTicker(interval)
	defer timer.Stop()
	for do() {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// watchDisk refuses new work while less than the reserve is free, so that what is in flight can still be finished
// (I14).
func (s *Switch) watchDisk(ctx context.Context) {
	reserve := uint64(s.o.Config.Limits.DiskReserveMiB) << 20
	low := false
	every(ctx, diskInterval, func() bool {
		usage, err := s.o.FS.GetDiskUsage(s.o.Config.Data)
		if errors.Is(err, vfs.ErrUnsupported) {
			return false
		}
		if err != nil {
			s.o.Logger.Error("the data folder's disk could not be looked at", zap.Error(err))
			return true
		}
		if was := low; low != (usage.AvailBytes < reserve) {
			low = !was
			s.diskChanged(low, usage.AvailBytes, reserve)
		}
		return true
	})
}

func (s *Switch) diskChanged(low bool, free, reserve uint64) {
	fields := []zap.Field{zap.Uint64("free_bytes", free), zap.Uint64("reserve_bytes", reserve)}
	if !low {
		s.flow.CloseFor("")
		s.o.Logger.Info("the disk has room again; new work is taken", fields...)
		return
	}
	s.flow.CloseFor(fmt.Sprintf("the switch's disk is nearly full: less than %d MiB are free", reserve>>20))
	s.o.Logger.Error("the disk is nearly full; new work is refused, what is in flight is finished", fields...)
}

// sweepKeys forgets idempotency keys that are older than they are kept.
func (s *Switch) sweepKeys(ctx context.Context) {
	keep := time.Duration(s.o.Config.Limits.KeepKeysDays) * 24 * time.Hour
	if mutant.On(mutant.YoungKeySwept) {
		keep -= 5 * 24 * time.Hour
	}
	every(ctx, sweepInterval, func() bool {
		now := s.clock.Confirmed()
		if mutant.On(mutant.SweepUnconfirmed) {
			now = s.clock.Wall()
		}
		swept, more, err := 0, true, error(nil)
		for more && err == nil && ctx.Err() == nil {
			var n int
			n, more, err = s.journal.SweepKeys(ctx, now.Add(-keep), sweepBatch)
			swept += n
		}
		switch {
		case err != nil && ctx.Err() == nil && !errors.Is(err, journal.ErrClosed):
			s.o.Logger.Error("old idempotency keys could not be swept", zap.Error(err))
		case swept > 0:
			s.o.Logger.Info("swept old idempotency keys", zap.Int("keys", swept))
		}
		return true
	})
}

// serveDue does what is due for payments although nobody asks for it.
func (s *Switch) serveDue(ctx context.Context) {
	s.keep(ctx, dueInterval, "what is due for payments could not be looked at", s.flow.ServeDue)
}

// watchWindows finds the payments whose capture windows may give something up.
func (s *Switch) watchWindows(ctx context.Context) {
	s.keep(ctx, watchInterval, "the capture windows of payments could not be watched", s.flow.WatchWindows)
}

// keep does something at once and at each interval, and logs why it could not.
func (s *Switch) keep(ctx context.Context, interval time.Duration, failed string, do func(context.Context) error) {
	every(ctx, interval, func() bool {
		if err := do(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, journal.ErrClosed) {
			s.o.Logger.Error(failed, zap.Error(err))
		}
		return true
	})
}

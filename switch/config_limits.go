package txswitch

import (
	"errors"
	"fmt"
	"time"

	"switchyard/internal/config"
	"switchyard/switch/clock"
	"switchyard/switch/flow"
	"switchyard/switch/front"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/merchant"
)

// LimitsConfig bounds what is taken on.
type LimitsConfig struct {
	MaxInFlight      int             `yaml:"max_in_flight"`     // requests
	MaxQueued        int             `yaml:"max_queued"`        // store-and-forward advices of an issuer
	KeepKeysDays     int             `yaml:"keep_keys_days"`    // idempotency keys; at least the longest capture window
	ClockLeap        config.Duration `yaml:"clock_leap"`        // ahead by more than this the clock must be confirmed
	AdmissionTimeout config.Duration `yaml:"admission_timeout"` // for a slot towards the issuer
	// DiskReserveMiB is how much of the data folder's disk must be free for new work to be taken.
	DiskReserveMiB int `yaml:"disk_reserve_mib"`
	// MemoryMiB is where the runtime begins to collect garbage harder instead of growing; GOMEMLIMIT, if set, wins.
	MemoryMiB int `yaml:"memory_mib"`
}

func defaultLimits() LimitsConfig {
	return LimitsConfig{
		MaxInFlight: front.DefaultMaxInFlight, MaxQueued: saf.DefaultMaxQueued, KeepKeysDays: merchant.MaxCaptureWindowDays,
		ClockLeap:        config.Duration(clock.DefaultLeap),
		AdmissionTimeout: config.Duration(flow.DefaultAdmissionTimeout), DiskReserveMiB: 256, MemoryMiB: 256,
	}
}

const (
	// maxKeepKeysDays is ten years, after which RRNs come round.
	maxKeepKeysDays = 3650
	// minClockLeap is what a machine may stand still for in good order, maxClockLeap what is still short of a day.
	minClockLeap, maxClockLeap = time.Minute, 12 * time.Hour
)

func (l *LimitsConfig) check() error {
	switch {
	case l.MaxInFlight < 1 || l.MaxQueued < 1 || l.AdmissionTimeout <= 0:
		return errors.New("limits: max_in_flight, max_queued and admission_timeout: expected more than 0")
	case l.KeepKeysDays < merchant.MaxCaptureWindowDays || l.KeepKeysDays > maxKeepKeysDays:
		return fmt.Errorf(
			"limits.keep_keys_days: %d: expected %d, the longest capture window, to %d", l.KeepKeysDays,
			merchant.MaxCaptureWindowDays, maxKeepKeysDays,
		)
	case l.ClockLeap < config.Duration(minClockLeap) || l.ClockLeap > config.Duration(maxClockLeap):
		return fmt.Errorf("limits.clock_leap: %s: expected %s to %s",
			time.Duration(l.ClockLeap), minClockLeap, maxClockLeap)
	case l.DiskReserveMiB < 0:
		return fmt.Errorf("limits.disk_reserve_mib: %d: expected 0 or more", l.DiskReserveMiB)
	case l.MemoryMiB < 64:
		return fmt.Errorf("limits.memory_mib: %d: expected at least 64", l.MemoryMiB)
	}
	return nil
}

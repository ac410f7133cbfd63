// Package recovery measures how soon a switch is ready after a crash.
//
// It writes a journal of many payments, some of them with an intent that has no outcome, spread over all of the log, as
// a switch leaves it that is killed. On copies of it, before a running issuer, switchd is started: measured is the time
// from the start of the process until it is ready, and then until the reversal of each such intent is acknowledged.
package recovery

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
)

// Options say what to measure.
type Options struct {
	Stored int // payments in the journal
	Open   int // of them with an intent without an outcome
	// Captured makes each one that was captured, too, on today's business date, which is open.
	Captured bool
	// RandomKeys makes their keys UUIDs, in no order.
	RandomKeys bool
	Runs       int    // how often to start
	Bin        string // folder of the daemons' binaries; "" for that of this one
	Dir        string // of the daemons, made anew
	Seed       uint64 // cards and amounts follow from it
	Say        func(format string, args ...any)
	Fatal      func(msg string, err error) // of the journal that is written; it does not return
}

// Defaults are the options that are measured by, but for where and by what.
func Defaults() Options { return Options{Stored: 1_000_000, Open: 100_000, Runs: 3, Seed: 1} }

// Summary is what came of it, as switchctl load recovery --json prints it and the benchmarks record it. Times are of
// each run.
type Summary struct {
	Stored     int       `json:"stored"`
	Open       int       `json:"open"`
	ReadyS     []float64 `json:"ready_s"`     // from the start of the process until /readyz says 200
	ReversedS  []float64 `json:"reversed_s"`  // from then until each reversal is acknowledged
	SwitchdMiB float64   `json:"switchd_mib"` // peak resident memory
}

func (o *Options) check() error {
	if o.Stored < 1 || o.Open < 0 || o.Open > o.Stored || o.Runs < 1 {
		return fmt.Errorf("stored, runs: expected 1 or more; open: 0 to stored")
	}
	if o.Captured && o.Open > 0 {
		return errors.New("open: expected 0 with captured")
	}
	return nil
}

// Run measures. Its daemons are stopped when it returns.
func Run(ctx context.Context, o Options) (*Summary, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := daemons.FreshFolder(o.Dir); err != nil {
		return nil, err
	}
	folders := make([]daemons.Options, o.Runs)
	for i := range folders {
		folders[i] = daemons.Options{Bin: o.Bin, Dir: filepath.Join(o.Dir, "run-"+strconv.Itoa(i+1)), Seed: o.Seed}
	}
	if err := FillFor(ctx, o, folders); err != nil {
		return nil, err
	}
	s := &Summary{Stored: o.Stored, Open: o.Open}
	for i, folder := range folders {
		o.Say("start %d of %d", i+1, o.Runs)
		if err := s.start(ctx, folder); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// start starts an issuer, then a switch on the folder's journal, and watches it recover.
func (s *Summary) start(ctx context.Context, folder daemons.Options) error {
	l, err := daemons.StartIssuer(ctx, folder)
	if err != nil {
		return err
	}
	defer l.Kill()
	begin := time.Now()
	if err := l.StartSwitchd(ctx); err != nil {
		return err
	}
	s.ReadyS = append(s.ReadyS, seconds(time.Since(begin)))
	begin = time.Now()
	if err := l.AwaitDrained(ctx); err != nil {
		return err
	}
	s.ReversedS = append(s.ReversedS, seconds(time.Since(begin)))
	s.SwitchdMiB = max(s.SwitchdMiB, loadgen.Round(l.Switchd.PeakMiB()))
	return l.Stop()
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

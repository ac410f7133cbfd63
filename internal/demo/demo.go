// Package demo plays a business day of payments on daemons of this machine and checks every answer and every book.
//
//	start both daemons ─▶ play (package day) ─▶ close, verify, settle, audit (package localday) ─▶ stop
//
// With three days it goes on until merchants' statements add up (days.go).
//
// What came of it is in a [Summary], which it also writes as summary.json into its folder. The same seed plays the same
// day again.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/loadgen/day"
	"switchyard/internal/localday"
)

// MemoryLimitMiB is the most memory that switchd may need for the demo's day.
const MemoryLimitMiB = 300

// Options say which day to play.
type Options struct {
	Payments    int
	Days        int // 1, or 3: until what was cleared is settled
	InFlight    int // payments under way at the same time
	Connections int // to the gateway port
	Seed        uint64
	Out         string // folder, made anew
	Faults      bool   // the issuer answers badly now and then
	Dialect     string // that switch and issuer speak; "" for the default
	Framing     string // of their messages; "" for the default
	ToldFile    string // what the switch answers is appended to it; "" for told.jsonl in the folder
}

// Defaults are the options of the demo that everyone plays.
func Defaults() Options {
	return Options{Payments: 20_000, Days: 1, InFlight: 256, Connections: 4, Seed: 1, Out: "demo-out"}
}

// Progress is shown how far the demo is.
type Progress interface {
	// Step says what is being done.
	Step(format string, args ...any)
	// Begin shows finished of total from now on, until End.
	Begin(total int, finished *atomic.Int64)
	End()
}

// run is a demo under way.
type run struct {
	Options
	localday.Day
	progress Progress
	sum      Summary
}

// Run plays the day. What is wrong with it is in the summary; an error is of what keeps it from being played or written
// down.
func Run(ctx context.Context, o Options, p Progress) (*Summary, error) {
	if o.Payments < 1 || o.InFlight < 1 || o.Connections < 1 {
		return nil, errors.New("payments, in-flight and connections: expected 1 or more")
	}
	if o.Days != 1 && o.Days != daysUntilSettled {
		return nil, fmt.Errorf("days: %d, expected 1 or %d", o.Days, daysUntilSettled)
	}
	if err := daemons.FreshFolder(o.Out); err != nil {
		return nil, err
	}
	r := &run{
		Options: o, Day: localday.Day{Dir: o.Out, Step: p.Step}, progress: p,
		sum: Summary{Seed: o.Seed, Payments: o.Payments, InFlight: o.InFlight, Faults: o.Faults},
	}
	r.play(ctx)
	s := &r.sum
	s.Problems, s.DrainS, s.Clearing, s.Audit = r.Problems, r.Drained.Seconds(), r.Cleared, r.Audited
	s.OK = len(s.Problems) == 0
	return s, s.write(filepath.Join(o.Out, "summary.json"))
}

// play plays the day and gathers the figures.
func (r *run) play(ctx context.Context) {
	r.Step("starting issuer-sim and switchd")
	if err := r.start(ctx); err != nil {
		r.Wrong("%v", err)
		return
	}
	defer r.Local.Kill()
	var err error
	if r.Told, err = clients.OpenTold(cmp.Or(r.ToldFile, filepath.Join(r.Out, localday.ToldName))); err != nil {
		r.Wrong("%v", err)
		return
	}
	if err := r.pay(ctx); err != nil {
		r.Wrong("the day broke off: %v", err)
	}
	if r.Local.Alive() == nil && ctx.Err() == nil {
		r.Close(ctx, false)
		if r.Days > 1 && len(r.Problems) == 0 {
			r.daysAfter(ctx)
		}
	}
	s := &r.sum
	s.SwitchdMiB, s.IssuerMiB = loadgen.Round(r.Local.Switchd.PeakMiB()), loadgen.Round(r.Local.Issuer.PeakMiB())
	if s.SwitchdMiB > MemoryLimitMiB {
		r.Wrong("switchd needed %.0f MiB of memory, expected at most %d", s.SwitchdMiB, MemoryLimitMiB)
	}
	if err := r.Local.Stop(); err != nil {
		r.Wrong("%v", err)
	}
	if err := r.Told.Close(); err != nil {
		r.Wrong("what was told: %v", err)
	}
	s.Serve = []string{
		"issuer-sim " + commandLine(r.Local.IssuerArgs()), "switchd " + commandLine(r.Local.SwitchdArgs()),
	}
	if err := context.Cause(ctx); err != nil {
		r.Wrong("called off: %v", err)
	}
}

// start starts the daemons.
func (r *run) start(ctx context.Context) (err error) {
	o := daemons.Options{Dir: r.Out, Seed: r.Seed, DefaultPorts: true}
	o.IssuerDialect, o.IssuerFraming = r.Dialect, r.Framing
	issuer := localday.Issuer{Dialect: r.Dialect, Framing: r.Framing}
	if r.Faults {
		issuer.Deadline = localday.FaultyDeadline
		if o.Rules, err = localday.WriteFaults(r.Out); err != nil {
			return fmt.Errorf("rules: %w", err)
		}
	}
	if o.Config, err = localday.WriteConfig(r.Out, issuer); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if r.Days > 1 {
		if err := r.clear(&o); err != nil {
			return fmt.Errorf("clearing system: %w", err)
		}
	}
	r.Local, err = daemons.StartLocal(ctx, o)
	return err
}

// pay drives the payments and holds the answers against the plan.
func (r *run) pay(ctx context.Context) error {
	// 2: the repeats of a payment go out at once.
	gateways, err := clients.Dial(ctx, r.Local.Switchd.At.Gateway, r.Connections, 2*r.InFlight)
	if err != nil {
		return err
	}
	defer clients.CloseAll(gateways)
	var finished atomic.Int64
	r.progress.Begin(r.Payments, &finished)
	r.Book, err = day.Run(ctx, day.Options{
		Plan:     localday.Plan(r.Seed, time.Now()),
		Clients:  r.Told.Players(clients.Players(gateways)),
		Payments: r.Payments,
		InFlight: r.InFlight,
		Faults:   r.Faults,
		Progress: func() { finished.Add(1) },
	})
	r.progress.End()
	r.sum.answers(r.Book)
	r.Mismatches()
	return err
}

// commandLine joins arguments for a shell. Paths below the working directory are written from there.
func commandLine(args []string) string {
	here, err := os.Getwd()
	line := slices.Clone(args)
	for i, arg := range line {
		if below, ok := strings.CutPrefix(arg, here+string(filepath.Separator)); err == nil && ok {
			line[i] = below
		}
		if strings.ContainsAny(line[i], " \t\n'\"\\$&;|<>()*?[]{}#~`!") {
			line[i] = "'" + strings.ReplaceAll(line[i], "'", `'\''`) + "'"
		}
	}
	return strings.Join(line, " ")
}

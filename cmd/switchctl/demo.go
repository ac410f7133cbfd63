package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen"
	"switchyard/internal/loadgen/day"
	issuersim "switchyard/issuer-sim"
	"switchyard/switch/api"
)

// memoryLimitMiB is the most memory that switchd may need for the demo's day.
const memoryLimitMiB = 300

// demoFlags are what demo is told.
type demoFlags struct {
	payments    int
	inFlight    int
	connections int
	seed        uint64
	out         string
	faults      string // on or off
	told        string
}

func newDemoCmd() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a business day on this machine and check every answer and every book",
		Long: `Demo starts issuer-sim and switchd on loopback, with their data in a folder that is made anew, and plays a day of
payments through the gateway port: captures in full and in shipments, sales, reversals, refunds and declines, in five
currencies, about one payment in a hundred sent twice. It checks every answer, closes the business day, checks the
clearing files against what it did, hands them to the issuer, audits the three books and what it was told itself, stops
both daemons, and prints what came of it. The same seed plays the same day again.

With --faults on the issuer loses, delays, doubles or garbles two of a hundred answers, and has 300 ms for each. What
was not answered is reversed, and the day goes on until the outcome of every payment is known.

Its last line is "demo: OK"; otherwise it says what is wrong and exits with 1. summary.json in the folder holds the
same figures.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.payments, "payments", 20_000, "number of payments")
	flags.IntVar(&f.inFlight, "in-flight", 256, "payments under way at the same time")
	flags.IntVar(&f.connections, "connections", 4, "connections to the gateway port")
	flags.Uint64Var(&f.seed, "seed", 1, "the day follows from it")
	flags.StringVar(&f.out, "out", "demo-out", "folder, made anew")
	flags.StringVar(&f.told, "told", "", "append what the switch answers to this file (default: told.jsonl in the folder)")
	flags.StringVar(&f.faults, "faults", "off", "on: the issuer answers badly now and then")
	return cmd
}

// demoRun is a demo under way.
type demoRun struct {
	demoFlags
	progress *progress
	demoSummary
	dayEnd
}

func runDemo(ctx context.Context, f demoFlags, stdout, stderr io.Writer) error {
	if f.payments < 1 || f.inFlight < 1 || f.connections < 1 {
		return errors.New("payments, in-flight and connections: expected 1 or more")
	}
	if f.faults != "on" && f.faults != "off" {
		return fmt.Errorf("faults: %q, expected on or off", f.faults)
	}
	if err := freshFolder(f.out); err != nil {
		return err
	}
	d := &demoRun{demoFlags: f, progress: newProgress(stderr)}
	d.dir, d.step = f.out, d.progress.step
	d.Seed, d.Payments, d.InFlight, d.Faults = f.seed, f.payments, f.inFlight, f.faults == "on"
	d.run(ctx)
	d.Problems, d.DrainS, d.Clearing, d.Audit = d.problems, d.drained.Seconds(), d.cleared, d.audited
	d.OK = len(d.Problems) == 0
	if err := d.write(filepath.Join(f.out, "summary.json")); err != nil {
		return err
	}
	if err := d.print(stdout); err != nil {
		return err
	}
	if !d.OK {
		return errNo
	}
	return nil
}

// run plays the day and gathers the figures.
func (d *demoRun) run(ctx context.Context) {
	d.progress.step("starting issuer-sim and switchd")
	o := localOptions{dir: d.out, seed: d.seed, defaultPorts: true}
	var deadline time.Duration
	var err error
	if d.Faults {
		deadline = faultyDeadline
		if o.rules, err = writeDemoFaults(d.out); err != nil {
			d.wrong("rules: %v", err)
			return
		}
	}
	if o.config, err = writeDemoConfig(d.out, deadline); err != nil {
		d.wrong("configuration: %v", err)
		return
	}
	if d.local, err = startLocal(ctx, o); err != nil {
		d.wrong("%v", err)
		return
	}
	defer d.local.kill()
	if d.toldLog, err = openTold(cmp.Or(d.demoFlags.told, filepath.Join(d.out, toldName))); err != nil {
		d.wrong("%v", err)
		return
	}
	if err := d.play(ctx); err != nil {
		d.wrong("the day broke off: %v", err)
	}
	if d.local.alive() == nil && ctx.Err() == nil {
		d.close(ctx, false)
	}
	d.SwitchdMiB, d.IssuerMiB = round(d.local.switchd.peakMiB()), round(d.local.issuer.peakMiB())
	if d.SwitchdMiB > memoryLimitMiB {
		d.wrong("switchd needed %.0f MiB of memory, expected at most %d", d.SwitchdMiB, memoryLimitMiB)
	}
	if err := d.local.stop(); err != nil {
		d.wrong("%v", err)
	}
	if err := d.toldLog.close(); err != nil {
		d.wrong("what was told: %v", err)
	}
	if err := context.Cause(ctx); err != nil {
		d.wrong("called off: %v", err)
	}
}

// play drives the payments and holds the answers against the plan.
func (d *demoRun) play(ctx context.Context) error {
	clients, err := dialGateway(ctx, d.local.switchd.at.Gateway, d.connections, 2*d.inFlight) // 2: repeats go out at once
	if err != nil {
		return err
	}
	defer closeAll(clients)
	var finished atomic.Int64
	d.progress.begin(d.payments, &finished)
	d.book, err = day.Run(ctx, day.Options{
		Plan:     demoPlan(d.seed, time.Now()),
		Clients:  d.toldLog.players(asPlayers(clients)),
		Payments: d.payments,
		InFlight: d.inFlight,
		Faults:   d.Faults,
		Progress: func() { finished.Add(1) },
	})
	d.progress.end()
	d.answers(d.book)
	d.mismatches()
	return err
}

// demoCards is the number of different cards that the day's payments are made with.
const demoCards = 1_000_000

// demoPlan is the day of a seed.
func demoPlan(seed uint64, now time.Time) day.Plan {
	cards := loadgen.NewCards(now)
	return day.Plan{
		Seed: seed, Run: fmt.Sprintf("demo%d", seed%1_000_000), Merchants: day.Merchants,
		Declines: demoDeclines(now), Card: cards.Card, Cards: demoCards,
	}
}

// demoDeclines are the declines of the day, each with a card of issuer-sim that brings it about.
func demoDeclines(now time.Time) []day.Decline {
	good := now.AddDate(3, 0, 0).Format("0601")
	declines := []day.Decline{
		{Code: "51", Why: "funds"}, {Code: "54", Why: "expired card"}, {Code: "N7", Why: "wrong CVC"},
		{Code: "14", Why: "unknown card"}, {Code: "41", Why: "lost card"}, {Code: "61", Why: "limit"},
	}
	for i := range declines {
		d := &declines[i]
		d.Card = api.Card{Number: issuersim.TestCardFor(d.Code), Expiry: good, CVC: "123"}
		if d.Code == "54" {
			d.Card.Expiry = now.AddDate(-1, 0, 0).Format("0601")
		}
	}
	return declines
}

// isTerminal tells whether a person looks at it.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}

// Command bench measures what Switchyard's speed rests on, prints it beside what it is to come to, and records it with
// the machine, the commit and the commands:
//
//   - codec: the codec against the library that its specs come from, a message packed and unpacked;
//   - switch: authorizations a second with 1, 128, 1,024 and 4,096 in flight, through the switch and through the bare
//     relay of bench/ceiling in turn, and what each takes of the processors;
//   - jpos: another's bare relay of ISO 8583 in the switch's place, and the switch in turn; -jpos is the
//     command that starts it;
//   - open: latency at 2,000 and 10,000 due a second, in turn again;
//   - stored: the switch with many payments stored beside an empty one, under random keys, its memory, and the disk
//     that a payment takes;
//   - full: payments authorized, captured and cleared;
//   - issuer: the messages a second that issuer-sim answers by itself;
//   - overload: three times the requests that the issuer can answer, against as many as it can;
//   - clearing: the end of a day with a million captures, its files written and checked, beside requests, too;
//   - drain: how fast the queue of an outage drains, and what it does to new requests;
//   - recovery: how soon a switch is ready after a crash.
//
// The last five are measured only where -only names them. Each figure is the median of -runs runs, on daemons and data
// of their own: of five where nobody says, and of overload, clearing, drain and recovery, which take minutes, of one.
// docs/benchmarks.md says how to read them. The load comes from bin/switchctl on the same machine: the figures are of
// everything together, not of the switch on a machine of its own.
//
// With -soak it measures no table but whether what a switch uses stays flat: soak.go.
//
// Read first: measure.go (what is measured, by which command), run.go (a command, its runs and their medians), table.go
// (the figures and what they are to come to).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"switchyard/internal/loadgen/dayend"
	"switchyard/internal/loadgen/drain"
	"switchyard/internal/loadgen/recovery"
	"switchyard/internal/loadgen/steady"
)

// wantTPS is what the switch should come to at the least, with 1,024 in flight.
const wantTPS = 10_000

// result is what one run records: what was not measured is left out.
type result struct {
	Commit  string    `json:"commit"`
	At      time.Time `json:"at"`
	Machine machine   `json:"machine"`
	// Before and After are of all of it.
	Before    *moment                   `json:"before,omitempty"`
	After     *moment                   `json:"after,omitempty"`
	Table     []row                     `json:"table,omitempty"` // what was measured of it
	Codec     *codec                    `json:"codec,omitempty"`
	CodecRuns *printedRuns              `json:"codec_runs,omitempty"`
	Loads     []*series[steady.Summary] `json:"loads,omitempty"`
	// TwoSyncsMS is what appending to a file and syncing it took one writer, twice, before each run with one in flight.
	TwoSyncsMS []float64            `json:"two_syncs_ms,omitempty"`
	JPOS       *jpos                `json:"jpos,omitempty"`
	Full       *series[fullSummary] `json:"full,omitempty"`
	Stored     *stored              `json:"stored,omitempty"`
	// Of these, records of before 2026-11-27 have the figures of one run under names without _runs.
	Issuer   *series[steady.Summary]   `json:"issuer_sim_runs,omitempty"`
	Overload *overload                 `json:"overload_runs,omitempty"`
	Clearing *series[dayend.Summary]   `json:"clearing_runs,omitempty"`
	Drain    *series[drain.Summary]    `json:"drain_runs,omitempty"`
	Recovery *series[recovery.Summary] `json:"recovery_runs,omitempty"`
}

// bench is a run of this command.
type bench struct {
	bin      string        // folder of the binaries
	dir      string        // where they put their data: on the disk that the machine's sync rate was taken from
	duration time.Duration // 0: of each load its own
	runs     int           // 0: of each measurement its own
	stored   int           // payments
	captures int           // of the day that clearing closes
	relay    string        // command that starts the one that jpos measures; "" for none
	result
}

// measurement is one of the figures, by the name that -only knows it by.
type measurement struct {
	name      string
	byDefault bool
	measure   func(b *bench, ctx context.Context) error
}

var measurements = []measurement{
	{"codec", true, (*bench).codec},
	{"switch", true, (*bench).closed},
	{"jpos", false, (*bench).jpos},
	{"open", true, (*bench).open},
	{"stored", true, (*bench).withStored},
	{"full", true, (*bench).full},
	{"issuer", false, (*bench).issuer},
	{"overload", false, (*bench).overload},
	{"clearing", false, (*bench).clearing},
	{"drain", false, (*bench).drain},
	{"recovery", false, (*bench).recovery},
}

// asked is what the flags ask for, beside what is of the bench.
type asked struct {
	only string        // measurements
	out  string        // folder for the record
	soak time.Duration // instead of any
}

// flags adds those of the command.
func (b *bench) flags(f *flag.FlagSet) *asked {
	a := &asked{}
	f.StringVar(&b.Commit, "commit", "unknown", "what is measured")
	f.StringVar(&a.out, "out", filepath.Join("bench", "results"), "folder for the record")
	f.StringVar(&b.bin, "bin", "bin", "folder of switchctl, switchd, issuer-sim and ceiling")
	f.DurationVar(&b.duration, "duration", 0, "how long each load is measured (default 4s; full and issuer 10s)")
	f.IntVar(&b.runs, "runs", 0, "how often each is measured; the median counts (default 5; 1 of what takes minutes: "+
		"overload, clearing, drain, recovery)")
	f.IntVar(&b.stored, "stored", 300_000, "payments in the journal that stored begins with")
	f.IntVar(&b.captures, "captures", 1_000_000, "captures of the day that clearing closes")
	f.StringVar(&b.relay, "jpos", "", "shell command that starts a bare relay of ISO 8583, such as one on jPOS: "+
		"it is given a port to listen on and the issuer's, both of 127.0.0.1, and ended by SIGTERM")
	f.StringVar(&a.only, "only", "", "what to measure, with commas between: codec, switch, jpos, open, stored, full, "+
		"issuer, overload, clearing, drain, recovery (default: all but the last five, jpos where -jpos is given)")
	f.DurationVar(&a.soak, "soak", 0, "instead, drive a switch for so long and see whether what it uses stays flat")
	return a
}

func main() {
	b := bench{result: result{At: time.Now().UTC().Truncate(time.Second)}}
	a := b.flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error { return b.run(ctx, a.only, a.out) }
	if a.soak > 0 {
		run = func() error { return b.soak(ctx, a.soak, a.out) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only, out string) error {
	if b.runs < 0 || b.stored < 1 || b.captures < 1 || b.duration < 0 {
		return fmt.Errorf("-runs, -stored, -captures, -duration: expected more than 0")
	}
	chosen, err := b.choose(only)
	if err != nil {
		return err
	}
	// Here and not where temporary files go: that may be no disk.
	if b.dir, err = os.MkdirTemp(".", "load-out-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.Machine, err = thisMachine(b.dir); err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	b.Before = lookAround()
	for _, m := range chosen {
		say("bench: %s", m.name)
		if err := m.measure(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	b.After = lookAround()
	b.Table = measured(b.table())
	path, err := record(out, b.At, b.Commit, &b.result)
	if err != nil {
		return err
	}
	if err := b.print(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\nrecorded in %s\n", path)
	if s := b.find(theSwitch, inFlight(sizeOfShare)); s != nil && s.Median.TPS < wantTPS {
		return fmt.Errorf("%.0f authorizations a second, expected at least %d", s.Median.TPS, wantTPS)
	}
	return nil
}

// choose finds the measurements that -only names.
func (b *bench) choose(only string) (chosen []measurement, err error) {
	names := map[string]bool{}
	for name := range strings.SplitSeq(only, ",") {
		names[name] = true
	}
	switch relayed := names["jpos"]; {
	case relayed && b.relay == "":
		return nil, errors.New("-only jpos: expected -jpos with it, the command that starts the relay")
	case !relayed && only != "" && b.relay != "":
		return nil, errors.New("-jpos: expected -only with jpos, or none")
	}
	for _, m := range measurements {
		byDefault := m.byDefault || m.name == "jpos" && b.relay != ""
		if names[m.name] || only == "" && byDefault {
			chosen = append(chosen, m)
			delete(names, m.name)
		}
	}
	if delete(names, ""); len(names) > 0 {
		return nil, fmt.Errorf("-only %s: a name that there is not", only)
	}
	return chosen, nil
}

// say tells a person what a measurement does.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// record writes a result as <date>-<commit>.json, or with a number behind it where there is one already.
func record(dir string, at time.Time, commit string, result any) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, at.Format(time.DateOnly)+"-"+commit+".json")
	for n := 2; ; n++ {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if os.IsExist(err) {
			path = filepath.Join(dir, fmt.Sprintf("%s-%s-%d.json", at.Format(time.DateOnly), commit, n))
			continue
		}
		if err != nil {
			return "", err
		}
		if _, err := f.Write(append(text, '\n')); err != nil {
			return "", err
		}
		return path, f.Close()
	}
}

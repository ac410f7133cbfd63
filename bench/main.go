// Command bench measures what Switchyard's speed rests on, one figure after the other so that none disturbs the next,
// and records them with the machine and the commit:
//
//   - codec: the codec against the library that its specs come from, a message packed and unpacked;
//   - issuer: the messages a second that issuer-sim answers by itself;
//   - switch: the authorizations a second through the switch with 1,024 in flight, each with two synced commits;
//   - overload: three times the requests that the issuer can answer, against as many as it can;
//   - drain: how fast the queue of an outage drains, and what it does to new requests;
//   - recovery: how soon a switch is ready after a crash.
//
// The last two take minutes and are measured only where -only names them. docs/benchmarks.md says how to read the
// figures. The load comes from switchctl load, on the same machine: the figures are of everything together, not of the
// switch on a machine of its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"switchyard/internal/loadgen/drain"
	"switchyard/internal/loadgen/recovery"
	"switchyard/internal/loadgen/steady"
)

// inFlight is the load of the two figures that have one; wantTPS what the switch should come to at the least.
const (
	inFlight = 1024
	wantTPS  = 10_000
)

// result is what one run records: what was not measured is left out.
type result struct {
	Commit   string            `json:"commit"`
	At       time.Time         `json:"at"`
	Machine  machine           `json:"machine"`
	Codec    *codec            `json:"codec,omitempty"`
	Issuer   *steady.Summary   `json:"issuer_sim,omitempty"`
	Switch   *steady.Summary   `json:"switch,omitempty"`
	Overload *overload         `json:"overload,omitempty"`
	Drain    *drain.Summary    `json:"drain,omitempty"`
	Recovery *recovery.Summary `json:"recovery,omitempty"`
}

// bench is a run of this command.
type bench struct {
	bin      string // folder of the binaries
	dir      string // where they put their data: on the disk that the machine's sync rate was taken from
	duration time.Duration
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
	{"issuer", true, (*bench).issuer},
	{"switch", true, (*bench).throughput},
	{"overload", true, (*bench).overload},
	{"drain", false, (*bench).drain},
	{"recovery", false, (*bench).recovery},
}

func main() {
	b := bench{result: result{At: time.Now().UTC().Truncate(time.Second)}}
	flag.StringVar(&b.Commit, "commit", "unknown", "what is measured")
	out := flag.String("out", filepath.Join("bench", "results"), "folder for the record")
	flag.StringVar(&b.bin, "bin", "bin", "folder of switchd and issuer-sim")
	flag.DurationVar(&b.duration, "duration", 10*time.Second, "how long each load is measured")
	only := flag.String("only", "", "what to measure, with commas between: "+
		"codec, issuer, switch, overload, drain, recovery (default: all but the last two)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx, *only, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only, out string) error {
	chosen, err := choose(only)
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
	for _, m := range chosen {
		fmt.Fprintf(os.Stderr, "bench: %s\n", m.name)
		if err := m.measure(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	path, err := record(out, &b.result)
	if err != nil {
		return err
	}
	if err := b.print(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\nrecorded in %s\n", path)
	if b.Switch != nil && b.Switch.TPS < wantTPS {
		return fmt.Errorf("%.0f authorizations a second, expected at least %d", b.Switch.TPS, wantTPS)
	}
	return nil
}

// choose finds the measurements that -only names.
func choose(only string) (chosen []measurement, err error) {
	names := map[string]bool{}
	for name := range strings.SplitSeq(only, ",") {
		names[name] = true
	}
	for _, m := range measurements {
		if names[m.name] || only == "" && m.byDefault {
			chosen = append(chosen, m)
			delete(names, m.name)
		}
	}
	if delete(names, ""); len(names) > 0 {
		return nil, fmt.Errorf("-only %s: a name that there is not", only)
	}
	return chosen, nil
}

func (b *bench) codec(ctx context.Context) error {
	c, err := measureCodec(ctx)
	b.Codec = &c
	return err
}

func (b *bench) issuer(ctx context.Context) (err error) {
	b.Issuer, err = b.load(ctx, func(o *steady.Options) { o.InFlight, o.ISO = inFlight, true })
	return err
}

func (b *bench) throughput(ctx context.Context) (err error) {
	b.Switch, err = b.load(ctx, func(o *steady.Options) { o.InFlight = inFlight })
	return err
}

// load measures on daemons of its own, as switchctl load --local does.
func (b *bench) load(ctx context.Context, with func(*steady.Options)) (*steady.Summary, error) {
	o := steady.Defaults()
	o.Duration, o.Bin, o.Dir, o.Say = b.duration, b.bin, b.loadDir(), say
	with(&o)
	s, err := steady.Run(ctx, o)
	if err == nil && s.Approved == 0 {
		err = errors.New("nothing was approved")
	}
	return s, err
}

// loadDir is the folder of the daemons, made anew by each measurement.
func (b *bench) loadDir() string { return filepath.Join(b.dir, "load") }

// say tells a person what a measurement does.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// record writes the result as <date>-<commit>.json.
func record(dir string, r *result) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, r.At.Format(time.DateOnly)+"-"+r.Commit+".json")
	return path, os.WriteFile(path, append(text, '\n'), 0o644)
}

func (r *result) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	m := &r.Machine
	fmt.Fprintf(t, "machine\t%s, %d cores, %s/%s, %s; %.0f synced writes a second on its disk, one after another\n",
		m.CPU, m.Cores, m.OS, m.Arch, m.Go, m.SyncsPerSecond)
	if c := r.Codec; c != nil {
		fmt.Fprintf(t, "codec, pack\t%.0f ns, library %.0f ns: %.1f times as fast; %d allocations, library %d\n",
			c.PackNS, c.LibraryPackNS, c.PackRatio, c.PackAllocs, c.LibraryPackAllocs)
		fmt.Fprintf(t, "codec, unpack\t%.0f ns, library %.0f ns: %.1f times as fast; %d allocations, library %d\n",
			c.UnpackNS, c.LibraryUnpackNS, c.UnpackRatio, c.UnpackAllocs, c.LibraryUnpackAllocs)
	}
	if r.Issuer != nil {
		fmt.Fprintf(t, "issuer-sim\t%s\n", loadLine(r.Issuer))
	}
	if r.Switch != nil {
		fmt.Fprintf(t, "switch, synced\t%s\n", loadLine(r.Switch))
	}
	if o := r.Overload; o != nil {
		fmt.Fprintf(t, "issuer paced to %d\t%s\n", o.PaceTPS, loadLine(&o.Full))
		fmt.Fprintf(t, "  and overloaded\t%s: %.0f %% of the goodput, %.1f times the p99\n",
			loadLine(&o.Over), 100*o.GoodputRatio, o.P99Ratio)
	}
	if r.Drain != nil {
		fmt.Fprintf(t, "drain\t%s\n", drainLine(r.Drain))
	}
	if r.Recovery != nil {
		fmt.Fprintf(t, "recovery\t%s\n", recoveryLine(r.Recovery))
	}
	return t.Flush()
}

func loadLine(s *steady.Summary) string {
	how := fmt.Sprintf("%d in flight", s.InFlight)
	if s.Rate > 0 {
		how = fmt.Sprintf("%.0f due a second", s.Rate)
	}
	return fmt.Sprintf("%.0f authorizations a second, p50 %.1f ms, p99 %.1f ms, %s, %d errors",
		s.TPS, s.P50MS, s.P99MS, how, s.Errors)
}

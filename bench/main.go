// Command bench measures what Switchyard's speed rests on, one figure after the other so that none disturbs the next,
// and records them with the machine and the commit:
//
//   - the codec against the library that its specs come from, a message packed and unpacked;
//   - the messages a second that issuer-sim answers by itself;
//   - the authorizations a second through the switch with 1,024 in flight, each with two synced commits.
//
// docs/benchmarks.md says how to read them. The load comes from switchctl load, on the same machine: the figures are
// of everything together, not of the switch on a machine of its own.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"
)

// inFlight is the load of the two figures that have one; wantTPS what the third should come to at the least.
const (
	inFlight = 1024
	wantTPS  = 10_000
)

// result is what one run records.
type result struct {
	Commit  string    `json:"commit"`
	At      time.Time `json:"at"`
	Machine machine   `json:"machine"`
	Codec   codec     `json:"codec"`
	Issuer  load      `json:"issuer_sim"`
	Switch  load      `json:"switch"`
}

// load is what switchctl load --json prints, as far as it is recorded.
type load struct {
	TPS        float64           `json:"tps"`
	P50MS      float64           `json:"p50_ms"`
	P99MS      float64           `json:"p99_ms"`
	Errors     uint64            `json:"errors"`
	ErrorCodes map[string]uint64 `json:"error_codes,omitempty"`
	InFlight   int               `json:"in_flight"`
	DurationS  float64           `json:"duration_s"`
	SwitchdMiB float64           `json:"switchd_mib,omitempty"`
	IssuerMiB  float64           `json:"issuer_sim_mib,omitempty"`
}

func main() {
	commit := flag.String("commit", "unknown", "what is measured")
	out := flag.String("out", filepath.Join("bench", "results"), "folder for the record")
	bin := flag.String("bin", "bin", "folder of switchctl, switchd and issuer-sim")
	duration := flag.Duration("duration", 10*time.Second, "how long each load is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *commit, *out, *bin, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, commit, out, bin string, duration time.Duration) error {
	r := result{Commit: commit, At: time.Now().UTC().Truncate(time.Second)}
	dir, err := os.MkdirTemp(".", "load-out-") // here and not where temporary files go: that may be no disk
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if r.Machine, err = thisMachine(dir); err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	progress("codec against library")
	if r.Codec, err = measureCodec(ctx); err != nil {
		return fmt.Errorf("codec: %w", err)
	}
	progress("issuer-sim, %d in flight", inFlight)
	if r.Issuer, err = measureLoad(ctx, bin, dir, duration, "--iso"); err != nil {
		return fmt.Errorf("issuer-sim: %w", err)
	}
	progress("switch, %d in flight, synced", inFlight)
	if r.Switch, err = measureLoad(ctx, bin, dir, duration); err != nil {
		return fmt.Errorf("switch: %w", err)
	}
	path, err := record(out, &r)
	if err != nil {
		return err
	}
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	fmt.Printf("\nrecorded in %s\n", path)
	if r.Switch.TPS < wantTPS {
		return fmt.Errorf("%.0f authorizations a second, expected at least %d", r.Switch.TPS, wantTPS)
	}
	return nil
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// measureLoad runs switchctl load on daemons of its own. Its data lie in dir, on the disk that the machine's sync rate
// was taken from.
func measureLoad(ctx context.Context, bin, dir string, duration time.Duration, more ...string) (load, error) {
	args := append([]string{"load", "--local", "--closed", strconv.Itoa(inFlight), "--duration", duration.String(),
		"--dir", filepath.Join(dir, "load"), "--json"}, more...)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "switchctl"), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it stops its daemons
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return load{}, err
	}
	var l load
	if err := json.Unmarshal(text, &l); err != nil {
		return load{}, err
	}
	return l, nil
}

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
	c := &r.Codec
	fmt.Fprintf(t, "codec, pack\t%.0f ns, library %.0f ns: %.1f times as fast; %d allocations, library %d\n",
		c.PackNS, c.LibraryPackNS, c.PackRatio, c.PackAllocs, c.LibraryPackAllocs)
	fmt.Fprintf(t, "codec, unpack\t%.0f ns, library %.0f ns: %.1f times as fast; %d allocations, library %d\n",
		c.UnpackNS, c.LibraryUnpackNS, c.UnpackRatio, c.UnpackAllocs, c.LibraryUnpackAllocs)
	fmt.Fprintf(t, "issuer-sim\t%s\n", &r.Issuer)
	fmt.Fprintf(t, "switch, synced\t%s\n", &r.Switch)
	return t.Flush()
}

func (l *load) String() string {
	return fmt.Sprintf("%.0f authorizations a second, p50 %.1f ms, p99 %.1f ms, %d in flight, %d errors", l.TPS, l.P50MS, l.P99MS, l.InFlight, l.Errors)
}

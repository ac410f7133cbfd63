package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/ceiling"
	"switchyard/internal/loadgen/judge"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/steady"
)

// ceilingSummary is what load ceiling prints. What was not measured is left out.
type ceilingSummary struct {
	PerS     *float64 `json:"requests_per_s,omitempty"`
	CPUUS    float64  `json:"load_cpu_us,omitempty"` // of this process, for a request
	Cores    int      `json:"cores"`                 // that this process may use
	InFlight int      `json:"in_flight"`
	P99MS    *float64 `json:"p99_ms,omitempty"`
	Valid    bool     `json:"valid"`
	Passed   bool     `json:"passed"`        // and each request was approved
	Why      []string `json:"why,omitempty"` // it is not valid, or did not pass
}

// newLoadCeilingCmd is `switchctl load ceiling`.
func newLoadCeilingCmd() *cobra.Command {
	o := steady.Defaults()
	o.InFlight, o.Duration, o.Thresholds = 4096, 5*time.Second, allApproved()
	var asJSON, serve bool
	cmd := &cobra.Command{
		Use:   "ceiling [--closed N] [--duration D] [--json]",
		Short: "Measure how much load the tool itself can make on this machine",
		Long: `Ceiling drives a gateway port with nothing behind it, a process of its own that approves each request at once,
and prints how many requests a second the tool makes and what each takes of the processors. A target that is to be
measured needs a rate well below it.

Exit codes: 0 each request was approved; 1 some were not; 2 nothing was measured; 3 the run is not valid, or was called
off: what is printed is no ceiling.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if serve {
				return serveNothing(cmd)
			}
			if err := o.Check(); err != nil {
				return err
			}
			stop, err := startNothing(cmd.Context(), &o)
			if err != nil {
				return err
			}
			defer stop()
			o.Say, o.WholeMachine = say(cmd), true
			run, err := steady.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			s := ceilingOf(run)
			if err := printResult(cmd.OutOrStdout(), s, asJSON, printCeiling); err != nil {
				return err
			}
			return new(loadFlags).verdict(run)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.InFlight, "closed", o.InFlight, "keep so many in flight")
	flags.DurationVar(&o.Duration, "duration", o.Duration, "how long to measure")
	flags.DurationVar(&o.Warmup, "warmup", o.Warmup, "how long to drive before that")
	flags.IntVar(&o.Connections, "connections", o.Connections, "connections to the port")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	flags.BoolVar(&serve, "serve", false, "be the port with nothing behind it, until standard input ends")
	if err := flags.MarkHidden("serve"); err != nil {
		panic(err) // the flag is there
	}
	return cmd
}

func ceilingOf(run *record.Run) *ceilingSummary {
	all := run.Summarize()
	s := &ceilingSummary{
		PerS: all.TPS, P99MS: all.P99MS, Cores: judge.Processors(), InFlight: run.Setup.InFlight,
		Valid: all.Valid, Passed: all.Passed,
	}
	for _, u := range run.Usage {
		if u.Process == record.ProcessLoad {
			s.CPUUS = float64(u.PerRequest) / float64(time.Microsecond)
		}
	}
	for _, c := range slices.Concat(all.Validity, all.Thresholds) {
		if !c.OK {
			s.Why = append(s.Why, strings.TrimSuffix(c.Name+": "+c.Why, ": "))
		}
	}
	return s
}

func printCeiling(w io.Writer, s *ceilingSummary) error {
	fmt.Fprintf(w,
		"ceiling  %s requests a second with %d in flight on %d cores, %.1f µs of the processors each; p99 %s ms\n",
		figure("%.0f", s.PerS), s.InFlight, s.Cores, s.CPUUS, figure("%.2f", s.P99MS))
	for _, why := range s.Why {
		fmt.Fprintf(w, "no ceiling: %s\n", why)
	}
	return nil
}

// allApproved are the thresholds of a measurement whose port approves each request.
func allApproved() (list []judge.Threshold) {
	for _, text := range []string{"approved >= 100%", "requests >= 1"} {
		t, err := judge.Parse(text, nil)
		if err != nil {
			panic(err) // it is one
		}
		list = append(list, t)
	}
	return list
}

// serveNothing is the port: it prints where it listens.
func serveNothing(cmd *cobra.Command) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), l.Addr())
	go func() {
		_, _ = bufio.NewReader(cmd.InOrStdin()).ReadByte() // it ends with who started us
		_ = l.Close()
	}()
	_ = ceiling.Serve(l) // it ends as it was told
	return nil
}

// startNothing starts the port as a process of its own, so that what it takes is not counted as the tool's.
func startNothing(ctx context.Context, o *steady.Options) (stop func(), err error) {
	me, err := os.Executable()
	if err != nil {
		return nil, err
	}
	port := exec.CommandContext(ctx, me, "load", "ceiling", "--serve")
	port.Stderr = os.Stderr
	in, err := port.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := port.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := port.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = in.Close()
		_ = port.Wait() // it has done what it is for
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, fmt.Errorf("the port with nothing behind it: %w", err)
	}
	o.Address = strings.TrimSpace(line)
	return stop, nil
}

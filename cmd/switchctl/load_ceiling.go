package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/ceiling"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/steady"
)

// ceilingSummary is what load ceiling prints.
type ceilingSummary struct {
	PerS     float64 `json:"requests_per_s"`
	CPUUS    float64 `json:"load_cpu_us"` // of this process, for a request
	Cores    int     `json:"cores"`
	InFlight int     `json:"in_flight"`
	P99MS    float64 `json:"p99_ms"`
}

// newLoadCeilingCmd is `switchctl load ceiling`.
func newLoadCeilingCmd() *cobra.Command {
	o := steady.Defaults()
	o.InFlight, o.Duration = 4096, 5*time.Second
	var asJSON, serve bool
	cmd := &cobra.Command{
		Use:   "ceiling [--closed N] [--duration D] [--json]",
		Short: "Measure how much load the tool itself can make on this machine",
		Long: `Ceiling drives a gateway port with nothing behind it, a process of its own that approves each request at once,
and prints how many requests a second the tool makes and what each takes of the processors. A target that is to be
measured needs a rate well below it.`,
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
			o.Say = say(cmd)
			run, err := steady.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			s := ceilingOf(run)
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(),
				"ceiling  %.0f requests a second with %d in flight on %d cores, %.1f µs of the processors each; p99 %.2f ms\n",
				s.PerS, s.InFlight, s.Cores, s.CPUUS, s.P99MS)
			return err
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
	all := run.Total()
	s := &ceilingSummary{
		PerS: float64(all.Count(record.Approved)) / run.Window.Seconds(), Cores: runtime.NumCPU(),
		InFlight: run.Setup.InFlight,
	}
	if p99, ok := all.Latency.Quantile(99); ok {
		s.P99MS = record.MS(p99)
	}
	for _, u := range run.Usage {
		if u.Process == record.ProcessLoad {
			s.CPUUS = float64(u.PerRequest) / float64(time.Microsecond)
		}
	}
	return s
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

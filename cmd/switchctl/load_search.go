package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/report"
	"switchyard/internal/loadgen/search"
	"switchyard/internal/loadgen/steady"
)

// newLoadSearchCmd is `switchctl load search`.
func newLoadSearchCmd() *cobra.Command {
	o := steady.Defaults()
	o.Dir, o.Duration, o.Warmup = loadFolder, 5*time.Second, time.Second
	s := search.Defaults()
	var f loadFlags
	var plot string
	cmd := &cobra.Command{
		Use:   "search [--local] [--p99 20ms] [--plot FILE] [--json]",
		Short: "Find the highest rate at which callers wait no longer than they bear",
		Long: `Search doubles the rate until the 99th percentile of latencies is beyond --p99, more than 1% of the requests
are errors or declined because the host could not (91, 96 and their like), or the share that is approved falls below 95%
of that at the lowest rate, and bisects between the last two rates, each measured --repeats times, of which the
median counts. Then it measures some rates below the one that was found as often, so that the way up to it is seen, and
draws latency against rate: as text, and with --plot as an SVG or as a page for a browser. Of each rate that does not
pass it says why.

A measurement that is not valid, because the tool was late or had no processors left, counts for nothing: then what was
found is the tool's limit, and it says so.

Exit codes: 0 a rate was found; 1 none is low enough; 2 it could not be measured.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (failed error) {
			if err := f.apply(cmd, &o); err != nil {
				return err
			}
			drawn, err := openPlot(plot)
			if err != nil {
				return err
			}
			defer drawn.close(&failed)
			var first *record.Run
			quiet := o
			quiet.Say = func(string, ...any) {}
			s.Probe = func(ctx context.Context, rate float64) (*record.Run, error) {
				quiet.Rate = rate
				run, err := steady.Run(ctx, quiet)
				if first == nil {
					first = run
				}
				return run, err
			}
			s.Told = func(p *search.Sample) {
				o.Say("%.0f a second: p99 %s ms, %.2g%% errors, %s", p.Rate, figure("%.2f", p.P99MS), p.Errors,
					cmp.Or(p.Why, "passed"))
			}
			found, err := search.Find(cmd.Context(), s)
			if err != nil && (found == nil || len(found.Samples) == 0) {
				return err
			}
			if f.asJSON {
				if err := json.NewEncoder(cmd.OutOrStdout()).Encode(found); err != nil {
					return err
				}
			} else if err := printSearch(cmd.OutOrStdout(), found, first); err != nil {
				return err
			}
			if err := drawn.draw(curveOf(found, first)); err != nil {
				return err
			}
			if err == nil && found.Best == nil {
				return errNo
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&s.Limit, "p99", s.Limit, "how long callers bear to wait at the 99th percentile")
	flags.Float64Var(&s.From, "from", s.From, "the rate to begin with")
	flags.IntVar(&s.Repeats, "repeats", s.Repeats, "how often a rate near the limit is measured")
	flags.Float64Var(&s.Precision, "precision", s.Precision, "how near the limit is found, as a part of it")
	flags.StringVar(&plot, "plot", "", "`file` for the drawing, an SVG, or a page if it ends in .html")
	f.addPort(cmd, &o)
	exclude(cmd)
	return cmd
}

// curveOf is what a search has measured, of which run was one.
func curveOf(r *search.Result, run *record.Run) *report.Curve {
	c := &report.Curve{
		Title:   fmt.Sprintf("Latency against rate: p99 at most %g ms", r.LimitMS),
		LimitOf: "p99", LimitMS: r.LimitMS, Best: r.BestAsked,
	}
	if run != nil {
		c.Caption = report.MachineOf(run)
	}
	for _, s := range r.Samples {
		c.Points = append(c.Points, report.CurvePoint{
			PerS: s.Rate, Reached: s.Reached, P50: s.P50MS, P99: s.P99MS, P999: s.P999MS, Valid: s.Valid, Passed: s.Passed,
		})
	}
	return c
}

func printSearch(w io.Writer, r *search.Result, run *record.Run) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "asked/s\tapproved/s\tp50 ms\tp99 ms\tp99.9 ms\terrors %\t\t")
	for _, s := range r.Samples {
		fmt.Fprintf(t, "%.0f\t%.0f\t%s\t%s\t%s\t%.2f\t%s\t\n", s.Rate, s.Reached, figure("%.2f", s.P50MS),
			figure("%.2f", s.P99MS), figure("%.2f", s.P999MS), s.Errors, cmp.Or(s.Why, "passed"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := curveOf(r, run).Text(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if r.Best == nil {
		_, err := fmt.Fprintf(w, "search: no rate keeps the p99 within %g ms; %s\n", r.LimitMS, r.Why)
		return err
	}
	_, err := fmt.Fprintf(w, "search: %.0f approved a second, of %.0f asked, keep the p99 within %g ms; %s\n", *r.Best,
		*r.BestAsked, r.LimitMS, r.Why)
	return err
}

package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/report"
)

func newLoadPlotCmd() *cobra.Command {
	var title, file string
	var p99 time.Duration
	cmd := &cobra.Command{
		Use:   "plot RUN.json... [--p99 20ms] [--svg FILE]",
		Short: "Draw latency against rate",
		Long: `Plot reads the run.json of loads at different rates and draws their latencies over the rate, as an SVG that is
readable on light and on dark pages. Runs of the same rate are repeats: the medians of those that are valid are drawn.
With --p99 a rate passes by the rule of load search: its p99 is within that, at most 1% are errors, and some request is
approved.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var runs []*record.Run
			for _, name := range args {
				run, err := record.ReadFile(name)
				if err != nil {
					return err
				}
				runs = append(runs, run)
			}
			c, err := report.CurveOf(runs, report.Limit{Of: "p99", Most: p99})
			if err != nil {
				return err
			}
			c.Title = cmp.Or(title, "Latency against rate")
			if file == "" {
				return c.SVG(cmd.OutOrStdout())
			}
			f, err := os.Create(file)
			if err != nil {
				return err
			}
			defer func() {
				if closed := f.Close(); err == nil {
					err = closed
				}
			}()
			if err := c.SVG(f); err != nil {
				return fmt.Errorf("%s is not complete: %w", file, err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&title, "title", "", "what stands above it")
	flags.StringVar(&file, "svg", "", "file for the picture (default: standard output)")
	flags.DurationVar(&p99, "p99", 0, "the limit of the p99")
	return cmd
}

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
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
With --p99 a rate passes by the rule of load search: its p99 is within that, at most 1% are errors, and of what is
approved no smaller share than 95% of that at the lowest rate.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (failed error) {
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
			drawn, err := openPlot(file)
			if err != nil {
				return err
			}
			defer drawn.close(&failed)
			return drawn.draw(c)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&title, "title", "", "what stands above it")
	flags.StringVar(&file, "svg", "",
		"`file` for the picture, or for a page if it ends in .html (default: standard output)")
	flags.DurationVar(&p99, "p99", 0, "the limit of the p99")
	return cmd
}

// plotFile is a file that a curve is drawn into; it is made before anything is measured. nil draws nothing.
type plotFile struct {
	*os.File
	page bool
}

func openPlot(name string) (*plotFile, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	return &plotFile{f, filepath.Ext(name) == ".html"}, nil
}

func (f *plotFile) draw(c *report.Curve) (err error) {
	switch {
	case f == nil:
		return nil
	case f.page:
		err = c.HTML(f)
	default:
		err = c.SVG(f)
	}
	if err != nil {
		return fmt.Errorf("%s is not complete: %w", f.Name(), err)
	}
	return nil
}

// close closes the file, whose error counts where there is no other.
func (f *plotFile) close(failed *error) {
	if f == nil {
		return
	}
	if err := f.Close(); *failed == nil {
		*failed = err
	}
}

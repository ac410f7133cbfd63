package main

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"switchyard/internal/loadgen/live"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/report"
	"switchyard/internal/loadgen/steady"
)

// loadShow is how a load is shown while it runs, and what is kept of it.
type loadShow struct {
	out        string
	prometheus string
	quiet      bool
}

func (l *loadShow) add(flags *pflag.FlagSet) {
	flags.StringVar(&l.out, "out", "", "`folder` for the run and its reports, made where it is not there")
	flags.StringVar(&l.prometheus, "prometheus", "", "show the run while it lasts at /metrics of this address")
	flags.BoolVar(&l.quiet, "quiet", false, "say nothing while it runs")
}

// begin shows the run that follows, until stop.
func (l *loadShow) begin(cmd *cobra.Command, o *steady.Options) (stop func() error, err error) {
	if l.out != "" {
		// Who cannot keep a run should hear of it before and not after it.
		if err := os.MkdirAll(l.out, 0o755); err != nil {
			return nil, err
		}
	}
	var metrics *live.Metrics
	if l.prometheus != "" {
		if metrics, err = live.Serve(cmd.Context(), l.prometheus); err != nil {
			return nil, err
		}
		say(cmd)("metrics are at http://%s/metrics", metrics.Address())
	}
	o.Warn = o.Say
	if l.quiet {
		o.Say = func(string, ...any) {}
	}
	var view *live.View
	o.Began = func(r *record.Recorder, began time.Time) {
		if metrics != nil {
			metrics.Show(r, began)
		}
		if !l.quiet {
			view = live.Start(viewOf(cmd.ErrOrStderr(), r, began))
		}
	}
	return func() (err error) {
		if view != nil {
			view.Stop()
		}
		if metrics != nil {
			err = metrics.Close()
		}
		return err
	}, nil
}

func viewOf(w io.Writer, r *record.Recorder, began time.Time) live.Options {
	v := live.Options{Recorder: r, Began: began, Window: r.Window(), Out: w}
	if f, ok := w.(*os.File); ok && isTerminal(w) {
		v.Terminal, v.Width = true, func() int { return live.Columns(f) }
	}
	return v
}

// report prints a run, and keeps it where that is asked for. What is printed is there although a disk is full.
func (l *loadShow) report(cmd *cobra.Command, run *record.Run, asJSON bool) error {
	format := report.Text
	if asJSON {
		format = report.Summary
	}
	err := painted(cmd, asJSON, loadRules, func(out io.Writer) error { return format(out, run) })
	if l.out != "" {
		err = errors.Join(err, report.WriteAll(l.out, run))
	}
	return err
}

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/operator"
)

// newExplainCmd is `switchctl explain`: one payment's whole story.
func newExplainCmd() *cobra.Command {
	var asked operatorflags.Flags
	var named nameFlags
	var frames, asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [NAME|-]",
		Short: "Tell one payment's whole story: why did this time out?",
		Long: `Explain prints one payment's story as a timeline: requests, commits, frames out and in (rebuilt from the record,
masked), silences, reversals, late and stray answers, clearing.

` + nameHelp + `

Exit codes: 0 told; 1 no such payment, or several; 2 no answer.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := named.one(standardInput(cmd), args)
			if err != nil {
				return err
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			id, err := theOne(cmd.Context(), cmd.ErrOrStderr(), api, s)
			if err != nil {
				return err
			}
			story, err := api.Explain(cmd.Context(), id)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), story)
			}
			return writeStory(cmd.OutOrStdout(), story, frames)
		},
	}
	f := cmd.Flags()
	named.add(f)
	asked.Add(f, defaultOperator)
	f.BoolVar(&frames, "frames", false, "show each frame's fields too")
	f.BoolVar(&asJSON, "json", false, "print the story as JSON")
	return cmd
}

// writeStory prints a timeline: the date once, then a line an event with the time since the one before. An event whose
// time nobody has kept has none.
func writeStory(w io.Writer, s *operator.Story, frames bool) error {
	fmt.Fprintf(w, "payment %s of %s, card %s: %s\n%s\n", s.Payment, s.Merchant, s.PAN, s.Standing, s.Money)
	var last time.Time
	for _, e := range s.Events {
		clock, since := "", ""
		if !e.At.IsZero() {
			clock = e.At.Format("15:04:05.000")
			if !last.IsZero() {
				since = "+" + e.At.Sub(last).Round(time.Microsecond).String()
			}
			if e.At.Format(time.DateOnly) != last.Format(time.DateOnly) {
				fmt.Fprintf(w, "\n%s (UTC)\n", e.At.Format(time.DateOnly))
			}
			last = e.At
		}
		fmt.Fprintf(w, "  %12s %12s  %-12s %s\n", clock, since, e.What, e.Text)
		if frames && e.Wire != "" {
			for line := range strings.Lines(e.Wire) {
				fmt.Fprintf(w, "  %40s%s", "", line)
			}
			fmt.Fprintln(w)
		}
	}
	return nil
}

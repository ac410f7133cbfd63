package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/cutover"
	"switchyard/switch/payment"
)

// newClearingRefuseCmd is `switchctl clearing refuse`.
func newClearingRefuseCmd() *cobra.Command {
	var asked operatorflags.Flags
	var date, reason string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "refuse --date DATE --reason TEXT",
		Short: "Keep the files of a sealed date, which wait for two people, from ever going out",
		Long: `Refuse the clearing files of a sealed business date that wait for their release: they are never made, and what stands in
the date is carried into the open one and leaves in the files of that, under the same acquirer references. That takes two
people where the release does. Nothing of the date may be released, and no later date may have files: that one is refused
first. One window is not refused by itself: it waits until its date is closed, and is refused with it.

Exit codes: 0 the files are refused, or that is proposed; 1 they cannot be, or the same identity has proposed it; 2 no
answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := payment.ParseDate(date); err != nil {
				return fmt.Errorf("--date: %w", err)
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			cmd.SilenceUsage = true
			result, err := api.Refuse(cmd.Context(), date, reason)
			if err != nil {
				return undecided(cmd, err, noSuchDate(date), asJSON)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), result)
			}
			records := 0
			for _, f := range result.Refused.Files {
				records += f.Records
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "business date %s is refused; clearing files that are never made: %d; "+
				"presentments carried on: %d\n", result.BusinessDate, len(result.Refused.Files), records)
			return err
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().StringVar(&date, "date", "", "business date, YYYY-MM-DD")
	cmd.Flags().StringVar(&reason, "reason", "", "why, as it is kept")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the switch's answer as JSON")
	for _, name := range []string{"date", "reason"} {
		_ = cmd.MarkFlagRequired(name) // it is there
	}
	return cmd
}

// noSuchDate is what is said where the switch does not know a date.
func noSuchDate(date string) string {
	return fmt.Sprintf("the switch has no business date %s: switchctl days lists them", date)
}

// newClearingReleaseCmd is `switchctl clearing release`.
func newClearingReleaseCmd() *cobra.Command {
	var asked operatorflags.Flags
	var date string
	var of cutover.WindowName
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "release --date DATE [--destination NAME --window NUMBER]",
		Short: "Let the files of a sealed date or window out, which wait for two people",
		Long: `Let the clearing files of a sealed business date out, with those of all its windows that wait. Where the switch wants
two people for it (file_release of operator.two_people), nothing of a date stands in the clearing folder before: the first
one's command proposes it, and that of another identity has the files written. What they will be, clearing rebuild --out
shows before.

With --destination and --window it is the files of one window, whether its date is open or not. Those of a destination are
released in their order, and so are its dates: a later file may take back what an earlier one has.

Exit codes: 0 the files are written, or the release is proposed; 1 the files do not wait for it, an earlier window or
date does, or the same identity has proposed it; 2 no answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := payment.ParseDate(date); err != nil {
				return fmt.Errorf("--date: %w", err)
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			cmd.SilenceUsage = true
			result, err := api.Release(cmd.Context(), date, of)
			if err != nil {
				return undecided(cmd, err, noSuchDate(date), asJSON)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), result)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			what := "business date " + result.BusinessDate
			if result.Window > 0 {
				what = fmt.Sprintf("window %d of %s of %s", result.Window, of.Destination, what)
			}
			fmt.Fprintf(t, "%s is released; clearing files: %d\n", what, len(result.Files))
			writeClearingFiles(t, result.Files)
			return t.Flush()
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().StringVar(&date, "date", "", "business date, YYYY-MM-DD")
	cmd.Flags().StringVar(&of.Destination, "destination", "", "of a window alone: whose it is")
	cmd.Flags().IntVar(&of.Window, "window", 0, "of a window alone: which of the destination's on the date, from 1")
	cmd.MarkFlagsRequiredTogether("destination", "window")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the switch's answer as JSON")
	_ = cmd.MarkFlagRequired("date") // it is there
	return cmd
}

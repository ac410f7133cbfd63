package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/payment"
)

// newClearingReleaseCmd is `switchctl clearing release`.
func newClearingReleaseCmd() *cobra.Command {
	var asked operatorflags.Flags
	var date string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "release --date DATE",
		Short: "Let the files of a sealed date out, which wait for two people",
		Long: `Let the clearing files of a sealed business date out. Where the switch wants two people for it (file_release of
operator.two_people), nothing of a date stands in the clearing folder before: the first one's command proposes it, and
that of another identity has the files written. What they will be, clearing rebuild --out shows before.

Exit codes: 0 the files are written, or the release is proposed; 1 the files of the date do not wait for it, or the same
identity has proposed it; 2 no answer.`,
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
			result, err := api.Release(cmd.Context(), date)
			if err != nil {
				missing := fmt.Sprintf("the switch has no business date %s: switchctl days lists them", date)
				return undecided(cmd, err, missing, asJSON)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), result)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(t, "business date %s is released; clearing files: %d\n", result.BusinessDate, len(result.Files))
			writeClearingFiles(t, result.Files)
			return t.Flush()
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().StringVar(&date, "date", "", "business date, YYYY-MM-DD")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the switch's answer as JSON")
	_ = cmd.MarkFlagRequired("date") // it is there
	return cmd
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/ipmtool"
	"switchyard/internal/money"
	"switchyard/internal/words"
)

// newClearingStatsCmd is `switchctl clearing stats`.
func newClearingStatsCmd() *cobra.Command {
	var by []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats FILE...",
		Short: "Count what stands in clearing files, and add it up",
		Long: `Count the records of clearing files and add up their amounts, by currency and by what --by names: ` +
			strings.Join(ipmtool.Groupings(), ", ") + `.
The day is that of DE12; the destination is that of the manifest beside a file, where there is one. Debits and credits
are the cardholder's. FILE may be - for standard input. Exits with 1 if a record cannot be read, and counts the others.`,
		Example: `  switchctl clearing stats --by merchant,day clearing/2026-11-26/*.ipm`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			stats, err := ipmtool.NewStats(by)
			if err != nil {
				return err
			}
			for _, name := range args {
				of := ipmtool.FileOf{Name: filepath.Base(name)}
				manifest, err := manifestOf(name, "")
				if err != nil {
					return err
				}
				if manifest != nil {
					of.Destination = manifest.Destination
				}
				if err := withFile(cmd, name, func(r io.Reader) error { return stats.Add(r, of) }); err != nil {
					return err
				}
			}
			if err := printStats(cmd.OutOrStdout(), stats, by, asJSON); err != nil {
				return err
			}
			if stats.Faults > 0 {
				return fmt.Errorf("%w: %s cannot be read; the first: %s", errNo, words.Count(stats.Faults, "record"),
					stats.Unreadable[0])
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&by, "by", []string{"type"}, "what to group by, beside the currency")
	completion.Flag(cmd, "by", ipmtool.Groupings()...)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printStats(w io.Writer, s *ipmtool.Stats, by []string, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{
			"by": by, "messages": s.Messages, "groups": s.Groups(), "faults": s.Faults, "unreadable": s.Unreadable,
		})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range by {
		fmt.Fprintf(table, "%s\t", strings.ToUpper(name))
	}
	fmt.Fprint(table, "CURRENCY\tDEBITS\tAMOUNT\tCREDITS\tAMOUNT\n")
	for _, g := range s.Groups() {
		for _, value := range g.By {
			fmt.Fprintf(table, "%s\t", orDash(value))
		}
		if g.Currency == "" {
			fmt.Fprintf(table, "-\t%d\t-\t%d\t-\n", g.DebitCount, g.CreditCount)
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\n", g.Currency, g.DebitCount, money.Format(g.DebitMinor, g.Currency),
			g.CreditCount, money.Format(g.CreditMinor, g.Currency))
	}
	fmt.Fprintln(table, words.Count(s.Messages, "message"))
	return table.Flush()
}

package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
	"switchyard/internal/ipmtool"
	"switchyard/internal/money"
	"switchyard/switch/clearing"
)

// newClearingDiffCmd is `switchctl clearing diff`.
func newClearingDiffCmd() *cobra.Command {
	var opts ipmtool.DiffOptions
	var asJSON, detail bool
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two clearing files, record by record",
		Long: `Compare two clearing files, whatever their order, code page and blocking: records are matched by acquirer
reference with message and reversal, what is left by RRN. It prints what only one of them has, which elements differ,
and what both add up to. Card numbers are masked. Exits with 1 if anything differs, with 2 if a file cannot be opened or
read.

With --detail B is a detail file, the report of a replay, or any CSV file or JSON lines with an acquirer_reference or
rrn and other columns of a detail file: what those it has say is compared with the presentments of A.`,
		Example: `  switchctl clearing diff sent.ipm theirs.ipm --ignore DE71,PDS0105
  switchctl clearing diff --detail sent.ipm bank.csv --ignore auth_code`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			opts.Spill = spillUntil(cmd.Context())
			var files [2]*infile.File
			for i, name := range args {
				f, err := infile.OpenUntil(cmd.Context(), name)
				if err != nil {
					return err
				}
				defer f.Close()
				files[i] = f
			}
			compare := ipmtool.Diff
			if detail {
				compare = ipmtool.DiffDetail
			}
			return painted(cmd, asJSON, clearingDiffRules, func(out io.Writer) error {
				lines := json.NewEncoder(out)
				summary, err := compare(files[0], files[1], opts, func(d *ipmtool.Difference) error {
					if asJSON {
						return lines.Encode(d)
					}
					return printDifference(out, d)
				})
				if err != nil {
					return err
				}
				if asJSON {
					err = lines.Encode(map[string]any{"kind": "summary", "summary": summary})
				} else {
					err = printDiffSummary(out, summary)
				}
				if err == nil && !summary.Same() {
					err = fmt.Errorf("%w: the files differ", errNo)
				}
				return err
			})
		},
	}
	cmd.Flags().StringSliceVar(&opts.Ignore, "ignore", nil, "what may differ, such as DE71,PDS0105; with --detail columns")
	cmd.Flags().BoolVar(&detail, "detail", false, "B is a detail file or another table")
	cmd.Flags().BoolVar(&asJSON, "json", false, "a JSON object a line: each difference, then the summary")
	return cmd
}

func printDifference(w io.Writer, d *ipmtool.Difference) (err error) {
	switch what := fmt.Sprintf("%s  %s  RRN %s", d.Message, orDash(d.ARN), orDash(d.RRN)); d.Kind {
	case ipmtool.OnlyA:
		_, err = fmt.Fprintf(w, "only in A, record %d: %s  %s\n", d.RecordA, what, money.Format(d.AmountMinor, d.Currency))
	case ipmtool.OnlyB:
		_, err = fmt.Fprintf(w, "only in B, record %d: %s  %s\n", d.RecordB, what, money.Format(d.AmountMinor, d.Currency))
	case ipmtool.Unreadable:
		_, err = fmt.Fprintf(w, "%s\n", d.Message)
	default:
		_, err = fmt.Fprintf(w, "records %d and %d differ: %s\n", d.RecordA, d.RecordB, what)
	}
	for _, f := range d.Fields {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %-36s %s | %s\n", f.Field, orDash(f.A), orDash(f.B))
		}
	}
	return err
}

func printDiffSummary(w io.Writer, s *ipmtool.DiffSummary) error {
	_, err := fmt.Fprintf(w, "%d and %d records: %d alike, %d differ, %d only in A, %d only in B, %d unreadable\n",
		s.RecordsA, s.RecordsB, s.Alike, s.Differing, s.OnlyA, s.OnlyB, s.Unreadable)
	if err == nil && !s.ByRRN {
		_, err = fmt.Fprintln(w, "too many have no partner by their acquirer reference: none was looked for by its RRN")
	}
	for i, sums := range [...][]clearing.CurrencyTotals{s.SumsA, s.SumsB} {
		for _, sum := range sums {
			if err == nil {
				_, err = fmt.Fprintf(w, "  %c %s\n", "AB"[i], sumLine(sum))
			}
		}
	}
	return err
}

// sumLine is "EUR: debits 2, 50.00 EUR; credits 0, 0.00 EUR".
func sumLine(s clearing.CurrencyTotals) string {
	return fmt.Sprintf("%s: debits %d, %s; credits %d, %s", s.Currency, s.DebitCount,
		money.Format(s.DebitMinor, s.Currency), s.CreditCount, money.Format(s.CreditMinor, s.Currency))
}

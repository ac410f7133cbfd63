package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/ipmtool"
)

// newClearingShowCmd is `switchctl clearing show`.
func newClearingShowCmd() *cobra.Command {
	var opts ipmtool.ShowOptions
	var record int
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print a clearing file or records of it, card numbers masked",
		Long: `Print a clearing file, record by record: numbers, places, names, values, and what those are made of. Code page
and framing are recognized. Card numbers show their first six and last four digits. FILE may be - for standard input.

--record, --records, --rrn, --arn, --pan, --merchant and --amount choose records; what fits all that are given is
printed. On a terminal it goes through $PAGER (less, where that is not set), unless --json or --limit is given.

Exits with 1 when a record cannot be read or none is what was looked for, with 2 when the file cannot be opened.`,
		Example: `  switchctl clearing show --records 10-20 file.ipm
  switchctl clearing show --pan 411111******1111 --amount "12.34 EUR" file.ipm
  switchctl clearing show --brief --limit 50 --offset 100 file.ipm
  switchctl clearing show --json --arn 12345676325000000000012 file.ipm | jq .fields`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("record") {
				if record < 1 {
					return fmt.Errorf("--record is %d, records are numbered from 1", record)
				}
				opts.Records = fmt.Sprint(record)
			}
			return withFile(cmd, args[0], func(r io.Reader) error {
				out, done := cmd.OutOrStdout(), func() error { return nil }
				if !opts.JSON && opts.Limit == 0 && isTerminal(out) {
					out, done = paged(cmd.Context(), out)
				}
				err := errors.Join(ipmtool.Show(out, r, opts), done())
				if errors.Is(err, ipmtool.ErrNoRecord) || errors.Is(err, ipmtool.ErrUnreadable) {
					err = refused(cmd, fmt.Errorf("%s: %w", args[0], err))
				}
				return err
			})
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&record, "record", 0, "only this record, from 1")
	flags.StringVar(&opts.Records, "records", "", "only these records: 10-20, 10- or -20")
	flags.StringVar(&opts.RRN, "rrn", "", "with this retrieval reference (DE37)")
	flags.StringVar(&opts.ARN, "arn", "", "with this acquirer reference (DE31)")
	flags.StringVar(&opts.PAN, "pan", "", "with a card of these digits: first six and last four, or last four")
	flags.StringVar(&opts.Merchant, "merchant", "", "of this merchant: DE42, or a part of the name and place in DE43")
	flags.StringVar(&opts.Amount, "amount", "", `of this amount: minor units (1234), or 12.34, or "12.34 EUR"`)
	flags.IntVar(&opts.Offset, "offset", 0, "pass over so many of them")
	flags.IntVar(&opts.Limit, "limit", 0, "print no more of them (0: all)")
	flags.BoolVar(&opts.Brief, "brief", false, "a line a record")
	flags.BoolVar(&opts.JSON, "json", false, "a JSON object a line: the file, then each record")
	cmd.MarkFlagsMutuallyExclusive("record", "records")
	return cmd
}

package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/ipmtool"
)

// newClearingConvertCmd is `switchctl clearing convert`.
func newClearingConvertCmd() *cobra.Command {
	var o ipmtool.ConvertOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Write a clearing file in another code page or blocking, as CSV or JSON lines, and back",
		Long: `Write the records of IN to OUT: from a clearing file to one in another code page or blocking, to CSV or JSON
lines, and from those back. What IN is, is recognized; what OUT becomes says its name, or --to. There and back gives the
same bytes: the form of the clearing file (code page, blocking, oddities) stands in CSV and JSON lines, too.

CSV and JSON lines have card numbers masked unless --clear-pan is given, and a masked file is made a clearing file no
more. In a cell that a spreadsheet would run as a formula a ' stands first; on the way back it goes. With whole card
numbers only you can read OUT. OUT may be - for standard output.

A file that cannot be read to its end is refused, and nothing is written. Exits with 0 when OUT is written, with 2 when
it is not.`,
		Example: `  switchctl clearing convert --code-page ascii --blocking vbs file.ipm ascii.ipm
  switchctl clearing convert --clear-pan file.ipm file.csv
  switchctl clearing convert --like file.ipm edited.csv edited.ipm
  switchctl clearing convert --to jsonl file.ipm - | jq -r 'select(.DE24 == "200") | .DE31'`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			o.Stdout = cmd.OutOrStdout()
			c, err := ipmtool.Convert(cmd.Context(), args[0], args[1], o)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if args[1] == "-" {
				out = cmd.ErrOrStderr()
			}
			return printConversion(out, c, args[1], asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.To, "to", "", "ipm, csv or jsonl (default: what OUT ends with)")
	flags.StringVar(&o.Like, "like", "", "a clearing `file` whose code page, blocking and oddities OUT gets")
	flags.StringVar(&o.CodePage, "code-page", "", "of a clearing file: cp500 or ascii (default: as it was)")
	flags.StringVar(&o.Blocking, "blocking", "", "of a clearing file: 1014, vbs, rdw or 1014+rdw (default: as it was)")
	completion.Flag(cmd, "to", "ipm", "csv", "jsonl")
	offersForm(cmd)
	flags.BoolVar(&o.ClearPAN, "clear-pan", false, "write whole card numbers to CSV and JSON lines")
	flags.BoolVar(&o.Force, "force", false, "write over OUT")
	flags.BoolVar(&asJSON, "json", false, "tell what was done as JSON")
	return cmd
}

func printConversion(w io.Writer, c *ipmtool.Conversion, name string, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(c)
	}
	_, err := fmt.Fprintf(w, "%s: %d records from %s to %s, %s\n", name, c.Records, c.From, c.To, c.Form)
	if err == nil && !c.Restorable {
		_, err = fmt.Fprintf(w, "the way back does not give the same bytes: %s\n", c.Why)
	}
	return err
}

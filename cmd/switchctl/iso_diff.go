package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/isotool"
)

// newIsoDiffCmd is `switchctl iso diff`.
func newIsoDiffCmd() *cobra.Command {
	var a, b isoInput
	var ignore []int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare the messages of two files by field",
		Long: `Compare the messages of two files, which may be in any form that iso decode reads, frame by frame and
field by field, by what the values mean: the same message in two dialects of one edition of ISO 8583 differs
in nothing. Between 1987 and 1993 the elements themselves are others, DE12 and 22 among them: bring one side into
the other's dialect by iso convert first.

Exits with 0 when nothing differs, with 1 when something does or a frame cannot be read to its end, with 2 when
there is nothing to read.`,
		Example: `  switchctl iso diff --ignore 7,11,12,13,37 ours.hex theirs.pcap
  switchctl iso diff --dialect iso87ascii --dialect-b iso87bcd a.hex b.hex`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if b.clearPAN = a.clearPAN; b.dialect == "" {
				b.dialect = a.dialect
			}
			if b.framing == "" {
				b.framing = a.framing
			}
			left, err := a.read(standardInput(cmd), args[0])
			if err != nil {
				return err
			}
			right, err := b.read(standardInput(cmd), args[1])
			if err != nil {
				return err
			}
			all := isotool.Diff(left, right, a.clearPAN, ignore...)
			if asJSON {
				if err := writeJSON(cmd.OutOrStdout(), all); err != nil {
					return err
				}
			} else {
				err := painted(cmd, false, isoDiffRules, func(out io.Writer) error {
					for _, d := range all {
						fmt.Fprintln(out, d)
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			if len(all) > 0 {
				return errNo
			}
			return nil
		},
	}
	a.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&b.dialect, "dialect-b", "", "dialect of B, where it is another")
	flags.StringVar(&b.framing, "framing-b", "", "framing of B, where it is another")
	flags.StringVar(&b.form, "form-b", "", "form of B"+orFound)
	offersDialects(cmd, "dialect-b")
	offersFramings(cmd, "framing-b")
	offersForms(cmd, "form-b")
	flags.IntSliceVar(&ignore, "ignore", nil, "data elements that are not compared")
	flags.BoolVar(&asJSON, "json", false, "print the differences as JSON")
	return cmd
}

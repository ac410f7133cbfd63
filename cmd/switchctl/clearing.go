package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"switchyard/switch/clearing"
)

// newClearingCmd is `switchctl clearing`: looking at clearing files and checking them, whoever wrote them. Nothing here
// needs a running switch.
func newClearingCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clearing",
		Short: "Show and verify clearing files (IPM layout)",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClearingShowCmd(), newClearingVerifyCmd())
	return cmd
}

func newClearingShowCmd() *cobra.Command {
	var opts clearing.ShowOptions
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print a clearing file, card numbers masked",
		Long: `Print a clearing file, record by record: numbers, places, names and values. Code page and framing are recognized.
Card numbers show their first six and last four digits. FILE may be - for standard input.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("record") && opts.Record < 1 {
				return fmt.Errorf("--record is %d, records are numbered from 1", opts.Record)
			}
			return withFile(cmd, args[0], func(r io.Reader) error { return clearing.Show(cmd.OutOrStdout(), r, opts) })
		},
	}
	cmd.Flags().IntVar(&opts.Record, "record", 0, "only this record, from 1")
	cmd.Flags().BoolVar(&opts.Brief, "brief", false, "a line a record")
	return cmd
}

func newClearingVerifyCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a clearing file; fails if anything is wrong with it",
		Long: `Check a clearing file: framing, header and trailer, mandatory elements, formats, message numbers, acquirer references,
sum and count. Each error names the record, the byte and the element. Warnings do not fail. FILE may be - for standard
input. Exits with 1 if anything is wrong, with 2 if the file cannot be opened or read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withFile(cmd, args[0], func(r io.Reader) error {
				report, err := clearing.Verify(r)
				if err != nil {
					return err
				}
				if asJSON {
					encoder := json.NewEncoder(cmd.OutOrStdout())
					encoder.SetIndent("", "  ")
					err = encoder.Encode(report)
				} else {
					err = report.WriteText(cmd.OutOrStdout())
				}
				if err != nil {
					return err
				}
				if err := report.Err(); err != nil {
					return fmt.Errorf("%w: %w", errNo, err)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// withFile hands the opened file to use and puts its name before any error.
func withFile(cmd *cobra.Command, name string, use func(io.Reader) error) error {
	cmd.SilenceUsage = true // from here on it is the file that is wrong, not the command line
	r := cmd.InOrStdin()
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		r = file
	}
	if err := use(r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

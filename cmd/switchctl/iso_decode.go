package main

import (
	"github.com/spf13/cobra"
)

// newIsoDecodeCmd is `switchctl iso decode`.
func newIsoDecodeCmd() *cobra.Command {
	var in isoInput
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "decode [FILE]",
		Short: "Print each field with its name, value and offset, also of what is wrong",
		Long: `Print the messages of FILE, or of standard input, field by field with offset, number, name and value.

FILE may hold the bytes themselves, hex, base64, string or array literals of C and Python, a logger's hex dump with
offsets and text, or a pcap or pcapng file, whose TCP streams are put together. Form, framing and dialect are found
out where no flag says them; what was found is printed with its reasons.

Behind a frame that is wrong it goes on, and of such a one it prints what could be read. Card numbers show their
first six and last four digits, unless --clear-pan is given; expiry, tracks, PIN and CVC are never shown.

Exits with 0 when all was read, with 1 when something is wrong with a frame, with 2 when there is nothing to read.`,
		Example: `  switchctl iso decode capture.pcap
  switchctl iso decode --framing ascii4+tpdu:6000030000 --dialect iso87bcd host.log
  echo 0800822000000000000004000000000000001121202501000123301 | switchctl iso decode --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := in.read(standardInput(cmd), fileOrInput(args))
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), r)
			} else {
				err = r.Print(cmd.OutOrStdout())
			}
			if err == nil && r.Faults() > 0 {
				return errNo
			}
			return err
		},
	}
	in.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was read as JSON")
	return cmd
}

// fileOrInput is the file that is named, - if none is.
func fileOrInput(args []string) string {
	if len(args) == 0 {
		return "-"
	}
	return args[0]
}

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/isotool"
	"switchyard/spec"
)

// newIsoBuildCmd is `switchctl iso build`.
func newIsoBuildCmd() *cobra.Command {
	var to isoMessages
	var file, output string
	cmd := &cobra.Command{
		Use:   "build [FIELD=VALUE...]",
		Short: "Make messages of fields, or of JSON",
		Long: `Make a message of FIELD=VALUE: mti=0800, the number of a data element, or 48.TAG for a tag of the
private data. The value now is the present time for DE7, 12 and 13, as the dialect has it. Values are
canonical: digits with their leading zeros, text without padding, binary data as hex.

With --file messages are read from JSON, one object after the other, and the fields of the command line are set in
each:

  {"mti": "0800", "fields": {"7": "now", "11": "000123", "70": "301"}}`,
		Example: `  switchctl iso build mti=0800 7=now 11=000123 70=301
  switchctl iso build --dialect iso87bcd --framing bcd2+tpdu:6000030000 --output c mti=0800 7=now 11=000001 70=001`,
		RunE: func(cmd *cobra.Command, args []string) error {
			codec, format, err := to.parse()
			if err != nil {
				return err
			}
			drafts, err := isoDrafts(cmd, codec, file, args)
			if err != nil {
				return err
			}
			var out []byte
			for _, d := range drafts {
				if out, err = isotool.Append(out, codec, format, &d.Message); err != nil {
					return refused(cmd, atLine(file, d, err))
				}
			}
			return emit(cmd.OutOrStdout(), output, out)
		},
	}
	to.add(cmd, "none")
	cmd.Flags().StringVar(&file, "file", "", "JSON `file` with messages, or - for standard input")
	cmd.Flags().StringVar(&output, "output", "hex", outputUsage)
	completion.Flag(cmd, "output", isotool.Outputs...)
	return cmd
}

// isoDrafts are the messages of a JSON file with the fields set in each, or one of the fields alone.
func isoDrafts(cmd *cobra.Command, codec *spec.Codec, file string, fields []string) ([]*isotool.Draft, error) {
	now := isotool.Now{At: time.Now(), Codec: codec}
	drafts := []*isotool.Draft{{}}
	if file != "" {
		data, err := readFile(standardInput(cmd), file)
		if err != nil {
			return nil, err
		}
		if drafts, err = isotool.ParseJSON(data, now); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	} else if len(fields) == 0 {
		return nil, fmt.Errorf("want FIELD=VALUE, as in mti=0800, or --file")
	}
	for _, d := range drafts {
		if err := isotool.ParseFields(&d.Message, fields, now); err != nil {
			return nil, err
		}
	}
	return drafts, nil
}

// atLine says where a message stands that something is wrong with.
func atLine(file string, d *isotool.Draft, err error) error {
	if d.Line == 0 {
		return err
	}
	return fmt.Errorf("%s: line %d: %w", file, d.Line, err)
}

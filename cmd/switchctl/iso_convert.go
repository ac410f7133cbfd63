package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/isotool"
)

// newIsoConvertCmd is `switchctl iso convert`.
func newIsoConvertCmd() *cobra.Command {
	var in isoInput
	var to isoMessages
	var output string
	cmd := &cobra.Command{
		Use:   "convert [FILE]",
		Short: "Write messages in another dialect and framing",
		Long: `Read the messages of FILE, or of standard input, as iso decode does, and write them in the dialect and
framing of --to and --to-framing. Card data is not masked: what is written is what was sent.

Exits with 1 when a frame cannot be read or a message cannot be written; nothing is written then.`,
		Example: `  switchctl iso convert --to iso87bcd --to-framing binary2 ascii.hex
  switchctl iso convert --to iso93ascii --output binary capture.pcap > frames.bin`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			codec, format, err := to.parse()
			if err != nil {
				return err
			}
			name := fileOrInput(args)
			r, err := in.read(standardInput(cmd), name)
			if err != nil {
				return err
			}
			out, err := r.Convert(isotool.Target{Codec: codec, Format: format, At: time.Now()})
			if err != nil {
				return refused(cmd, fmt.Errorf("%s: %w", name, err))
			}
			return emit(cmd.OutOrStdout(), output, out)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&in.dialect, "dialect", "", dialectUsage+orFound)
	flags.StringVar(&in.framing, "framing", "", framingUsage+orFound)
	flags.StringVar(&in.form, "form", "", formUsage+orFound)
	flags.StringVar(&to.dialect, "to", "", dialectUsage)
	flags.StringVar(&to.framing, "to-framing", "none", framingUsage)
	flags.StringVar(&output, "output", "hex", outputUsage)
	offersFramings(cmd, "framing")
	offersFramings(cmd, "to-framing")
	completion.Flag(cmd, "output", isotool.Outputs...)
	_ = cmd.MarkFlagRequired("to") // the flag is there
	offersDialects(cmd, "dialect")
	offersDialects(cmd, "to")
	offersForms(cmd, "form")
	return cmd
}

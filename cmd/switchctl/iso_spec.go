package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/isotool"
	"switchyard/spec"
	"switchyard/spec/mapping"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
)

// newIsoSpecCmd is `switchctl iso spec`.
func newIsoSpecCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spec",
		Short: "List, show, check and compare dialects",
		Long: `A dialect is an embedded one by its name, or a JSON file with your own, whose name ends in .json.
How such a file is written stands in docs/iso8583.md; the JSON of an embedded one is the place to start.`,
	}
	cmd.AddCommand(newIsoSpecListCmd(), newIsoSpecShowCmd(), newIsoSpecCheckCmd(), newIsoSpecDiffCmd())
	return cmd
}

func newIsoSpecListCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the embedded dialects",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range spec.Stock() {
				codec, err := spec.Open(name)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "%s\tISO 8583:%d\tMTI %s\tbitmap %s\tDE2 %s\tDE35 %s\n", name, codec.Version(),
					form(codec, 0).Enc, form(codec, 1).Enc, form(codec, 2).Enc, form(codec, 35).Enc)
			}
			return w.Flush()
		},
	}
}

func newIsoSpecShowCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show DIALECT",
		Short: "Print how a dialect writes each field",
		Example: `  switchctl iso spec show iso87binary-jpos
  switchctl iso spec show --json iso87bcd > acme.json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completion.ArgsOrFiles(spec.Stock()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				source, err := spec.Source(args[0])
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(source)
				return err
			}
			codec, err := isotool.OpenDialect(args[0])
			if err != nil {
				return err
			}
			return showSpec(cmd.OutOrStdout(), codec)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the JSON of an embedded dialect, to make one of your own of it")
	return cmd
}

func showSpec(out io.Writer, codec *spec.Codec) error {
	fmt.Fprintf(out, "%s, ISO 8583:%d\n", codec.Name(), codec.Version())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "DE\tformat\ttype\tlength\tenc\tprefix\tpadding\tname\n")
	for de := range spec.MaxDE + 1 {
		f, ok := codec.Form(de)
		if !ok {
			continue
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n",
			de, orDash(f.Format), f.Type, f.Length, f.Enc, f.Prefix, orDash(f.Pad), codec.FieldName(de))
	}
	return w.Flush()
}

func newIsoSpecCheckCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check DIALECT...",
		Short: "Say whether dialects are right, and whether the switch can speak them",
		Long: `Read and compile each dialect, and pack a message of every kind that the switch sends in it,
each with all that it may carry, translated for a dialect of ISO 8583:1993. With a mapping in its configuration an
issuer may do with less.

Exits with 1 when a dialect is wrong or has no room for what is sent; the error names the fields. Exits with 2 when
one of them cannot be read, or there is none of its name.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completion.ArgsOrFiles(spec.Stock()...),
		RunE: func(cmd *cobra.Command, args []string) error {
			wrong, unread := false, 0
			for _, name := range args {
				codec, err := isotool.OpenDialect(name)
				_, unknown := os.Stat(name) // nor a stock dialect, if it was not opened
				if path := new(fs.PathError); errors.As(err, &path) || err != nil && unknown != nil {
					complain(cmd, err)
					unread++
					continue
				}
				if err == nil {
					err = speaks(name, codec)
				}
				if err != nil {
					complain(cmd, err)
					wrong = true
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok; %s, ISO 8583:%d, fields: %d\n",
					name, codec.Name(), codec.Version(), len(codec.Spec().Fields))
			}
			if unread > 0 {
				return fmt.Errorf("not read, of %d: %d", len(args), unread)
			}
			if wrong {
				return errNo
			}
			return nil
		},
	}
}

// speaks packs what the switch sends, translated for the dialect's edition.
func speaks(name string, codec *spec.Codec) error {
	to, err := mapping.Compile(mapping.Config{}, codec)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := message.Fits(to.Send, codec, "", link.Messages()...); err != nil {
		return fmt.Errorf("%s: it cannot carry all that the switch sends: %w", name, err)
	}
	return nil
}

func newIsoSpecDiffCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "diff DIALECT DIALECT",
		Short: "Print the fields that two dialects write differently",
		Long:  "Print the fields that two dialects write differently. Exits with 1 when there are any.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := isotool.OpenDialect(args[0])
			if err != nil {
				return err
			}
			b, err := isotool.OpenDialect(args[1])
			if err != nil {
				return err
			}
			if diffSpecs(cmd.OutOrStdout(), a, b) {
				return errNo
			}
			return nil
		},
	}
}

// diffSpecs prints what differs and tells whether anything does.
func diffSpecs(out io.Writer, a, b *spec.Codec) (differ bool) {
	if a.Version() != b.Version() {
		differ = true
		fmt.Fprintf(out, "ISO 8583: %d | %d\n", a.Version(), b.Version())
	}
	for de := range spec.MaxDE + 1 {
		left, inA := a.Form(de)
		right, inB := b.Form(de)
		if left == right && inA == inB && (!inA || a.FieldName(de) == b.FieldName(de)) {
			continue
		}
		differ = true
		fmt.Fprintf(out, "DE %d: %s | %s\n", de, formText(a, de), formText(b, de))
	}
	return differ
}

// formText is a field in a line: its name and how it is written.
func formText(c *spec.Codec, de int) string {
	f, ok := c.Form(de)
	if !ok {
		return "not defined"
	}
	text := c.FieldName(de)
	if f.Format != "" {
		text += " [" + f.Format + "]"
	}
	text += fmt.Sprintf(", %s %d %s %s", f.Type, f.Length, f.Enc, f.Prefix)
	if f.Pad != "" {
		text += " " + f.Pad
	}
	return text
}

// form is a field that every dialect has.
func form(c *spec.Codec, de int) spec.Form {
	f, _ := c.Form(de)
	return f
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

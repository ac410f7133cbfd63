package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/ipmtool"
	"switchyard/switch/clearing"
)

// newClearingCmd is `switchctl clearing`: looking at clearing files and checking them, whoever wrote them. Nothing here
// needs a running switch.
func newClearingCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clearing",
		Short: "Show, verify, compare, count and convert clearing files (IPM layout)",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClearingShowCmd(), newClearingVerifyCmd(), newClearingDiffCmd(), newClearingStatsCmd(),
		newClearingConvertCmd())
	return cmd
}

func newClearingVerifyCmd() *cobra.Command {
	var asJSON bool
	var opts clearing.VerifyOptions
	var manifest string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a clearing file; fails if anything is wrong with it",
		Long: `Check a clearing file: framing, header and trailer, mandatory elements, formats, message numbers, acquirer references,
sum and count. Each error names the record, the byte and the element; where one wrong length shifts all that follows it
is that length. Warnings, what others live with, and notes do not fail; --strict makes errors of what Switchyard never
writes. Where FILE.ipm has FILE.manifest.json beside it, or --manifest names one, the file must be the one that the
manifest tells of, to the byte. FILE may be - for standard input. Exits with 1 if anything is wrong, with 2 if the file
cannot be opened or read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			if args[0] == "-" && manifest != "" {
				return errors.New("--manifest: expected a FILE: a manifest tells of files by their names")
			}
			var err error
			if opts.Manifest, err = manifestOf(args[0], manifest); err != nil {
				return err
			}
			opts.Name = filepath.Base(args[0])
			return withFile(cmd, args[0], func(r io.Reader) error {
				report, err := clearing.Verify(r, opts)
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
	cmd.Flags().BoolVar(&opts.Strict, "strict", false, "hold the file to what Switchyard writes")
	cmd.Flags().StringVar(&manifest, "manifest", "", "the file's manifest; none: without (default: the one beside it)")
	return cmd
}

// noManifest is what --manifest says where none is to be looked at.
const noManifest = "none"

// manifestOf reads the manifest that is named, or that stands beside the file; nil where there is none.
func manifestOf(file, named string) (*clearing.Manifest, error) {
	beside := named == ""
	switch {
	case named == noManifest, beside && !strings.HasSuffix(file, ".ipm"):
		return nil, nil
	case beside:
		named = strings.TrimSuffix(file, ".ipm") + ".manifest.json"
	}
	f, err := os.Open(named)
	if beside && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := clearing.ReadManifest(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", named, err)
	}
	return m, nil
}

// withFile hands the opened file to use and puts its name before any error.
func withFile(cmd *cobra.Command, name string, use func(io.Reader) error) error {
	cmd.SilenceUsage = true // from here on it is the file that is wrong, not the command line
	r := cmd.InOrStdin()
	if name != "-" {
		file, err := ipmtool.Open(name)
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

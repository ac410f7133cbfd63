package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
	"switchyard/switch/clearing"
)

// newClearingCmd is `switchctl clearing`: looking at clearing files and checking them, whoever wrote them, making those
// of a switch's journal again, and what a running switch makes of those that come back.
func newClearingCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clearing",
		Short: "Show, verify, compare, convert, make, rebuild, replay, release and receive clearing files (IPM layout)",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClearingShowCmd(), newClearingVerifyCmd(), newClearingDiffCmd(), newClearingStatsCmd(),
		newClearingConvertCmd(), newClearingNewCmd(), newClearingAnonymizeCmd(), newClearingReplayCmd(),
		newClearingRebuildCmd(), newClearingReceiveCmd(), newClearingReceivedCmd(), newClearingExceptionsCmd(),
		newClearingRejectsCmd(), newClearingReleaseCmd(), newClearingRefuseCmd(),
		newClearingHolidaysCmd())
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
	f, err := infile.Open(named)
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

// withFile hands the opened file to use, to be read until the command is ended, and puts its name before any error.
func withFile(cmd *cobra.Command, name string, use func(io.Reader) error) error {
	cmd.SilenceUsage = true // from here on it is the file that is wrong, not the command line
	r := standardInput(cmd)
	if name != "-" {
		file, err := infile.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		r = infile.Until(cmd.Context(), file)
	}
	if err := use(r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

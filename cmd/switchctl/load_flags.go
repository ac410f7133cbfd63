package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// beside are flags of load that say something only beside another one: passed over, they would seem to be obeyed.
var beside = []struct {
	flag string
	with []string // one of these
}{
	{"scale-rates", []string{"scenario"}},
	{"scale-time", []string{"scenario"}},
	{"control", []string{"scenario"}},
	{"speed", []string{"replay"}},
	{"replay-to", []string{"replay"}},
	{"keep-cards", []string{"replay"}},
	{"match", []string{"iso"}},
	{"dialect", []string{"iso", "replay"}}, // a capture's own
	{"framing", []string{"iso"}},
	{"sign-on", []string{"iso"}},
	{"echo", []string{"iso"}},
	{"secret-file", []string{"name"}},
	{"tls-server", []string{"tls", "tls-ca"}},
}

// checkBeside refuses flags that are given without the one that they are of.
func checkBeside(cmd *cobra.Command) error {
	for _, b := range beside {
		if cmd.Flags().Changed(b.flag) && !slices.ContainsFunc(b.with, cmd.Flags().Changed) {
			lacks := func(flag string) bool { return cmd.Flags().Lookup(flag) == nil }
			return fmt.Errorf("%s: expected with --%s only", b.flag,
				strings.Join(slices.DeleteFunc(slices.Clone(b.with), lacks), " or --"))
		}
	}
	return nil
}

// besideLocal are flags that say how a port is spoken to, which --local knows by itself.
var besideLocal = []string{
	"connect", "control", "name", "secret-file", "tls", "tls-ca", "tls-cert", "tls-key", "tls-server",
}

// exclude has flags refused that contradict --local.
func exclude(cmd *cobra.Command) {
	for _, name := range besideLocal {
		if cmd.Flags().Lookup(name) != nil {
			cmd.MarkFlagsMutuallyExclusive("local", name)
		}
	}
}

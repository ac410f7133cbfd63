package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// docs/load.md has each flag of load and of the commands below it that are not benchmarks.
func TestFlagsOfLoadAreDescribed(t *testing.T) {
	text, err := os.ReadFile("../../docs/load.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	look := func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if n++; !f.Hidden && !strings.Contains(string(text), "--"+f.Name) {
				t.Errorf("%s has --%s, of which docs/load.md says nothing", cmd.Name(), f.Name)
			}
		})
	}
	load := newLoadCmd()
	look(load)
	for _, cmd := range load.Commands() {
		if !slices.Contains([]string{"drain", "recovery", "full", "fill"}, cmd.Name()) { // docs/benchmarks.md
			look(cmd)
		}
	}
	if n < 60 {
		t.Errorf("%d flags looked at", n)
	}
}

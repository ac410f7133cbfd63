package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	// longFlag is a flag as it is written: --rate is none in --rate-of.
	longFlag = regexp.MustCompile(`--[a-z][a-z0-9]*(-[a-z0-9]+)*`)
	// subcommand is a command below load: of a line that can be typed, or by its name and a flag.
	subcommand = regexp.MustCompile("(?:switchctl load |`load )([a-z]+)")
)

// docs/load.md has each flag of load and of the commands below it that are not benchmarks, and no other command or
// flag.
func TestFlagsOfLoadAreDescribed(t *testing.T) {
	text, err := os.ReadFile("../../docs/load.md")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for _, flag := range longFlag.FindAllString(string(text), -1) {
		described[flag] = true
	}
	there := map[string]bool{
		"--told": true, // of audit, too
		"--help": true,
	}
	look := func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if there["--"+f.Name] = true; !f.Hidden && !described["--"+f.Name] {
				t.Errorf("%s has --%s, of which docs/load.md says nothing", cmd.Name(), f.Name)
			}
		})
	}
	load := newLoadCmd()
	look(load)
	var names []string
	for _, cmd := range load.Commands() {
		names = append(names, cmd.Name())
		if slices.Contains([]string{"drain", "recovery", "full", "fill", "clearing"}, cmd.Name()) { // docs/benchmarks.md
			continue
		}
		look(cmd)
		if name := "load " + cmd.Name(); !strings.Contains(string(text), name+" ") &&
			!strings.Contains(string(text), name+"\n") {
			t.Errorf("docs/load.md says nothing of load %s", cmd.Name())
		}
	}
	for flag := range described {
		if !there[flag] {
			t.Errorf("docs/load.md has %s, which no command below load has", flag)
		}
	}
	found := subcommand.FindAllStringSubmatch(string(text), -1)
	for _, m := range found {
		if !slices.Contains(names, m[1]) {
			t.Errorf("docs/load.md has %q, and load has no %s", m[0], m[1])
		}
	}
	if len(there) < 60 || len(described) < 60 || len(found) < 6 {
		t.Errorf("%d flags there, %d described, %d commands; want more to look at", len(there), len(described), len(found))
	}
}

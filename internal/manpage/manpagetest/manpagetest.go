// Package manpagetest holds the manual pages of a program against its commands, for the tests of each.
package manpagetest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// EachCommandHasAPage writes the pages of a program and finds one of each command that its help lists; groff, where it
// is installed, has nothing to say against any.
func EachCommandHasAPage(t *testing.T, root *cobra.Command) {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	dir := t.TempDir()
	root.SetArgs([]string{"man", dir})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "man1", "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, name := range files {
		there[filepath.Base(name)] = true
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if want := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"; !there[want] {
			t.Errorf("%s has no page %s", cmd.CommandPath(), want)
		}
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" {
				walk(sub)
			}
		}
	}
	walk(root)
	Parse(t, files...)
}

// Parse has groff read pages. Where there is none it is left out.
func Parse(t *testing.T, files ...string) {
	t.Helper()
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("groff is not installed: nobody has read the pages")
		return
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), groff, append([]string{"-man", "-ww", "-z", "-Tutf8"}, files...)...)
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil || said.Len() > 0 {
		t.Errorf("groff: %v\n%s", err, &said)
	}
}

package completion_test

import (
	"bytes"
	"testing"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
)

// program is a command with one of each.
func program() *cobra.Command {
	root := &cobra.Command{Use: "program"}
	run := func(*cobra.Command, []string) error { return nil }
	one := &cobra.Command{Use: "one FILE", RunE: run}
	one.PersistentFlags().String("key", "", "`file` of the key")
	one.Flags().String("data", "", "data `folder`")
	one.Flags().String("date", "", "YYYY-MM-DD")
	one.Flags().String("page", "", "code page")
	one.Flags().Int("limit", 0, "how many")
	one.Flags().Bool("json", false, "print JSON")
	completion.Flag(one, "page", "ascii", "cp500")
	two := &cobra.Command{Use: "two ID", RunE: run}
	one.AddCommand(&cobra.Command{Use: "under A B", RunE: run})
	root.AddCommand(one, two)
	completion.Rest(root)
	return root
}

func TestRest(t *testing.T) {
	for _, c := range []struct {
		want string // what is offered, and cobra's number for what stands beside it: 0 files, 4 nothing, 16 folders
		args []string
	}{
		{"under\n:0\n", []string{"one", ""}},
		{":0\n", []string{"one", "--key", ""}},
		{":16\n", []string{"one", "--data", ""}},
		{":4\n", []string{"one", "--date", ""}},
		{":4\n", []string{"one", "--limit", ""}},
		{"ascii\ncp500\n:4\n", []string{"one", "--page", ""}},
		{":0\n", []string{"one", "--json", ""}},
		{":0\n", []string{"one", "under", ""}},
		{":0\n", []string{"one", "under", "--key", ""}},
		{":4\n", []string{"two", ""}},
	} {
		var out bytes.Buffer
		root := program()
		root.SetOut(&out)
		root.SetErr(new(bytes.Buffer))
		root.SetArgs(append([]string{cobra.ShellCompRequestCmd}, c.args...))
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		if out.String() != c.want {
			t.Errorf("%q: %q, want %q", c.args, &out, c.want)
		}
	}
}

package manpage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"switchyard/internal/manpage"
	"switchyard/internal/manpage/manpagetest"
	"switchyard/internal/version"
)

func program() *cobra.Command {
	root := &cobra.Command{Use: "program", Short: "Do things", Version: "1"}
	root.PersistentFlags().String("color", "auto", "when there are colours")
	run := func(*cobra.Command, []string) error { return nil }
	show := &cobra.Command{
		Use: "show FILE", Short: "Show a file", RunE: run,
		Long: "Show a file - its \"records\", and what's in them…\n.hidden files " +
			"too, by C:\\name.\n\n  a ^ b ~ `c`\n\nExits with 1.",
		Example: "  program show --limit 5 a.ipm",
	}
	show.Flags().IntP("limit", "n", 50, "at most so `many`")
	show.Flags().Bool("json", false, "print JSON")
	show.Flags().String("secret", "", "nobody's business")
	if err := show.Flags().MarkHidden("secret"); err != nil {
		panic(err)
	}
	root.AddCommand(show, &cobra.Command{Use: "hidden", Short: "Not there", RunE: run, Hidden: true}, manpage.Command())
	return root
}

// A page says what the command's help says, of section 1, in ASCII that shows as it was written.
func TestOfCommands(t *testing.T) {
	pages := manpage.OfCommands(program(), "1970-01-02")
	if len(pages) != 2 || pages[0].Name != "program" || pages[1].Name != "program-show" || pages[1].Section != 1 {
		t.Fatalf("%+v", pages)
	}
	want := strings.ReplaceAll(`.TH "PROGRAM\-SHOW" "1" "1970\-01\-02" "VERSION" "Switchyard"
.nh
.ad l
.SH NAME
program\-show \- Show a file
.SH SYNOPSIS
\fBprogram show\fR FILE [flags]
.SH DESCRIPTION
Show a file \- its \(dqrecords\(dq, and what\(aqs in them\[u2026]
\&.hidden files too, by C:\ename.
.PP
.nf
  a \(ha b \(ti \(gac\(ga
.fi
.PP
Exits with 1.
.SH OPTIONS
.TP
\fB\-h\fR, \fB\-\-help\fR
help for show
.TP
\fB\-\-json\fR
print JSON
.TP
\fB\-n\fR, \fB\-\-limit\fR \fImany\fR
at most so many (default 50)
.SH OPTIONS OF ALL COMMANDS
.TP
\fB\-\-color\fR \fIstring\fR
when there are colours (default auto)
.SH EXAMPLES
.PP
.nf
  program show \-\-limit 5 a.ipm
.fi
.SH SEE ALSO
.BR program (1)
`, "VERSION", strings.ReplaceAll(version.String(), "-", `\-`))
	if pages[1].Text != want {
		t.Errorf("%s\nwant\n%s", pages[1].Text, want)
	}
	if !strings.Contains(pages[0].Text, "\n.SH COMMANDS\n.TP\n\\fBshow\\fR\nShow a file; see program\\-show(1)\n") {
		t.Errorf("the program's page does not list its commands:\n%s", pages[0].Text)
	}
}

// The pages of a program are there, and that of its configuration; each is for everybody to read.
func TestCommand(t *testing.T) {
	manpagetest.EachCommandHasAPage(t, program())
	dir := t.TempDir()
	example := filepath.Join(dir, "program.yaml")
	if err := os.WriteFile(example, []byte("# A comment\nlisten: 127.0.0.1:0\n.x: 'y'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := program()
	root.SetArgs([]string{"man", "--example", example, filepath.Join(dir, "man")})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "man", "man5", "program.yaml.5")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\n# A comment\nlisten: 127.0.0.1:0\n\\&.x: \\(aqy\\(aq\n.fi\n") {
		t.Errorf("%s", text)
	}
	if info, err := os.Stat(page); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	manpagetest.Parse(t, page)
}

// Pages are dated by SOURCE_DATE_EPOCH, and by nothing that changes from one run to the next.
func TestDate(t *testing.T) {
	for set, want := range map[string]string{"": version.Day(), "0": "1970-01-01", "1795737600": "2026-11-27"} {
		t.Setenv("SOURCE_DATE_EPOCH", set)
		if got, err := manpage.Date(); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", set, got, err, want)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, err := manpage.Date(); err == nil || !strings.Contains(err.Error(), "expected seconds since 1970") {
		t.Errorf("%v", err)
	}
}

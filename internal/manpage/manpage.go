// Package manpage writes the manual pages of a program from its commands as they are, so that no page says what its
// program does not: one of section 1 for the program and for each command, and one of section 5 for its configuration,
// which shows the example that has every key.
//
// What it writes follows from the program alone: two runs of one build write the same bytes. It is dated by its
// commit, or by SOURCE_DATE_EPOCH where that is set (reproducible-builds.org). Text stands in ASCII, whatever the
// commands' help is written in, so that every reader of pages shows it.
package manpage

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"switchyard/internal/version"
)

// Page is a manual page.
type Page struct {
	Name    string // switchctl-clearing-show
	Section int
	Text    string
}

// manual is what stands above every page.
const manual = "Switchyard"

// Date is the day that pages are dated by, "" where none is known.
func Date() (string, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return version.Day(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", fmt.Errorf("SOURCE_DATE_EPOCH: %q: expected seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly), nil
}

// OfCommands makes the pages of a command and of all below it that its help lists.
func OfCommands(cmd *cobra.Command, date string) []Page {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	pages := []Page{{Name: name(cmd), Section: 1, Text: ofCommand(cmd, date)}}
	for _, sub := range listed(cmd) {
		pages = append(pages, OfCommands(sub, date)...)
	}
	return pages
}

// listed are the commands below one that its help lists, but for help itself.
func listed(cmd *cobra.Command) (subs []*cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			subs = append(subs, sub)
		}
	}
	return subs
}

// name is that of a command's page.
func name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func ofCommand(cmd *cobra.Command, date string) string {
	var p page
	p.title(name(cmd), 1, date)
	p.section("NAME")
	p.line(escape(name(cmd)) + ` \- ` + escape(cmd.Short))
	p.section("SYNOPSIS")
	synopsis(&p, cmd)
	p.section("DESCRIPTION")
	p.text(cmp.Or(cmd.Long, cmd.Short+"."))
	if subs := listed(cmd); len(subs) > 0 {
		p.section("COMMANDS")
		for _, sub := range subs {
			p.item(`\fB`+escape(sub.Name())+`\fR`, sub.Short+"; see "+name(sub)+"(1)")
		}
	}
	p.flags("OPTIONS", cmd.NonInheritedFlags())
	p.flags("OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		p.section("EXAMPLES")
		p.literal(cmd.Example)
	}
	var others []string
	if cmd.HasParent() {
		others = append(others, name(cmd.Parent()))
	}
	for _, sub := range listed(cmd) {
		others = append(others, name(sub))
	}
	if len(others) > 0 {
		p.section("SEE ALSO")
		for i, other := range others {
			comma := ","
			if i == len(others)-1 {
				comma = ""
			}
			p.line(".BR " + escape(other) + " (1)" + comma)
		}
	}
	return p.b.String()
}

// synopsis is a line for the command itself and one for those below it.
func synopsis(p *page, cmd *cobra.Command) {
	if cmd.Runnable() || !cmd.HasAvailableSubCommands() {
		path := cmd.CommandPath()
		p.line(`\fB` + escape(path) + `\fR` + escape(strings.TrimPrefix(cmd.UseLine(), path)))
		if !cmd.HasAvailableSubCommands() {
			return
		}
		p.line(".br")
	}
	p.line(`\fB` + escape(cmd.CommandPath()) + `\fR \fIcommand\fR`)
}

// OfConfig makes the page of a configuration file: example has every key, and what each is for.
func OfConfig(file, program, example, date string) Page {
	var p page
	p.title(file, 5, date)
	p.section("NAME")
	p.line(escape(file) + ` \- configuration of ` + escape(program))
	p.section("DESCRIPTION")
	p.text("What " + program + " serve --config reads, as YAML. Files that it names are looked for beside it. All keys " +
		"stand below, each with what it is where it is left out, unless the line says otherwise; a key that there is not " +
		"is refused.")
	p.section("KEYS")
	p.literal(example)
	p.section("SEE ALSO")
	p.line(".BR " + escape(program) + `\-serve (1)`)
	return Page{Name: file, Section: 5, Text: p.b.String()}
}

// page is one that is being written.
type page struct{ b strings.Builder }

func (p *page) line(text string) { p.b.WriteString(text + "\n") }

func (p *page) title(name string, section int, date string) {
	p.line(fmt.Sprintf(`.TH "%s" "%d" "%s" "%s" "%s"`, escape(strings.ToUpper(name)), section, escape(date),
		escape(version.String()), manual))
	p.line(".nh") // a command that is broken by a hyphen is another one
	p.line(".ad l")
}

func (p *page) section(title string) { p.line(".SH " + title) }

// item is a term with what it means.
func (p *page) item(term, meaning string) {
	p.line(".TP")
	p.line(term)
	p.line(guarded(escape(meaning)))
}

// flags is a section of them, if there are any.
func (p *page) flags(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	p.section(title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		term := `\fB` + escape("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			term = `\fB` + escape("-"+f.Shorthand) + `\fR, ` + term
		}
		if value != "" {
			term += ` \fI` + escape(value) + `\fR`
		}
		if !unset(f) {
			usage += " (default " + strings.ReplaceAll(f.DefValue, ",", ", ") + ")" // a list without a space breaks nowhere
		}
		p.item(term, usage)
	})
}

// unset tells whether a flag's default is that nothing is asked for.
func unset(f *pflag.Flag) bool {
	switch f.DefValue {
	case "", "false", "0", "0s", "[]":
		return true
	}
	return false
}

// text is running text: paragraphs between empty lines, and what is indented as it stands.
func (p *page) text(text string) {
	for i, block := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		block = strings.Trim(block, "\n")
		if strings.HasPrefix(block, " ") || strings.HasPrefix(block, "\t") {
			p.literal(block)
			continue
		}
		if i > 0 {
			p.line(".PP")
		}
		for line := range strings.Lines(block) {
			p.line(guarded(escape(strings.TrimSpace(line))))
		}
	}
}

// literal is text as it stands.
func (p *page) literal(text string) {
	p.line(".PP")
	p.line(".nf")
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		p.line(guarded(escape(strings.ReplaceAll(line, "\t", "    "))))
	}
	p.line(".fi")
}

// escape writes text in ASCII, so that it stands as it is: a hyphen is one that can be pasted, and a quote no mark of
// speech.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '"':
			b.WriteString(`\(dq`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// guarded keeps a line that begins with a full stop from being taken for a request.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}

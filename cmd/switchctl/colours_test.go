package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/internal/ipmtool"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/report"
	"switchyard/internal/paint"
	"switchyard/switch/audit"
)

// terminal opens a pseudo-terminal: the person's side, and the program's.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals: %v", err)
	}
	return person, program
}

// An error has its colour on a terminal, and nowhere where somebody wants none or the terminal has none.
func TestColoursOnATerminal(t *testing.T) {
	for _, c := range []struct {
		environment, args []string
		want              bool
	}{
		{[]string{"TERM=xterm"}, nil, true},
		{[]string{"TERM=xterm", "NO_COLOR=1"}, nil, false},
		{[]string{"TERM=dumb"}, nil, false},
		{[]string{"TERM=xterm"}, []string{"--color=never"}, false},
		{[]string{"TERM=dumb", "NO_COLOR=1"}, []string{"--color=always"}, true},
	} {
		person, program := terminal(t)
		cmd := exec.CommandContext(t.Context(), "switchctl", append([]string{"clearing", "show", "none.ipm"}, c.args...)...)
		cmd.Env = append(os.Environ(), "NO_COLOR=")
		cmd.Env = append(cmd.Env, c.environment...)
		cmd.Stderr = program
		err := cmd.Run()
		program.Close()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
			t.Fatalf("%v", err)
		}
		said, err := io.ReadAll(person)
		if err != nil && !errors.Is(err, syscall.EIO) { // nobody has the other side any more
			t.Fatal(err)
		}
		want := "switchctl: "
		if c.want {
			want = "\x1b[31mswitchctl:\x1b[39m "
		}
		if !strings.HasPrefix(string(said), want) {
			t.Errorf("%q %q: %q, want %q", c.environment, c.args, said, want)
		}
	}
}

// What audits, comparisons and loads find wrong is found by the rules in what these print.
func TestColoursOfDifferences(t *testing.T) {
	found := &audit.Report{
		DifferenceCount: 2, ByKind: map[audit.Kind]int{audit.History: 1, audit.RRNTwice: 1},
		Differences: []audit.Difference{{Kind: audit.History, Payment: "P10000000001", RRN: "632510000001", Detail: "one"},
			{Kind: audit.RRNTwice, RRN: "632510000002", Detail: "other"}},
	}
	differing := func(w io.Writer) error {
		return printDifference(w, &ipmtool.Difference{
			Kind: ipmtool.Differs, RecordA: 2, RecordB: 3, Message: "first presentment", RRN: "632510000001",
			Fields: []ipmtool.FieldDiff{{Field: "DE38", A: "123456", B: "654321"}},
		})
	}
	onlyIn := func(kind string) func(io.Writer) error {
		return func(w io.Writer) error {
			return printDifference(w, &ipmtool.Difference{Kind: kind, Currency: "EUR"})
		}
	}
	failed := func(w io.Writer) error {
		return report.Text(w, &record.Run{Verdict: record.Verdict{
			Valid: true, Thresholds: []record.Check{{Name: "p99", OK: true}, {Name: "errors"}},
		}})
	}
	for _, c := range []struct {
		rules paint.Rules
		print func(io.Writer) error
		want  []string
	}{
		{auditRules, found.WriteText, []string{
			"\n\x1b[31mdifferences: 2\x1b[39m\n", "  \x1b[31mhistory\x1b[39m  ", "  \x1b[31mrrn_twice\x1b[39m  ",
		}},
		{clearingDiffRules, differing, []string{
			"\x1b[33mrecords 2 and 3 differ\x1b[39m: ", " \x1b[31m123456\x1b[39m | \x1b[32m654321\x1b[39m\n",
		}},
		{clearingDiffRules, onlyIn(ipmtool.OnlyA), []string{"\x1b[31monly in A, record 0"}},
		{clearingDiffRules, onlyIn(ipmtool.OnlyB), []string{"\x1b[32monly in B, record 0"}},
		{loadRules, failed, []string{
			"\x1b[32myes\x1b[39m\n", "\x1b[31mNO\x1b[39m\n", " \x1b[32mok\x1b[39m   p99", " \x1b[31mFAIL\x1b[39m errors",
		}},
	} {
		var out bytes.Buffer
		if err := c.rules.Through(&out, c.print); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not in:\n%q", want, &out)
			}
		}
	}
}

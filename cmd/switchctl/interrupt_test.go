package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spf13/cobra"
)

// Ctrl-C ends a replay whose host says nothing, with the report of what there is until then, and 130; started again it
// goes on.
func TestReplayIsInterrupted(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	name := testClearingFile(t, asWritten)
	dir := filepath.Dir(name)
	cmd := exec.CommandContext(t.Context(), "switchctl", "clearing", "replay", name, "--connect", silent.Addr().String(),
		"--wait", "1h", "--report", filepath.Join(dir, "report.csv"))
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := silent.Accept()
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1)) // the first message
	}
	if err == nil {
		err = cmd.Process.Signal(os.Interrupt)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != 130 ||
		!strings.Contains(said.String(), "goes on where it is started again: ") ||
		!strings.HasSuffix(said.String(), "interrupted\n") {
		t.Errorf("exit code %d, %s", code, &said)
	}
	report, err := os.ReadFile(filepath.Join(dir, "report.csv"))
	if err != nil || !strings.Contains(string(report), ",unanswered,") {
		t.Errorf("the report is %s, %v", report, err)
	}
	for _, temporary := range []string{"*.tmp", ".*.tmp"} {
		if left, err := filepath.Glob(filepath.Join(dir, temporary)); err != nil || len(left) > 0 {
			t.Errorf("%q is left, %v", left, err)
		}
	}
}

// silence is an input to which nobody writes until the test is over. Once a command waits for it, the command is ended.
type silence struct {
	end  context.CancelFunc
	over <-chan struct{}
}

// Read implements io.Reader.
func (s *silence) Read([]byte) (int, error) {
	s.end()
	<-s.over
	return 0, io.EOF
}

// A command that waits for its standard input hears that it is ended, and has nothing else to say.
func TestCommandsThatWaitForInputAreEnded(t *testing.T) {
	name := testClearingFile(t, asWritten)
	for _, args := range [][]string{
		{"iso"}, {"iso", "decode"}, {"iso", "build", "--file", "-"}, {"iso", "convert", "--to", "iso87bcd"},
		{"iso", "diff", "-", name},
		{"clearing", "verify", "-"}, {"clearing", "show", "-"}, {"clearing", "stats", "-"}, {"send", "-"},
		{"payments", "-"}, {"payment", "-"}, {"explain", "-"},
		{"send", "verify", "--merchant", "M1", "--terminal", "T1", "--currency", "EUR", "--pan", "-", "--expiry", "3012"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan struct{})
			defer close(over)
			cmd := newRootCmd()
			cmd.SetIn(&silence{cancel, over})
			cmd.SetOut(io.Discard)
			cmd.SetErr(io.Discard)
			cmd.SetArgs(args)
			if err := cmd.ExecuteContext(ctx); !errors.Is(err, context.Canceled) || ctx.Err() == nil {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

// ending is a context that ends once it was asked so often.
type ending struct {
	context.Context
	left atomic.Int64
}

// Err implements context.Context.
func (e *ending) Err() error {
	if e.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// endsAnywhere ends a command at one place after the other, until it is done before: each time it says that it was
// ended, and nothing of what it read. It returns at how many.
func endsAnywhere(t *testing.T, command func() *cobra.Command, args ...string) (places int) {
	t.Helper()
	for n := int64(0); ; n += 1 + n/8 {
		ctx := &ending{Context: t.Context()}
		ctx.left.Store(n)
		cmd := command()
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		cmd.SetArgs(args)
		err := cmd.ExecuteContext(ctx)
		if ctx.left.Load() >= 0 {
			if err != nil && !errors.Is(err, errNo) {
				t.Errorf("%s, to its end: %v", args, err)
			}
			return places
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%s, ended at %d: %v", args, n, err)
		}
		places++
	}
}

// Whatever a command is at that reads files, it hears that it is ended.
func TestCommandsThatReadFilesAreEnded(t *testing.T) {
	books := newAuditBooks(t)
	at := books.serve(t)
	ours, theirs := settlementFolder(t), testClearingFile(t, asWritten)
	told := filepath.Join(t.TempDir(), "told.jsonl")
	if err := os.WriteFile(told, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(books.dir, "2026-11-20", testFileID.String()+".ipm")
	for name, c := range map[string]struct {
		command func() *cobra.Command
		args    []string
	}{
		"audit": {newAuditCmd, []string{"--operator", at, "--issuer", at, "--told", told}},
		"settlement": {newSettlementCmd, []string{
			"statement", "--plan", filepath.Join("..", "..", "configs", "settlement.yaml"), "--clearing", ours, "--from",
			"2026-11-26", "--to", "2026-11-26",
		}},
		"verify": {newClearingCmd, []string{"verify", file, theirs}},
		"diff":   {newClearingCmd, []string{"diff", file, theirs}},
	} {
		if places := endsAnywhere(t, c.command, c.args...); places < 4 {
			t.Errorf("%s could be ended at %d places", name, places)
		}
	}
}

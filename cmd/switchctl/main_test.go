package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"switchyard/internal/vfs"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"switchctl": main})
}

// TestScripts runs testdata/script/*.txtar, each against a switch and an issuer of its own. $GATEWAY, $OPERATOR,
// $CONTROL and $ISSUER are their ports. The command `exits` checks exit codes.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			system := switchtest.Start(t, switchtest.Options{})
			env.Setenv("GATEWAY", system.GatewayAddr)
			env.Setenv("OPERATOR", system.OperatorAddr)
			env.Setenv("CONTROL", system.ControlAddr)
			env.Setenv("ISSUER", system.IssuerPort())
			if strings.HasSuffix(env.WorkDir, "script-iso_tool") || strings.HasSuffix(env.WorkDir, "script-load") {
				address, caFile := tlsInFront(t, system.IssuerPort(), env.WorkDir)
				env.Setenv("TLS_ISSUER", address)
				env.Setenv("TLS_CA", caFile)
			}
			if strings.HasSuffix(env.WorkDir, "script-load") { // a capture, as it begins
				if err := os.WriteFile(filepath.Join(env.WorkDir, "day.pcap"), []byte("\n\r\r\n"), 0o600); err != nil {
					return err
				}
			}
			if strings.HasSuffix(env.WorkDir, "script-restore") {
				held := heldSystem(t)
				env.Setenv("HELD_OPERATOR", held.OperatorAddr)
				env.Setenv("HELD_CONTROL", held.ControlAddr)
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits, "confirm": confirm},
	})
}

// heldSystem is a switch whose data folder was put back to before one of its payments and the capture of another one,
// while the advice of a capture waited, and a capture by the switch was not due yet.
func heldSystem(t *testing.T) *switchtest.System {
	t.Helper()
	s := switchtest.Start(t, switchtest.Options{IssuerData: true})
	put := func(from, to string) {
		if err := s.FS.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if _, err := vfs.Clone(s.FS, s.FS, from, to, vfs.CloneSync); err != nil {
			t.Fatal(err)
		}
	}
	before := s.Do(switchtest.Authorize("before", 5000))
	later := switchtest.Authorize("later", 8000)
	later.CaptureAfter, later.Present = 48*time.Hour, later.Present.With(api.FieldCapture)
	if a := s.Do(later); !a.Approved {
		t.Fatalf("authorize: %+v", a)
	}
	goesOn := s.Do(switchtest.Authorize("goes on", 2000))
	sale := switchtest.Authorize("sale", 1500)
	sale.Op = api.OpSale
	sold := s.Do(sale)
	if a := s.Do(switchtest.On(api.OpRefund, "refund", sold.Payment, 500)); !a.Approved { // stands as the journal knows it
		t.Fatalf("refund: %+v", a)
	}
	s.StopIssuer()
	s.Do(switchtest.On(api.OpCapture, "capture", before.Payment, 3000))
	s.StopSwitch()
	put(s.Config.Data, "earlier")
	s.StartIssuer()
	s.StartSwitch()
	s.AwaitDrained()
	if a := s.Do(switchtest.Authorize("after", 7000)); !a.Approved {
		t.Fatalf("authorize: %+v", a)
	}
	if a := s.Do(switchtest.On(api.OpCapture, "capture of what goes on", goesOn.Payment, 2000)); !a.Approved {
		t.Fatalf("capture: %+v", a)
	}
	s.AwaitDrained()
	s.StopSwitch()
	put("earlier", s.Config.Data)
	s.StartSwitch()
	return s
}

// confirm confirms the switch of $HELD_OPERATOR with the token of its review.
func confirm(ts *testscript.TestScript, _ bool, _ []string) {
	operator := ts.Getenv("HELD_OPERATOR")
	ts.Check(ts.Exec("switchctl", "restore", "review", "--operator", operator))
	lines := strings.Fields(ts.ReadFile("stdout"))
	ts.Check(ts.Exec("switchctl", "restore", "confirm", "--operator", operator, lines[len(lines)-1]))
}

// exits runs a command and holds its exit code: exits CODE COMMAND ARG…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command args...")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = strconv.Itoa(exit.ExitCode())
	}
	if code != args[0] {
		ts.Fatalf("exits with %s, want %s", code, args[0])
	}
}

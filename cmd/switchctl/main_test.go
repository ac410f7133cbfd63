package main

import (
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"switchyard/switch/switchtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"switchctl": main})
}

// TestScripts runs testdata/script/*.txtar, each against a switch and an issuer of its own. $GATEWAY, $OPERATOR and
// $CONTROL are their ports. The command `exits` checks exit codes.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			system := switchtest.Start(t, switchtest.Options{})
			env.Setenv("GATEWAY", system.GatewayAddr)
			env.Setenv("OPERATOR", system.OperatorAddr)
			env.Setenv("CONTROL", system.ControlAddr)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits},
	})
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

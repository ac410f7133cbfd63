package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"switchyard/internal/daemons"
)

// TestWays goes whole ways of people who use Switchyard, testdata/ways/*.txtar, each from an empty folder with the real
// binaries, which are on the path. The command `serve` starts an issuer and a switch; `exits` checks exit codes.
func TestWays(t *testing.T) {
	bin := filepath.Dir(binaries(t))
	testscript.Run(t, testscript.Params{
		Dir: "testdata/ways",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits, "serve": serve},
	})
}

// serve starts an issuer and the switch before it on free ports, with data and logs in the script's folder, and waits
// until they are signed on: serve SWITCHD.YAML ISSUER-SIM.YAML, or a dash for none. $GATEWAY, $OPERATOR, $CONTROL and
// $ISSUER are where they listen, and $DAY is the open business date. That does not end by itself while the script runs.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: serve switchd.yaml|- issuer-sim.yaml|-")
	}
	work := ts.Getenv("WORK")
	o := daemons.Options{
		Bin: filepath.SplitList(ts.Getenv("PATH"))[0], Dir: work, Config: filepath.Join(work, "switchd.yaml"), Seed: 1,
	}
	var config string
	if args[0] != "-" {
		o.Config = ts.MkAbs(args[0])
		config = ts.ReadFile(args[0])
	}
	config += fmt.Sprintf("business_day: {cutover: %q}\n", time.Now().UTC().Add(12*time.Hour).Format("15:04"))
	ts.Check(os.WriteFile(o.Config, []byte(config), 0o600))
	if args[1] != "-" { // its paths are from the daemons' working directory, which is not the script's
		o.IssuerConfig = ts.MkAbs(args[1])
		config := strings.ReplaceAll(ts.ReadFile(args[1]), "$WORK", work)
		ts.Check(os.WriteFile(o.IssuerConfig, []byte(config), 0o600))
	}
	local, err := daemons.StartLocal(context.Background(), o)
	ts.Check(err)
	ts.Defer(func() {
		if err := local.Stop(); err != nil {
			local.Kill()
			ts.Fatalf("%v", err)
		}
	})
	stats, err := local.Operator().Stats(context.Background())
	ts.Check(err)
	ts.Setenv("GATEWAY", local.Switchd.At.Gateway)
	ts.Setenv("OPERATOR", local.Switchd.At.Operator)
	ts.Setenv("CONTROL", local.Issuer.At.Control)
	ts.Setenv("ISSUER", local.Issuer.At.ISO)
	ts.Setenv("DAY", stats.OpenDay)
}

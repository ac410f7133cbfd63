package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/demo"
	"switchyard/internal/loadgen/dayend"
	"switchyard/internal/loadgen/drain"
	"switchyard/internal/loadgen/full"
	"switchyard/internal/loadgen/recovery"
	"switchyard/internal/loadgen/steady"
)

// runSwitchctl runs a command line in this process.
func runSwitchctl(args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	root := newRootCmd()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	err = root.ExecuteContext(context.Background())
	return out.String(), errs.String(), err
}

// binaries builds the three binaries side by side, and returns the path of switchctl.
func binaries(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the binaries")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"switchyard/cmd/switchd", "switchyard/cmd/issuer-sim", "switchyard/cmd/switchctl")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return filepath.Join(dir, "switchctl")
}

// measured runs what measures for a time, "$TIME" in its arguments, until that was long enough: in a moment a busy
// machine may let nothing be sent, or synced.
func measured(t *testing.T, switchctl, work string, args []string, long func(out []byte, code int) bool) {
	t.Helper()
	var out []byte
	var errs bytes.Buffer
	for _, span := range []string{"300ms", "3s", "30s"} {
		cmd := exec.Command(switchctl)
		for _, arg := range args {
			cmd.Args = append(cmd.Args, strings.ReplaceAll(arg, "$TIME", span))
		}
		cmd.Dir, cmd.Stderr = work, &errs
		out, _ = cmd.Output()
		if long(out, cmd.ProcessState.ExitCode()) {
			return
		}
		if slices.Equal(cmd.Args[1:], args) {
			break // no time is in it
		}
	}
	t.Errorf("%v:\n%s%s", args, out, errs.Bytes())
}

// TestDemoAndLoadOverTheBinaries plays a small day and a short load over the real processes.
func TestDemoAndLoadOverTheBinaries(t *testing.T) {
	switchctl, work := binaries(t), t.TempDir()
	run := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command(switchctl, args...)
		cmd.Dir = work
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("switchctl %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.Bytes())
		}
		return out
	}

	out := run("demo", "--payments", "600", "--seed", "5")
	if !bytes.HasSuffix(out, []byte("\ndemo: OK\n")) {
		t.Errorf("the demo's last line is not its verdict:\n%s", out)
	}
	for _, line := range []string{
		"issuer-sim serve --data demo-out/issuer --seed 5 2> issuer-sim.log &",
		"switchd serve --data demo-out/switchd --config demo-out/switchd.yaml 2> switchd.log &",
	} {
		if beside := filepath.Join(filepath.Dir(switchctl), line); !bytes.Contains(out, []byte("\n  "+beside+"\n")) {
			t.Errorf("the demo does not say how its data are served, by %s:\n%s", beside, out)
		}
	}
	framed := run("demo", "--payments", "100", "--dialect", "iso87bcd", "--framing", "ascii4+tpdu", "--out", "framed-out")
	if !bytes.HasSuffix(framed, []byte("\ndemo: OK\n")) {
		t.Errorf("the demo in another dialect and framing:\n%s", framed)
	}
	text, err := os.ReadFile(filepath.Join(work, "demo-out", "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var summary demo.Summary
	if err := json.Unmarshal(text, &summary); err != nil {
		t.Fatal(err)
	}
	if !summary.OK || summary.Payments != 600 || len(summary.Clearing) != 4 ||
		summary.Audit == nil || summary.Audit.Differences != 0 {
		t.Errorf("summary.json: %s", text)
	}
	for _, code := range []string{
		"51 funds", "54 expired card", "N7 wrong CVC", "14 unknown card", "41 lost card", "61 limit",
	} {
		if !bytes.Contains(out, []byte("declined "+code)) {
			t.Errorf("no decline %s in the table:\n%s", code, out)
		}
	}

	out = run("demo", "--payments", "600", "--seed", "6", "--faults", "on")
	if !bytes.HasSuffix(out, []byte("\ndemo: OK\n")) ||
		!bytes.Contains(out, []byte("were not answered by the issuer; the outcome of each is known")) {
		t.Errorf("with faults:\n%s", out)
	}

	for _, more := range [][]string{{"--closed", "8"}, {"--rate", "200"}, {"--closed", "8", "--iso"}} {
		measured(t, switchctl, work, append([]string{
			"load", "--local", "--duration", "$TIME", "--warmup", "100ms", "--json", "--exit-zero",
		}, more...), func(out []byte, code int) bool {
			var load map[string]any
			if err := json.Unmarshal(out, &load); err != nil || code != 0 {
				return false
			}
			for _, key := range []string{"tps", "p50_ms", "p99_ms", "errors"} {
				if _, is := load[key].(float64); !is {
					return false
				}
			}
			return true
		})
	}
}

// TestLoadTools drives a scenario, searches for a rate and measures the tool itself, each for a moment.
func TestLoadTools(t *testing.T) {
	switchctl, work := binaries(t), t.TempDir()
	scenario, err := filepath.Abs(filepath.Join("..", "..", "configs", "scenarios", "settlement-night.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, "moments.txt"), []byte("0\n0.2\n0.6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// An issuer that cannot go on at some rate, on any machine: its answers wait in line.
	if err := os.WriteFile(filepath.Join(work, "pace.yaml"), []byte("pace: 40\nrules: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		key  string // that the object printed must have
		args []string
	}{
		{0, "best_per_s", []string{
			"load", "search", "--local", "--issuer-rules", "pace.yaml", "--p99", "2s", "--from", "40", "--repeats", "1",
			"--precision", "0.9", "--duration", "$TIME", "--warmup", "0s", "--max-late", "1m", "--json",
		}},
		{0, "operations", []string{
			"load", "--local", "--scenario", scenario, "--scale-rates", "0.2", "--scale-time", "0.01", "--exit-zero", "--json",
		}},
		{1, "samples", []string{
			"load", "search", "--local", "--p99", "1us", "--from", "2", "--repeats", "1", "--precision", "0.9", "--duration",
			"$TIME", "--warmup", "0s", "--max-late", "1m", "--json", "--plot", "cliff.html",
		}},
		{0, "flows", []string{
			"load", "--local", "--flow", "captures", "--flows", "20", "--duration", "$TIME", "--warmup", "0s", "--exit-zero",
			"--json",
		}},
		{0, "operations", []string{"load", "--local", "--replay", "moments.txt", "--speed", "2", "--exit-zero", "--json"}},
		{0, "requests_per_s", []string{"load", "ceiling", "--duration", "$TIME", "--warmup", "100ms", "--json"}},
	} {
		measured(t, switchctl, work, c.args, func(out []byte, code int) bool {
			var printed map[string]any
			err := json.Unmarshal(out, &printed)
			asked, ok := printed["best_asked_per_s"].(float64)
			// At more than the issuer's pace callers wait for 2 s and longer.
			return err == nil && code == c.code && printed[c.key] != nil &&
				(!ok || asked < 640 && strings.Contains(string(out), "wait"))
		})
	}
	if page, err := os.ReadFile(filepath.Join(work, "cliff.html")); err != nil || !bytes.Contains(page, []byte("</svg>")) {
		t.Errorf("the search has drawn %q, %v", page, err)
	}
}

// TestLoadOnAJournal measures on a journal with payments, as load fill writes it, and leaves that as it was.
func TestLoadOnAJournal(t *testing.T) {
	switchctl, work := binaries(t), t.TempDir()
	run := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command(switchctl, args...)
		cmd.Dir = work
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("switchctl %s: %v\n%s", strings.Join(args, " "), err, errs.Bytes())
		}
		return out
	}
	run("load", "fill", "--stored", "500")
	folder := os.DirFS(filepath.Join(work, "fill-out"))
	files := func() (all []string) {
		err := fs.WalkDir(folder, "switchd", func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			all = append(all, fmt.Sprint(path, info.Size()))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := files()
	for range 2 {
		args := []string{
			"load", "--local", "--closed", "8", "--duration", "$TIME", "--warmup", "100ms", "--json", "--exit-zero", "--data",
			"fill-out/switchd",
		}
		measured(t, switchctl, work, args, func(out []byte, code int) bool {
			var load steady.Summary
			return code == 0 && json.Unmarshal(out, &load) == nil && load.Approved > 0 && load.Errors == 0 &&
				load.Requests >= load.Approved && (runtime.GOOS != "linux" || load.SwitchdAllocs > 0)
		})
	}
	if after := files(); !slices.Equal(before, after) {
		t.Errorf("the folder holds\n%v\nand held\n%v", after, before)
	}
}

// TestLoadDrainAndRecovery measures little of each over the real processes.
func TestLoadDrainAndRecovery(t *testing.T) {
	switchctl, work := binaries(t), t.TempDir()
	for name, c := range map[string]struct {
		args []string
		into any
		ok   func(into any) bool
	}{
		"drain": {
			[]string{"--advices", "300", "--before", "$TIME", "--rate", "100"}, new(drain.Summary),
			func(s any) bool {
				// So few advices drain in a tenth of a second, in which a busy machine may not let the loader send at all:
				// then what was due counts as an error of its own.
				d := s.(*drain.Summary)
				return d.AdvicesPerS > 0 && d.BeforeP99MS > 0 && d.DrainS > 0
			},
		},
		"full": {
			[]string{"--closed", "16", "--duration", "$TIME"}, new(full.Summary),
			func(s any) bool {
				f := s.(*full.Summary)
				return f.Payments > 0 && f.PaymentsTPS > 0 && f.Files > 0 && f.P99MS > 0
			},
		},
		"clearing": {
			[]string{"--captures", "300", "--before", "$TIME", "--rate", "100"}, new(dayend.Summary),
			func(s any) bool {
				d := s.(*dayend.Summary)
				return d.Files > 0 && d.Bytes > 0 && d.CloseS > 0 && d.WriteMiBS > 0 && d.DiskMiBS > 0 && d.VerifyMiB > 0 &&
					d.DiffMiB > 0 && d.BeforeP99MS > 0 && d.BesideS > 0
			},
		},
		"recovery": {
			[]string{"--stored", "500", "--open", "50", "--runs", "1"}, new(recovery.Summary),
			func(s any) bool { r := s.(*recovery.Summary); return len(r.ReadyS) == 1 && len(r.ReversedS) == 1 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"load", name, "--json", "--dir", name + "-out"}, c.args...)
			measured(t, switchctl, work, args, func(out []byte, code int) bool {
				return code == 0 && json.Unmarshal(out, c.into) == nil && c.ok(c.into)
			})
		})
	}
}

func TestDemoSaysWhatIsWrong(t *testing.T) {
	out, _, err := runSwitchctl("demo", "--payments", "1", "--out", filepath.Join(t.TempDir(), "out"))
	if !errors.Is(err, errNo) { // exit 1
		t.Errorf("error %v, want that of a no", err)
	}
	if !strings.Contains(out, "wrong: issuer-sim is not beside ") || !strings.HasSuffix(out, "\ndemo: FAILED\n") {
		t.Errorf("it says:\n%s", out)
	}
}

func TestLoadRefusesWrongUsage(t *testing.T) {
	for _, args := range [][]string{
		{"load"},
		{"load", "--closed", "1", "--rate", "1"},
		{"load", "--closed", "1", "--local", "--connect", "127.0.0.1:1"},
		{"load", "--closed", "1", "--connections", "0"},
		{"load", "--closed", "-1"},
		{"load", "--closed", "0"},
		{"load", "--rate", "-5"},
		{"load", "--rate", "0"},
		{"load", "--rate", "1", "--scenario", "s.yaml"},
		{"load", "--scenario", "gone.yaml"},
		{"load", "--scenario", "../../configs/scenarios/steady-day.yaml", "--scale-rates", "0"},
		{"load", "--scenario", "../../configs/scenarios/steady-day.yaml", "--seed", "2"},
		{"load", "--scenario", "../../configs/scenarios/retry-storm.yaml", "--connect", "127.0.0.1:1"},
		{"load", "check", "../../configs/switchd.yaml"},
		{"load", "--rate", "1e9"},
		{"load", "--rate", "1", "--threshold", "p100 < 1ms"},
		{"load", "--rate", "1", "--threshold", "refund.p99 < 1ms"},
		{"load", "--rate", "1", "--timeout", "0s"},
		{"load", "--rate", "1", "--iso", "--name", "shop"},
		{"load", "--rate", "1", "--cards", "100000001"},
		{"load", "--rate", "1", "--duration", "0s"},
		{"load", "--rate", "1", "--issuer-rules", "rules.yaml"},
		{"load", "--rate", "1", "--switch", "ceiling"},
		{"load", "--rate", "1", "--data", "fill-out/switchd"},
		{"load", "--closed", "1", "--local", "--iso", "--switch", "ceiling"},
		{"load", "search", "--p99", "0s"},
		{"load", "--rate", "1", "--speed", "2"},
		{"load", "--flows", "1", "--requests", "1"},
		{"load", "--flows", "1", "--flow", "unknown"},
		{"load", "--replay", "no-such-file"},
		{"load", "search", "--from", "0"},
		{"load", "search", "--repeats", "0"},
		{"load", "search", "--connect", "127.0.0.1:1", "--local"},
		{"load", "search", "--connect", "127.0.0.1:1"},
		{"load", "ceiling", "--closed", "-1"},
		{"load", "full", "--closed", "0"},
		{"load", "fill", "--stored", "0"},
		{"load", "fill", "--stored", "2", "--open", "1", "--captured"},
		{"load", "clearing", "--captures", "0"},
		{"load", "clearing", "--rate", "-1"},
		{"load", "drain", "--advices", "0"},
		{"load", "drain", "--rate", "0"},
		{"load", "recovery", "--stored", "1", "--open", "2"},
		{"load", "recovery", "--runs", "0"},
	} {
		if out, _, err := runSwitchctl(args...); err == nil || errors.Is(err, errNo) || out != "" {
			t.Errorf("%v: error %v, printed %q", args, err, out)
		}
	}
}

func TestDemoRefusesWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"--faults", "many"}, {"--payments", "0"}} {
		out, _, err := runSwitchctl(append([]string{"demo", "--out", filepath.Join(t.TempDir(), "out")}, args...)...)
		if err == nil || errors.Is(err, errNo) || out != "" {
			t.Errorf("%v: error %v, printed %q; want an error of usage", args, err, out)
		}
	}
}

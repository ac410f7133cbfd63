package steady_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/steady"
	"switchyard/switch/switchtest"
)

// binaries builds the daemons, and returns their folder.
func binaries(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the binaries")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"switchyard/cmd/switchd", "switchyard/cmd/issuer-sim")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return dir
}

// failed is the check of that name that a run did not stand.
func failed(r *record.Run, name string) *record.Check {
	for i, c := range r.Verdict.Validity {
		if c.Name == name && !c.OK {
			return &r.Verdict.Validity[i]
		}
	}
	return nil
}

// A daemon that is killed leaves a run with the figures of what there is: not valid, and nothing of what it used.
func TestADaemonThatIsKilled(t *testing.T) {
	bin := binaries(t)
	for name, c := range map[string]struct {
		kill func(*daemons.Local) *daemons.Daemon
		used []string // of whom the record has what they used
	}{
		"issuer-sim": {
			func(l *daemons.Local) *daemons.Daemon { return l.Issuer }, []string{record.ProcessLoad, record.ProcessSwitchd},
		},
		"switchd": {
			func(l *daemons.Local) *daemons.Daemon { return l.Switchd }, []string{record.ProcessLoad, record.ProcessIssuer},
		},
	} {
		t.Run(name, func(t *testing.T) {
			local, err := daemons.StartLocal(t.Context(), daemons.Options{Bin: bin, Dir: t.TempDir(), Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer local.Kill()
			o := steady.Defaults()
			o.Address, o.WholeMachine, o.Say = local.Switchd.At.Gateway, true, t.Logf
			o.Rate, o.Warmup, o.Duration, o.Timeout, o.Reconnect = 100, 0, 300*time.Millisecond, time.Second, time.Hour
			o.Began = func(*record.Recorder, time.Time) { c.kill(local).Kill() }
			r, err := steady.RunLocal(t.Context(), o, local)
			if err != nil {
				t.Fatalf("%v: the run is lost", err)
			}
			all := r.Total()
			if all.Ended() == 0 || r.Verdict.Valid || r.Verdict.Passed || r.Ended != "" {
				t.Errorf("%d requests, %+v, ended %q", all.Ended(), r.Verdict, r.Ended)
			}
			if check := failed(r, "daemons that failed"); check == nil ||
				check.Why != name+" ended by itself (signal: killed)" {
				t.Errorf("%+v, want that %s was killed", r.Verdict.Validity, name)
			}
			if len(r.Versions) != 2 || !strings.Contains(r.Versions[name], "go1.") {
				t.Errorf("versions %v, want those of both daemons", r.Versions)
			}
			var used []string
			for _, u := range r.Usage {
				used = append(used, u.Process)
			}
			if !slices.Equal(used, c.used) {
				t.Errorf("used by %v, want %v", used, c.used)
			}
		})
	}
}

// A file of answers that cannot be written costs the run its validity and not its figures.
func TestAFullDiskUnderTold(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	o := options(t, switchtest.Start(t, switchtest.Options{}))
	o.Rate, o.Warmup, o.Duration, o.Told = 100, 0, 300*time.Millisecond, "/dev/full"
	var warned []string
	o.Warn = func(format string, _ ...any) { warned = append(warned, format) }
	r, err := steady.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v: the run is lost", err)
	}
	all := r.Total()
	if check := failed(r, "files that are not whole"); r.Verdict.Valid || check == nil || len(warned) != 1 ||
		!strings.Contains(check.Why, "/dev/full: no space left") || all.Count(record.Approved) == 0 {
		t.Errorf("%+v of %v, warned %q", r.Verdict, all.Outcomes, warned)
	}
}

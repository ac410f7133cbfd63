package daemons_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"switchyard/internal/daemons"
	"switchyard/internal/version"
)

// TestMain is also the daemons of the tests: the test binary under another name.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); strings.HasPrefix(name, "fake-") {
		os.Exit(fake(name, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// fake listens nowhere but says so, and does as its name says.
func fake(name string, args []string) int {
	if name == "fake-broken" {
		fmt.Println("the last words")
		return 3
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	readyFile := args[len(args)-1]
	if err := os.WriteFile(readyFile+".new", []byte(`{"iso":"127.0.0.1:1","gateway":"127.0.0.1:2"}`), 0o600); err != nil {
		return 4
	}
	if err := os.Rename(readyFile+".new", readyFile); err != nil {
		return 4
	}
	fmt.Println(strings.Join(args[:len(args)-2], " "))
	<-stop
	if name == "fake-unwell" {
		fmt.Println("ended unwell")
		return 5
	}
	return 0
}

// bin is a folder with the test binary under a name.
func bin(t *testing.T, name string) string {
	t.Helper()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(me, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, name, dir string) (*daemons.Daemon, error) {
	t.Helper()
	return daemons.Start(t.Context(), bin(t, name), dir, name, "serve", "--listen", "somewhere")
}

// A daemon is known by what its ready file says, and writes its log on when it is started again.
func TestStartAndStop(t *testing.T) {
	dir := t.TempDir()
	for n := range 2 {
		d, err := start(t, "fake-well", dir)
		if err != nil {
			t.Fatal(err)
		}
		if d.At != (daemons.Listening{ISO: "127.0.0.1:1", Gateway: "127.0.0.1:2"}) {
			t.Errorf("it listens at %+v", d.At)
		}
		if err := d.Alive(); err != nil {
			t.Error(err)
		}
		if build := d.Version(); build != version.String() { // the binary is this one
			t.Errorf("a build %q, want %q", build, version.String())
		}
		if mib := d.PeakMiB(); runtime.GOOS == "linux" && mib <= 0 {
			t.Errorf("%v MiB", mib)
		}
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
		if err := d.Alive(); err == nil || !strings.Contains(err.Error(), "ended by itself (exit 0)") {
			t.Errorf("once it has ended: %v", err)
		}
		d.Kill() // of one that has ended
		text, err := os.ReadFile(filepath.Join(dir, "fake-well.log"))
		if want := strings.Repeat("serve --listen somewhere\n", n+1); err != nil || string(text) != want {
			t.Errorf("its log is %q, %v; want %q", text, err, want)
		}
	}
}

// What ends badly is an error with the last words.
func TestEndsBadly(t *testing.T) {
	_, err := start(t, "fake-broken", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "exit status 3") ||
		!strings.HasSuffix(err.Error(), ":\nthe last words") {
		t.Errorf("a start that fails: %v", err)
	}
	d, err := start(t, "fake-unwell", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(); err == nil || !strings.Contains(err.Error(), "exit status 5") ||
		!strings.HasSuffix(err.Error(), "\nended unwell") {
		t.Errorf("a stop that fails: %v", err)
	}
}

func TestKill(t *testing.T) {
	d, err := start(t, "fake-well", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d.Kill()
	if err := d.Alive(); err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("a daemon that was killed: %v", err)
	}
}

package version

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	revision := setting("vcs.revision", "4cc88a7d01f2aaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	at := setting("vcs.time", "2026-11-25T21:40:00Z")
	for want, settings := range map[string][]debug.BuildSetting{
		"commit 4cc88a7d01f2 of 2026-11-25T21:40:00Z, go1.26.8":         {revision, at, setting("vcs.modified", "false")},
		"commit 4cc88a7d01f2 of 2026-11-25T21:40:00Z (dirty), go1.26.8": {revision, at, setting("vcs.modified", "true")},
		"not built from a checkout, go1.26.8":                           nil,
	} {
		if got := describe(&debug.BuildInfo{GoVersion: "go1.26.8", Settings: settings}); got != want {
			t.Errorf("got %q, expected %q", got, want)
		}
	}
}

func TestDay(t *testing.T) {
	of := debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.time", Value: "2026-11-25T21:40:00Z"}}}
	if got := dayOf(&of); got != "2026-11-25" {
		t.Errorf("%q", got)
	}
	if got := dayOf(&debug.BuildInfo{}); got != "" {
		t.Errorf("outside of a checkout: %q", got)
	}
}

// A binary's file says what the binary says of itself.
func TestOfFile(t *testing.T) {
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OfFile(me); err != nil || got != String() {
		t.Errorf("%q, %v; want %q", got, err, String())
	}
	if _, err := OfFile(me + "-gone"); err == nil || !strings.Contains(err.Error(), "-gone") {
		t.Errorf("of no file: %v", err)
	}
}

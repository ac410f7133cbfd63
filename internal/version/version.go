// Package version tells which build a binary is, from what the Go toolchain has stamped into it.
//
// It is not a release number: Switchyard has none yet. A binary built outside a checkout says so.
package version

import (
	"debug/buildinfo"
	"fmt"
	"runtime/debug"
	"strings"
)

// commitLen is how many digits of a commit's hash are shown.
const commitLen = 12

// String returns the commit, whether the checkout had changes that are not in it, and the Go version:
// "commit 4cc88a7d01f2 of 2026-11-25T21:40:00Z (dirty), go1.26.8".
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown build"
	}
	return describe(info)
}

// Day returns the day of the commit, "" where the binary was built outside a checkout.
func Day() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return dayOf(info)
}

func dayOf(info *debug.BuildInfo) string {
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			day, _, _ := strings.Cut(s.Value, "T")
			return day
		}
	}
	return ""
}

// OfFile returns what String would return in the binary of a file.
func OfFile(name string) (string, error) {
	info, err := buildinfo.ReadFile(name)
	if err != nil {
		return "", err
	}
	return describe(info), nil
}

func describe(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return "not built from a checkout, " + info.GoVersion
	}
	dirty := ""
	if settings["vcs.modified"] == "true" {
		dirty = " (dirty)"
	}
	return fmt.Sprintf("commit %.*s of %s%s, %s", commitLen, revision, settings["vcs.time"], dirty, info.GoVersion)
}

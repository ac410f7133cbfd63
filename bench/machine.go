package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// machine is where a result was measured.
type machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Go    string `json:"go"`
	// SyncsPerSecond is how often one writer can append a few bytes to a file and sync it: what every figure with synced
	// commits is measured against.
	SyncsPerSecond float64 `json:"syncs_per_second"`
}

func thisMachine(dir string) (machine, error) {
	syncs, err := syncRate(dir)
	return machine{
		CPU: cpuModel(), Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(),
		SyncsPerSecond: syncs,
	}, err
}

// cpuModel is the processor's name as Linux tells it.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// syncRate appends and syncs for a second.
func syncRate(dir string) (rate float64, err error) {
	const record, span = 512, time.Second
	f, err := os.Create(filepath.Join(dir, "syncs"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := make([]byte, record)
	start, n := time.Now(), 0
	for ; time.Since(start) < span; n++ {
		if _, err := f.Write(buf); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(int(float64(n) / time.Since(start).Seconds())), nil
}

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
func syncRate(dir string) (float64, error) {
	start := time.Now()
	spans, err := syncs(dir)
	return float64(int(float64(len(spans)) / time.Since(start).Seconds())), err
}

// twoSyncs is the median, in milliseconds, of what one writer takes to append and sync twice: the least that a payment
// with two synced commits can take.
func twoSyncs(dir string) (float64, error) {
	spans, err := syncs(dir)
	return 2 * medianOf(spans), err
}

// syncs appends to a file and syncs it, one writer, for a second, and says how many milliseconds each took.
func syncs(dir string) (spans []float64, err error) {
	const record, span = 512, time.Second
	f, err := os.Create(filepath.Join(dir, "syncs"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := make([]byte, record)
	for start := time.Now(); time.Since(start) < span; {
		begin := time.Now()
		if _, err := f.Write(buf); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		spans = append(spans, float64(time.Since(begin).Microseconds())/1000)
	}
	return spans, nil
}

package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
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

// moment is what else the machine had to do at a moment: what a figure is of that was measured on a machine that others
// share. What the system does not tell is left out.
type moment struct {
	At          time.Time `json:"at"`
	LoadAverage []float64 `json:"load_average,omitempty"` // of the last 1, 5 and 15 minutes
	// StealS is for how long its processors had something to do and the host gave their time to others, all of them added
	// up, since it started.
	StealS float64 `json:"steal_s"`
}

// lookAround is the machine as it is now.
func lookAround() *moment {
	m := &moment{At: time.Now().UTC().Truncate(time.Millisecond)}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.LoadAverage = parseLoadAverage(string(text))
	}
	if text, err := os.ReadFile("/proc/stat"); err == nil {
		m.StealS = parseSteal(string(text))
	}
	return m
}

// parseLoadAverage reads the three numbers that /proc/loadavg begins with; nil where it does not.
func parseLoadAverage(text string) (load []float64) {
	for _, word := range strings.Fields(text) {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil || len(load) == 3 {
			break
		}
		load = append(load, n)
	}
	if len(load) < 3 {
		return nil
	}
	return load
}

// parseSteal reads the steal time of all processors from the first line of /proc/stat; 0 where it has none.
func parseSteal(text string) float64 {
	const steal, ticks = 8, 100 // its place behind the name, and how many are a second
	first, _, _ := strings.Cut(text, "\n")
	words := strings.Fields(first)
	if len(words) <= steal || words[0] != "cpu" {
		return 0
	}
	n, err := strconv.ParseUint(words[steal], 10, 64)
	if err != nil {
		return 0
	}
	return float64(n) / ticks
}

// stolen is the part of the processors' time, in percent, that the host gave to others between two moments.
func (m *machine) stolen(before, after *moment) float64 {
	span := after.At.Sub(before.At).Seconds() * float64(m.Cores)
	if span <= 0 {
		return 0
	}
	return 100 * (after.StealS - before.StealS) / span
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

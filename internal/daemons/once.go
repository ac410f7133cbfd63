package daemons

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Usage is what a process took in all.
type Usage struct {
	CPUTime time.Duration
	PeakMiB float64 // the most memory resident; 0 where the system does not tell
}

// Once runs a binary of the folder bin, or of this one's own, to its end. An exit code other than 0 is an error, with
// what it printed last.
func Once(ctx context.Context, bin, name string, args ...string) (Usage, error) {
	path := filepath.Join(bin, name)
	if bin == "" {
		var err error
		if path, err = besideMe(name); err != nil {
			return Usage{}, err
		}
	}
	cmd := exec.CommandContext(ctx, path, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		const mostWords = 2000
		words := bytes.TrimSpace(out)
		return Usage{}, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, words[max(0, len(words)-mostWords):])
	}
	state := cmd.ProcessState
	return Usage{state.UserTime() + state.SystemTime(), peakMiB(state)}, nil
}

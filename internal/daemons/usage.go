package daemons

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// PeakMiB is the most memory the daemon has had resident so far, in MiB; 0 where the system does not tell, or for no
// daemon.
func (d *Daemon) PeakMiB() float64 {
	if d == nil {
		return 0
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(d.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err != nil {
				return 0
			}
			return kib / 1024
		}
	}
	return 0
}

// CPUTime is the processor time that a daemon took. It must have ended.
func (d *Daemon) CPUTime() time.Duration {
	return d.cmd.ProcessState.UserTime() + d.cmd.ProcessState.SystemTime()
}

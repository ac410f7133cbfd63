package daemons

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"switchyard/internal/version"
)

// Version is the build of the daemon's binary, as its file says; "" where that says nothing, or for no daemon.
func (d *Daemon) Version() string {
	if d == nil {
		return ""
	}
	text, err := version.OfFile(d.cmd.Path)
	if err != nil {
		return ""
	}
	return text
}

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

// CPUTime is the processor time that the daemon has taken so far; 0 where the system does not tell, or for no daemon.
func (d *Daemon) CPUTime() time.Duration {
	if d == nil {
		return 0
	}
	return cpuTime(strconv.Itoa(d.cmd.Process.Pid))
}

// OwnCPUTime is the processor time that this process has taken so far; 0 where the system does not tell.
func OwnCPUTime() time.Duration { return cpuTime("self") }

// tick is the unit in which Linux tells processor time, on every architecture.
const tick = 10 * time.Millisecond

// cpuTime reads /proc/<pid>/stat. Behind the name, which stands in brackets and may hold anything, the third field is
// the first; the 14th and 15th are the time in user and in system mode.
func cpuTime(pid string) time.Duration {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	const user, system = 14 - 3, 15 - 3
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= system {
		return 0
	}
	u, errUser := strconv.ParseInt(fields[user], 10, 64)
	s, errSystem := strconv.ParseInt(fields[system], 10, 64)
	if errUser != nil || errSystem != nil {
		return 0
	}
	return time.Duration(u+s) * tick
}

package daemons

import (
	"os"
	"syscall"
)

// childAttributes put a daemon into a process group of its own, so that a Ctrl-C reaches it by way of us, in order; and
// have it killed when we are.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// peakMiB is the most memory that a process which has ended had resident, in MiB.
func peakMiB(state *os.ProcessState) float64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return float64(usage.Maxrss) / 1024 // Linux tells it in KiB
}

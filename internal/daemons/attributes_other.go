//go:build !linux

package daemons

import (
	"os"
	"syscall"
)

// childAttributes leaves a daemon in our process group: a Ctrl-C reaches it as it reaches us.
func childAttributes() *syscall.SysProcAttr { return nil }

// peakMiB is not told alike by other systems.
func peakMiB(*os.ProcessState) float64 { return 0 }

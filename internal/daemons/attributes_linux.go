package daemons

import "syscall"

// childAttributes put a daemon into a process group of its own, so that a Ctrl-C reaches it by way of us, in order; and
// have it killed when we are.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

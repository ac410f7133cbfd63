//go:build !linux

package daemons

import "syscall"

// childAttributes leaves a daemon in our process group: a Ctrl-C reaches it as it reaches us.
func childAttributes() *syscall.SysProcAttr { return nil }

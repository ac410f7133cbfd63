// Package nodump keeps what a process has in memory from leaving it as a file. After Refuse the kernel writes no core
// of it, neither to a file nor into a program that collects them, and no other process of the same user reads its
// memory or traces it; root still does. It clears nothing: what swap takes, it takes.
package nodump

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Refuse makes the process one that is not dumped, for good: the limit cannot be raised again without privileges. It
// comes before anything that is secret is read.
func Refuse() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core dumps cannot be refused: setting RLIMIT_CORE to 0: %w", err)
	}
	if err := undumpable(); err != nil {
		return fmt.Errorf("core dumps cannot be refused: %w", err)
	}
	return nil
}

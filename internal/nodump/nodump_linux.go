package nodump

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// undumpable has the kernel write no core at all. The limit alone does not: where cores are piped into a program
// (kernel.core_pattern) it counts for nothing.
func undumpable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_DUMPABLE: %w", err)
	}
	return nil
}

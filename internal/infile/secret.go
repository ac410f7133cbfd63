package infile

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// What a secret's file lets its group and others do.
const (
	byGroupOrOthers = 0o077
	byOthers        = 0o007
	groupWrites     = 0o020
)

// ReadSecret reads a file that holds a secret: a key, a token, a gateway's secret. One that others may read or write is
// refused, with the command that mends it: it is no secret, or not ours. Where root owns it, its group may read it too,
// whoever looks: so it is handed over to a service that is not root, on a machine or by a container platform.
func ReadSecret(name string) ([]byte, error) {
	return read(name, MaxSecret, func(info fs.FileInfo) error {
		mode, denied := info.Mode().Perm(), fs.FileMode(byGroupOrOthers)
		owner, ok := info.Sys().(*syscall.Stat_t)
		roots := ok && owner.Uid == 0
		if roots {
			denied = byOthers | groupWrites
		}
		switch {
		case mode&denied == 0:
			return nil
		case roots && os.Geteuid() != 0: // with 0600 nobody but root reads it
			return fmt.Errorf("%s: its mode is %04o, so that others may read or write it; it is root's: expected 0640 and a "+
				"group of this user's: chgrp %d %s && chmod 640 %s (of a mounted secret: where it is mounted)", name, mode,
				os.Getegid(), name, name)
		}
		return fmt.Errorf("%s: its mode is %04o, so that others may read or write it; expected 0600: chmod 600 %s", name,
			mode, name)
	})
}

// CheckFolder refuses a folder in which others than its user may write, with the command that mends it: whoever writes
// there puts what he likes in the place of what is kept. One that is not there is none of them. A warning says of one
// that others may look into which command keeps them out; it is "" of any other.
func CheckFolder(dir string) (warning string, err error) {
	const (
		othersWrite = 0o022
		othersLook  = 0o005
	)
	info, err := os.Stat(dir)
	switch {
	case os.IsNotExist(err):
		return "", nil
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s: expected a folder", dir)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch mode := info.Mode().Perm(); {
	case mode&othersWrite != 0 && ok && int(owner.Uid) != os.Geteuid(): // such as a volume that a platform mounts
		return "", fmt.Errorf("%s: its mode is %04o, so that others may write there, and it is another user's; expected "+
			"a folder of this user's alone, such as a new one in it", dir, mode)
	case mode&othersWrite != 0:
		return "", fmt.Errorf("%s: its mode is %04o, so that others may write there; expected 0700: chmod 700 %s", dir, mode,
			dir)
	case mode&othersLook != 0:
		return fmt.Sprintf("%s: its mode is %04o, so that others may look into it: chmod 700 %s", dir, mode, dir), nil
	}
	return "", nil
}

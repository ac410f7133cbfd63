package ipmtool

import (
	"fmt"
	"io/fs"
	"os"
)

// Open opens a file to read it. What is no regular file is refused before it is opened: a FIFO would not end the wait
// for its other side, a device need not end at all.
func Open(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if err := regular(name, info); err != nil {
		return nil, err
	}
	return os.Open(name)
}

func regular(name string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return fmt.Errorf("%s: is a directory, expected a file", name)
	case mode&fs.ModeNamedPipe != 0:
		return fmt.Errorf("%s: is a FIFO, expected a regular file", name)
	default:
		return fmt.Errorf("%s: is a device or socket, expected a regular file", name)
	}
}

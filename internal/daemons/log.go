package daemons

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// gone says why a daemon is no longer there.
func (d *Daemon) gone() error {
	how := "exit 0"
	if d.err != nil {
		how = d.err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); %s ends with:\n%s", d.name, how, d.log, d.lastWords())
}

// lastWords is the end of the daemon's log.
func (d *Daemon) lastWords() string {
	const shown = 2048
	f, err := os.Open(d.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > shown {
		if _, err := f.Seek(-shown, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text))
}

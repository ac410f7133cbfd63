package daemons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// How long a daemon may take to begin listening, for the switch to sign on at the issuer, and to end after a SIGTERM.
// One that cannot start ends and is not waited for, so the first two are far more than a busy machine needs.
const (
	startLimit = 2 * time.Minute
	readyLimit = 2 * time.Minute
	stopLimit  = 30 * time.Second
	pollPause  = 20 * time.Millisecond
)

// Daemon is a child process of ours: issuer-sim or switchd.
type Daemon struct {
	At Listening

	name   string
	cmd    *exec.Cmd
	log    string // path
	exited chan struct{}
	err    error // how it ended, once exited is closed
}

// Start starts a binary of the folder bin, or of this one's own, and waits until it listens. Its output goes to
// dir/name.log.
func Start(ctx context.Context, bin, dir, name string, args ...string) (*Daemon, error) {
	path := filepath.Join(bin, name)
	if bin == "" {
		var err error
		if path, err = besideMe(name); err != nil {
			return nil, err
		}
	}
	logPath, readyFile := filepath.Join(dir, name+".log"), filepath.Join(dir, name+".ready")
	if err := os.Remove(readyFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) // a daemon started again writes on
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	d := &Daemon{name: name, log: logPath, exited: make(chan struct{})}
	d.cmd = exec.Command(path, append(args, "--ready-file", readyFile)...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = childAttributes()
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.exited)
	}()
	if err := d.await(ctx, readyFile); err != nil {
		d.Kill()
		return nil, err
	}
	return d, nil
}

// besideMe finds a binary in the folder of this one.
func besideMe(name string) (string, error) {
	me, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(me), name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not beside %s: make build puts all three into bin", name, me)
	}
	return path, nil
}

// await waits for the ready file. It is renamed into place, so it is there in full or not at all.
func (d *Daemon) await(ctx context.Context, readyFile string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		text, err := os.ReadFile(readyFile)
		if err == nil {
			if err := json.Unmarshal(text, &d.At); err != nil {
				return fmt.Errorf("%s: ready file: %w", d.name, err)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen after %s; %s ends with:\n%s", d.name, startLimit, d.log, d.lastWords())
		case <-d.exited:
			return d.gone()
		case <-time.After(pollPause):
		}
	}
}

// Alive is nil while the daemon runs.
func (d *Daemon) Alive() error {
	select {
	case <-d.exited:
		return d.gone()
	default:
		return nil
	}
}

// Stop asks the daemon to end and waits for it. An exit code other than 0 is an error; so is one that needed a SIGKILL.
func (d *Daemon) Stop() error {
	if err := d.Alive(); err != nil {
		return err
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	select {
	case <-d.exited:
		if d.err != nil {
			return fmt.Errorf("%s did not end well (%w); %s ends with:\n%s", d.name, d.err, d.log, d.lastWords())
		}
		return nil
	case <-time.After(stopLimit):
		d.Kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", d.name, stopLimit)
	}
}

// Kill ends the daemon at once. It may be called after the daemon has ended.
func (d *Daemon) Kill() {
	d.SignalKill()
	<-d.exited
}

// SignalKill sends a SIGKILL and does not wait.
func (d *Daemon) SignalKill() {
	_ = d.cmd.Process.Kill() // it fails only where there is nothing left to kill
}

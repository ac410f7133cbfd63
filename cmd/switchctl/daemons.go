package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"switchyard/switch/operator/client"
)

// How long a daemon may take to begin listening, for the switch to sign on at the issuer, and to end after a SIGTERM.
const (
	startLimit = 20 * time.Second
	readyLimit = 20 * time.Second
	stopLimit  = 30 * time.Second
	pollPause  = 20 * time.Millisecond
)

// listening is what a daemon writes into its ready file.
type listening struct {
	ISO      string `json:"iso"`
	Gateway  string `json:"gateway"`
	Operator string `json:"operator"`
	Control  string `json:"control"`
}

// daemon is a child process of ours: issuer-sim or switchd.
type daemon struct {
	name   string
	cmd    *exec.Cmd
	log    string // path
	at     listening
	exited chan struct{}
	err    error // how it ended, once exited is closed
}

// startDaemon starts a binary of the folder bin, or of this one's own, and waits until it listens. Its output goes to
// dir/name.log.
func startDaemon(ctx context.Context, bin, dir, name string, args ...string) (*daemon, error) {
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
	d := &daemon{name: name, log: logPath, exited: make(chan struct{})}
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
		d.kill()
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
func (d *daemon) await(ctx context.Context, readyFile string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		text, err := os.ReadFile(readyFile)
		if err == nil {
			if err := json.Unmarshal(text, &d.at); err != nil {
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

// gone says why a daemon is no longer there.
func (d *daemon) gone() error {
	how := "exit 0"
	if d.err != nil {
		how = d.err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); %s ends with:\n%s", d.name, how, d.log, d.lastWords())
}

// lastWords is the end of the daemon's log.
func (d *daemon) lastWords() string {
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

// alive is nil while the daemon runs.
func (d *daemon) alive() error {
	select {
	case <-d.exited:
		return d.gone()
	default:
		return nil
	}
}

// stop asks the daemon to end and waits for it. An exit code other than 0 is an error; so is one that needed a SIGKILL.
func (d *daemon) stop() error {
	if err := d.alive(); err != nil {
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
		d.kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", d.name, stopLimit)
	}
}

// kill ends the daemon at once. It may be called after the daemon has ended.
func (d *daemon) kill() {
	d.signalKill()
	<-d.exited
}

// signalKill sends a SIGKILL and does not wait.
func (d *daemon) signalKill() {
	_ = d.cmd.Process.Kill() // it fails only where there is nothing left to kill
}

// peakMiB is the most memory the daemon has had resident so far, in MiB; 0 where the system does not tell, or for no
// daemon.
func (d *daemon) peakMiB() float64 {
	if d == nil {
		return 0
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(d.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err != nil {
				return 0
			}
			return kib / 1024
		}
	}
	return 0
}

// cpuTime is the processor time that a daemon took. It must have ended.
func (d *daemon) cpuTime() time.Duration {
	return d.cmd.ProcessState.UserTime() + d.cmd.ProcessState.SystemTime()
}

// localSwitch is an issuer-sim and the switchd that stands before it, both on loopback with their data in one folder.
type localSwitch struct {
	localOptions
	issuer  *daemon
	switchd *daemon // nil for an issuer alone
}

// localOptions say how to start them.
type localOptions struct {
	bin          string // folder of the binaries; "" for that of this one
	dir          string
	seed         uint64
	config       string // switchd's; "" for none
	rules        string // issuer-sim's; "" for none
	defaultPorts bool   // take them where they are free
}

// startIssuer starts issuer-sim alone.
func startIssuer(ctx context.Context, o localOptions) (*localSwitch, error) {
	at := listening{ISO: freePort, Control: freePort}
	if o.defaultPorts {
		at = listening{ISO: ifFree(defaultISO), Control: ifFree(defaultControl)}
	}
	l := &localSwitch{localOptions: o}
	return l, l.runIssuer(ctx, at)
}

// runIssuer starts an issuer-sim on the folder's data.
func (l *localSwitch) runIssuer(ctx context.Context, at listening) error {
	args := []string{
		"serve", "--listen", at.ISO, "--control", at.Control, "--data", filepath.Join(l.dir, "issuer"), "--seed", strconv.FormatUint(l.seed, 10),
	}
	if l.rules != "" {
		args = append(args, "--rules", l.rules)
	}
	d, err := startDaemon(ctx, l.bin, l.dir, "issuer-sim", args...)
	if err == nil {
		l.issuer = d
	}
	return err
}

// runSwitchd starts a switchd on the folder's data.
func (l *localSwitch) runSwitchd(ctx context.Context, at listening) error {
	args := []string{
		"serve", "--listen", at.Gateway, "--operator", at.Operator, "--issuer", l.issuer.at.ISO, "--data", filepath.Join(l.dir, "switchd"),
	}
	if l.config != "" {
		args = append(args, "--config", l.config)
	}
	d, err := startDaemon(ctx, l.bin, l.dir, "switchd", args...)
	if err == nil {
		l.switchd = d
	}
	return err
}

// startLocal starts both and waits until the switch is signed on. On an error nothing is left running.
func startLocal(ctx context.Context, o localOptions) (*localSwitch, error) {
	l, err := startIssuer(ctx, o)
	if err != nil {
		return nil, err
	}
	at := listening{Gateway: freePort, Operator: freePort}
	if o.defaultPorts {
		at = listening{Gateway: ifFree(defaultGateway), Operator: ifFree(defaultOperator)}
	}
	if err = l.runSwitchd(ctx, at); err == nil {
		err = l.awaitReady(ctx)
	}
	if err != nil {
		l.kill()
		return nil, err
	}
	return l, nil
}

// Where the issuer simulator listens unless it is told otherwise, and what asks for any free port.
const (
	defaultISO     = "127.0.0.1:8583"
	defaultControl = "127.0.0.1:9584"
	freePort       = "127.0.0.1:0"
)

// ifFree returns the address if nothing listens there, else any free port of loopback.
func ifFree(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return freePort
	}
	if err := l.Close(); err != nil {
		return freePort
	}
	return addr
}

// awaitReady waits for the operator API's /readyz to say 200.
func (l *localSwitch) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		why, err := l.ready(ctx)
		if err == nil && why == "" {
			return nil
		}
		if err != nil {
			why = err.Error()
		}
		select {
		case <-l.switchd.exited:
			return l.switchd.gone()
		case <-l.issuer.exited:
			return l.issuer.gone()
		case <-ctx.Done():
			return fmt.Errorf("switchd is not ready after %s: %s", readyLimit, why)
		case <-time.After(pollPause):
		}
	}
}

// ready asks once; the reason is empty when it is.
func (l *localSwitch) ready(ctx context.Context) (reason string, err error) {
	return l.operator().Unready(ctx)
}

// operator asks the switch's operator API.
func (l *localSwitch) operator() *client.Client { return client.New(l.switchd.at.Operator) }

// alive is nil while both run.
func (l *localSwitch) alive() error { return errors.Join(l.issuer.alive(), l.switchd.alive()) }

// stop ends the switch first, so that it can sign off.
func (l *localSwitch) stop() error {
	var err error
	if l.switchd != nil {
		err = l.switchd.stop()
	}
	return errors.Join(err, l.issuer.stop())
}

// kill ends whatever still runs.
func (l *localSwitch) kill() {
	if l.switchd != nil {
		l.switchd.kill()
	}
	l.issuer.kill()
}

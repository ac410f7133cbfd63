package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/steady"
)

// jpos is another's bare relay of ISO 8583, such as one on jPOS, and the switch, in turn. It passes on frames between
// the same load and the same issuer, and keeps nothing.
type jpos struct {
	Command string                  `json:"command"` // that started the relay, each time anew
	Relay   *series[steady.Summary] `json:"relay"`
	Switch  *series[steady.Summary] `json:"switch"`
}

const (
	// relayWarmup is how long the relay is driven before it is measured: a JVM compiles what it has run often.
	relayWarmup = 20 * time.Second
	// relayStart is how long it may take until it listens, and relaySettle what it then gets for its links to the issuer.
	relayStart  = time.Minute
	relaySettle = 2 * time.Second
	relayPause  = 50 * time.Millisecond
	// relayStop is how long it may take to end before it is killed.
	relayStop = 10 * time.Second
)

// relayAddress stands for where a relay listens, in the record.
const relayAddress = "127.0.0.1:PORT"

// jpos measures the relay that -jpos starts, and the switch.
func (b *bench) jpos(ctx context.Context) error {
	at, closed := inFlight(sizeOfShare), strconv.Itoa(sizeOfShare)
	through := []string{
		"load", "--iso", "--exit-zero", "--sign-on=false", "--echo", "0", "--closed", closed,
		"--warmup", relayWarmup.String(), "--duration", b.span(loadSpan), "--connect",
	}
	b.JPOS = &jpos{
		Command: b.relay + " PORT ISSUER-PORT",
		Relay:   newSeries[steady.Summary](b, "jpos", at, append(through, relayAddress)...),
		Switch: newSeries[steady.Summary](b, theSwitch, at, "load", "--local", "--exit-zero", "--warmup", "1s",
			"--duration", b.span(loadSpan), "--closed", closed),
	}
	for range b.JPOS.Switch.turns {
		if err := b.throughRelay(ctx, b.JPOS.Relay); err != nil {
			return err
		}
		if err := b.JPOS.Switch.run(ctx, b, loadLine); err != nil {
			return err
		}
	}
	return nil
}

// throughRelay runs the load once through a relay and an issuer of its own.
func (b *bench) throughRelay(ctx context.Context, s *series[steady.Summary]) (err error) {
	dir := filepath.Join(b.dir, "jpos")
	if err := daemons.FreshFolder(dir); err != nil {
		return err
	}
	local, err := daemons.StartIssuer(ctx, daemons.Options{Bin: b.bin, Dir: dir, Seed: 1})
	if err != nil {
		return err
	}
	defer local.Kill()
	_, issuerPort, err := net.SplitHostPort(local.Issuer.At.ISO)
	if err != nil {
		return err
	}
	r, err := startRelay(ctx, b.relay, filepath.Join(dir, "relay.log"), issuerPort)
	if err != nil {
		return err
	}
	defer r.stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(relaySettle):
	}
	for i, arg := range s.args {
		if arg == "--connect" {
			s.args[i+1] = r.address
		}
	}
	if err := s.run(ctx, b, loadLine); err != nil {
		return err
	}
	if last := &s.Runs[len(s.Runs)-1]; last.Approved == 0 {
		return fmt.Errorf("nothing was approved through the relay: %v; it said:\n%s", last.ErrorCodes, r.words())
	}
	return nil
}

// relay is one that runs.
type relay struct {
	address string // that it listens on
	cmd     *exec.Cmd
	log     string // path
	exited  chan struct{}
}

// startRelay runs a command of a shell with a free port and the issuer's, both of loopback, and waits until something
// listens there. The command is a process group of its own, all of which stop ends.
func startRelay(ctx context.Context, command, log, issuerPort string) (*relay, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the child has its own
	r := &relay{address: net.JoinHostPort("127.0.0.1", port), log: log, exited: make(chan struct{})}
	r.cmd = exec.Command("sh", "-c", command+` "$@"`, "relay", port, issuerPort)
	r.cmd.Stdout, r.cmd.Stderr = out, out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = r.cmd.Wait() // how it ends says nothing: it is ended by a signal
		close(r.exited)
	}()
	if err := r.await(ctx); err != nil {
		r.stop()
		return nil, fmt.Errorf("%w; it said:\n%s", err, r.words())
	}
	return r, nil
}

// await waits until it listens.
func (r *relay) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, relayStart)
	defer cancel()
	var dialer net.Dialer
	for {
		if conn, err := dialer.DialContext(ctx, "tcp", r.address); err == nil {
			return conn.Close()
		}
		select {
		case <-r.exited:
			return errors.New("the relay ended before it listened")
		case <-ctx.Done():
			return fmt.Errorf("the relay does not listen on %s: %w", r.address, ctx.Err())
		case <-time.After(relayPause):
		}
	}
}

// stop ends it and all that it started.
func (r *relay) stop() {
	group := -r.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // what has ended is not there any more
	select {
	case <-r.exited:
	case <-time.After(relayStop):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-r.exited
}

// words is the end of what it said.
func (r *relay) words() string {
	const most = 2000
	text, err := os.ReadFile(r.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// freePort is a port of loopback that nobody has at the moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

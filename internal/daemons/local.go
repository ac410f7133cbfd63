package daemons

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"switchyard/switch/operator/client"
)

// How long what is queued may take to reach the issuer, how often that is looked at, and how long a daemon that is
// started again may need for its port: far more than it ever does, on a machine that is very busy too.
const (
	drainLimit   = 60 * time.Second
	drainPause   = 50 * time.Millisecond
	restartLimit = 2 * time.Minute
)

// Local is an issuer-sim and the switchd that stands before it, both on loopback with their data in one folder.
type Local struct {
	Options
	Issuer  *Daemon
	Switchd *Daemon // nil for an issuer alone
}

// Options say how to start them.
type Options struct {
	Bin          string // folder of the binaries; "" for that of this one
	Switch       string // binary that stands between, with switchd's flags and no operator API; "" for switchd
	Dir          string // of their data, logs and ready files
	Seed         uint64 // issuer-sim's
	Config       string // switchd's; "" for none
	Rules        string // issuer-sim's; "" for none
	IssuerConfig string // issuer-sim's; "" for none
	DefaultPorts bool   // take them where they are free

	IssuerDialect, IssuerFraming string // issuer-sim's; "" for its defaults
}

// StartIssuer starts issuer-sim alone.
func StartIssuer(ctx context.Context, o Options) (*Local, error) {
	at := Listening{ISO: freePort, Control: freePort}
	if o.DefaultPorts {
		at = Listening{ISO: ifFree(DefaultISO), Control: ifFree(DefaultControl)}
	}
	l := &Local{Options: o}
	return l, l.runIssuer(ctx, at)
}

// StartLocal starts both and waits until the switch is signed on. On an error nothing is left running.
func StartLocal(ctx context.Context, o Options) (*Local, error) {
	l, err := StartIssuer(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := l.StartSwitchd(ctx); err != nil {
		l.Kill()
		return nil, err
	}
	return l, nil
}

// StartSwitchd starts a switchd on the folder's data, before the issuer that runs, and waits until it is signed on.
func (l *Local) StartSwitchd(ctx context.Context) error {
	at := Listening{Gateway: freePort, Operator: freePort}
	if l.DefaultPorts {
		at = Listening{Gateway: ifFree(DefaultGateway), Operator: ifFree(DefaultOperator)}
	}
	if err := l.runSwitchd(ctx, at); err != nil || l.Switch != "" {
		return err
	}
	return l.AwaitReady(ctx)
}

// RestartIssuer starts an issuer that was killed again, on its data and its ports.
func (l *Local) RestartIssuer(ctx context.Context) error { return again(ctx, l.runIssuer, l.Issuer.At) }

// RestartSwitchd does so with switchd. It does not wait for the sign-on: its issuer may be down, too.
func (l *Local) RestartSwitchd(ctx context.Context) error {
	return again(ctx, l.runSwitchd, l.Switchd.At)
}

// again starts until the ports are free: that of a daemon that is down may be lent to some connection for a moment.
func again(ctx context.Context, start func(context.Context, Listening) error, at Listening) error {
	begin := time.Now()
	err := start(ctx, at)
	for err != nil && strings.Contains(err.Error(), "address already in use") && time.Since(begin) < restartLimit {
		time.Sleep(pollPause)
		err = start(ctx, at)
	}
	return err
}

// runIssuer starts an issuer-sim on the folder's data.
func (l *Local) runIssuer(ctx context.Context, at Listening) error {
	args := append(l.IssuerArgs(), "--listen", at.ISO, "--control", at.Control)
	d, err := Start(ctx, l.Bin, l.Dir, "issuer-sim", args...)
	if err == nil {
		l.Issuer = d
	}
	return err
}

// runSwitchd starts a switchd on the folder's data.
func (l *Local) runSwitchd(ctx context.Context, at Listening) error {
	args := append(l.SwitchdArgs(), "--listen", at.Gateway, "--operator", at.Operator, "--issuer", l.Issuer.At.ISO)
	name := "switchd"
	if l.Switch != "" {
		name = l.Switch
	}
	d, err := Start(ctx, l.Bin, l.Dir, name, args...)
	if err == nil {
		l.Switchd = d
	}
	return err
}

// IssuerArgs are the arguments with which an issuer-sim serves the folder's data, on its default ports.
func (o *Options) IssuerArgs() []string {
	args := []string{"serve", "--data", filepath.Join(o.Dir, "issuer"), "--seed", strconv.FormatUint(o.Seed, 10)}
	for _, flag := range [][2]string{
		{"--rules", o.Rules}, {"--config", o.IssuerConfig}, {"--dialect", o.IssuerDialect}, {"--framing", o.IssuerFraming},
	} {
		if flag[1] != "" {
			args = append(args, flag[0], flag[1])
		}
	}
	return args
}

// SwitchdArgs are those of a switchd.
func (o *Options) SwitchdArgs() []string {
	args := []string{"serve", "--data", o.SwitchdDir()}
	if o.Config != "" {
		args = append(args, "--config", o.Config)
	}
	return args
}

// SwitchdDir is switchd's data folder.
func (o *Options) SwitchdDir() string { return filepath.Join(o.Dir, "switchd") }

// ClearingDir is where the switch writes its clearing files.
func (o *Options) ClearingDir() string { return filepath.Join(o.SwitchdDir(), "clearing") }

// Operator asks the switch's operator API.
func (l *Local) Operator() *client.Client { return client.New(l.Switchd.At.Operator) }

// AwaitReady waits for the operator API's /readyz to say 200.
func (l *Local) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		why, err := l.Operator().Unready(ctx)
		if err == nil && why == "" {
			return nil
		}
		if err != nil {
			why = err.Error()
		}
		select {
		case <-l.Switchd.exited:
			return l.Switchd.gone()
		case <-l.Issuer.exited:
			return l.Issuer.gone()
		case <-ctx.Done():
			return fmt.Errorf("switchd is not ready after %s: %s", readyLimit, why)
		case <-time.After(pollPause):
		}
	}
}

// Queued asks how many advices wait for the issuer, and how many requests are in flight. A parked advice is an error.
func (l *Local) Queued(ctx context.Context) (queued, inFlight int, err error) {
	s, err := l.Operator().Stats(ctx)
	if err != nil {
		return 0, 0, err
	}
	if s.SAF.Parked > 0 {
		err = fmt.Errorf("%d advices were refused by the issuer and are parked", s.SAF.Parked)
	}
	return s.SAF.Queued, int(s.InFlight), err
}

// AwaitDrained waits until nothing is queued or in flight any more.
func (l *Local) AwaitDrained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	for {
		queued, inFlight, err := l.Queued(ctx)
		if err != nil || queued == 0 && inFlight == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d advices are still queued after %s", queued, drainLimit)
		case <-time.After(drainPause):
		}
	}
}

// Alive is nil while both run.
func (l *Local) Alive() error { return errors.Join(l.Issuer.Alive(), l.Switchd.Alive()) }

// Stop ends the switch first, so that it can sign off.
func (l *Local) Stop() error {
	var err error
	if l.Switchd != nil {
		err = l.Switchd.Stop()
	}
	return errors.Join(err, l.Issuer.Stop())
}

// Kill ends whatever still runs.
func (l *Local) Kill() {
	if l.Switchd != nil {
		l.Switchd.Kill()
	}
	l.Issuer.Kill()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"switchyard/internal/completion"
	"switchyard/internal/httpcall"
	"switchyard/internal/infile"
	"switchyard/internal/nodump"
	"switchyard/internal/outfile"
	"switchyard/internal/vfs"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/configfile"
)

// drainTimeout is how long a stopping switch finishes what is in flight.
const drainTimeout = 10 * time.Second

// exitFatal is the exit code after a failed write of the journal.
const exitFatal = 3

type serveFlags struct {
	config, data, listen, operator, issuer, dialect, logLevel, logFormat, readyFile string
}

func newServeCmd() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the switch",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), &f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.config, "config", "", "YAML `file`; without one the defaults serve loopback")
	fl.StringVar(&f.data, "data", "", "`folder` of journal, key and clearing files (default ./switchd-data)")
	fl.StringVar(&f.listen, "listen", "", "gateway port (default 127.0.0.1:7583)")
	fl.StringVar(&f.operator, "operator", "", "operator API: host:port, or unix:PATH (default 127.0.0.1:9583)")
	fl.StringVar(&f.issuer, "issuer", "", "address of the first issuer (default 127.0.0.1:8583)")
	fl.StringVar(&f.dialect, "dialect", "", "its dialect: a name of switchctl iso spec list (default iso87ascii)")
	fl.StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error (default info)")
	fl.StringVar(&f.logFormat, "log-format", "json", "json, an object a line, or console, for people")
	fl.StringVar(&f.readyFile, "ready-file", "",
		"write the ports and the process id to this `file`, as JSON, once they are served")
	completion.Flag(cmd, "dialect", spec.Stock()...)
	completion.Flag(cmd, "log-level", "debug", "info", "warn", "error")
	completion.Flag(cmd, "log-format", "json", "console")
	return cmd
}

// configured applies the flags to the configuration.
func (f *serveFlags) configured() (*txswitch.Config, error) {
	c, err := configfile.Load(f.config)
	if err != nil {
		return nil, err
	}
	for _, o := range []struct {
		from string
		to   *string
	}{
		{f.data, &c.Data}, {f.listen, &c.Gateway.Listen}, {f.issuer, &c.Issuers[0].Address},
		{f.dialect, &c.Issuers[0].Dialect}, {f.logLevel, &c.Log.Level},
	} {
		if o.from != "" {
			*o.to = o.from
		}
	}
	if f.operator != "" {
		c.Operator.Listen, c.Operator.Socket = splitOperator(f.operator)
	}
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return c, c.Check()
}

func serve(ctx context.Context, f *serveFlags) error {
	c, err := f.configured()
	if err != nil {
		return err
	}
	if c.RefusesDumps() { // before anything secret is in memory
		if err := nodump.Refuse(); err != nil {
			return err
		}
	}
	logger, err := newLogger(c.Log.Level, f.logFormat, os.Stderr)
	if err != nil {
		return err
	}
	defer func() { _ = logger.Sync() }() // stderr may not support it
	warning, err := infile.CheckFolder(c.Data)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if warning != "" {
		logger.Warn("the data folder is not its user's alone", zap.String("why", warning))
	}
	o, err := listenGateway(f, c)
	if err != nil {
		return err
	}
	// Before the operator API's socket, which may be in the data folder: a key is made where that is empty.
	keyring, made, err := loadKey(c, o.Gateway.Addr())
	if err != nil {
		return errors.Join(err, o.Gateway.Close())
	}
	if err := listenOthers(&o, c); err != nil {
		return err
	}
	if made != "" {
		logger.Info("made a key that seals card numbers; keep a copy of it", zap.String("file", made))
	}
	o.Keyring, o.Logger, o.Registry = keyring, logger, newRegistry()
	o.Fatal = func(msg string, err error) {
		logger.Error("the journal failed; stopping at once so that nothing is acknowledged after it", zap.String(
			"at", msg,
		), zap.Error(err))
		_ = logger.Sync()
		os.Exit(exitFatal)
	}
	if o.OpenFiles, err = openFiles(); err != nil {
		return errors.Join(err, closeSocket(o))
	}
	s, err := txswitch.New(o)
	if err != nil {
		return errors.Join(err, closeSocket(o))
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(c.Limits.MemoryMiB) << 20)
	}
	stop, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := s.Start(stop); err != nil {
		return errors.Join(err, drain(s, logger))
	}
	logger.Info("serving", zap.Stringer("gateway", o.Gateway.Addr()), zap.Strings("operator", operatorAt(o)),
		zap.Int("identities", len(c.Operator.Identities)), zap.String("data", c.Data))
	if f.readyFile != "" {
		if err := writeReady(f.readyFile, o); err != nil {
			return errors.Join(err, drain(s, logger))
		}
	}
	select {
	case <-stop.Done():
		cancel() // a second signal ends the process at once
		logger.Info("stopping: finishing what is in flight")
		return drain(s, logger)
	case err := <-s.Failed():
		return errors.Join(err, drain(s, logger))
	}
}

// openFiles is how many files and sockets this process may have open. Go has raised the limit to what the system gives.
func openFiles() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("how many files may be open (RLIMIT_NOFILE): %w", err)
	}
	return int(min(limit.Cur, math.MaxInt32)), nil
}

// listenGateway opens the gateway port, once it is known what all ports are opened with.
func listenGateway(f *serveFlags, c *txswitch.Config) (txswitch.Options, error) {
	o := txswitch.Options{Config: c, FS: vfs.Default, Seed: rand.Uint64()}
	var err error
	if o.GatewayTLS, err = configfile.ServerTLS(f.config, c.Gateway.TLS); err != nil {
		return o, fmt.Errorf("gateway.tls: %w", err)
	}
	if o.OperatorTLS, err = configfile.ServerTLS(f.config, c.Operator.TLS); err != nil {
		return o, fmt.Errorf("operator.tls: %w", err)
	}
	if o.IssuerTLS, err = configfile.IssuerTLS(f.config, c); err != nil {
		return o, err
	}
	if o.Revoked, err = configfile.AllLists(f.config, c); err != nil {
		return o, err
	}
	if o.Gateway, err = net.Listen("tcp", c.Gateway.Listen); err != nil {
		return o, fmt.Errorf("gateway port: %w", err)
	}
	return o, nil
}

// listenOthers opens the other ports and everything else that reaches outside. On an error the gateway port is closed.
func listenOthers(o *txswitch.Options, c *txswitch.Config) error {
	if err := listenOperator(o, &c.Operator); err != nil {
		return errors.Join(fmt.Errorf("operator API: %w", err), o.Gateway.Close())
	}
	if err := listenIssuers(o, c); err != nil {
		return errors.Join(err, o.Gateway.Close(), closeSocket(*o))
	}
	var d net.Dialer
	o.Dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	return nil
}

// listenIssuers opens the ports of the issuers that connect to us.
func listenIssuers(o *txswitch.Options, c *txswitch.Config) error {
	o.Issuers = map[string]net.Listener{}
	for i := range c.Issuers {
		x := &c.Issuers[i]
		if x.Listen == "" {
			continue
		}
		l, err := net.Listen("tcp", x.Listen)
		if err != nil {
			return fmt.Errorf("issuers[%d].listen: %w", i, err)
		}
		o.Issuers[x.Name] = l
	}
	return nil
}

// listenOperator opens the operator API's port and its socket file, where there are to be any.
func listenOperator(o *txswitch.Options, c *txswitch.OperatorConfig) (err error) {
	if c.Listen != "" {
		if o.Operator, err = net.Listen("tcp", c.Listen); err != nil {
			return err
		}
	}
	if c.Socket == "" {
		return nil
	}
	socket, err := listenSocket(c.Socket)
	if err != nil && o.Operator != nil {
		return errors.Join(err, o.Operator.Close())
	}
	if err == nil {
		o.OperatorSocket = socket
	}
	return err
}

// closeSocket removes the socket file of a switch that does not start.
func closeSocket(o txswitch.Options) error {
	if o.OperatorSocket == nil {
		return nil
	}
	return o.OperatorSocket.Close()
}

// operatorAt is where the operator API is served, as --operator names it.
func operatorAt(o txswitch.Options) (at []string) {
	if o.Operator != nil {
		at = append(at, o.Operator.Addr().String())
	}
	if o.OperatorSocket != nil {
		at = append(at, httpcall.Socket+o.OperatorSocket.Addr().String())
	}
	return at
}

func drain(s *txswitch.Switch, logger *zap.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	logger.Info("stopped")
	return nil
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// writeReady tells whoever started the switch on free ports where it listens.
func writeReady(path string, o txswitch.Options) error {
	text, err := json.Marshal(map[string]any{
		"gateway": o.Gateway.Addr().String(), "operator": operatorAt(o)[0], "pid": os.Getpid(),
	})
	if err != nil {
		return err
	}
	if err := outfile.Replace(path, text); err != nil {
		return fmt.Errorf("ready-file: %w", err)
	}
	return nil
}

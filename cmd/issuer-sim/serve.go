package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"switchyard/internal/completion"
	"switchyard/internal/infile"
	"switchyard/internal/isotool"
	"switchyard/internal/nodump"
	"switchyard/internal/outfile"
	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// closeTimeout is how long connections get to finish at the end.
const closeTimeout = 5 * time.Second

func newServeCmd() *cobra.Command {
	var configFile, readyFile, logFormat, required, repeats, codes string
	flags := issuersim.DefaultConfig()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve ISO 8583 and the control HTTP until SIGTERM",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := readConfig(configFile)
			if err != nil {
				return err
			}
			for name, set := range map[string]func(){
				"listen":      func() { config.Listen = flags.Listen },
				"connect":     func() { config.Connect = flags.Connect },
				"connections": func() { config.Connections = flags.Connections },
				"control":     func() { config.Control = flags.Control },
				"data":        func() { config.Data = flags.Data },
				"sync":        func() { config.Sync = flags.Sync },
				"rules":       func() { config.Rules = flags.Rules },
				"seed":        func() { config.Seed = flags.Seed },
				"dialect":     func() { config.Dialect = flags.Dialect },
				"framing":     func() { config.Framing = flags.Framing },
				"incoming":    func() { config.Clearing.Incoming = flags.Clearing.Incoming },
				"out":         func() { config.Clearing.Out = flags.Clearing.Out },
				"log-level":   func() { config.LogLevel = flags.LogLevel },
			} {
				if cmd.Flags().Changed(name) {
					set()
				}
			}
			if cmd.Flags().Changed("require") {
				also, without := config.Require.Also, config.Require.Without
				if config.Require, err = issuersim.ParseRequire(required); err != nil {
					return err
				}
				config.Require.Also, config.Require.Without = also, without
			}
			if cmd.Flags().Changed("repeats") {
				if config.Repeats, err = issuersim.ParseRepeats(repeats); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("codes") {
				if config.Codes, err = issuersim.ParseCodes(codes); err != nil {
					return err
				}
			}
			return serve(cmd.Context(), config, logFormat, readyFile)
		},
	}
	f := cmd.Flags()
	f.StringVar(&configFile, "config", "", "YAML config `file`; flags override it")
	f.StringVar(&flags.Listen, "listen", flags.Listen, "ISO 8583 `address`; port 0 takes a free one, empty for none")
	f.StringVar(&flags.Connect, "connect", flags.Connect, "`address` of a switch that listens for its issuers")
	f.IntVar(&flags.Connections, "connections", flags.Connections, "how many connections are made to it")
	f.StringVar(&flags.Control, "control", flags.Control, "control HTTP `address`; empty for none")
	f.StringVar(
		&flags.Data, "data", flags.Data, "`folder` of the log that survives the process; empty keeps everything in memory",
	)
	f.BoolVar(&flags.Sync, "sync", flags.Sync, "sync the log before answering, to survive a loss of power too")
	f.StringVar(&flags.Rules, "rules", flags.Rules, "rules `file`: response codes, latency, faults")
	f.Uint64Var(&flags.Seed, "seed", flags.Seed, "what authorization codes and the rules' draws come from")
	f.StringVar(&flags.Dialect, "dialect", flags.Dialect, "embedded dialect, or the `file` of one in JSON")
	f.StringVar(&flags.Framing, "framing", flags.Framing, "how messages are framed, such as ascii4+tpdu")
	f.StringVar(&required, "require", "", "what is refused otherwise: sign_on, mac, elements, or several with commas")
	f.StringVar(&repeats, "repeats", "", "elements that answers have beside DE11, 38 and 39, with commas")
	f.StringVar(&codes, "codes", "", "response codes and what stands in their place, such as 00=76,05=1A")
	f.StringVar(&flags.Clearing.Incoming, "incoming", "", "`folder` that is watched for clearing files")
	f.StringVar(&flags.Clearing.Out, "out", "", "`folder` in which clearing files are answered")
	f.StringVar(&flags.LogLevel, "log-level", flags.LogLevel, "debug, info, warn or error")
	f.StringVar(&logFormat, "log-format", "json", "json, an object a line, or console, for people")
	f.StringVar(&readyFile, "ready-file", "", "write the addresses and the pid to this `file` once listening")
	completion.FlagOrFile(cmd, "dialect", spec.Stock()...)
	completion.Flag(cmd, "framing", isotool.ProbeFramings...)
	completion.Flag(cmd, "require", "sign_on", "mac", "elements")
	completion.Flag(cmd, "log-level", "debug", "info", "warn", "error")
	completion.Flag(cmd, "log-format", "json", "console")
	return cmd
}

func readConfig(name string) (issuersim.Config, error) {
	if name == "" {
		return issuersim.DefaultConfig(), nil
	}
	f, err := infile.Open(name)
	if err != nil {
		return issuersim.Config{}, err
	}
	defer f.Close()
	return issuersim.ParseConfig(name, f)
}

func serve(ctx context.Context, config issuersim.Config, logFormat, readyFile string) error {
	if config.CoreDumps == "refuse" { // before there are cards in memory
		if err := nodump.Refuse(); err != nil {
			return err
		}
	}
	logger, err := newLogger(config.LogLevel, logFormat)
	if err != nil {
		return err
	}
	options := issuersim.Options{
		DataDir: config.Data, Sync: config.Sync, Seed: config.Seed, Limits: config.Limits.Limits(), Logger: logger,
	}
	if options.Codec, err = isotool.OpenDialect(config.Dialect); err != nil {
		return err
	}
	if options.Framing, err = framing.Parse(config.Framing); err != nil {
		return err
	}
	if options.Clearing, err = config.Clearing.Options(); err != nil {
		return err
	}
	if config.Data == "" {
		// What keeps nothing has no folder in which a long clearing file could stand while it is looked through.
		if options.Clearing.Spool, err = os.MkdirTemp("", "issuer-sim-"); err != nil {
			return err
		}
		defer os.RemoveAll(options.Clearing.Spool)
	}
	options.Require = issuersim.Require(config.Require)
	options.Repeats, options.Codes = config.Repeats, config.Codes
	if config.Connect != "" {
		if config.Connections < 1 {
			return fmt.Errorf("connections: %d: expected 1 or more to %s", config.Connections, config.Connect)
		}
		options.Dialed = config.Connections
		options.Dial = func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", config.Connect)
		}
	}
	if config.Rules != "" {
		if options.Rules, err = loadRules(config.Rules); err != nil {
			return err
		}
	}
	if config.Data != "" {
		warning, err := infile.CheckFolder(config.Data)
		if err != nil {
			return fmt.Errorf("data: %w", err)
		}
		if warning != "" {
			logger.Warn("the data folder is not its user's alone", zap.String("why", warning))
		}
		if err := ensureKey(config.Data); err != nil {
			return err
		}
	}
	iso, control := "", ""
	if config.Listen != "" {
		if options.Listener, err = listen("listen", config.Listen); err != nil {
			return err
		}
		defer options.Listener.Close()
		iso = options.Listener.Addr().String()
	}
	if config.Control != "" {
		if options.ControlListener, err = listen("control", config.Control); err != nil {
			return err
		}
		defer options.ControlListener.Close()
		options.ControlHosts = config.ControlHosts
		if host, _, err := net.SplitHostPort(config.Control); err == nil && host != "" {
			options.ControlHosts = append(options.ControlHosts, host)
		}
		control = options.ControlListener.Addr().String()
	}
	failed := make(chan error, 1)
	options.Fatal = func(err error) { failed <- err }
	server, err := issuersim.New(options)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()

	logger.Info("serving", zap.String("iso", iso), zap.String("control", control), zap.String("data", config.Data))
	if readyFile != "" {
		err = writeReady(readyFile, map[string]any{"iso": iso, "control": control, "pid": os.Getpid()})
	}
	if err == nil {
		select {
		case <-ctx.Done():
			logger.Info("stopping")
		case err = <-failed:
		case err = <-served:
		}
	}
	closing, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return errors.Join(err, server.Close(closing))
}

// listen opens a port; setting is where its address is configured.
func listen(setting, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	if err := checkLocalhost(address, l.Addr()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", setting, err), l.Close())
	}
	return l, nil
}

// checkLocalhost refuses a port that was asked for on localhost and is on another address than loopback, where the
// machine's hosts file has put that name: nobody who gets there is asked who he is.
func checkLocalhost(address string, at net.Addr) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if tcp, ok := at.(*net.TCPAddr); host == "localhost" && !(ok && tcp.IP.IsLoopback()) {
		return fmt.Errorf("%s is %s and not loopback: expected 127.0.0.1, or the address that is meant", address, at)
	}
	return nil
}

// writeReady writes a file that is either not there or whole.
func writeReady(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := outfile.Replace(name, append(b, '\n')); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	return nil
}

func loadRules(name string) (*issuersim.Rules, error) {
	f, err := infile.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return issuersim.ParseRules(name, f)
}

// newLogger logs to stderr: as JSON, an object a line, or on the console as a person reads it.
func newLogger(level, format string) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	if format != "json" && format != "console" {
		return nil, fmt.Errorf("--log-format: %q: want json or console", format)
	}
	c := zap.NewProductionConfig()
	c.Encoding = format
	c.Level = zap.NewAtomicLevelAt(l)
	c.Sampling = nil // the server bounds its lines itself
	c.DisableStacktrace = true
	c.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return c.Build()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/internal/outfile"
)

// options are the flags of switchd that the relay takes, so that it is started as switchd is.
type options struct {
	listen, issuer, data, readyFile string
}

func main() {
	var o options
	flags := flag.NewFlagSet("ceiling serve", flag.ExitOnError)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "gateway port")
	flags.StringVar(&o.issuer, "issuer", "127.0.0.1:8583", "address of issuer-sim")
	flags.StringVar(&o.data, "data", "ceiling-data", "folder of the rows")
	flags.StringVar(&o.readyFile, "ready-file", "", "write the port and the process id here, as JSON, once it is served")
	flags.String("operator", "", "as switchd's; there is none")
	if len(os.Args) < 2 || os.Args[1] != "serve" {
		fmt.Fprintln(os.Stderr, "ceiling: expected: ceiling serve [flags]")
		os.Exit(2)
	}
	if err := flags.Parse(os.Args[2:]); err != nil {
		os.Exit(2) // not reached: the flag set exits by itself
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "ceiling:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, o *options) error {
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return err
	}
	r, err := newRelay(vfs.Default, o.data, o.issuer)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	go r.serve(listener)
	if o.readyFile != "" {
		err = writeReady(o.readyFile, listener.Addr().String())
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-r.failed:
		}
	}
	return errors.Join(err, listener.Close(), r.close())
}

// writeReady tells whoever started the relay on a free port where it listens.
func writeReady(path, gateway string) error {
	text, err := json.Marshal(map[string]any{"gateway": gateway, "pid": os.Getpid()})
	if err != nil {
		return err
	}
	if err := outfile.Replace(path, text); err != nil {
		return fmt.Errorf("ready-file: %w", err)
	}
	return nil
}

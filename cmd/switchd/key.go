package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"switchyard/internal/outfile"
	"switchyard/internal/pan"
	txswitch "switchyard/switch"
	"switchyard/switch/configfile"
)

func newKeygenCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a key that seals card numbers; FILE must not exist, or - for standard output",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := pan.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			if args[0] == "-" {
				_, err := io.WriteString(cmd.OutOrStdout(), text)
				return err
			}
			return writeKey(args[0], text)
		},
	}
}

// writeKey writes a key's text, a line with its LF. It never overwrites: a lost key is lost card numbers.
func writeKey(path, text string) error {
	if err := outfile.Make(path, []byte(text)); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return nil
}

// loadKey finds the key: the configured one, or the data folder's own, which is made where the folder is empty and the
// gateway port is on loopback. made is the path of a key that was made just now.
func loadKey(c *txswitch.Config, gateway net.Addr) (ring *pan.Keyring, made string, err error) {
	if c.Key.File != "" || c.Key.Env != "" {
		ring, err = configfile.Key(c)
		return ring, "", err
	}
	path := filepath.Join(c.Data, configfile.KeyFile)
	ring, err = configfile.ReadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, "", err
	}
	entries, err := os.ReadDir(c.Data)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, "", err
	case len(entries) > 0:
		return nil, "", fmt.Errorf(
			"key: %s does not exist but %s is not empty: set key.file to the key that sealed its cards", path, c.Data,
		)
	case !onLoopback(gateway):
		return nil, "", errors.New("key: none is configured: make one with `switchd keygen FILE` and set key.file")
	}
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, "", err
	}
	if err := writeKey(path, text); err != nil {
		return nil, "", err
	}
	ring, err = pan.ParseKeyring(text)
	return ring, path, err
}

// onLoopback tells whether a port is reached from this machine alone. Its own address says so: a name that stands for
// loopback, such as localhost, may lead elsewhere.
func onLoopback(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

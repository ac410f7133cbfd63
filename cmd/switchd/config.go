package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
	txswitch "switchyard/switch"
)

// loadConfig reads a configuration file and the files that it names, relative to its own folder; the defaults for "".
func loadConfig(path string) (*txswitch.Config, error) {
	if path == "" {
		return txswitch.DefaultConfig(), nil
	}
	text, err := infile.Read(path, infile.MaxConfig)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	c, err := txswitch.ParseConfig(path, text, func(name string) ([]byte, error) {
		return infile.Read(beside(path, name), infile.MaxConfig)
	})
	if err != nil {
		return nil, err
	}
	if c.Key.File != "" {
		c.Key.File = beside(path, c.Key.File)
	}
	if c.Operator.Socket != "" {
		c.Operator.Socket = beside(path, c.Operator.Socket)
	}
	if c.Mark.File != "" {
		c.Mark.File = beside(path, c.Mark.File)
	}
	if c.Clearing.Incoming != "" {
		c.Clearing.Incoming = beside(path, c.Clearing.Incoming)
	}
	return c, c.Check() // once more, now that paths are whole
}

// beside resolves a path that a configuration file names: relative to the folder of the file.
func beside(config, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(config), name)
}

func newCheckConfigCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check-config FILE",
		Short: "Read a configuration and the files that it names, and say what is wrong",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(args[0])
			if err != nil {
				return err
			}
			if _, err := serverTLS(args[0], c.Gateway.TLS); err != nil {
				return fmt.Errorf("gateway.tls: %w", err)
			}
			if _, err := serverTLS(args[0], c.Operator.TLS); err != nil {
				return fmt.Errorf("operator.tls: %w", err)
			}
			if _, err := issuerTLS(args[0], c); err != nil {
				return err
			}
			if c.Key.File != "" || c.Key.Env != "" {
				if _, err := configuredKey(c); err != nil {
					return err
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok; issuers: %d, merchants in a file: %d, gateway port: %s\n",
				args[0], len(c.Issuers), len(c.Merchants.Profiles), c.Gateway.Listen)
			return nil
		},
	}
}

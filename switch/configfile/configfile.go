// Package configfile reads switchd's configuration from the disk as the daemon does: the YAML file, the files that it
// names beside it, the TLS of each port, and the key that seals card numbers. It opens no journal and no port, makes
// nothing, and changes nothing.
package configfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"switchyard/internal/infile"
	"switchyard/internal/pan"
	txswitch "switchyard/switch"
)

// KeyFile is the key in the data folder of a daemon that was given none.
const KeyFile = "switchd.key"

// Load reads a configuration file and the files that it names, relative to its own folder; the defaults for "".
func Load(path string) (*txswitch.Config, error) {
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

// Check finds what is wrong with the certificates, and the key where one is configured, of a configuration that was
// read from path.
func Check(path string, c *txswitch.Config) error {
	if _, err := ServerTLS(path, c.Gateway.TLS); err != nil {
		return fmt.Errorf("gateway.tls: %w", err)
	}
	if _, err := ServerTLS(path, c.Operator.TLS); err != nil {
		return fmt.Errorf("operator.tls: %w", err)
	}
	if _, err := IssuerTLS(path, c); err != nil {
		return err
	}
	if c.Key.File == "" && c.Key.Env == "" {
		return nil
	}
	_, err := Key(c)
	return err
}

// beside resolves a path that a configuration file names: relative to the folder of the file.
func beside(config, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(config), name)
}

// Key reads the key that the configuration names.
func Key(c *txswitch.Config) (*pan.Keyring, error) {
	if c.Key.Env != "" {
		if c.Key.File != "" {
			return nil, errors.New("key: file and env are both set; expected one")
		}
		text := os.Getenv(c.Key.Env)
		if text == "" {
			return nil, fmt.Errorf("key.env: environment variable %s is not set", c.Key.Env)
		}
		ring, err := pan.ParseKeyring(text)
		if err != nil {
			return nil, fmt.Errorf("key.env: %s: %w", c.Key.Env, err)
		}
		return ring, nil
	}
	return ReadKey(c.Key.File)
}

// ReadKey reads the key in a file.
func ReadKey(path string) (*pan.Keyring, error) {
	text, err := infile.ReadSecret(path)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	ring, err := pan.ParseKeyring(string(text))
	if err != nil {
		return nil, fmt.Errorf("key: %s: %w", path, err)
	}
	return ring, nil
}

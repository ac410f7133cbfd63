package issuersim

import (
	"fmt"
	"io"
	"time"

	"switchyard/internal/config"
	"switchyard/issuer-sim/rules"
	"switchyard/spec"
)

// Config is the config file of the daemon. Every field has a default, so an empty file is one.
type Config struct {
	Listen string `yaml:"listen"` // ISO 8583 address. Default 127.0.0.1:8583
	// Control is the address of the control HTTP, which asks nobody who they are; empty for none. Default 127.0.0.1:9584
	Control  string       `yaml:"control"`
	Data     string       `yaml:"data"`      // see Options.DataDir. Default none
	Sync     bool         `yaml:"sync"`      // see Options.Sync
	Rules    string       `yaml:"rules"`     // rules file. Default none
	Seed     uint64       `yaml:"seed"`      // see Options.Seed. Default 1
	Dialect  string       `yaml:"dialect"`   // embedded dialect or the file of one. Default iso87ascii
	LogLevel string       `yaml:"log_level"` // debug, info, warn, error. Default info
	Limits   ConfigLimits `yaml:"limits"`
}

// ConfigLimits are Limits as the config file has them; see there for what they bound. 0 stands for the default.
type ConfigLimits struct {
	Connections    int            `yaml:"connections"`
	FrameBytes     int            `yaml:"frame_bytes"`
	Cards          int            `yaml:"cards"`
	Authorizations int            `yaml:"authorizations"`
	Messages       int            `yaml:"messages"`
	Delayed        int            `yaml:"delayed"`
	LogBytes       int64          `yaml:"log_bytes"`
	WriteTimeout   rules.Duration `yaml:"write_timeout"`
}

// Limits returns them as Options take them.
func (c ConfigLimits) Limits() Limits {
	return Limits{
		Connections: c.Connections, FrameBytes: c.FrameBytes, Cards: c.Cards, Authorizations: c.Authorizations,
		Messages: c.Messages, Delayed: c.Delayed, LogBytes: c.LogBytes, WriteTimeout: time.Duration(c.WriteTimeout),
	}
}

// DefaultConfig is the config of an empty file.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8583", Control: "127.0.0.1:9584", Seed: 1, Dialect: spec.DefaultDialect, LogLevel: "info",
	}
}

// maxConfigBytes is the longest config file.
const maxConfigBytes = 1 << 20

// ParseConfig reads a config file; name is the file's, for errors, which name the line and the field. Unknown fields
// are errors.
func ParseConfig(name string, r io.Reader) (Config, error) {
	c := DefaultConfig()
	text, err := io.ReadAll(io.LimitReader(r, maxConfigBytes+1))
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxConfigBytes {
		return c, fmt.Errorf("%s: longer than %d bytes", name, maxConfigBytes)
	}
	err = config.Decode(name, text, &c)
	return c, err
}

package issuersim

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"switchyard/internal/config"
	"switchyard/issuer-sim/rules"
	"switchyard/issuer-sim/server"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// Config is the config file of the daemon. Every field has a default, so an empty file is one.
type Config struct {
	Listen string `yaml:"listen"` // ISO 8583 address; empty for none. Default 127.0.0.1:8583
	// Connect is the address of a switch that listens for its issuers; Connections are made to it and kept. Default none,
	// and 2.
	Connect     string `yaml:"connect"`
	Connections int    `yaml:"connections"`
	// Control is the address of the control HTTP, which asks nobody who they are; empty for none. Default 127.0.0.1:9584
	Control string `yaml:"control"`
	// ControlHosts are names that it is reached by besides localhost and that of Control, such as a container's. Default
	// none.
	ControlHosts []string      `yaml:"control_hosts"`
	Data         string        `yaml:"data"`    // see Options.DataDir. Default none
	Sync         bool          `yaml:"sync"`    // see Options.Sync
	Rules        string        `yaml:"rules"`   // rules file. Default none
	Seed         uint64        `yaml:"seed"`    // see Options.Seed. Default 1
	Dialect      string        `yaml:"dialect"` // embedded dialect or the file of one. Default iso87ascii
	Framing      string        `yaml:"framing"` // as framing.Parse reads it. Default binary2
	Require      ConfigRequire `yaml:"require"` // what is refused although it could be answered
	// Repeats and Codes are Options' own. Default: all that may be repeated but DE2, and none.
	Repeats  []int             `yaml:"repeats"`
	Codes    map[string]string `yaml:"codes"`
	Clearing ConfigClearing    `yaml:"clearing"`
	LogLevel string            `yaml:"log_level"` // debug, info, warn, error. Default info
	// CoreDumps is whether the process may be dumped, and its memory be read by others of its user: allow or refuse.
	// Default allow.
	CoreDumps string       `yaml:"core_dumps"`
	Limits    ConfigLimits `yaml:"limits"`
}

// ConfigRequire is server.Require as the config file has it.
type ConfigRequire struct {
	SignOn   bool  `yaml:"sign_on"`
	MAC      bool  `yaml:"mac"`
	Elements bool  `yaml:"elements"`
	Also     []int `yaml:"also"`
	Without  []int `yaml:"without"`
}

// ParseRequire reads names of what is required with commas between them; lists stay empty.
func ParseRequire(names string) (r ConfigRequire, err error) {
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "sign_on":
			r.SignOn = true
		case "mac":
			r.MAC = true
		case "elements":
			r.Elements = true
		case "":
		default:
			return r, fmt.Errorf("require: %q: expected sign_on, mac or elements", name)
		}
	}
	return r, nil
}

// ParseRepeats reads numbers of elements with commas between them. Which they may be is known to New.
func ParseRepeats(list string) (repeats []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		de, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("repeats: %q: expected numbers of elements with commas between them, such as 11,37", text)
		}
		repeats = append(repeats, de)
	}
	return repeats, nil
}

// ParseCodes reads response codes and what stands in their place, such as 00=76, with commas between them.
func ParseCodes(list string) (codes map[string]string, err error) {
	codes = map[string]string{}
	for text := range strings.SplitSeq(list, ",") {
		code, instead, ok := strings.Cut(strings.TrimSpace(text), "=")
		if _, twice := codes[code]; !ok || twice {
			return nil, fmt.Errorf("codes: %q: expected a response code and what stands in its place, such as 00=76, each once",
				text)
		}
		codes[code] = instead
	}
	return codes, nil
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
		Listen: "127.0.0.1:8583", Connections: 2, Control: "127.0.0.1:9584", ControlHosts: []string{}, Seed: 1,
		Dialect: spec.DefaultDialect, Framing: framing.Default, Require: ConfigRequire{Also: []int{}, Without: []int{}},
		Repeats: server.DefaultRepeats(), Codes: map[string]string{}, Clearing: defaultClearing(), LogLevel: "info",
		CoreDumps: "allow",
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
	if err := config.Decode(name, text, &c); err != nil {
		return c, err
	}
	if c.CoreDumps != "allow" && c.CoreDumps != "refuse" {
		return c, fmt.Errorf("%s: core_dumps: %q: expected allow or refuse", name, c.CoreDumps)
	}
	return c, nil
}

package txswitch

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"

	"switchyard/internal/config"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/switch/issuer/link"
)

// IssuerConfig is one issuer host.
type IssuerConfig struct {
	Name     string `yaml:"name"`
	Address  string `yaml:"address"`
	Dialect  string `yaml:"dialect"`   // one of spec.Stock
	SpecFile string `yaml:"spec_file"` // a dialect of one's own, instead
	// Framing is how messages are framed, as framing.Parse reads it. Default: a length of two binary bytes.
	Framing  string          `yaml:"framing"`
	Links    int             `yaml:"links"`    // connections
	Window   int             `yaml:"window"`   // requests in flight on a connection
	Deadline config.Duration `yaml:"deadline"` // for an answer
	Echo     config.Duration `yaml:"echo"`     // idle time before an echo
	TLS      *config.TLS     `yaml:"tls"`

	// Spec is the text of SpecFile; whoever reads the config reads it too.
	Spec []byte `yaml:"-"`
}

func (c *Config) checkIssuer(i int) error {
	x := &c.Issuers[i]
	if !storable(x.Name) {
		return fmt.Errorf("name: expected 1 to %d printable characters", maxNameLen)
	}
	for j := range i {
		if c.Issuers[j].Name == x.Name {
			return fmt.Errorf("name: %q stands twice", x.Name)
		}
	}
	if _, _, err := net.SplitHostPort(x.Address); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	switch { // 0 stands for the default
	case x.Links < 0 || x.Links > link.MaxLinks:
		return fmt.Errorf("links: %d: expected 1 to %d", x.Links, link.MaxLinks)
	case x.Window < 0 || x.Window > link.MaxWindow:
		return fmt.Errorf("window: %d: expected 1 to %d", x.Window, link.MaxWindow)
	}
	const stans, links, window = 999_999, 2, 2048 // what 0 stands for
	share := stans / max(len(c.Nodes), 1)
	if most := cmp.Or(x.Links, links) * cmp.Or(x.Window, window); len(c.Nodes) > 1 && most > share {
		return fmt.Errorf("links, window: %d requests in flight: expected at most %d, this node's share of the STANs",
			most, share)
	}
	if _, err := x.framing(); err != nil {
		return err
	}
	_, err := x.codec()
	return err
}

// framing reads how an issuer's messages are framed.
func (x *IssuerConfig) framing() (framing.Format, error) {
	f, err := framing.Parse(x.Framing)
	if err == nil && !f.Delimited() {
		err = fmt.Errorf("framing %q: expected a length, trailer:<hex> or visa: nothing says where a message ends", x.Framing)
	}
	return f, err
}

// codec compiles an issuer's dialect.
func (x *IssuerConfig) codec() (*spec.Codec, error) {
	if x.SpecFile != "" {
		if x.Dialect != "" {
			return nil, errors.New("dialect: given together with spec_file; expected one of them")
		}
		c, err := spec.OpenFile(x.SpecFile, bytes.NewReader(x.Spec))
		if err != nil {
			return nil, fmt.Errorf("spec_file: %w", err)
		}
		return c, nil
	}
	c, err := spec.Open(cmp.Or(x.Dialect, spec.DefaultDialect))
	if err != nil {
		return nil, fmt.Errorf("dialect: %w", err)
	}
	return c, nil
}

package txswitch

import (
	"fmt"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
)

// fits refuses a dialect in which what the switch sends cannot be packed: with it every payment would fail. Messages of
// ISO 8583:1993 are not those that are built, and are not tried.
func (x *IssuerConfig) fits() error {
	codec, err := x.codec()
	if err != nil || codec.Version() != spec.ISO1987 {
		return err
	}
	if err := message.Fits(codec.Pack, link.Messages()...); err != nil {
		key := "dialect"
		if x.SpecFile != "" {
			key = "spec_file"
		}
		return fmt.Errorf("%s %q cannot pack all that the switch sends: %w", key, codec.Name(), err)
	}
	return nil
}

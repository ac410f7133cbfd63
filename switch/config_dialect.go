package txswitch

import (
	"fmt"

	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
)

// fits refuses a dialect in which what the switch sends, once it is mapped, cannot be packed: with it every payment
// would fail.
func (x *IssuerConfig) fits() error {
	codec, to, err := x.speaks()
	if err != nil {
		return err
	}
	if err := message.Fits(to.Send, codec.Pack, link.Messages()...); err != nil {
		key := "dialect"
		if x.SpecFile != "" {
			key = "spec_file"
		}
		return fmt.Errorf("%s %q cannot pack all that the switch sends: %w", key, codec.Name(), err)
	}
	return nil
}

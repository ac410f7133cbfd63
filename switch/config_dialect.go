package txswitch

import (
	"fmt"

	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
)

// fits refuses a dialect in which what the switch sends, once it is mapped, cannot be packed or is read back as
// something else, and a framing in which that cannot be carried: with it payments would fail, all or some.
func (x *IssuerConfig) fits(acquirer string) error {
	codec, to, err := x.speaks()
	if err != nil {
		return err
	}
	format, err := x.framing()
	if err != nil {
		return err
	}
	if err := format.Carries(codec); err != nil {
		return err
	}
	others := link.Messages()
	if x.Reconcile {
		others = append(others, message.Reconciliations()...)
	}
	if err := message.Fits(to.Send, codec, acquirer, others...); err != nil {
		key := "dialect"
		if x.SpecFile != "" {
			key = "spec_file"
		}
		return fmt.Errorf("%s %q cannot carry all that the switch sends: %w", key, codec.Name(), err)
	}
	return nil
}

package txswitch

import (
	"fmt"

	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
)

// fits refuses a dialect in which what the switch sends, once it is mapped, cannot be packed or is read back as
// something else, and a framing in which that cannot be carried: with it payments would fail, all or some.
func (x *IssuerConfig) fits() error {
	codec, to, err := x.speaks()
	if err != nil {
		return err
	}
	format, err := x.framing()
	if err != nil {
		return err
	}
	key := "dialect"
	if x.SpecFile != "" {
		key = "spec_file"
	}
	if de, binary := codec.Binary(); binary && !format.TakesBinary() {
		return fmt.Errorf("framing %s: only the trailer says where a message ends, and in %s %q it may stand in DE %d "+
			"(%s), which is binary; expected a framing with a length", format, key, codec.Name(), de, codec.FieldName(de))
	}
	if err := message.Fits(to.Send, codec, link.Messages()...); err != nil {
		return fmt.Errorf("%s %q cannot carry all that the switch sends: %w", key, codec.Name(), err)
	}
	return nil
}

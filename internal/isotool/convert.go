package isotool

import (
	"fmt"

	"switchyard/spec"
	"switchyard/spec/framing"
)

// Target is what messages are converted to.
type Target struct {
	Codec  *spec.Codec
	Format framing.Format
	// Translate changes a message into one of the target's edition of ISO 8583; nil: there is nothing to change.
	Translate func(to, from *spec.Message) error
}

// Convert packs the messages of a reading anew. A frame that could not be read to its end, and a message that the
// target cannot pack, is an error that says which.
func (r *Reading) Convert(t Target) (out []byte, err error) {
	for i, f := range r.frames() {
		if f.Fault != nil {
			return nil, fmt.Errorf("frame %d: %w", i+1, f.Fault)
		}
		m := &f.message
		if t.Translate != nil {
			m = new(spec.Message)
			if err := t.Translate(m, &f.message); err != nil {
				return nil, fmt.Errorf("frame %d: %w", i+1, err)
			}
		}
		if out, err = Append(out, t.Codec, t.Format, m); err != nil {
			return nil, fmt.Errorf("frame %d: %w", i+1, err)
		}
	}
	return out, nil
}

// Append appends a message as a frame.
func Append(dst []byte, codec *spec.Codec, format framing.Format, m *spec.Message) ([]byte, error) {
	start := len(dst)
	out, err := codec.Pack(format.Begin(dst, nil), m)
	if err != nil {
		return dst, err
	}
	return format.End(out, start)
}

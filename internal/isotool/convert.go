package isotool

import (
	"fmt"
	"time"

	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/mapping"
)

// Target is what messages are converted to.
type Target struct {
	Codec  *spec.Codec
	Format framing.Format
	At     time.Time // gives the year to dates that have none
}

// Convert packs the messages of a reading anew; what is of the other edition of ISO 8583 than the target is put into
// the elements of the target's, as the switch does it for its issuers. A frame that could not be read to its end, and a
// message that the target cannot pack or that its edition does not have, is an error that says which.
func (r *Reading) Convert(t Target) (out []byte, err error) {
	to, err := mapping.Compile(mapping.Config{}, t.Codec)
	if err != nil {
		return nil, err
	}
	n := 0
	for i := range r.Streams {
		s := &r.Streams[i]
		from, err := mapping.Compile(mapping.Config{}, s.codec)
		if err != nil {
			return nil, err
		}
		for j := range s.Frames {
			f := &s.Frames[j]
			n++
			if f.Fault != nil {
				return nil, fmt.Errorf("frame %d: %w", n, f.Fault)
			}
			m := &f.message
			if s.codec.Version() != t.Codec.Version() {
				m = new(spec.Message)
				m.CopyFrom(&f.message)
				if err := from.Receive(m); err != nil {
					return nil, fmt.Errorf("frame %d: %w", n, err)
				}
				if mti := m.MTI(); mti[0] != '0' {
					return nil, fmt.Errorf("frame %d: MTI %s: expected a message that both editions have", n, mti)
				}
				if err := to.Send(m, t.At); err != nil {
					return nil, fmt.Errorf("frame %d: %w", n, err)
				}
			}
			if out, err = Append(out, t.Codec, t.Format, m); err != nil {
				return nil, fmt.Errorf("frame %d: %w", n, err)
			}
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

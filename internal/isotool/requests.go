package isotool

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/internal/capture"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// Requests are the payments that somebody asked for in a capture.
type Requests struct {
	Framing string
	Codec   *spec.Codec
	Frames  []Request // by the time at which they began
	// Other is how many messages are no such request, Unread how many frames could not be read.
	Other, Unread int
}

// Request is one, as it was written.
type Request struct {
	At      time.Time
	Message []byte
}

// ReadRequests reads the requests and advices of a pcap file that are about payments (MTIs of 1xx, 2xx and 4xx), of
// whatever framing and dialect they are. to, where it is not empty, is the address that they were sent to, or the end
// of one, such as :8583.
func ReadRequests(data []byte, to string, candidates []*spec.Codec) (*Requests, error) {
	streams, err := capture.As(capture.Pcap, data)
	if err != nil {
		return nil, err
	}
	streams = slices.DeleteFunc(streams, func(s capture.Stream) bool { return !strings.HasSuffix(s.Name, to) })
	if len(streams) == 0 {
		return nil, fmt.Errorf("nothing was sent to %s", to)
	}
	in := Input{Candidates: candidates}
	best := in.find(longest(streams))
	if best.codec == nil || best.score == 0 {
		return nil, errors.New("nothing in it looks like ISO 8583")
	}
	r := &Requests{Framing: best.framing, Codec: best.codec}
	format, err := framing.Parse(best.framing)
	if err != nil {
		return nil, err
	}
	for i := range streams {
		if err := r.take(&streams[i], format); err != nil {
			return nil, err
		}
	}
	if len(r.Frames) == 0 {
		return nil, fmt.Errorf("no request about a payment among %d messages, read as %s framed %s", r.Other,
			r.Codec.Name(), r.Framing)
	}
	slices.SortStableFunc(r.Frames, func(a, b Request) int { return a.At.Compare(b.At) })
	return r, nil
}

// take takes the requests of a stream.
func (r *Requests) take(s *capture.Stream, format framing.Format) error {
	var m spec.Message
	for _, p := range cut(s.Data, format, r.Codec) {
		switch {
		case p.err != nil || r.Codec.Unpack(p.message, &m) != nil:
			r.Unread++
		case !aboutPayment(m.MTIBytes()):
			r.Other++
		default:
			at, ok := s.At(p.at)
			if !ok {
				return fmt.Errorf("%s: the capture does not tell when its packets were captured", cmp.Or(s.Name, "a stream"))
			}
			r.Frames = append(r.Frames, Request{at, p.message})
		}
	}
	return nil
}

// aboutPayment tells whether a message asks for, or tells of, an authorization, a financial transaction or a reversal.
func aboutPayment(mti []byte) bool {
	return len(mti) == 4 && strings.IndexByte("124", mti[1]) >= 0 && (mti[2] == '0' || mti[2] == '2')
}

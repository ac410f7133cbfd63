package link

import (
	"fmt"

	"switchyard/spec/guess"
)

// A host with another framing or dialect than the configured one answers with bytes that are no frame, or wait for the
// rest of one that never comes. Whoever reads that there was no answer in time must be told that something came.

// strangeBytes is how many bytes are kept of a connection that begins with what is no message.
const strangeBytes = 2 << 10

// keepStrange keeps how what came begins, where no message came yet. It is called by the reader, before it passes over
// what is none.
func (s *session) keepStrange() {
	if s.understood || len(s.strange) > 0 {
		return
	}
	b, _ := s.r.Peek(min(s.r.Buffered(), strangeBytes)) // of what is buffered: nothing is read
	s.strange = append(s.strange, b...)
}

// likened adds to what is wrong with the frame that is to be read next what it looks like, if that is not what is
// configured.
func (s *session) likened(why error) error {
	b, _ := s.r.Peek(min(s.r.Buffered(), strangeBytes)) // of what is buffered: nothing is read
	cfg := &s.h.cfg
	if looks := guess.Say(b, guess.Options{Framing: cfg.Framing.String(), Codec: cfg.Codec}); looks != "" {
		return fmt.Errorf("%w; it %s", why, looks)
	}
	return why
}

// explained adds to the reason why a session is over what came and looks like, where none of it was a message. The
// session has ended.
func (s *session) explained(err error) error {
	if len(s.strange) == 0 || err == nil {
		return err
	}
	cfg := &s.h.cfg
	looks := guess.Say(s.strange, guess.Options{Framing: cfg.Framing.String(), Codec: cfg.Codec})
	if looks == "" { // as it is configured, but not whole
		looks = fmt.Sprintf("%d bytes", len(s.strange))
	}
	return fmt.Errorf("%w; what came is no message in framing %s: %s", err, cfg.Framing, looks)
}

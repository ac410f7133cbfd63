package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/mutant"
	"switchyard/spec"
)

// Network management codes (DE70).
const (
	codeSignOn  = "001"
	codeSignOff = "002"
	codeCutover = "201"
	codeEcho    = "301"
)

// Response codes (DE39) of network messages.
const (
	responseApproved = "00"
	responseInvalid  = "12"
)

const (
	mtiNetworkRequest  = "0800"
	mtiNetworkResponse = "0810"
)

var errRefused = errors.New("the host refused it")

// exchange sends a network message and waits for its response, SignOnTimeout at the most. An answer with another DE39
// than 00 is an error.
func (s *session) exchange(ctx context.Context, code string) error {
	h := s.h
	ctx, cancel := context.WithTimeout(ctx, h.cfg.SignOnTimeout)
	defer cancel()
	stan, de7, err := h.cfg.Identity.Next(ctx)
	if err != nil {
		return fmt.Errorf("a STAN for it: %w", err)
	}
	var m spec.Message
	m.SetMTI(mtiNetworkRequest)
	m.Set(deDateTime, de7)
	m.SetUint(deSTAN, uint64(stan), 6)
	if h.cfg.AcquirerID != "" {
		m.Set(deAcquirer, h.cfg.AcquirerID)
	}
	m.Set(deNetworkCode, code)
	frame, err := h.pack(&m)
	if err != nil {
		return err
	}
	var resp spec.Message
	if err := s.roundTrip(ctx, frame, &Match{MTI: mtiNetworkRequest, STAN: stan, DE7: de7}, &resp, nil); err != nil {
		return err
	}
	if got := resp.String(deResponseCode); got != responseApproved && !mutant.On(mutant.RefusedSignOnTaken) {
		return fmt.Errorf("%w: DE39 %q", errRefused, got)
	}
	return nil
}

// SignOn is whether a host is signed on to (0800 with DE70 001) when a connection is made.
type SignOn uint8

// What there is: a connection takes requests once the host has approved; once it has answered, whatever it says, or
// SignOnTimeout is over; or at once, with no sign-on, and no sign-off in the end.
const (
	SignOnRequired SignOn = iota
	SignOnOptional
	SignOnNone
)

// signOn signs on, as far as the host wants it.
func (s *session) signOn() error {
	how := s.h.cfg.SignOn
	if how == SignOnNone {
		s.unsigned = true
		return nil
	}
	err := s.exchange(s.h.stop, codeSignOn)
	if how == SignOnOptional && (errors.Is(err, errRefused) || errors.Is(err, ErrNoAnswer)) && s.lostBy() == nil &&
		s.h.stop.Err() == nil {
		s.unsigned = true
		s.l.log.Info("the host does not take the sign-on, and is sent requests all the same", zap.Error(err))
		return nil
	}
	return err
}

// pack makes a frame of a network message.
func (h *Host) pack(m *spec.Message) ([]byte, error) {
	if err := h.cfg.Mapping.Send(m, h.cfg.Clock.Now()); err != nil {
		return nil, err
	}
	return h.cfg.Codec.PackFrame(nil, m)
}

// unpack reads a message of the host's and makes it canonical.
func (h *Host) unpack(b []byte, m *spec.Message) error {
	if err := h.cfg.Codec.Unpack(b, m); err != nil {
		return err
	}
	return h.cfg.Mapping.Receive(m)
}

// maxReplies is how many answers to the host's own requests may wait for one write; more are not answered: a host that
// asks and does not read must not fill our memory.
const maxReplies = 1024

// serve answers what the host asks: network messages (0800). All else is unsolicited.
func (s *session) serve(msg *spec.Message) {
	h := s.h
	if msg.MTI() != mtiNetworkRequest {
		s.unsolicited(msg)
		return
	}
	var reply spec.Message
	reply.SetMTI(mtiNetworkResponse)
	for _, de := range []int{deDateTime, deSTAN, deAcquirer, deForwarder, deNetworkCode} {
		if msg.Has(de) {
			reply.SetBytes(de, msg.Bytes(de))
		}
	}
	reply.Set(deResponseCode, responseApproved)
	switch msg.String(deNetworkCode) {
	case codeEcho, codeSignOn:
	case codeCutover:
		h.announce(s.l)
	case codeSignOff:
		select {
		case s.leaving <- struct{}{}:
		default:
		}
	default:
		reply.Set(deResponseCode, responseInvalid)
	}
	frame, err := h.pack(&reply)
	if err != nil {
		s.unsolicited(msg)
		return
	}
	h.mu.Lock()
	s.heard, s.unanswered = time.Now(), false
	unsaid := s.replies >= maxReplies
	if !unsaid {
		unsaid = s.push(frame, s.head) != nil
	}
	if !unsaid {
		s.replies++
		s.kick()
	}
	h.mu.Unlock()
	if unsaid {
		s.unsolicited(msg)
	}
}

// unsolicited counts and reports a request of the host that is not answered.
func (s *session) unsolicited(msg *spec.Message) {
	h := s.h
	h.mu.Lock()
	l := Stray{Kind: KindUnsolicited, Differs: deMTI}
	l.log, l.unlogged = h.explain.take(time.Now())
	h.mu.Unlock()
	h.stray(s.l, &l, msg)
}

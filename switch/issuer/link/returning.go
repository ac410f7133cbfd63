package link

import (
	"time"

	"switchyard/internal/mutant"
)

// A link that did its work and was lost is made again within ReconnectMin: some hosts close after each answer. Until
// the first attempt has failed, and for returnsWithin at most, its host counts as coming back, and requests wait for
// it as they do for room. A link that is lost as soon as it is signed on, or cannot be made, is not waited for.

// returnsWithin is how long after its loss a link may be expected back: ReconnectMin at the most, a dial and a sign-on.
const returnsWithin = time.Second

// stable tells whether the session has been up so long that its loss is a new one.
func (s *session) stable() bool {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	return s.lasted()
}

// useful tells whether the session has done anything.
func (s *session) useful() bool {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	return s.served
}

// lasted is stable with h.mu held.
func (s *session) lasted() bool { return !s.up.IsZero() && time.Since(s.up) >= stableAfter }

// toReturn notes that a session ends whose link is expected back. h.mu is held.
func (s *session) toReturn() {
	if s.served || s.lasted() {
		s.h.lost[s.l.index] = time.Now()
	}
}

// notReturning notes that an attempt to make the link again has failed, and tells those who waited for it.
func (l *link) notReturning() {
	h := l.h
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost[l.index] = time.Time{}
	if _, up := h.pick(request); !up {
		h.refuseWaiters()
	}
}

// returning tells whether a link of the host is expected back. h.mu is held.
func (h *Host) returning() bool {
	if h.closing || mutant.On(mutant.ReturningLinkRefused) {
		return false
	}
	for _, lost := range h.lost {
		if !lost.IsZero() && time.Since(lost) < returnsWithin {
			return true
		}
	}
	return false
}

// Returning tells whether a link is expected back, so that requests wait for it.
func (h *Host) Returning() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.returning()
}

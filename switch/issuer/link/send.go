package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchyard/spec"
)

// sweepStep is the shortest time between two sweeps for requests whose Match.Deadline is over: at 4,096 in flight a
// sweep takes some 0.1 ms.
const sweepStep = 10 * time.Millisecond

// pending is a request in flight. It is guarded by Host.mu as long as it stands in Host.pending; who takes it out there
// owns it, sets err, and signals done.
type pending struct {
	want  Match
	resp  *spec.Message
	s     *session
	slot  bool      // it holds a slot; network messages do not
	class class     // of the slot
	seq   uint64    // how many frames the session had been given when this one was
	sent  time.Time // when its frame was queued for the socket
	err   error
	done  chan struct{} // holds one signal; nil where there is a receiver
	to    Receiver      // nil: somebody waits
}

// Receiver takes what came of a request that was started.
type Receiver interface {
	// Received is called once, with what Send would have returned, by a goroutine of the host: it must not block, nor
	// call the host. resp is the response where err is nil, and valid during the call only. What it returns is flushed
	// once nothing more comes at this moment.
	Received(resp *spec.Message, err error) Flusher
}

// Flusher is whom many receivers have in common.
type Flusher interface {
	// Flush follows one Received or several. It must not block, nor call the host.
	Flush()
}

// Send sends a request and waits for its response, which it unpacks into resp. frame is what Codec.PackFrame made; it
// is copied before Send waits. want says what it asked. Send always frees the slot, and returns:
//
//   - nil: resp is the response, whatever its DE39 says. In every other case resp is not to be read;
//   - ErrNotSent: not a byte left: the link was lost before, ctx or want.Deadline was over already, the frame is none,
//     the slot was used, or its STAN is in flight (I9);
//   - ErrNoAnswer: ctx or want.Deadline ended first. A response that comes now is late and goes to Config.OnStray;
//   - ErrLinkLost: the link was lost and the request may have been sent.
func (sl *Slot) Send(ctx context.Context, frame []byte, want Match, resp *spec.Message) error {
	return sl.s.roundTrip(ctx, frame, &want, resp, sl)
}

// Start is Send without the wait: what came of the request goes to a receiver. want.Deadline must be set; the slot is
// the host's until then. The frame is sent by the next Flush of the host at the latest, so that many go in one write.
// An error is ErrNotSent, and the receiver hears nothing.
func (sl *Slot) Start(frame []byte, want *Match, to Receiver) error {
	s := sl.s
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	_, err := s.begin(context.Background(), frame, want, nil, sl, to)
	return err
}

// Flush sends what was started.
func (h *Host) Flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		if s != nil {
			s.kick()
		}
	}
}

// roundTrip does what Send says; network messages have no slot.
func (s *session) roundTrip(ctx context.Context, frame []byte, want *Match, resp *spec.Message, sl *Slot) error {
	h := s.h
	h.mu.Lock()
	p, err := s.begin(ctx, frame, want, resp, sl, nil)
	s.kick()
	h.mu.Unlock()
	if err != nil {
		return err
	}
	err = p.wait(ctx)
	h.recycle(p)
	return err
}

// begin makes a request pending and queues its frame, or frees its slot and says why not. h.mu is held.
func (s *session) begin(
	ctx context.Context, frame []byte, want *Match, resp *spec.Message, sl *Slot, to Receiver,
) (*pending, error) {
	h := s.h
	now := time.Now()
	if sl != nil {
		if sl.used {
			return nil, fmt.Errorf("%w: the slot was used before", ErrNotSent)
		}
		sl.used = true
	}
	refused := refusal(ctx, frame, want, now)
	if refused == nil {
		refused = h.admit(s, want)
	}
	if refused == nil {
		if err := s.push(frame, nil); err != nil {
			refused = fmt.Errorf("%w: host %q: %w", ErrNotSent, h.cfg.Host, err)
		}
	}
	if refused != nil {
		if sl != nil {
			h.free(s, sl.class)
		}
		return nil, refused
	}
	var p *pending
	if to != nil {
		p = &sl.started
	} else if p, _ = h.spent.Get().(*pending); p == nil {
		p = &pending{done: make(chan struct{}, 1)}
	}
	p.want, p.resp, p.s, p.slot, p.sent, p.err, p.to = *want, resp, s, sl != nil, now, nil, to
	p.want.echoes = h.cfg.Echoes
	if sl != nil {
		if p.class = sl.class; p.class == request {
			h.requested.Store(now.UnixNano())
		}
	}
	h.pending[want.STAN] = p
	if !want.Deadline.IsZero() {
		h.sweepBy(want.Deadline)
	}
	p.seq = s.queued
	return p, nil
}

// recycle keeps a request that was waited for, and is done, for another one.
func (h *Host) recycle(p *pending) {
	p.resp, p.s = nil, nil
	h.spent.Put(p)
}

// tell says what came of a request that is retired, and notes who is to be flushed then. resp is its response, if it
// has one. h.mu is not held.
func (h *Host) tell(p *pending, resp *spec.Message, told *[]Flusher) {
	if p.to == nil {
		if resp != nil {
			p.resp.CopyFrom(resp)
		}
		p.done <- struct{}{}
		return
	}
	if f := p.to.Received(resp, p.err); !slices.Contains(*told, f) { // p may be another request's by now
		*told = append(*told, f)
	}
}

// tellAll tells many.
func (h *Host) tellAll(done []*pending) {
	var told []Flusher
	for _, p := range done {
		h.tell(p, nil, &told)
	}
	for _, f := range told {
		f.Flush()
	}
}

// refusal says what is wrong with a request regardless of the link's state.
func refusal(ctx context.Context, frame []byte, want *Match, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	if !want.Deadline.IsZero() && !now.Before(want.Deadline) {
		return fmt.Errorf("%w: its deadline is over", ErrNotSent)
	}
	if n := len(frame) - spec.LengthHeader; n < 1 || int(binary.BigEndian.Uint16(frame)) != n {
		return fmt.Errorf(
			"%w: frame of %d bytes: want a message behind a %d-byte length that says so", ErrNotSent, len(frame),
			spec.LengthHeader,
		)
	}
	if want.STAN < 1 || want.STAN > 999999 {
		return fmt.Errorf("%w: STAN %d: want 1 to 999999", ErrNotSent, want.STAN)
	}
	return nil
}

// admit says why a request cannot go over the session now. h.mu is held.
func (h *Host) admit(s *session, want *Match) error {
	if s.state == stateDown {
		return fmt.Errorf("%w: host %q: link %s was lost before", ErrNotSent, h.cfg.Host, s.l.name)
	}
	if p := h.pending[want.STAN]; p != nil {
		return fmt.Errorf(
			"%w: host %q: STAN %06d is in flight on link %s since DE7 %s", ErrNotSent, h.cfg.Host, want.STAN, p.s.l.name,
			p.want.DE7,
		)
	}
	return nil
}

// wait waits until p is done or ctx ends.
func (p *pending) wait(ctx context.Context) error {
	// A network message is waited for by the goroutine that would sweep a lost link, so it looks out for that itself.
	var lost <-chan struct{}
	if !p.slot {
		lost = p.s.dead
	}
	ended := ctx.Done()
	if ended == nil && lost == nil {
		<-p.done
		return p.err
	}
	var err error
	select {
	case <-p.done:
		return p.err
	case <-ended:
		err = fmt.Errorf("%w: %w", ErrNoAnswer, ctx.Err())
	case <-lost:
		err = ErrLinkLost
	}
	h := p.s.h
	h.mu.Lock()
	if h.pending[p.want.STAN] != p {
		h.mu.Unlock()
		<-p.done // completed at the same moment
		return p.err
	}
	if p.slot && errors.Is(ctx.Err(), context.DeadlineExceeded) { // a caller that went away says nothing about the host
		h.missed(p, time.Now())
	}
	h.giveUp(p)
	h.mu.Unlock()
	return err
}

// retire takes p out of the pending requests and gives its slot back. h.mu is held.
func (h *Host) retire(p *pending) {
	delete(h.pending, p.want.STAN)
	if p.slot {
		h.free(p.s, p.class)
	}
}

// missed notes that the time of a request is over. h.mu is held.
func (h *Host) missed(p *pending, now time.Time) {
	p.s.unanswered = true
	h.adapt(p.s, p.sent, true, now)
}

// giveUp retires a request that was not answered and remembers it, for its response may come yet. h.mu is held.
func (h *Host) giveUp(p *pending) {
	h.expired.put(&p.want, p.s.l.name, p.sent)
	h.retire(p)
}

// GiveUpAdvices gives up the advices that were started and have no answer yet: their receivers are told ErrNoAnswer, as
// if their time were over, and a response that comes yet is late. For who stops sending and cannot wait.
func (h *Host) GiveUpAdvices() { h.tellAll(h.startedAdvices()) }

// startedAdvices retires the advices that were started and returns them.
func (h *Host) startedAdvices() (over []*pending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.pending {
		if p.to == nil || p.class != advice {
			continue
		}
		h.giveUp(p)
		p.err = fmt.Errorf("%w: it was given up", ErrNoAnswer)
		over = append(over, p)
	}
	return over
}

// sweepBy makes sure that a sweep is due at the deadline, or soon after. With one deadline for all requests the next
// sweep is nearly always due earlier already. h.mu is held.
func (h *Host) sweepBy(deadline time.Time) {
	if earliest := h.lastSweep.Add(sweepStep); deadline.Before(earliest) {
		deadline = earliest
	}
	if !h.nextSweep.IsZero() && !deadline.Before(h.nextSweep) {
		return
	}
	h.nextSweep = deadline
	if h.sweeper == nil {
		h.sweeper = time.AfterFunc(time.Until(deadline), h.sweep)
		return
	}
	h.sweeper.Reset(time.Until(deadline))
}

// sweep gives up the requests whose deadline is over.
func (h *Host) sweep() { h.tellAll(h.due()) }

// due retires the requests whose deadline is over and returns them.
func (h *Host) due() (over []*pending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	var next time.Time
	for _, p := range h.pending {
		due := p.want.Deadline
		switch {
		case due.IsZero():
		case !due.After(now):
			h.missed(p, now)
			h.giveUp(p)
			p.err = fmt.Errorf("%w: %v after it was sent", ErrNoAnswer, now.Sub(p.sent))
			over = append(over, p)
		case next.IsZero() || due.Before(next):
			next = due
		}
	}
	h.lastSweep, h.nextSweep = now, time.Time{}
	if !next.IsZero() {
		h.sweepBy(next)
	}
	return over
}

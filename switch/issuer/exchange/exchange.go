// Package exchange carries one operation of a payment to an issuer and back: a slot in a link's window, the message's
// identity, the frame, the matched answer. Package flow uses it for requests, package saf for advices.
//
// The order is the caller's to keep: [Issuer.Acquire], [Issuer.Identify] and [Call.Pack] before the intent is
// committed, [Call.Send] or [Call.Start] after (I1). A Call is used by one goroutine at a time, sends once, and ends
// with [Call.Free].
//
// Of messages a Call keeps only what is acted on: there may be thousands in flight, and a whole message is some 2 KiB
// of memory to come back to.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"switchyard/internal/mutant"
	"switchyard/spec"
	"switchyard/spec/mapping"
	"switchyard/switch/api"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
	"switchyard/switch/payment"
)

// Issuer is one issuer host as the flows see it. Safe for concurrent use.
type Issuer struct {
	Name     string
	Codec    *spec.Codec
	Mapping  *mapping.Mapping // of canonical messages to the host's; nil: they are the host's
	Stream   *identity.Stream
	Host     *link.Host
	Builder  *message.Builder
	Deadline time.Duration // how long an answer is waited for
}

// Call is one exchange. The zero value is ready for [Issuer.TryAcquire] and those for advices.
type Call struct {
	issuer *Issuer
	slot   *link.Slot
	own    link.Slot // of TryAcquire
	want   link.Match
	frame  []byte
	pooled bool
	answer answer // after a Send that returned nil, until Free
}

// answer is what of a response is acted on.
type answer struct {
	amountMinor int64 // DE4; 0: there is none
	code        string
	// DE38 and what stands in DE48: pieces of one string.
	authCode, networkID, avs, cvc string
}

// calls keeps frames from being made anew for each exchange, messages the messages that they are packed and unpacked
// by.
var (
	calls    = sync.Pool{New: func() any { return &Call{pooled: true} }}
	messages = sync.Pool{New: func() any { return new(spec.Message) }}
)

// Acquire takes a slot for a request in a window of the issuer's links. It fails with link.ErrUnavailable when none is
// signed on and link.ErrBusy when none is free before ctx ends.
func (x *Issuer) Acquire(ctx context.Context) (*Call, error) {
	slot, err := x.Host.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	c := NewCall()
	c.issuer, c.slot = x, slot
	return c, nil
}

// NewCall returns a call for TryAcquire, of memory that was used before if there is any.
func NewCall() *Call { return calls.Get().(*Call) }

// TryAcquire is Acquire without a wait, for a call of the caller's own: false where no link has room now.
func (x *Issuer) TryAcquire(c *Call) bool {
	if !x.Host.TryAcquire(&c.own) {
		return false
	}
	c.issuer, c.slot = x, &c.own
	return true
}

// AcquireAdvice is Acquire for an advice, which leaves requests their share of the windows, and for a call of the
// caller's own.
func (x *Issuer) AcquireAdvice(ctx context.Context, c *Call) error {
	slot, err := x.Host.AcquireAdvice(ctx)
	if err != nil {
		return err
	}
	c.issuer, c.slot = x, slot
	return nil
}

// TryAcquireAdvice is AcquireAdvice without a wait: false where no link has room now.
func (x *Issuer) TryAcquireAdvice(c *Call) bool {
	if !x.Host.TryAcquireAdvice(&c.own) {
		return false
	}
	c.issuer, c.slot = x, &c.own
	return true
}

// Identify gives an operation its host, STAN and DE7. It fails with identity.ErrReserved where the host's answers are
// known by their STAN alone and none is free; the reversal of a timeout, which must be sent, waits for one.
func (x *Issuer) Identify(ctx context.Context, op *payment.Op) (err error) {
	op.Host = x.Name
	op.STAN, op.DE7, err = x.Stream.Take(ctx, op.Kind == payment.KindTimeoutReversal)
	return err
}

// Pack builds the frame of operation i; see message.Builder.Build.
func (c *Call) Pack(p *payment.Payment, i int, card message.Card, req *api.Request, repeat bool) error {
	m := messages.Get().(*spec.Message)
	defer putBack(m)
	if err := c.issuer.Builder.Build(m, p, i, card, req, repeat); err != nil {
		return err
	}
	op := &p.Ops[i]
	minor, _ := m.Uint(4)
	c.want = link.Match{
		MTI: m.MTI(), STAN: op.STAN, DE7: op.DE7, RRN: op.RRN, Terminal: p.Terminal,
		Currency: m.String(49), AmountMinor: int64(minor), CheckAmount: true,
	}
	if err := c.mapped(m, p, i); err != nil {
		return fmt.Errorf("pack %s: %w", c.want.MTI, err)
	}
	c.want.Carries(m)
	var err error
	if c.frame, err = c.issuer.Codec.PackFrame(c.frame[:0], m); err != nil {
		return fmt.Errorf("pack %s: %w", c.want.MTI, err)
	}
	return nil
}

// putBack keeps a message for the next one. It may hold card data.
func putBack(m *spec.Message) {
	m.Wipe()
	messages.Put(m)
}

// mapped makes the request of an operation what its host is sent. All that it adds is the record's, so that a repeat is
// the same.
func (c *Call) mapped(m *spec.Message, p *payment.Payment, i int) error {
	to := c.issuer.Mapping
	if to == nil {
		return nil
	}
	c.want.MTI = to.MTI(c.want.MTI)
	if m.Has(95) && to.Amends() {
		c.want.CheckAmount = false // its answer may repeat either amount
	}
	if !to.Templates() {
		return to.Send(m, p.Ops[i].At)
	}
	var of mapping.Data
	message.Data(&of, p, i)
	return to.SendOf(m, p.Ops[i].At, &of)
}

// Send sends the packed frame and waits for its answer until the issuer's deadline. nil: it has come.
// link.ErrNotSent: no byte went out. Any other error: the outcome is unknown. The slot is free afterwards.
func (c *Call) Send(ctx context.Context) error {
	m := messages.Get().(*spec.Message)
	defer putBack(m)
	if err := c.sending(ctx); err != nil {
		return err
	}
	err := c.slot.Send(ctx, c.frame, c.want, m)
	c.slot = nil
	if err == nil {
		c.Read(m)
	}
	return err
}

// Start is Send without the wait: what came of it goes to a receiver. The frame is sent by the next Flush of the host
// at the latest. An error is link.ErrNotSent, and the receiver hears nothing.
func (c *Call) Start(to link.Receiver) error {
	if err := c.sending(context.Background()); err != nil {
		return err
	}
	slot := c.slot
	c.slot = nil // once it is started the call may be the receiver's, and somebody else's after that
	return slot.Start(c.frame, &c.want, to)
}

// sending is what comes right before a message is sent.
func (c *Call) sending(ctx context.Context) error {
	if err := c.issuer.Stream.Sending(ctx, c.want.STAN); err != nil {
		return fmt.Errorf("%w: %w", link.ErrNotSent, err)
	}
	c.want.Deadline = time.Now().Add(c.issuer.Deadline) // from now on, however long that took
	return nil
}

// NotSent tells whether an error of Send means that the issuer cannot have seen the message.
func NotSent(err error) bool {
	return errors.Is(err, link.ErrNotSent) || mutant.On(mutant.LostIsNotSent) && errors.Is(err, link.ErrLinkLost)
}

// MisreadCode is DE39 of an answer that named another card or processing code, "" where an error of Send is another
// one.
func MisreadCode(err error) string {
	var misread *link.MisreadError
	if errors.As(err, &misread) {
		return misread.Code
	}
	return ""
}

// Free gives the call back; a slot that was not used is released. The frame holds card data and is wiped.
func (c *Call) Free() {
	if c.slot != nil {
		c.slot.Free()
	}
	clear(c.frame)
	*c = Call{frame: c.frame[:0], pooled: c.pooled} // a kept one keeps no host alive
	if c.pooled {
		calls.Put(c)
	}
}

// Read takes from a response what is acted on. Send does it; who was told of one by Start does it himself.
func (c *Call) Read(m *spec.Message) {
	tlv := m.Bytes(48)
	network, _ := spec.FindTLV(tlv, spec.TagNetworkID)
	avs, _ := spec.FindTLV(tlv, spec.TagAVSResult)
	cvc, _ := spec.FindTLV(tlv, spec.TagCVCResult)
	var room [128]byte
	text := room[:0]
	for _, v := range [...][]byte{m.Bytes(38), network, avs, cvc} {
		text = append(text, v...)
	}
	rest := string(text) // one piece of memory for all
	cut := func(n int) (piece string) {
		piece, rest = rest[:n], rest[n:]
		return piece
	}
	c.answer = answer{
		code:     payment.CodeOf(m.Bytes(39)),
		authCode: cut(len(m.Bytes(38))), networkID: cut(len(network)), avs: cut(len(avs)), cvc: cut(len(cvc)),
	}
	if minor, ok := m.Uint(4); ok {
		c.answer.amountMinor = int64(minor)
	}
}

// Code returns DE39 of the response.
func (c *Call) Code() string { return c.answer.code }

// RecordIn writes the response into an operation: its code and what comes with it. It does not decide the state.
func (c *Call) RecordIn(op *payment.Op, at time.Time) {
	op.DoneAt = at
	op.ResponseCode = c.answer.code
	for _, piece := range [...]struct {
		to   *string
		text string
	}{
		{&op.AuthCode, c.answer.authCode}, {&op.NetworkID, c.answer.networkID}, {&op.AVS, c.answer.avs},
		{&op.CVCResult, c.answer.cvc},
	} {
		if piece.text != "" {
			*piece.to = piece.text
		}
	}
}

// Amount returns DE4 of the response, 0 where it has none.
func (c *Call) Amount() int64 { return c.answer.amountMinor }

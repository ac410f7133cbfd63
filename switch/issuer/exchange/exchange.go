// Package exchange carries one operation of a payment to an issuer and back: a slot in a link's window, the message's
// identity, the frame, the matched answer. Package flow uses it for requests, package saf for advices.
//
// The order is the caller's to keep: [Issuer.Acquire], [Issuer.Identify] and [Call.Pack] before the intent is
// committed, [Call.Send] or [Call.Start] after (I1). A Call is used by one goroutine at a time, sends once, and ends
// with [Call.Free].
package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"switchyard/internal/mutant"
	"switchyard/spec"
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
	Stream   *identity.Stream
	Host     *link.Host
	Builder  *message.Builder
	Deadline time.Duration // how long an answer is waited for
}

// Call is one exchange.
type Call struct {
	issuer *Issuer
	slot   *link.Slot
	own    link.Slot // of TryAcquire
	want   link.Match
	frame  []byte

	request  spec.Message
	Response spec.Message // valid after a Send that returned nil, until Free
}

// calls keeps messages and frames, which are large, from being made anew for each exchange.
var calls = sync.Pool{New: func() any { return new(Call) }}

// Acquire takes a slot for a request in a window of the issuer's links. It fails with link.ErrUnavailable when none is
// signed on and link.ErrBusy when none is free before ctx ends.
func (x *Issuer) Acquire(ctx context.Context) (*Call, error) {
	return x.call(x.Host.Acquire(ctx))
}

// TryAcquire is Acquire without a wait: false where no link has room now.
func (x *Issuer) TryAcquire() (*Call, bool) {
	c := calls.Get().(*Call)
	if !x.Host.TryAcquire(&c.own) {
		calls.Put(c)
		return nil, false
	}
	c.issuer, c.slot = x, &c.own
	return c, true
}

// AcquireAdvice is Acquire for an advice, which leaves requests their share of the windows.
func (x *Issuer) AcquireAdvice(ctx context.Context) (*Call, error) {
	return x.call(x.Host.AcquireAdvice(ctx))
}

func (x *Issuer) call(slot *link.Slot, err error) (*Call, error) {
	if err != nil {
		return nil, err
	}
	c := calls.Get().(*Call)
	c.issuer, c.slot = x, slot
	return c, nil
}

// Identify gives an operation its host, STAN and DE7.
func (x *Issuer) Identify(ctx context.Context, op *payment.Op) (err error) {
	op.Host = x.Name
	op.STAN, op.DE7, err = x.Stream.Next(ctx)
	return err
}

// Pack builds the frame of operation i; see message.Builder.Build.
func (c *Call) Pack(p *payment.Payment, i int, card message.Card, req *api.Request, repeat bool) error {
	if err := c.issuer.Builder.Build(&c.request, p, i, card, req, repeat); err != nil {
		return err
	}
	var err error
	if c.frame, err = c.issuer.Codec.PackFrame(c.frame[:0], &c.request); err != nil {
		return fmt.Errorf("pack %s: %w", c.request.MTI(), err)
	}
	op := &p.Ops[i]
	minor, _ := c.request.Uint(4)
	c.want = link.Match{
		MTI: c.request.MTI(), STAN: op.STAN, DE7: op.DE7, RRN: op.RRN, Terminal: p.Terminal,
		Currency: c.request.String(49), AmountMinor: int64(minor), CheckAmount: true,
	}
	c.want.Carries(&c.request)
	return nil
}

// Send sends the packed frame and waits for its answer until the issuer's deadline. nil: Response holds it.
// link.ErrNotSent: no byte went out. Any other error: the outcome is unknown. The slot is free afterwards.
func (c *Call) Send(ctx context.Context) error {
	c.want.Deadline = time.Now().Add(c.issuer.Deadline)
	err := c.slot.Send(ctx, c.frame, c.want, &c.Response)
	c.slot = nil
	return err
}

// Start is Send without the wait: what came of it goes to a receiver. The frame is sent by the next Flush of the host
// at the latest. An error is link.ErrNotSent, and the receiver hears nothing.
func (c *Call) Start(to link.Receiver) error {
	c.want.Deadline = time.Now().Add(c.issuer.Deadline)
	err := c.slot.Start(c.frame, &c.want, &c.Response, to)
	c.slot = nil
	return err
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

// Free gives the call back; a slot that was not used is released. Frame and request hold card data and are wiped.
func (c *Call) Free() {
	if c.slot != nil {
		c.slot.Free()
	}
	clear(c.frame)
	c.request.Reset()
	c.issuer, c.slot, c.own, c.want = nil, nil, link.Slot{}, link.Match{} // a kept one keeps no host alive
	calls.Put(c)
}

// Code returns DE39 of the response.
func (c *Call) Code() string { return payment.CodeOf(c.Response.Bytes(39)) }

// RecordIn writes the response into an operation: its code and what comes with it. It does not decide the state.
func (c *Call) RecordIn(op *payment.Op, at time.Time) {
	op.DoneAt = at
	op.ResponseCode = c.Code()
	tlv := c.Response.Bytes(48)
	network, _ := spec.FindTLV(tlv, spec.TagNetworkID)
	avs, _ := spec.FindTLV(tlv, spec.TagAVSResult)
	cvc, _ := spec.FindTLV(tlv, spec.TagCVCResult)
	var room [128]byte
	text := room[:0]
	for _, v := range [...][]byte{c.Response.Bytes(38), network, avs, cvc} {
		text = append(text, v...)
	}
	rest := string(text) // one piece of memory for all
	cut := func(to *string, n int) {
		if n > 0 {
			*to, rest = rest[:n], rest[n:]
		}
	}
	cut(&op.AuthCode, len(c.Response.Bytes(38)))
	cut(&op.NetworkID, len(network))
	cut(&op.AVS, len(avs))
	cut(&op.CVCResult, len(cvc))
}

// Amount returns DE4 of the response, or fallback where it has none.
func (c *Call) Amount(fallback int64) int64 {
	if v, ok := c.Response.Uint(4); ok {
		return int64(v)
	}
	return fallback
}

package exchange

import (
	"context"
	"fmt"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// Ask sends a request that is of no payment, m as the switch speaks but for its DE7 and DE11, and reads its answer into
// resp. at is when what it tells of was. It returns what [Call.Send] does; no answer to a payment's message has the
// class of its own, so it takes any STAN.
func (x *Issuer) Ask(ctx context.Context, m, resp *spec.Message, at time.Time) error {
	stan, de7, err := x.Stream.Next(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", link.ErrNotSent, err)
	}
	m.Set(7, de7)
	m.SetUint(11, uint64(stan), 6)
	want := link.Match{MTI: x.Mapping.MTI(m.MTI()), STAN: stan, DE7: de7}
	if err := x.Mapping.Send(m, at); err != nil {
		return fmt.Errorf("%w: pack %s: %w", link.ErrNotSent, want.MTI, err)
	}
	frame, err := x.Codec.PackFrame(nil, m)
	if err != nil {
		return fmt.Errorf("%w: pack %s: %w", link.ErrNotSent, want.MTI, err)
	}
	slot, err := x.Host.AcquireAdvice(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", link.ErrNotSent, err)
	}
	want.Deadline = time.Now().Add(x.Deadline)
	return slot.Send(ctx, frame, want, resp)
}

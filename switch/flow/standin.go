package flow

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// StandIn says what the switch approves by itself while no link to the issuer is up. The zero value is nothing:
// stand-in is off. Whoever turns it on carries the risk of what the issuer would have declined.
type StandIn struct {
	// MaxAmountMinor is the most that one payment may be, by currency; a currency that is not here is not stood in for.
	MaxAmountMinor map[string]int64
	// MaxPerCardAndDay is how many payments of one card are approved on a calendar day (UTC).
	MaxPerCardAndDay int
	// MCCs are the merchant categories that are stood in for; none means all.
	MCCs []string
}

// mayStandIn tells whether a request is one that the switch may approve by itself, the card's count aside.
func (x *operation) mayStandIn() bool {
	s, req := &x.o.StandIn, x.req
	return req.Op == api.OpAuthorize && s.MaxPerCardAndDay > 0 && req.Amount <= s.MaxAmountMinor[req.Currency] &&
		(len(s.MCCs) == 0 || slices.Contains(s.MCCs, x.profile.MCC)) &&
		req.Card.Expiry >= x.o.Clock.Confirmed().Format("0601")
}

// standIn approves an authorization in the issuer's place. Its 0120 goes by store-and-forward, before any other message
// of the payment. Stand-ins are made one at a time: they are rare, and the count a card must hold for requests at once.
func (x *operation) standIn(ctx context.Context) api.Answer {
	issuer := x.route.Issuers[0]
	if refusedWith := x.roomForAdvice(issuer.Name); refusedWith != nil {
		return refused(refusedWith)
	}
	x.standIns.Lock()
	defer x.standIns.Unlock()
	count, err := x.countStandIn(ctx, x.req.Card.Number)
	if err != nil {
		return refused(x.fault("count stand-ins", err))
	}
	if count > x.o.StandIn.MaxPerCardAndDay {
		return refused(api.NewError(api.CodeIssuerUnavailable,
			"no link to the issuer is up, and the card's stand-ins of today are used up"))
	}
	p := &payment.Payment{}
	if err := x.newPayment(ctx, p); err != nil {
		return refused(x.fault("make the payment", err))
	}
	t := &journal.Transition{Payment: p, Keys: []journal.KeyClaim{x.claim}}
	if err := x.queue(ctx, t, issuer, x.stoodIn(p)); err != nil {
		return refused(x.fault("queue the advice", err))
	}
	t.Timers = timersOf(p, 0)
	p.Version++
	if err := x.o.Journal.Commit(ctx, t); err != nil {
		return refused(x.fault("commit the stand-in", err))
	}
	x.metrics.accepted()
	x.deliver(t, nil)
	x.o.Logger.Info("stood in for the issuer", zap.Stringer("payment", p.ID), zap.Int64("amount_minor", x.req.Amount),
		zap.String("currency", x.req.Currency))
	return x.done(x.captureNow(ctx, p), 0)
}

// stoodIn is the operation of a stand-in.
func (x *operation) stoodIn(p *payment.Payment) payment.Op {
	return payment.Op{
		Kind: payment.KindStandIn, State: payment.StateQueued, Advised: true, Key: x.req.Key, Amount: x.req.Amount,
		Granted: x.req.Amount, Target: payment.NoTarget, At: p.Created, DoneAt: p.Created,
		RRN: x.rrn, AuthCode: fmt.Sprintf("%06d", p.ID.Counter()%1_000_000),
		CaptureAt: x.captureAt(p), ForcePost: x.forcePost(),
	}
}

// countStandIn counts one more stand-in of a card today, durably and before it is made: a crash in between costs the
// card one, never the limit. One value a card holds its newest date and that date's count, so that what is kept does
// not grow with the days.
func (f *Flow) countStandIn(ctx context.Context, pan string) (int, error) {
	hash := f.o.Keyring.Hash(pan)
	name := "standin/" + hex.EncodeToString(hash[:])
	today := uint32(payment.DateOf(f.o.Clock.Now()))
	v, err := f.o.Journal.Meta(ctx, name)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return 0, err
	}
	count := uint32(1)
	if len(v) == 8 && binary.BigEndian.Uint32(v) == today {
		count = binary.BigEndian.Uint32(v[4:]) + 1
	}
	if int(count) > f.o.StandIn.MaxPerCardAndDay {
		return int(count), nil
	}
	value := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, today), count)
	return int(count), f.o.Journal.PutMeta(ctx, name, value)
}

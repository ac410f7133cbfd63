package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"switchyard/internal/mutant"
	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// keyTable knows the keys whose first request is being served, so that a repeat waits for it (I3). What is finished
// stands in the journal.
type keyTable struct {
	mu   sync.Mutex
	busy map[merchantKey]chan struct{}
}

type merchantKey struct{ merchant, key string }

func (t *keyTable) init() { t.busy = map[merchantKey]chan struct{}{} }

// begin makes the caller the one who serves the key, or returns what is closed when whoever serves it is done.
func (t *keyTable) begin(k merchantKey) (wait <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c, ok := t.busy[k]; ok {
		if c == nil {
			c = make(chan struct{})
			t.busy[k] = c
		}
		return c
	}
	t.busy[k] = nil
	return nil
}

func (t *keyTable) end(k merchantKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.busy[k]; c != nil {
		close(c)
	}
	delete(t.busy, k)
}

// beginWhenFree makes the caller the one who serves a key, waiting for whoever does until ctx ends.
func (t *keyTable) beginWhenFree(ctx context.Context, k merchantKey) error {
	for {
		wait := t.begin(k)
		if wait == nil {
			return nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// claimKey makes this call the one that serves the request's key: first is true where no request has used it, and
// endKey must follow. Otherwise the answer stands: a repeat gets the first one, with the sums as they stand now.
// currency is the payment's, the default of requests that name a payment.
func (x *operation) claimKey(ctx context.Context, merchant, currency string) (a api.Answer, first bool) {
	k := x.keyOf(merchant)
	if wait := x.keys.begin(k); wait != nil {
		waiting, cancel := context.WithTimeout(ctx, x.o.Deadline)
		defer cancel()
		if err := x.keys.beginWhenFree(waiting, k); err != nil {
			return refused(api.NewError(api.CodeBusy, "the first request with this key is still being served")), false
		}
	}
	x.claim = journal.KeyClaim{Merchant: k.merchant, Key: x.req.Key, MAC: x.bodyMAC(x.req, currency)}
	entry, used, err := x.keyEntry(ctx, merchant, x.req.Key)
	switch {
	case err != nil:
		a = refused(x.fault("read key", err))
	case used && mutant.On(mutant.KeyAppliedTwice) && entry.MAC == x.claim.MAC:
		x.claim.Key += "'"
		return a, true
	case used:
		a = x.replay(ctx, entry)
	default:
		return a, true
	}
	x.endKey()
	return a, false
}

// claimNew is claimKey of a key that nobody is serving and no request has used. Where first is false nothing was done:
// it is for claimKey.
func (x *operation) claimNew(merchant, currency string) (first bool) {
	k := x.keyOf(merchant)
	if x.keys.begin(k) != nil {
		return false
	}
	x.claim = journal.KeyClaim{Merchant: k.merchant, Key: x.req.Key, MAC: x.bodyMAC(x.req, currency)}
	if _, used, err := x.keyEntry(context.Background(), merchant, x.req.Key); err != nil || used {
		x.endKey()
		x.claim = journal.KeyClaim{}
		return false
	}
	return true
}

// keyOf is the request's key as one of a merchant.
func (x *operation) keyOf(merchant string) merchantKey {
	if mutant.On(mutant.KeyWithoutMerchant) {
		merchant = "anyone"
	}
	return merchantKey{merchant, x.req.Key}
}

// endKey lets repeats go on that waited for this call.
func (x *operation) endKey() { x.keys.end(merchantKey{x.claim.Merchant, x.req.Key}) }

// keyEntry reads what a key stands for; used is false where no request has used it.
func (f *Flow) keyEntry(ctx context.Context, merchant, key string) (entry journal.KeyEntry, used bool, err error) {
	if mutant.On(mutant.KeyWithoutMerchant) {
		merchant = "anyone"
	}
	entry, err = f.o.Journal.Key(ctx, merchant, key)
	if errors.Is(err, journal.ErrNotFound) {
		return entry, false, nil
	}
	return entry, err == nil, err
}

// replay answers a repeat of a key.
func (x *operation) replay(ctx context.Context, entry journal.KeyEntry) api.Answer {
	switch {
	case entry.Payment.IsZero():
		return refused(keyConflict("the key was burned by a reversal that named it"))
	case entry.MAC != x.claim.MAC:
		return refused(x.conflict(ctx, entry))
	}
	p, err := x.o.Journal.Payment(ctx, entry.Payment)
	if err != nil {
		return refused(x.fault("read payment", err))
	}
	if !owns(x.caller, p) {
		return refused(keyConflict("the key was used by another gateway"))
	}
	if err := names(entry, p); err != nil {
		return refused(x.fault("read key", err))
	}
	if p.Ops[entry.Op].State == payment.StatePending {
		// Nobody serves it, since this call holds the key: an earlier run left it, and Recover is about to end it.
		if p, err = x.awaitRecovered(ctx, p); err != nil {
			return refused(api.NewError(api.CodeBusy, "the first request with this key is still being recovered"))
		}
	}
	a := x.done(p, entry.Op)
	a.Replayed = true
	return a
}

func keyConflict(why string) *api.Error {
	return &api.Error{Code: api.CodeConflict, Field: "key", Message: why}
}

// names checks that a payment has the operation that a key names.
func names(entry journal.KeyEntry, p *payment.Payment) error {
	if entry.Op >= len(p.Ops) {
		return fmt.Errorf("the key names operation %d of the %d of payment %s", entry.Op, len(p.Ops), p.ID)
	}
	return nil
}

// awaitRecovered waits until no intent that an earlier run sent to a payment's host is without an outcome and reads the
// payment again.
func (f *Flow) awaitRecovered(ctx context.Context, p *payment.Payment) (*payment.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, f.o.Deadline)
	defer cancel()
	recovered := f.recovered[p.Ops[0].Host]
	if recovered == nil {
		return f.o.Journal.Payment(ctx, p.ID)
	}
	select {
	case <-recovered:
		return f.o.Journal.Payment(ctx, p.ID)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bodyMAC compares bodies: a keyed hash over all fields with their defaults, without id, cvc, track2 and emv.
func (f *Flow) bodyMAC(req *api.Request, currency string) [16]byte {
	if req.Currency != "" {
		currency = req.Currency
	}
	return f.o.Keyring.MAC(func(b []byte) []byte {
		b = append(b, byte(req.Op), byte(req.Entry), byte(req.Initiator), flag(req.Partial), flag(req.Final))
		b = binary.BigEndian.AppendUint64(b, uint64(req.Amount))
		for _, s := range [...]string{
			req.Key, req.Merchant, req.Terminal, currency, req.Card.Number, req.Card.Expiry, req.Card.Sequence, req.Reference,
			req.NetworkID, req.ThreeDS.Version, req.ThreeDS.ECI, req.ThreeDS.CAVV, req.ThreeDS.DSTransactionID,
			req.Address.Line, req.Address.PostalCode, req.Address.Country, req.Payment, req.OfKey, req.Capture, req.AuthCode,
		} {
			b = append(b, byte(len(s)))
			b = append(b, s...)
		}
		if req.CaptureAfter != 0 { // bodies without it have the MACs that they had before there was one
			b = binary.BigEndian.AppendUint64(b, uint64(req.CaptureAfter))
		}
		return b
	})
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

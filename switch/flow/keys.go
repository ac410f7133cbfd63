package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
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

// hold makes the caller the one who serves a key, waiting for whoever does until ctx ends.
func (t *keyTable) hold(ctx context.Context, k merchantKey) error {
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

// keyed serves a request once for its key: a repeat gets the first answer with the sums as they stand now. currency is
// the payment's, the default of requests that name a payment.
func (f *Flow) keyed(ctx context.Context, caller *api.Caller, req *api.Request, merchant, currency string, do func(journal.KeyClaim) api.Answer) api.Answer {
	if mutant.On(mutant.KeyWithoutMerchant) {
		merchant = "anyone"
	}
	k := merchantKey{merchant, req.Key}
	if wait := f.keys.begin(k); wait != nil {
		held, cancel := context.WithTimeout(ctx, f.o.Deadline)
		defer cancel()
		if err := f.keys.hold(held, k); err != nil {
			return refused(api.NewError(api.CodeBusy, "the first request with this key is still being served"))
		}
	}
	defer f.keys.end(k)
	mac := f.bodyMAC(req, currency)
	entry, used, err := f.keyEntry(ctx, merchant, req.Key)
	switch {
	case err != nil:
		return f.fault("read key", err)
	case used && mutant.On(mutant.KeyAppliedTwice) && entry.MAC == mac:
		return do(journal.KeyClaim{Merchant: merchant, Key: req.Key + "'", MAC: mac})
	case used:
		return f.replay(ctx, caller, entry, mac)
	}
	return do(journal.KeyClaim{Merchant: merchant, Key: req.Key, MAC: mac})
}

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
func (f *Flow) replay(ctx context.Context, caller *api.Caller, entry journal.KeyEntry, mac [16]byte) api.Answer {
	switch {
	case entry.Payment.IsZero():
		return refused(&api.Error{Code: api.CodeConflict, Field: "key", Message: "the key was burned by a reversal that named it"})
	case entry.MAC != mac:
		return refused(&api.Error{Code: api.CodeConflict, Field: "key", Message: "the key was used with another request"})
	}
	p, err := f.o.Journal.Payment(ctx, entry.Payment)
	if err != nil {
		return f.fault("read payment", err)
	}
	if !owns(caller, p) {
		return refused(&api.Error{Code: api.CodeConflict, Field: "key", Message: "the key was used by another gateway"})
	}
	if entry.Op >= len(p.Ops) {
		return f.fault("read key", fmt.Errorf("the key names operation %d of the %d of payment %s", entry.Op, len(p.Ops), p.ID))
	}
	if p.Ops[entry.Op].State == payment.StatePending {
		// Nobody serves it, since this call holds the key: an earlier run left it, and Recover is about to end it.
		if p, err = f.awaitRecovered(ctx, p); err != nil {
			return refused(api.NewError(api.CodeBusy, "the first request with this key is still being recovered"))
		}
	}
	a := answer(p, entry.Op, f.o.Clock.Confirmed())
	a.Replayed = true
	return a
}

// awaitRecovered waits until no intent of an earlier run is without an outcome and reads a payment again.
func (f *Flow) awaitRecovered(ctx context.Context, p *payment.Payment) (*payment.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, f.o.Deadline)
	defer cancel()
	select {
	case <-f.recovered:
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
	return f.o.Keyring.MAC(func(h hash.Hash) {
		var room [512]byte
		b := append(room[:0], byte(req.Op), byte(req.Entry), byte(req.Initiator), flag(req.Partial), flag(req.Final))
		b = binary.BigEndian.AppendUint64(b, uint64(req.Amount))
		for _, s := range [...]string{
			req.Key, req.Merchant, req.Terminal, currency, req.Card.Number, req.Card.Expiry, req.Card.Sequence, req.Reference,
			req.NetworkID, req.ThreeDS.Version, req.ThreeDS.ECI, req.ThreeDS.CAVV, req.ThreeDS.DSTransactionID,
			req.Address.Line, req.Address.PostalCode, req.Address.Country, req.Payment, req.OfKey, req.Capture, req.AuthCode,
		} {
			b = append(b, byte(len(s)))
			b = append(b, s...)
		}
		h.Write(b)
	})
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

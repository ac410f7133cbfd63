package recovery

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/payment"
)

// fillers is how many payments are written side by side, so that they share the journal's syncs.
const fillers = 1024

// Fill writes a journal of o.Stored payments, o.Open of them without an outcome, and a key into the data folder of a
// switch, which is made anew: what a switch can begin with, as a crash would leave it.
func Fill(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := daemons.FreshFolder(o.Dir); err != nil {
		return err
	}
	o.Say("writing a journal of %d payments", o.Stored)
	return fillJournal(ctx, &o, []daemons.Options{{Dir: o.Dir}})
}

// fillJournal writes the journal and copies it, as a crash would leave it, into the data folder of each run.
func fillJournal(ctx context.Context, o *Options, folders []daemons.Options) (err error) {
	key, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	keyring, err := pan.ParseKeyring(key)
	if err != nil {
		return err
	}
	config := txswitch.DefaultConfig()
	j, err := pebble.Open(pebble.Options{
		FS: vfs.Default, Dir: filepath.Join(o.Dir, "journal"), Node: config.Node,
		Fatal: o.Fatal,
	})
	if err != nil {
		return err
	}
	defer func() {
		if e := j.Close(); err == nil {
			err = e
		}
	}()
	w := &journalFiller{
		options: o, journal: j, ids: identity.NewAllocator(j, config.Node, nil), keyring: keyring,
		host: config.Issuers[0].Name,
		payments: loadgen.Payments{
			Op: api.OpAuthorize, Run: loadgen.RunName(), Cards: loadgen.NewCards(time.Now()), Seed: o.Seed,
		},
	}
	if w.stans, err = w.ids.Stream(config.AcquirerID, w.host); err != nil {
		return err
	}
	if err := w.fill(ctx); err != nil {
		return err
	}
	for _, folder := range folders {
		data := folder.SwitchdDir()
		if err := os.MkdirAll(data, 0o700); err != nil {
			return err
		}
		if err := j.Checkpoint(filepath.Join(data, "journal")); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(data, "switchd.key"), []byte(key), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// journalFiller writes payments as package flow does.
type journalFiller struct {
	options  *Options
	journal  journal.Journal
	ids      *identity.Allocator
	stans    *identity.Stream
	keyring  *pan.Keyring
	host     string
	payments loadgen.Payments
}

func (w *journalFiller) fill(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range fillers {
		workers.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= w.options.Stored {
					return
				}
				if err := w.write(ctx, n); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// write writes payment n: its intent, and its outcome unless it is one of those that were in flight.
func (w *journalFiller) write(ctx context.Context, n int) error {
	var req api.Request
	w.payments.Fill(uint64(n), &req)
	id, err := w.ids.Payment(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	op := payment.Op{
		Kind: payment.KindAuthorize, State: payment.StatePending, Key: req.Key, Amount: req.Amount,
		Target: payment.NoTarget, At: now, Host: w.host, RRN: w.ids.RRN(id, now),
	}
	if op.STAN, op.DE7, err = w.stans.Next(ctx); err != nil {
		return err
	}
	p := &payment.Payment{
		ID: id, Version: 1, Merchant: req.Merchant, Terminal: req.Terminal, Currency: req.Currency, MCC: "5999",
		Route: "default", MaskedPAN: pan.Mask(req.Card.Number), PANHash: w.keyring.Hash(req.Card.Number),
		SealKey:    w.keyring.SealingKey(),
		SealedCard: w.keyring.Seal(id, req.Card.Number, req.Card.Expiry), Created: now, Expires: now.AddDate(0, 0, 30),
		Ops: []payment.Op{op},
	}
	err = w.journal.Commit(ctx, &journal.Transition{
		Payment: p, Keys: []journal.KeyClaim{{Merchant: req.Merchant, Key: req.Key}}, Opens: []int{0},
	})
	// The open ones are spread evenly: of any n payments, n·open/stored are.
	inFlight := (n+1)*w.options.Open/w.options.Stored > n*w.options.Open/w.options.Stored
	if err != nil || inFlight {
		return err
	}
	p.Version = 2
	o := &p.Ops[0]
	o.State, o.Granted, o.DoneAt = payment.StateApproved, o.Amount, time.Now().UTC()
	o.ResponseCode, o.AuthCode = "00", "123456"
	return w.journal.Commit(ctx, &journal.Transition{Payment: p, Closes: []int{0}})
}

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
	"switchyard/switch/clearing"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
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
	return FillFor(ctx, o, []daemons.Options{{Dir: o.Dir}})
}

// FillFor is Fill for daemons of these folders, each of which gets a copy; o.Dir is there.
func FillFor(ctx context.Context, o Options, folders []daemons.Options) error {
	if err := o.check(); err != nil {
		return err
	}
	o.Say("writing a journal of %d payments", o.Stored)
	return fillJournal(ctx, &o, folders)
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
			RandomKeys: o.RandomKeys,
		},
	}
	if w.stans, err = w.ids.Stream(config.AcquirerID, w.host); err != nil {
		return err
	}
	if o.Captured {
		if err := w.openDay(ctx, config); err != nil {
			return err
		}
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

	// Where captures are written:
	day       payment.Date
	bin       string // of acquirer references
	merchants *merchant.Directory
}

// openDay opens the business date that captures are of.
func (w *journalFiller) openDay(ctx context.Context, config *txswitch.Config) (err error) {
	const binLen = 6
	w.bin = config.AcquirerID[:binLen]
	if w.merchants, err = merchant.NewDirectory(nil, false, merchant.DefaultProfile()); err != nil {
		return err
	}
	w.day = payment.DateOf(time.Now().UTC())
	if err := w.journal.Cutover(ctx, 0, w.day); err != nil {
		return err
	}
	return w.ids.OpenARNs(ctx, w.day)
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
	if w.options.Captured {
		return w.captured(ctx, p)
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
	approve(&p.Ops[0])
	return w.journal.Commit(ctx, &journal.Transition{Payment: p, Closes: []int{0}})
}

// captured writes a payment that was authorized and captured, and of both of which the issuer knows.
func (w *journalFiller) captured(ctx context.Context, p *payment.Payment) error {
	approve(&p.Ops[0])
	capture := p.Ops[0]
	capture.Kind, capture.Key, capture.Granted, capture.AuthCode = payment.KindCapture, "", 0, ""
	capture.Advised, capture.Final, capture.Number, capture.Date = true, true, 1, w.day
	var err error
	if capture.STAN, capture.DE7, err = w.stans.Next(ctx); err != nil {
		return err
	}
	bin, sequence, err := w.ids.ARN(ctx, []string{w.bin}, w.day)
	if err != nil {
		return err
	}
	if capture.ARN, err = clearing.ARN(bin, w.day.Time(), sequence); err != nil {
		return err
	}
	p.Ops = append(p.Ops, capture)
	return w.journal.Commit(ctx, &journal.Transition{
		Payment: p, Keys: []journal.KeyClaim{{Merchant: p.Merchant, Key: p.Ops[0].Key}}, Day: w.day,
		Present: []journal.Presentment{presentment.Of(p, 1, time.Now(), w.merchants.Lookup(p.Merchant))},
	})
}

// approve is an issuer's approval of an operation.
func approve(op *payment.Op) {
	op.State, op.Granted, op.DoneAt = payment.StateApproved, op.Amount, time.Now().UTC()
	op.ResponseCode, op.AuthCode = "00", "123456"
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	"switchyard/internal/loadgen"
	"switchyard/internal/pan"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// recoveryFlags are what load recovery is told.
type recoveryFlags struct {
	stored, open, runs int
	dir                string
	seed               uint64
	json               bool
}

func newLoadRecoveryCmd() *cobra.Command {
	var f recoveryFlags
	cmd := &cobra.Command{
		Use:   "recovery [--stored N] [--open N] [--json]",
		Short: "Measure how soon a switch is ready after a crash",
		Long: `Recovery writes a journal of N payments, some of them with an intent that has no outcome, spread over all of the log,
as a switch leaves it that is killed. It starts switchd on copies of it, before a running issuer-sim, and measures the time
from the start of the process until /readyz says 200: from then on it takes requests, while each such intent becomes an
unknown outcome whose reversal is queued; and the time until all reversals are acknowledged.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRecovery(cmd.Context(), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.stored, "stored", 1_000_000, "payments in the journal")
	flags.IntVar(&f.open, "open", 100_000, "of them with an intent without an outcome")
	flags.IntVar(&f.runs, "runs", 3, "how often to start")
	flags.StringVar(&f.dir, "dir", "load-out", "folder, made anew")
	flags.Uint64Var(&f.seed, "seed", 1, "cards and amounts follow from it")
	flags.BoolVar(&f.json, "json", false, "print one JSON object")
	return cmd
}

// recoverySummary is the object that --json prints. Times are of each run.
type recoverySummary struct {
	Stored     int       `json:"stored"`
	Open       int       `json:"open"`
	ReadyS     []float64 `json:"ready_s"`    // from the start of the process until /readyz says 200
	ReversedS  []float64 `json:"reversed_s"` // from then until each reversal is acknowledged
	SwitchdMiB float64   `json:"switchd_mib"`
}

func runRecovery(ctx context.Context, f recoveryFlags, stdout, stderr io.Writer) error {
	if f.stored < 1 || f.open < 0 || f.open > f.stored || f.runs < 1 {
		return fmt.Errorf("stored, runs: expected 1 or more; open: 0 to stored")
	}
	if err := freshFolder(f.dir); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "writing a journal of %d payments\n", f.stored)
	folders := make([]string, f.runs)
	for i := range folders {
		folders[i] = filepath.Join(f.dir, "run-"+strconv.Itoa(i+1))
	}
	if err := fillJournal(ctx, &f, folders); err != nil {
		return err
	}
	s := recoverySummary{Stored: f.stored, Open: f.open}
	for i, folder := range folders {
		fmt.Fprintf(stderr, "start %d of %d\n", i+1, f.runs)
		if err := s.start(ctx, folder, f.seed); err != nil {
			return err
		}
	}
	if f.json {
		return json.NewEncoder(stdout).Encode(&s)
	}
	return s.print(stdout)
}

// start starts an issuer, then a switch on the folder's journal, and watches it recover.
func (s *recoverySummary) start(ctx context.Context, folder string, seed uint64) error {
	l, err := startIssuer(ctx, localOptions{dir: folder, seed: seed})
	if err != nil {
		return err
	}
	defer func() { l.kill() }()
	begin := time.Now()
	if err := l.runSwitchd(ctx, listening{Gateway: freePort, Operator: freePort}); err != nil {
		return err
	}
	if err := l.awaitReady(ctx); err != nil {
		return err
	}
	s.ReadyS = append(s.ReadyS, seconds(time.Since(begin)))
	begin = time.Now()
	end := dayEnd{local: l}
	if err := end.drain(ctx); err != nil {
		return err
	}
	s.ReversedS = append(s.ReversedS, seconds(time.Since(begin)))
	s.SwitchdMiB = max(s.SwitchdMiB, round(l.switchd.peakMiB()))
	return l.stop()
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// fillers is how many payments are written side by side, so that they share the journal's syncs.
const fillers = 1024

// fillJournal writes the journal and copies it, as a crash would leave it, into the data folder of each run.
func fillJournal(ctx context.Context, f *recoveryFlags, folders []string) (err error) {
	key, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	keyring, err := pan.ParseKeyring(key)
	if err != nil {
		return err
	}
	config := txswitch.DefaultConfig()
	j, err := journal.Open(journal.Options{
		FS: vfs.Default, Dir: filepath.Join(f.dir, "journal"), Node: config.Node,
		Fatal: func(msg string, err error) {
			fmt.Fprintf(os.Stderr, "switchctl: %s: %v\n", msg, err)
			os.Exit(exitFailed)
		},
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
		flags: f, journal: j, ids: identity.NewAllocator(j, config.Node, nil), keyring: keyring, host: config.Issuers[0].Name,
		payments: loadgen.Payments{Op: api.OpAuthorize, Run: runName(), Cards: loadgen.NewCards(time.Now()), Seed: f.seed},
	}
	if w.stans, err = w.ids.Stream(config.AcquirerID, w.host); err != nil {
		return err
	}
	if err := w.fill(ctx); err != nil {
		return err
	}
	for _, folder := range folders {
		data := filepath.Join(folder, "switchd")
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
	flags    *recoveryFlags
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
				if n >= w.flags.stored {
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
		Kind: payment.KindAuthorize, State: payment.StatePending, Key: req.Key, Amount: req.Amount, Target: payment.NoTarget,
		At: now, Host: w.host, RRN: w.ids.RRN(id, now),
	}
	if op.STAN, op.DE7, err = w.stans.Next(ctx); err != nil {
		return err
	}
	p := &payment.Payment{
		ID: id, Version: 1, Merchant: req.Merchant, Terminal: req.Terminal, Currency: req.Currency, MCC: "5999", Route: "default",
		MaskedPAN: pan.Mask(req.Card.Number), PANHash: w.keyring.Hash(req.Card.Number), SealKey: w.keyring.SealingKey(),
		SealedCard: w.keyring.Seal(id, req.Card.Number, req.Card.Expiry), Created: now, Expires: now.AddDate(0, 0, 30),
		Ops: []payment.Op{op},
	}
	err = w.journal.Commit(ctx, &journal.Transition{
		Payment: p, Keys: []journal.KeyClaim{{Merchant: req.Merchant, Key: req.Key}}, Opens: []int{0},
	})
	// The open ones are spread evenly: of any n payments, n·open/stored are.
	if inFlight := (n+1)*w.flags.open/w.flags.stored > n*w.flags.open/w.flags.stored; err != nil || inFlight {
		return err
	}
	p.Version = 2
	o := &p.Ops[0]
	o.State, o.Granted, o.DoneAt, o.ResponseCode, o.AuthCode = payment.StateApproved, o.Amount, time.Now().UTC(), "00", "123456"
	return w.journal.Commit(ctx, &journal.Transition{Payment: p, Closes: []int{0}})
}

func (s *recoverySummary) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "journal\t%d payments, %d of them with an intent without an outcome\n", s.Stored, s.Open)
	for i := range s.ReadyS {
		fmt.Fprintf(t, "start %d\tready after %.2f s; %d reversals acknowledged after %.2f s more\n", i+1, s.ReadyS[i], s.Open, s.ReversedS[i])
	}
	fmt.Fprintf(t, "switchd\t%.0f MiB at most\n", s.SwitchdMiB)
	return t.Flush()
}

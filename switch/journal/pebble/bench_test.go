package pebble

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// BenchmarkCommit drives new payments and their outcomes, two commits each, from a number of goroutines to a real
// disk. commits/s and cpu-us/commit (of the whole process, flushes and compactions included) are what counts.
func BenchmarkCommit(b *testing.B) {
	for _, committers := range []int{1, 16, 128, 1024} {
		b.Run(fmt.Sprintf("committers=%d", committers), func(b *testing.B) {
			j, err := Open(Options{
				FS: vfs.Default, Dir: b.TempDir(), Node: 1, Fatal: func(msg string, err error) { panic(err) },
			})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			ctx := context.Background()
			first, err := j.Reserve(ctx, "payment", 1<<40)
			if err != nil {
				b.Fatal(err)
			}
			var next atomic.Uint64
			measure(b, committers, func(left *atomic.Int64) error {
				for left.Add(-2) > -2 {
					if err := payOnce(ctx, j, payment.NewID(1, first+next.Add(1))); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// BenchmarkCommitAll does the same in slices: a caller hands over the intents of a slice and then its outcomes.
func BenchmarkCommitAll(b *testing.B) {
	const callers = 8
	for _, length := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("slice=%d", length), func(b *testing.B) {
			j, err := Open(Options{
				FS: vfs.Default, Dir: b.TempDir(), Node: 1, Fatal: func(msg string, err error) { panic(err) },
			})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			ctx := context.Background()
			first, err := j.Reserve(ctx, "payment", 1<<40)
			if err != nil {
				b.Fatal(err)
			}
			var next atomic.Uint64
			measure(b, callers, func(left *atomic.Int64) error {
				s := newBenchSlice(length)
				for left.Add(-2*int64(length)) > -2*int64(length) {
					if err := s.pay(ctx, j, first+next.Add(uint64(length))); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// measure runs a caller b.N commits side by side with others and reports what one commit took. What they do once left
// has come to zero is counted as if it had been asked for.
func measure(b *testing.B, callers int, commit func(left *atomic.Int64) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	cpu, start := cpuTime(), time.Now()
	done := make(chan error, callers)
	for range callers {
		go func() { done <- commit(&left) }()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "commits/s")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/commit")
}

func payOnce(ctx context.Context, j *Journal, id payment.ID) error {
	p := benchPayment(id)
	key := p.Ops[0].Key
	err := j.Commit(ctx, &journal.Transition{Payment: p, Opens: []int{0},
		Keys: []journal.KeyClaim{{Merchant: p.Merchant, Key: key}}})
	if err != nil {
		return err
	}
	benchOutcome(p)
	return j.Commit(ctx, &journal.Transition{Payment: p, Closes: []int{0}})
}

// benchSlice is payments that are made again and again, so that what is allocated is the journal's, but for their keys.
type benchSlice struct {
	payments          []*payment.Payment
	intents, outcomes []*journal.Transition
	errs              []error
}

func newBenchSlice(length int) *benchSlice {
	s := &benchSlice{errs: make([]error, length)}
	for range length {
		p := benchPayment(payment.NewID(1, 1))
		s.payments = append(s.payments, p)
		s.intents = append(s.intents, &journal.Transition{Payment: p, Opens: []int{0},
			Keys: []journal.KeyClaim{{Merchant: p.Merchant}}})
		s.outcomes = append(s.outcomes, &journal.Transition{Payment: p, Closes: []int{0}})
	}
	return s
}

// pay makes payments whose numbers end with last, and commits each twice.
func (s *benchSlice) pay(ctx context.Context, j *Journal, last uint64) error {
	for i, p := range s.payments {
		p.ID, p.Version = payment.NewID(1, last-uint64(i)), 1
		op := &p.Ops[0]
		*op = payment.Op{Kind: payment.KindAuthorize, State: payment.StatePending, Key: benchKey(p.ID), Amount: op.Amount,
			Target: payment.NoTarget, At: op.At, Host: op.Host, STAN: op.STAN, DE7: op.DE7, RRN: op.RRN}
		s.intents[i].Keys[0].Key = op.Key
	}
	if j.CommitAll(ctx, s.intents, s.errs); errors.Join(s.errs...) != nil {
		return errors.Join(s.errs...)
	}
	for _, p := range s.payments {
		benchOutcome(p)
	}
	j.CommitAll(ctx, s.outcomes, s.errs)
	return errors.Join(s.errs...)
}

func benchOutcome(p *payment.Payment) {
	p.Version++
	op := &p.Ops[0]
	op.State, op.Granted, op.DoneAt = payment.StateApproved, op.Amount, op.At
	op.ResponseCode, op.AuthCode, op.NetworkID = "00", "A1B2C3", "016325123456789"
}

// benchKey is an idempotency key as callers send them: like a UUID, in no order.
func benchKey(id payment.ID) string {
	rng := rand.NewPCG(id.Counter(), 1)
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], rng.Uint64())
	binary.BigEndian.PutUint64(raw[8:], rng.Uint64())
	var text [36]byte
	hex.Encode(text[:], raw[:4])
	hex.Encode(text[9:], raw[4:6])
	hex.Encode(text[14:], raw[6:8])
	hex.Encode(text[19:], raw[8:10])
	hex.Encode(text[24:], raw[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

func benchPayment(id payment.ID) *payment.Payment {
	now := time.Now()
	return &payment.Payment{
		ID: id, Version: 1, Gateway: "web", Merchant: "M00000000001", Terminal: "T0000001", Currency: "EUR",
		Entry: 1, Initiator: 1, MCC: "5411", Route: "default", ECI: "05",
		MaskedPAN: "400000******0002", PANHash: [16]byte{1, 2, 3}, SealKey: 7, SealedCard: make([]byte, 37),
		Created: now, Expires: now.Add(7 * 24 * time.Hour),
		Ops: []payment.Op{{
			Kind: payment.KindAuthorize, State: payment.StatePending, Key: benchKey(id), Amount: 12345,
			Target: payment.NoTarget, At: now, Host: "issuer", STAN: uint32(id.Counter() % 1e6), DE7: "1121202501",
			RRN: "632510000001",
		}},
	}
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkEncodePayment(b *testing.B) {
	p := benchPayment(payment.NewID(1, 1))
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = record.AppendPayment(buf[:0], p)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkDecodePayment(b *testing.B) {
	p := benchPayment(payment.NewID(1, 1))
	buf, err := record.AppendPayment(nil, p)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.DecodePayment(p.ID, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens a journal of a million payments, every tenth of which was in flight when the process ended: the
// worst case, in which the low-water mark of open intents stands at the beginning of the log. It takes a minute to
// fill.
func BenchmarkOpen(b *testing.B) {
	const payments, openEvery, fillers = 1_000_000, 10, 256
	o := Options{FS: vfs.Default, Dir: b.TempDir(), Node: 1, Fatal: func(msg string, err error) { panic(err) }}
	j, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	var next atomic.Uint64
	done := make(chan error, fillers)
	for range fillers {
		go func() {
			for n := next.Add(1); n <= payments; n = next.Add(1) {
				p := benchPayment(payment.NewID(1, n))
				err := j.Commit(context.Background(), &journal.Transition{Payment: p, Opens: []int{0},
					Keys: []journal.KeyClaim{{Merchant: p.Merchant, Key: p.Ops[0].Key}}})
				if err == nil && n%openEvery != 0 {
					p.Version, p.Ops[0].State = 2, payment.StateApproved
					err = j.Commit(context.Background(), &journal.Transition{Payment: p, Closes: []int{0}})
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range fillers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		j, err := Open(o)
		if err != nil {
			b.Fatal(err)
		}
		open, err := j.OpenIntents(ctx)
		if err != nil || len(open) != payments/openEvery {
			b.Fatalf("%d open intents, %v", len(open), err)
		}
		b.StopTimer()
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/open")
}

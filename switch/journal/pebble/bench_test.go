package pebble

import (
	"context"
	"fmt"
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
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			cpu, start := cpuTime(), time.Now()
			done := make(chan error, committers)
			for range committers {
				go func() {
					for left.Add(-2) > -2 {
						if err := payOnce(ctx, j, payment.NewID(1, first+next.Add(1))); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range committers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			n := float64(next.Load() * 2)
			b.ReportMetric(n/time.Since(start).Seconds(), "commits/s")
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/n, "cpu-us/commit")
		})
	}
}

func payOnce(ctx context.Context, j *Journal, id payment.ID) error {
	p := benchPayment(id)
	key := p.Ops[0].Key
	err := j.Commit(ctx, &journal.Transition{Payment: p, Opens: []int{0},
		Keys: []journal.KeyClaim{{Merchant: p.Merchant, Key: key}}})
	if err != nil {
		return err
	}
	p.Version++
	op := &p.Ops[0]
	op.State, op.Granted, op.DoneAt = payment.StateApproved, op.Amount, time.Now()
	op.ResponseCode, op.AuthCode, op.NetworkID = "00", "A1B2C3", "016325123456789"
	return j.Commit(ctx, &journal.Transition{Payment: p, Closes: []int{0}})
}

func benchPayment(id payment.ID) *payment.Payment {
	now := time.Now()
	return &payment.Payment{
		ID: id, Version: 1, Gateway: "web", Merchant: "M00000000001", Terminal: "T0000001", Currency: "EUR",
		Entry: 1, Initiator: 1, MCC: "5411", Route: "default", ECI: "05",
		MaskedPAN: "400000******0002", PANHash: [16]byte{1, 2, 3}, SealKey: 7, SealedCard: make([]byte, 37),
		Created: now, Expires: now.Add(7 * 24 * time.Hour),
		Ops: []payment.Op{{
			Kind: payment.KindAuthorize, State: payment.StatePending, Key: "order-" + id.String(), Amount: 12345,
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

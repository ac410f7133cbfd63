package pebble

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// A journal with one of everything is sound, and each thing that is taken from it or put wrong is named.
func TestVerify(t *testing.T) {
	p := captured(1, day1)
	p.Reference = "order"
	tr := func() *journal.Transition {
		return &journal.Transition{
			Payment: p, Keys: claim("k"), Opens: []int{0}, Day: day1, Present: []journal.Presentment{presentment(p, 1)},
			Queue: []journal.SAFRow{{SAFRef: journal.SAFRef{Host: "a"}, Payment: p.ID, Op: 1}},
		}
	}
	other := payment.NewID(1, 99)
	two := *p
	two.Version = 2
	overdrawn := *p
	overdrawn.Ops = append([]payment.Op(nil), p.Ops...)
	overdrawn.Ops[1].Amount = 5000
	row := journal.SAFRow{SAFRef: journal.SAFRef{Host: "a", Seq: safSeq(1, 0)}, Payment: p.ID, Op: 1}
	stray := row
	stray.Seq, stray.Payment = safSeq(1, 1), other
	encoded := func(p *payment.Payment) []byte {
		b, err := record.AppendPayment(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	paymentKey, presented := appendPaymentKey(nil, p.ID), ref(p, 1)
	elsewhere := presented
	elsewhere.Date = day2

	for _, c := range []struct {
		name   string
		damage func(b *pebble.Batch) error
		want   string
	}{
		{"nothing", func(*pebble.Batch) error { return nil }, ""},
		{"no payment", func(b *pebble.Batch) error {
			return b.Delete(paymentKey, nil)
		}, "version 1 is in the log, the payment is not there"},
		{"a version too many", func(b *pebble.Batch) error { return b.Set(paymentKey, encoded(&two), nil) },
			"version 2, the log has 1"},
		{"I7", func(b *pebble.Batch) error { return b.Set(paymentKey, encoded(&overdrawn), nil) },
			"I7: captured + released > authorized"},
		{"a damaged payment", func(b *pebble.Batch) error {
			return b.Set(paymentKey, []byte{1}, nil)
		}, "field version number at byte 1"},
		{"a payment out of nowhere", func(b *pebble.Batch) error {
			return b.Set(appendPaymentKey(nil, other), encoded(p),
				nil)
		}, other.String() + ": version 1, the log has 0"},
		{"a key of nothing", func(b *pebble.Batch) error {
			return b.Set(claimRow(1, "M", "x"), record.AppendKey(nil, &journal.KeyEntry{Payment: other}), nil)
		}, `idempotency key "x" of merchant "M": its payment`},
		{"a key of no operation", func(b *pebble.Batch) error {
			return b.Set(claimRow(1, "M", "x"), record.AppendKey(nil, &journal.KeyEntry{Payment: p.ID, Op: 7}), nil)
		}, "has no operation 7"},
		{"a key that is not there", func(b *pebble.Batch) error {
			return b.Delete(claimRow(1, "M1", "k"), nil)
		}, `idempotency key "k" of merchant "M1": log position 1 claims it`},
		{"a key of another stretch", func(b *pebble.Batch) error {
			return b.Set(claimRow(2, "M", "x"), record.AppendKey(nil, &journal.KeyEntry{}), nil)
		}, `idempotency key "x" of merchant "M": it lies in no stretch`},
		{"an older program's key", func(b *pebble.Batch) error {
			return b.Set(claimRow(0, "M", "x"), record.AppendKey(nil, &journal.KeyEntry{}), nil)
		}, `idempotency key "x" of merchant "M": it lies in no stretch`},
		{"no reference", func(b *pebble.Batch) error {
			return b.Delete(appendReferenceKey(nil, p), nil)
		}, "its reference does not lead to it"},
		{"a false reference", func(b *pebble.Batch) error {
			q := *p
			q.Reference = "other"
			return b.Set(appendReferenceKey(nil, &q), nil, nil)
		}, "does not have this reference"},
		{"no row", func(b *pebble.Batch) error {
			return b.Delete(appendSAFKey(nil, row.SAFRef), nil)
		}, "operation 1 is queued and has 0 store-and-forward rows"},
		{"a stray row", func(b *pebble.Batch) error {
			return b.Set(appendSAFKey(nil, stray.SAFRef), record.AppendSAF(nil, &stray), nil)
		}, "its payment " + other.String() + " is not there"},
		{"two rows", func(b *pebble.Batch) error {
			return b.Set(appendSAFKey(nil, stray.SAFRef), record.AppendSAF(nil, &row), nil)
		}, "has 2 store-and-forward rows"},
		{"no presentment", func(b *pebble.Batch) error {
			return b.Delete(appendPresentedKey(nil, &presented), nil)
		}, "operation 1 (capture) is not in the clearing of 2026-11-21"},
		{"a presentment on another date", func(b *pebble.Batch) error {
			return b.Set(appendPresentedKey(nil, &elsewhere), nil, nil)
		}, "presentment on 2026-11-22: operation 1"},
		{"no day", func(b *pebble.Batch) error { return b.Delete(dayKey(day1), nil) }, "there is no such business date"},
		{"a day after the open one", func(b *pebble.Batch) error {
			return b.Set(dayKey(day2), record.AppendDay(nil, &journal.Day{State: journal.DayClosing}), nil)
		}, "comes after 2026-11-21, which is open"},
		{"no log", func(b *pebble.Batch) error { return b.Delete(appendLogKey(nil, 1), nil) }, "version 1, the log has 0"},
		{"a counter", func(b *pebble.Batch) error {
			return b.Set(nameKey(prefixCounter, "c"), []byte{1}, nil)
		}, "counter c, field value"},
		{"an unknown key", func(b *pebble.Batch) error {
			return b.Set([]byte("Zebra"), nil, nil)
		}, "no record begins with 5a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem()
			j := open(t, fs)
			if err := j.Cutover(ctx, 0, day1); err != nil {
				t.Fatal(err)
			}
			commit(t, j, tr())
			b := j.db.NewBatch()
			if err := c.damage(b); err != nil {
				t.Fatal(err)
			}
			if err := b.Commit(pebble.Sync); err != nil {
				t.Fatal(err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j = open(t, fs)
			var problems []string
			if err := j.Verify(func(p string) bool { problems = append(problems, p); return true }); err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if len(problems) > 0 {
					t.Errorf("a sound journal: %q", problems)
				}
				return
			}
			if !strings.Contains(strings.Join(problems, "\n"), c.want) {
				t.Errorf("got %q, want %q among them", problems, c.want)
			}
			most := 0
			if err := j.Verify(func(string) bool { most++; return false }); err != nil || most != 1 {
				t.Errorf("it went on after it was told to stop: %d problems, %v", most, err)
			}
		})
	}
}

// claimRow is the key of an idempotency key's row in a stretch.
func claimRow(number uint32, merchant, key string) []byte {
	return (&stretch{number: number}).rowKey(appendClaim(nil, merchant, key))
}

package cutover_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// BenchmarkCutover closes a date of b.N captures, each of a payment of its own, on the machine's disk: -benchtime
// 200000x is a date of so many. It counts the processor's time a record, of the whole process, since the journal
// reads ahead and compacts on goroutines of its own.
func BenchmarkCutover(b *testing.B) {
	e := openBenchBook(b)
	b.ReportAllocs()
	b.ResetTimer()
	begin := cpuTime()
	result, err := e.Cutover(b.Context(), true)
	reportCPU(b, begin)
	if err != nil || len(result.Files) != 1 || result.Files[0].Records != b.N {
		b.Fatal(result, err)
	}
}

// BenchmarkRebuildCheck makes the files of such a date again and compares them with those that were delivered.
func BenchmarkRebuildCheck(b *testing.B) {
	e := openBenchBook(b)
	result, err := e.Cutover(b.Context(), true)
	if err != nil {
		b.Fatal(err)
	}
	date, err := payment.ParseDate(result.BusinessDate)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	begin := cpuTime()
	rebuilt, err := e.Check(b.Context(), date)
	reportCPU(b, begin)
	if err != nil || len(rebuilt.Differences) > 0 || len(rebuilt.Files) != 4 {
		b.Fatal(rebuilt, err)
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportCPU(b *testing.B, begin time.Duration) {
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-begin).Nanoseconds())/1000/float64(b.N), "cpu-us/op")
}

// openBenchBook makes an engine on a journal of b.N captured payments on the open date.
func openBenchBook(b *testing.B) *cutover.Engine {
	b.Helper()
	dir := b.TempDir()
	j, err := pebble.Open(pebble.Options{
		FS: vfs.Default, Dir: dir + "/journal", Node: 1, Logger: zap.NewNop(),
		Fatal: func(msg string, err error) { panic(fmt.Sprint(msg, err)) },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	o := settings(func(o *cutover.Options) {
		o.Journal, o.Days, o.Keyring, o.FS, o.Dir = j, presentment.NewDays(nil), keyring, vfs.Default, dir+"/clearing"
		o.Settings.Destinations, o.Logger = []string{"default"}, zap.NewNop()
	})
	e := cutover.New(o)
	if err := e.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	fillBench(b, j)
	if err := e.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Close)
	return e
}

func fillBench(b *testing.B, j *pebble.Journal) {
	b.Helper()
	const atOnce = 1000
	var ts []*journal.Transition
	commit := func() {
		errs := make([]error, len(ts))
		j.CommitAll(context.Background(), ts, errs)
		for _, err := range errs {
			if err != nil {
				b.Fatal(err)
			}
		}
		ts = ts[:0]
	}
	for n := range b.N {
		ts = append(ts, benchCapture(b, j.OpenDay(), uint64(n+1)))
		if len(ts) == atOnce {
			commit()
		}
	}
	commit()
}

// benchCapture is the n-th payment, authorized and captured, at one of a thousand merchants.
func benchCapture(b *testing.B, date payment.Date, n uint64) *journal.Transition {
	b.Helper()
	id, now := payment.NewID(1, n), time.Now().UTC()
	arn, err := clearing.ARN("400001", date.Time(), n)
	if err != nil {
		b.Fatal(err)
	}
	p := &payment.Payment{
		ID: id, Version: 1, Merchant: fmt.Sprintf("M%06d", n*7919%1000), Terminal: "T0000001", Currency: "EUR",
		Reference: fmt.Sprint("order ", n), MCC: "5999", Route: "default", SealKey: keyring.SealingKey(),
		SealedCard: keyring.Seal(id, "4111111111111111", "3012"), MaskedPAN: "411111******1111", Created: now,
		Expires: now.AddDate(0, 0, 30), Acquirer: "400001", AcceptorName: "Shop", AcceptorCity: "Berlin",
		AcceptorCountry: "DE",
	}
	p.Ops = []payment.Op{
		{
			Kind: payment.KindAuthorize, State: payment.StateApproved, Key: fmt.Sprintf("key-%d-a", n), Amount: 1234,
			Granted: 1234, Target: payment.NoTarget, At: now, DoneAt: now, Host: "issuer", STAN: uint32(n%999_999 + 1),
			DE7: "0101000000", ResponseCode: "00", RRN: fmt.Sprintf("%012d", n), AuthCode: "A1B2C3",
			NetworkID: fmt.Sprintf("NET%012d", n),
		},
		{
			Kind: payment.KindCapture, State: payment.StateQueued, Key: fmt.Sprintf("key-%d-c", n), Amount: 1234,
			Target: payment.NoTarget, Number: 1, Advised: true, Final: true, At: now, DoneAt: now, Host: "issuer",
			STAN: uint32(n%999_999 + 1), DE7: "0101000000", RRN: fmt.Sprintf("%012d", n), Date: date, ARN: arn,
		},
	}
	s := presentment.Snapshot{
		Name: "Corner Shop", Street: "1 High St", City: "Berlin", PostalCode: "10115", Country: "DEU", FeePlan: "standard",
		MCC: "5999", Sequence: 1, Count: 1, Format: 1, AuthCode: "A1B2C3", NetworkID: p.Ops[0].NetworkID,
	}
	ref := journal.PresentmentRef{Date: date, Destination: p.Route, Payment: id, Op: 1}
	return &journal.Transition{
		Payment: p, Day: date, Present: []journal.Presentment{{PresentmentRef: ref, Data: s.Encode()}},
	}
}

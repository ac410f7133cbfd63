package cutover_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // the zones of the tests, wherever they run

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at waits, in virtual time, for a moment in a zone.
func at(t *testing.T, zone, moment string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	sleepUntil(t, location, moment)
	return location
}

func sleepUntil(t *testing.T, location *time.Location, moment string) {
	t.Helper()
	when, err := time.ParseInLocation("2006-01-02 15:04:05", moment, location)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(when))
}

var keyring = func() *pan.Keyring {
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	k, err := pan.ParseKeyring(text)
	if err != nil {
		panic(err)
	}
	return k
}()

// book is a journal on a file system with what the engine asks for beside it.
type book struct {
	t    *testing.T
	fs   *vfs.MemFS
	j    *pebble.Journal
	days *presentment.Days
	made uint64 // payments
}

func openBook(t *testing.T, fs *vfs.MemFS) *book {
	t.Helper()
	b := &book{t: t, fs: fs}
	var err error
	b.j, err = pebble.Open(pebble.Options{FS: fs, Dir: "journal", Node: 1, Logger: zap.NewNop(),
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) }})
	if err != nil {
		t.Fatal(err)
	}
	var sealed []payment.Date
	for date, state := range b.states() {
		if state == journal.DaySealed || state == journal.DayWritten {
			sealed = append(sealed, date)
		}
	}
	b.days = presentment.NewDays(sealed)
	if err := b.j.Payments(t.Context(), payment.ID{}, func(*payment.Payment) bool { b.made++; return true }); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *book) close() {
	b.t.Helper()
	if err := b.j.Close(); err != nil {
		b.t.Error(err)
	}
}

// putBack closes the book and opens the copy of its journal that the checkpoint "earlier" is, beside the files that are
// there by now.
func (b *book) putBack() *book {
	b.t.Helper()
	b.close()
	b.must(b.fs.RemoveAll("journal"))
	_, err := vfs.Clone(b.fs, b.fs, "earlier", "journal")
	b.must(err)
	return openBook(b.t, b.fs)
}

func (b *book) states() map[payment.Date]journal.DayState {
	b.t.Helper()
	states := map[payment.Date]journal.DayState{}
	if err := b.j.Days(b.t.Context(), func(d journal.Day) bool { states[d.Date] = d.State; return true }); err != nil {
		b.t.Fatal(err)
	}
	return states
}

// settings are those of the tests; a change makes other ones.
func settings(change ...func(*cutover.Options)) cutover.Options {
	o := cutover.Options{
		Dir: "clearing", Location: time.UTC,
		Settings: cutover.Settings{
			AcquirerID: "400001", ProcessorID: "400002", Form: cutover.Form{CodePage: clearing.CP500, Blocked: true},
			Destinations: []string{"visa"},
		},
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// engine makes an engine on the book.
func (b *book) engine(o cutover.Options) *cutover.Engine {
	o.Keyring, o.Logger = keyring, zaptest.NewLogger(b.t, zaptest.Level(zap.ErrorLevel))
	if o.Journal == nil {
		o.Journal = b.j
	}
	if o.Days == nil {
		o.Days = b.days
	}
	if o.FS == nil {
		o.FS = b.fs
	}
	return cutover.New(o)
}

// run starts an engine, waits until its schedule has nothing to do, and returns what ends it. Without the wait that
// closes a date which the calendar has passed beside whatever the test does next.
func (b *book) run(o cutover.Options) (*cutover.Engine, func()) {
	b.t.Helper()
	e, stop := b.start(o)
	synctest.Wait()
	return e, stop
}

// start is run without the wait.
func (b *book) start(o cutover.Options) (*cutover.Engine, func()) {
	b.t.Helper()
	e := b.engine(o)
	if err := e.Open(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	if err := e.Start(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	return e, e.Close
}

// authorized makes a payment with an approved authorization, not committed yet.
func (b *book) authorized(destination string, amount int64) *payment.Payment {
	b.made++
	id := payment.NewID(1, b.made)
	now := time.Now().UTC()
	p := &payment.Payment{
		ID: id, Merchant: "M1", Terminal: "T1", Currency: "EUR", Reference: fmt.Sprint("order ", b.made), MCC: "5999",
		Route: destination, SealKey: keyring.SealingKey(), SealedCard: keyring.Seal(id, "4111111111111111", "3012"),
		MaskedPAN: "411111******1111", Created: now, Expires: now.AddDate(0, 0, 30),
	}
	p.Ops = []payment.Op{{
		Kind: payment.KindAuthorize, State: payment.StateApproved, Key: fmt.Sprint("k", b.made), Amount: amount,
		Granted: amount, Target: payment.NoTarget, At: now, DoneAt: now, Host: "issuer", STAN: uint32(b.made),
		DE7: "0101000000", ResponseCode: "00", RRN: fmt.Sprintf("0001%08d", b.made), AuthCode: "A1B2C3",
		NetworkID: fmt.Sprintf("NET%0*d", 12+b.made%3*24, b.made), // in DE63, and two lengths in DE105
	}}
	return p
}

// present appends an operation that clears on the open date and commits it with its presentment.
func (b *book) present(p *payment.Payment, op payment.Op, s presentment.Snapshot) error {
	now := time.Now().UTC()
	op.At, op.DoneAt, op.Date = now, now, b.j.OpenDay()
	op.Key = fmt.Sprintf("k%d/%d", p.ID.Counter(), len(p.Ops))
	if op.RRN == "" {
		op.RRN = p.Ops[0].RRN
	}
	if op.ARN == "" {
		arn, err := clearing.ARN("400001", op.Date.Time(), p.ID.Counter()*100+uint64(len(p.Ops)))
		if err != nil {
			return err
		}
		op.ARN = arn
	}
	s.Name, s.City, s.PostalCode, s.Country, s.MCC = "Shop", "Berlin", "10115", "DEU", "5999"
	s.Sequence, s.Count = max(1, op.Number), max(op.Number, s.Count)
	p.Ops = append(p.Ops, op)
	p.Version++
	ref := journal.PresentmentRef{Date: op.Date, Destination: p.Route, Payment: p.ID, Op: len(p.Ops) - 1}
	err := b.j.Commit(context.Background(), &journal.Transition{
		Payment: p, Day: op.Date, Present: []journal.Presentment{{PresentmentRef: ref, Data: s.Encode()}},
	})
	if err != nil {
		p.Ops, p.Version = p.Ops[:len(p.Ops)-1], p.Version-1
	}
	return err
}

func (b *book) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func capture(amount int64, number int) payment.Op {
	return payment.Op{
		Kind: payment.KindCapture, State: payment.StateQueued, Amount: amount, Target: payment.NoTarget, Number: number,
		Advised: true,
	}
}

func refund(amount int64) payment.Op {
	return payment.Op{
		Kind: payment.KindRefund, State: payment.StateApproved, Amount: amount, Granted: amount, Target: payment.NoTarget,
		Number: 1, RRN: "000199999999",
	}
}

// credited makes a payment that is a credit, not committed yet, and its operation.
func (b *book) credited(destination string, amount int64) (*payment.Payment, payment.Op) {
	p := b.authorized(destination, amount)
	op := p.Ops[0]
	op.Kind, op.Number, p.Ops, p.EMV = payment.KindCredit, 1, nil, "9F2701"
	return p, op
}

// tree reads all files below a folder.
func tree(t *testing.T, fs vfs.FS, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	names, err := fs.List(dir)
	if err != nil {
		return files // it is not there
	}
	for _, name := range names {
		full := path.Join(dir, name)
		info, err := fs.Stat(full)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			for k, v := range tree(t, fs, full) {
				files[k] = v
			}
			continue
		}
		files[full] = read(t, fs, full)
	}
	return files
}

func read(t *testing.T, fs vfs.FS, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, info.Size())
	if len(text) > 0 {
		if _, err := f.ReadAt(text, 0); err != nil {
			t.Fatal(err)
		}
	}
	return string(text)
}

func names(files map[string]string) []string {
	var all []string
	for name := range files {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

// shown is a clearing file as it is shown to people: a line an element or subelement.
func shown(t *testing.T, content string) string {
	t.Helper()
	var b strings.Builder
	reader, err := clearing.NewReader(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range record.Fields() {
			fmt.Fprintf(&b, "%s %s %s\n", f.Field, f.Name, f.Value)
			if f.Field == "DE48" {
				for _, sub := range f.Parts {
					fmt.Fprintf(&b, "  %s %s %s\n", sub.Field, sub.Name, sub.Value)
				}
			}
		}
	}
}

// verified fails the test unless a file passes clearing's own check.
func verified(t *testing.T, name, content string) *clearing.Report {
	t.Helper()
	report, err := clearing.Verify(strings.NewReader(content), clearing.VerifyOptions{Strict: true})
	if err == nil {
		err = report.Err()
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return report
}

package incoming_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
	"switchyard/switch/journal"
	"switchyard/switch/journal/memory"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
	"switchyard/switch/turn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	date     = payment.Date(20261121)
	ourFile  = "0022611210000040000100001"
	theirs   = "0012611220000040000100001"
	card     = "4111111111111111"
	masked   = "411111******1111"
	original = 1000 // minor units of each capture and refund, but of the second capture of the first payment
	smaller  = 600
	folder   = "incoming"
)

var ctx = context.Background()

// bench is a journal with payments of a sealed date, and a desk on it.
type bench struct {
	t       *testing.T
	store   *memory.Store
	journal *memory.Journal
	fs      *vfs.MemFS
	desk    *incoming.Desk

	days      incoming.Days // of disputes
	free      uint64        // of the disk, in bytes; 0: it does not tell
	processor string        // that is configured
	registry  *prometheus.Registry

	mu     sync.Mutex
	refuse func() error // what comes of the desk's next write
	writes int
	reads  int // of payments
	scans  int // of business dates
}

// arn is the acquirer reference of a sequence on the date, the 325th day of 2026.
func arn(t *testing.T, sequence uint64) string {
	t.Helper()
	return arnOf(t, date.Time(), sequence)
}

func arnOf(t *testing.T, date time.Time, sequence uint64) string {
	t.Helper()
	text, err := clearing.ARN("400001", date, sequence)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rrn is the RRN of the payment of a number.
func rrn(number int) string { return fmt.Sprintf("63251%07d", number) }

// newBench has three payments with two captures each, of which the third has a refund, and the date's file.
func newBench(t *testing.T) *bench { return newBenchOf(t, 3) }

func newBenchOf(t *testing.T, payments int) *bench {
	t.Helper()
	b := &bench{t: t, store: memory.NewStore(), fs: vfs.NewMem(), processor: "400001"}
	b.journal = b.store.Open(nil, nil)
	must(t, b.journal.Cutover(ctx, 0, date))
	records := 0
	for number := 1; number <= payments; number++ {
		p := &payment.Payment{
			ID: payment.NewID(1, uint64(number)), Version: 1, Merchant: "M1", Currency: "EUR", Route: "visa",
			MaskedPAN: masked, Created: date.Time(), Expires: date.Time().AddDate(0, 0, 30),
			Ops: []payment.Op{{
				Kind: payment.KindAuthorize, State: payment.StateApproved, Amount: 5000, Granted: 5000,
				Target: payment.NoTarget, AuthCode: "A1B2C3", RRN: rrn(number), At: date.Time(),
			}},
		}
		var rows []journal.Presentment
		add := func(kind payment.Kind, sequence int, rrn string, amount int64) {
			p.Ops = append(p.Ops, payment.Op{
				Kind: kind, State: payment.StateApproved, Amount: amount, Granted: amount, Target: payment.NoTarget,
				RRN: rrn, ARN: arn(t, uint64(sequence)), Date: date, At: date.Time(),
			})
			snapshot := presentment.Snapshot{
				Name: "Shop", City: "Bonn", Country: "DEU", MCC: "5999", PostalCode: "53111", Format: 1,
			}
			rows = append(rows, journal.Presentment{
				PresentmentRef: presentment.RefOf(p, len(p.Ops)-1, date), Data: snapshot.Encode(),
			})
		}
		second := int64(original)
		if number == 1 {
			second = smaller
		}
		add(payment.KindCapture, 10*number+1, rrn(number), original)
		add(payment.KindCapture, 10*number+2, rrn(number), second)
		if number == 3 {
			add(payment.KindRefund, 33, rrn(9), original)
		}
		records += len(rows)
		must(t, b.journal.Commit(ctx, &journal.Transition{Payment: p, Present: rows}))
	}
	must(t, b.journal.Cutover(ctx, date, date.Next()))
	plan := fmt.Sprintf(`{"format":1,"processor_id":"400001","files":[{"destination":"visa","sequence":1,"records":%d}]}`,
		records)
	must(t, b.journal.SetDay(ctx, journal.Day{Date: date, State: journal.DaySealed, Data: []byte(plan)}))
	must(t, b.journal.SetDay(ctx, journal.Day{Date: date, State: journal.DayWritten, Data: []byte(plan)}))
	b.open()
	t.Cleanup(func() { b.desk.Close() })
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open makes the desk, anew where there was one.
func (b *bench) open() {
	b.t.Helper()
	if b.desk != nil {
		b.desk.Close()
	}
	table := &turn.Table{}
	b.registry = prometheus.NewRegistry()
	var err error
	b.desk, err = incoming.New(incoming.Options{
		Journal: written{b.journal, b}, Lock: table.Lock, FS: filling{b.fs, b}, Dir: folder, ClearingDir: "clearing",
		ProcessorID: b.processor, ReserveBytes: reserve, Disputes: b.days, Logger: zap.NewNop(), Registerer: b.registry,
	})
	must(b.t, err)
}

// reserve is what has to stay free of the disk.
const reserve = 256 << 20

// filling is the file system on a disk that says how much of it is free.
type filling struct {
	vfs.FS
	b *bench
}

func (f filling) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	if f.b.free == 0 {
		return f.FS.GetDiskUsage(path)
	}
	return vfs.DiskUsage{AvailBytes: f.b.free}, nil
}

// written is the journal with writes that may fail.
type written struct {
	*memory.Journal
	b *bench
}

func (w written) write() error {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.writes++
	if w.b.refuse != nil {
		return w.b.refuse()
	}
	return nil
}

func (w written) Commit(ctx context.Context, t *journal.Transition) error {
	if err := w.write(); err != nil {
		return err
	}
	return w.Journal.Commit(ctx, t)
}

func (w written) PutMeta(ctx context.Context, name string, value []byte) error {
	if err := w.write(); err != nil {
		return err
	}
	return w.Journal.PutMeta(ctx, name, value)
}

func (w written) Payment(ctx context.Context, id payment.ID) (*payment.Payment, error) {
	w.b.mu.Lock()
	w.b.reads++
	w.b.mu.Unlock()
	return w.Journal.Payment(ctx, id)
}

func (w written) Presentments(ctx context.Context, date payment.Date, yield func(journal.Presentment) bool) error {
	w.b.mu.Lock()
	w.b.scans++
	w.b.mu.Unlock()
	return w.Journal.Presentments(ctx, date, yield)
}

func (b *bench) payment(number int) *payment.Payment {
	b.t.Helper()
	p, err := b.journal.Payment(ctx, payment.NewID(1, uint64(number)))
	must(b.t, err)
	return p
}

// file is a clearing system's file of messages.
func file(t *testing.T, id string, production bool, messages ...*clearing.Message) []byte {
	t.Helper()
	parsed, err := clearing.ParseFileID(id)
	must(t, err)
	var out bytes.Buffer
	w, err := clearing.NewWriter(&out, clearing.Header{FileID: parsed, Production: production})
	must(t, err)
	for _, m := range messages {
		must(t, w.WriteMessage(m))
	}
	_, err = w.Close()
	must(t, err)
	return out.Bytes()
}

// about are the elements by which a message names a presentment.
func about(reference, rrn string, amountMinor int64, currency string) []clearing.Element {
	all := []clearing.Element{
		{DE: 2, Value: card}, {DE: 3, Value: "000000"}, {DE: 4, Value: fmt.Sprintf("%012d", amountMinor)},
		{DE: 12, Value: "261121000000"}, {DE: 38, Value: "A1B2C3"}, {DE: 49, Value: currency},
	}
	for de, value := range map[int]string{31: reference, 37: rrn} {
		if value != "" {
			all = append(all, clearing.Element{DE: de, Value: value})
		}
	}
	return all
}

func chargeback(reference, rrn string, amountMinor int64) *clearing.Message {
	return &clearing.Message{
		MTI: "1442", FunctionCode: "450",
		Elements: append(about(reference, rrn, amountMinor, "978"), clearing.Element{DE: 25, Value: "4853"}),
	}
}

func withCode(m *clearing.Message, code string) *clearing.Message {
	m.Elements[4].Value = code
	return m
}

// reject is a 1644/691 and the record behind it.
func reject(source, reference, rrn string) []*clearing.Message {
	return []*clearing.Message{
		{MTI: "1644", FunctionCode: "691", PDS: []clearing.PDS{
			{Tag: 5, Value: "D0002050301000"}, {Tag: 138, Value: "00000002"}, {Tag: 280, Value: source},
		}},
		{MTI: "1240", FunctionCode: "200", Elements: about(reference, rrn, original, "978")},
	}
}

func settlement(source string, debits, credits int64) *clearing.Message {
	return &clearing.Message{
		MTI: "1644", FunctionCode: "685", Elements: []clearing.Element{{DE: 49, Value: "978"}},
		PDS: []clearing.PDS{
			{Tag: 300, Value: source}, {Tag: 380, Value: fmt.Sprintf("%016d", debits)},
			{Tag: 381, Value: fmt.Sprintf("%016d", credits)},
		},
	}
}

func (b *bench) receive(text []byte) (incoming.Received, error) {
	return b.desk.Receive(bytes.NewReader(text), "file")
}

func (b *bench) received(text []byte) incoming.Received {
	b.t.Helper()
	r, err := b.receive(text)
	must(b.t, err)
	return r
}

func (b *bench) exceptions() (all []incoming.Exception) {
	b.t.Helper()
	must(b.t, b.desk.Exceptions(ctx, func(e incoming.Exception) bool {
		all = append(all, e)
		return true
	}))
	return all
}

// states tells of all payments what became of each presentment, and what the sums are.
func (b *bench) states() string {
	var out strings.Builder
	for number := 1; number <= 3; number++ {
		p := b.payment(number)
		fmt.Fprintf(&out, "%d:", number)
		for i := range p.Ops {
			if p.Ops[i].Kind.Row().Clears {
				fmt.Fprintf(&out, " %s", p.Presentment(i))
			}
		}
		s := p.Sums()
		fmt.Fprintf(&out, ", charged back %d, refundable %d\n", s.ChargedBack, s.Refundable())
		if broken := p.Invariant(); broken != "" {
			b.t.Errorf("payment %d: %s", number, broken)
		}
	}
	return out.String()
}

func (b *bench) expect(want string) {
	b.t.Helper()
	if got := b.states(); got != want {
		b.t.Errorf("got\n%swant\n%s", got, want)
	}
}

const untouched = `1: presented presented, charged back 0, refundable 1600
2: presented presented, charged back 0, refundable 2000
3: presented presented presented, charged back 0, refundable 1000
`

// answer is a file with one of everything: a reject, chargebacks of a whole and of a part, and what the rest came to.
func answer(t *testing.T) []byte {
	part := chargeback(arn(t, 31), rrn(3), 400)
	part.FunctionCode = "453"
	messages := append(reject(ourFile, arn(t, 11), rrn(1)), settlement(ourFile, 4*original+smaller, original),
		chargeback(arn(t, 21), rrn(2), original), part)
	return file(t, theirs, false, messages...)
}

const answered = `1: rejected settled, charged back 0, refundable 1600
2: charged_back settled, charged back 1000, refundable 1000
3: charged_back settled settled, charged back 400, refundable 600
`

func TestRecordsMovePresentments(t *testing.T) {
	b := newBench(t)
	r := b.received(answer(t))
	b.expect(answered)
	if r.Rejected != 1 || r.Settled != 6 || r.ChargedBack != 2 || r.Exceptions != 0 || r.Again || r.Taken.IsZero() {
		t.Errorf("%+v", r)
	}
	p := b.payment(2)
	op := p.Ops[len(p.Ops)-1]
	if op.Kind != payment.KindChargeback || op.Source != theirs+"/00000005" || op.Reason != "4853" || op.Target != 1 ||
		op.Amount != original || op.Granted != original {
		t.Errorf("the chargeback is %+v", op)
	}
	if op := b.payment(1).Ops[3]; op.Kind != payment.KindReject || op.Reason != "D0002/0301" {
		t.Errorf("the reject is %+v", op)
	}
	if _, refused := p.CheckRefund(0, date.Time()); refused != nil {
		t.Errorf("what is left of a payment cannot be refunded: %v", refused)
	}
	if _, refused := p.CheckVoid(1, date.Time()); refused == nil {
		t.Error("what was charged back can be voided")
	}
}

// A file is known by its id: with the same bytes it changes nothing, with others it is refused.
func TestFileSeenBefore(t *testing.T) {
	b := newBench(t)
	b.received(answer(t))
	version := b.payment(2).Version
	b.open() // what is known is known after a start
	if r := b.received(answer(t)); !r.Again || r.ChargedBack != 2 {
		t.Errorf("the same file again: %+v", r)
	}
	_, err := b.receive(file(t, theirs, false, chargeback(arn(t, 22), rrn(2), original)))
	var refused *incoming.RefusedError
	if !errors.As(err, &refused) || !refused.Changed || refused.FileID != theirs {
		t.Errorf("other bytes of the same id: %v", err)
	}
	b.expect(answered)
	if got := b.payment(2).Version; got != version {
		t.Errorf("the payment has version %d, it had %d", got, version)
	}
}

// takingBack is a file with a chargeback whose header says that it takes an earlier file back.
func takingBack(t *testing.T) []byte {
	t.Helper()
	id, err := clearing.ParseFileID(theirs)
	must(t, err)
	var out bytes.Buffer
	w, err := clearing.NewWriter(&out, clearing.Header{FileID: id, CodePage: clearing.ASCII})
	must(t, err)
	must(t, w.WriteMessage(chargeback(arn(t, 11), rrn(1), original)))
	_, err = w.Close()
	must(t, err)
	text := out.Bytes()
	const length, de48, reversal = 4, 4 + 4 + 16 + 3, "0026007R261121"
	if string(text[de48:de48+7]) != "0400105" {
		t.Fatalf("the header's DE48 begins with %q", text[de48:de48+7])
	}
	changed := append(bytes.Clone(text[:de48]), "054"+reversal...)
	changed = append(changed, text[de48+3:]...)
	binary.BigEndian.PutUint32(changed, binary.BigEndian.Uint32(text[:length])+uint32(len(reversal)))
	return changed
}

// A file that cannot be taken changes nothing.
func TestRefusedFileChangesNothing(t *testing.T) {
	good := answer(t)
	for name, c := range map[string]struct {
		text []byte
		says string
	}{
		"empty":             {nil, "the file is empty"},
		"cut":               {good[:len(good)/2], "ends"},
		"no clearing file":  {bytes.Repeat([]byte("hello "), 1000), ""},
		"another member":    {file(t, "0012611220000050000100001", false), "it is for the member 00000500001"},
		"another mode":      {file(t, theirs, true), "PDS0122: its mode is P: expected T"},
		"a file of our own": {file(t, ourFile, false), "its type is 002"},
		"another behind it": {append(bytes.Clone(good), good...), ""},
		"taking one back":   {takingBack(t), "PDS0026: it takes an earlier file back"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			writes := b.writes
			_, err := b.receive(c.text)
			var refused *incoming.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if b.expect(untouched); b.writes != writes {
				t.Errorf("the journal was written %d times", b.writes-writes)
			}
			if names, err := b.fs.List(folder); err != nil || len(names) != 0 {
				t.Errorf("in the folder stand %v (%v)", names, err)
			}
		})
	}
}

// What is sent does not fill the disk that the journal stands on.
func TestFullDisk(t *testing.T) {
	b := newBench(t)
	b.free = reserve
	if _, err := b.receive(answer(t)); !errors.Is(err, incoming.ErrNoRoom) {
		t.Errorf("a file on a disk that has its reserve free: %v", err)
	}
	if names, err := b.fs.List(folder); err != nil || len(names) != 0 {
		t.Errorf("in the folder stand %v (%v)", names, err)
	}
	b.expect(untouched)
	b.free = 2 * reserve
	b.received(answer(t))
	b.expect(answered)
}

// A desk that is closed reads no file to its end first; the next one takes it.
func TestCloseEndsReading(t *testing.T) {
	b := newBench(t)
	b.desk.Close()
	if _, err := b.receive(answer(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("a closed desk took a file: %v", err)
	}
	b.expect(untouched)
}

// Whichever byte of a file is flipped: it is refused and nothing is changed, or its records do what they say.
func TestFlippedByte(t *testing.T) {
	good := file(t, theirs, false, chargeback(arn(t, 21), rrn(2), original))
	taken := 0
	for i := range good {
		b := newBench(t)
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		writes := b.writes
		_, err := b.receive(flipped)
		var refused *incoming.RefusedError
		switch {
		case err == nil:
			taken++
		case !errors.As(err, &refused):
			t.Errorf("byte %d: %v", i, err)
		case b.writes != writes || b.states() != untouched:
			t.Errorf("byte %d: %v, and something is changed", i, err)
		}
	}
	if taken == len(good) {
		t.Error("no flipped byte is noticed")
	}
}

// A crash between any two writes of the journal is gone on from, and nothing is booked twice (I18).
func TestCrashBetweenRecords(t *testing.T) {
	crash := errors.New("crash")
	for stop := 1; ; stop++ {
		b := newBench(t)
		n := 0
		b.refuse = func() error {
			if n++; n >= stop {
				return crash
			}
			return nil
		}
		_, err := b.receive(answer(t))
		b.refuse = nil
		if err == nil {
			if stop < 8 {
				t.Fatalf("a file was taken with %d writes", stop-1)
			}
			return
		}
		if !errors.Is(err, crash) {
			t.Fatalf("write %d: %v", stop, err)
		}
		b.open()
		if r := b.received(answer(t)); r.Rejected != 1 || r.Settled != 6 || r.ChargedBack != 2 {
			t.Errorf("stopped at write %d, then %+v", stop, r)
		}
		b.expect(answered)
		for number := 1; number <= 3; number++ {
			booked := map[string]bool{}
			for _, op := range b.payment(number).Ops {
				if name := fmt.Sprint(op.Source, op.Target); op.Source != "" && booked[name] {
					t.Errorf("stopped at write %d: payment %d has record %s twice", stop, number, op.Source)
				} else {
					booked[name] = true
				}
			}
		}
	}
}

// backOf is a message that takes an earlier one back.
func backOf(m *clearing.Message) *clearing.Message {
	m.PDS = append(m.PDS, clearing.PDS{Tag: 25, Value: "R261121"})
	slices.SortFunc(m.PDS, func(a, b clearing.PDS) int { return a.Tag - b.Tag })
	return m
}

// What cannot be applied as it is becomes an exception.
func TestExceptions(t *testing.T) {
	foreign := chargeback(arn(t, 11), rrn(1), original)
	foreign.Elements[5].Value = "840"
	other := chargeback(arn(t, 11), rrn(1), original)
	other.Elements[0].Value = "4000000000000002"
	back := func(sequence uint64, rrn string, amount int64) []*clearing.Message {
		return []*clearing.Message{chargeback(arn(t, sequence), rrn, amount)}
	}
	rejected := reject(ourFile, arn(t, 11), rrn(1))
	settled := settlement(ourFile, 5*original+smaller, original)
	const unknown = "no presentment of ours"
	type messages = []*clearing.Message
	for name, c := range map[string]struct {
		messages messages
		says     string
		booked   bool
		excess   int64
	}{
		"unknown":             {back(99, rrn(7), 1), unknown, false, 0},
		"unknown, our RRN":    {back(99, rrn(1), 1), unknown, false, 0},
		"of more":             {back(11, rrn(1), 1001), "more than", true, 1},
		"of nothing":          {back(11, rrn(1), 0), "it is of no amount", false, 0},
		"in another currency": {messages{foreign}, "it is in USD, the payment in EUR", false, 0},
		"of another card":     {messages{other}, "it is of the card 400000******0002", false, 0},
		"of a refund":         {back(33, rrn(9), 1), "a refund debits no cardholder", false, 0},
		"of what is refunded": {append(back(31, rrn(3), 1000), back(32, rrn(3), 300)...), "more than", true, 300},
		"twice":               {append(back(11, rrn(1), 1000), back(11, rrn(1), 1000)...), "more than", true, 1000},
		"of a rejected one":   {append(rejected[:2:2], back(11, rrn(1), 1)...), "was rejected", false, 0},
		"rejected twice":      {append(rejected[:2:2], rejected...), "rejected already", false, 0},
		"rejected of another": {reject("0022611210000040000100002", arn(t, 11), rrn(1)), "is none of 2026-11-21", false, 0},
		"rejected, and gone":  {messages{rejected[0]}, "does not stand behind it", false, 0},
		"rejected, and a chargeback behind": {
			append(messages{rejected[0]}, back(21, rrn(2), 1000)...), "does not stand behind it", false, 0,
		},
		"other sums": {
			messages{settlement(ourFile, 6*original, 0)}, "presented and not rejected are 5600 and 1000", false, 0,
		},
		"a file of others": {messages{settlement("0022611210000040000100009", 0, 0)}, "is none of ours", false, 0},
		"a file delivered twice": {
			messages{{MTI: "1644", FunctionCode: "699", PDS: []clearing.PDS{
				{Tag: 5, Value: "P0105090507000"}, {Tag: 280, Value: ourFile},
			}}}, "for its id", false, 0,
		},
		"a chargeback taken back": {messages{backOf(chargeback(arn(t, 11), rrn(1), original))}, "takes an earlier", false, 0},
		"a settlement taken back": {messages{backOf(settlement(ourFile, 0, 0))}, "takes an earlier", false, 0},
		"a refusal of a file taken back": {messages{backOf(&clearing.Message{
			MTI: "1644", FunctionCode: "699",
			PDS: []clearing.PDS{{Tag: 5, Value: "D0005090507000"}, {Tag: 280, Value: ourFile}},
		})}, "takes an earlier", false, 0},
		"settled twice": {messages{settled, settled}, "record 2 says the same of file " + ourFile, false, 0},
		"a fee": {
			messages{{MTI: "1740", FunctionCode: "700", Elements: about("", "", 5, "978")}}, "1740/700 fee", false, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.received(file(t, theirs, false, c.messages...))
			b.open()
			all := b.exceptions()
			if len(all) != 1 || !strings.Contains(all[0].Why, c.says) || all[0].Excess != c.excess ||
				(all[0].Operation != 0) != c.booked || all[0].FileID != theirs {
				t.Fatalf("got %+v", all)
			}
			if strings.Contains(fmt.Sprint(all), card) {
				t.Errorf("a card number stands in %+v", all)
			}
			if name == "rejected, and a chargeback behind" && b.payment(2).Sums().ChargedBack != 1000 {
				t.Error("the chargeback is swallowed")
			}
			if got := b.states(); name == "a file delivered twice" && got != untouched {
				t.Errorf("rejected is what was taken before:\n%s", got)
			}
		})
	}
}

// A whole file that is refused has all its presentments rejected.
func TestFileReject(t *testing.T) {
	b := newBench(t)
	r := b.received(file(t, theirs, false, &clearing.Message{
		MTI: "1644", FunctionCode: "699", PDS: []clearing.PDS{{Tag: 5, Value: "P0301090519000"}, {Tag: 280, Value: ourFile}},
	}))
	b.expect(`1: rejected rejected, charged back 0, refundable 1600
2: rejected rejected, charged back 0, refundable 2000
3: rejected rejected rejected, charged back 0, refundable 1000
`)
	if r.Rejected != 7 || r.Exceptions != 0 {
		t.Errorf("%+v", r)
	}
}

// What was presented again since is rejected by no second refusal of the file that it stood in first.
func TestFileRejectComesLate(t *testing.T) {
	b := newBench(t)
	refused := func(id string) []byte {
		return file(t, id, false, &clearing.Message{
			MTI: "1644", FunctionCode: "699", PDS: []clearing.PDS{{Tag: 5, Value: "P0301090519000"}, {Tag: 280, Value: ourFile}},
		})
	}
	b.received(refused(theirs))
	_, err := b.desk.Resubmit(ctx, b.payment(1).ID.String()+"-1", "anna")
	must(t, err)
	b.sealOpen(1)
	r := b.received(refused(next(2)))
	b.expect(`1: presented rejected presented, charged back 0, refundable 1600
2: rejected rejected, charged back 0, refundable 2000
3: rejected rejected rejected, charged back 0, refundable 1000
`)
	all := b.exceptions()
	if r.Rejected != 0 || len(all) != 7 || !strings.Contains(all[0].Why, "presented again since") ||
		!strings.Contains(all[1].Why, "rejected already") {
		t.Errorf("%+v, %+v", r, all)
	}
}

// Nobody has a file that waits for its release, so nothing is booked by what comes back of it: not by a record, and not
// by one about the file. Once it is released it is booked.
func TestWhatWaitsIsInNoFile(t *testing.T) {
	b := newBench(t)
	b.received(file(t, theirs, false, reject(ourFile, arn(t, 11), rrn(1))...))
	_, err := b.desk.Resubmit(ctx, b.payment(1).ID.String()+"-1", "anna")
	must(t, err)
	again := b.sealOpen(1)
	day, err := b.journal.Day(ctx, date.Next())
	must(t, err)
	release := func(is string) {
		t.Helper()
		data := strings.Replace(string(day.Data), "{", `{"release":`+is+`,`, 1)
		must(t, b.journal.SetDay(ctx, journal.Day{Date: day.Date, State: day.State, Data: []byte(data)}))
	}
	release(`{}`)
	said := []*clearing.Message{
		settlement(again, original, 0), chargeback(arn(t, 11), rrn(1), original),
	}
	said = append(said, reject(again, arn(t, 11), rrn(1))...)
	r := b.received(file(t, next(2), false, said...))
	if got := b.payment(1).Presentment(1); got != payment.PresentmentSent || r.Exceptions != 3 {
		t.Errorf("it is %s: %+v, %+v", got, r, b.exceptions())
	}
	release(`{"by":"ann and bob"}`)
	r = b.received(file(t, next(3), false, said[0]))
	if got := b.payment(1).Presentment(1); got != payment.PresentmentSettled || r.Exceptions != 0 {
		t.Errorf("released it is %s: %+v, %+v", got, r, b.exceptions())
	}
}

// A file that waits and stands in the clearing folder is out: the journal was put back to before its release. What
// comes back of it is booked, unless another number of presentments stands in it than the journal has, or they come to
// another sum; a plan that an earlier version sealed has none.
func TestWhatWaitsIsOut(t *testing.T) {
	for _, x := range []struct {
		planned  string
		records  int
		sumMinor int64
		isOut    payment.PresentmentState
	}{
		{`"records":1`, 1, original, payment.PresentmentSettled},
		{`"records":1`, 2, original, payment.PresentmentSent},
		{fmt.Sprintf(`"records":1,"sum_minor":%d`, original), 1, original, payment.PresentmentSettled},
		{fmt.Sprintf(`"records":1,"sum_minor":%d`, original), 1, original + 1, payment.PresentmentSent},
	} {
		b := newBench(t)
		b.received(file(t, theirs, false, reject(ourFile, arn(t, 11), rrn(1))...))
		_, err := b.desk.Resubmit(ctx, b.payment(1).ID.String()+"-1", "anna")
		must(t, err)
		again := b.sealOpen(1)
		day, err := b.journal.Day(ctx, date.Next())
		must(t, err)
		planned := strings.Replace(string(day.Data), `"records":1`, x.planned, 1)
		day.Data = []byte(strings.Replace(planned, "{", `{"release":{},`, 1))
		must(t, b.journal.SetDay(ctx, day))
		b.delivered(again, x.records, x.sumMinor)
		r := b.received(file(t, next(2), false, settlement(again, original, 0)))
		settled := x.isOut == payment.PresentmentSettled
		if got := b.payment(1).Presentment(1); got != x.isOut || (r.Exceptions == 0) != settled {
			t.Errorf("%+v: it is %s: %+v, %+v", x, got, r, b.exceptions())
		}
		r = b.received(file(t, next(3), false, chargeback(arn(t, 11), rrn(1), original)))
		if got := b.payment(1).Sums().ChargedBack; got != original || r.Exceptions != 0 {
			t.Errorf("%+v: charged back %d: %+v, %+v", x, got, r, b.exceptions())
		}
	}
}

// delivered puts the manifest of a file of ours into the clearing folder.
func (b *bench) delivered(id string, presentments int, sumMinor int64) {
	b.t.Helper()
	parsed, err := clearing.ParseFileID(id)
	must(b.t, err)
	text, err := clearing.NewManifest(clearing.Header{FileID: parsed}, "visa", parsed.Date,
		clearing.Totals{Presentments: presentments, SumMinor: sumMinor}).Encode()
	must(b.t, err)
	dir := b.fs.PathJoin("clearing", parsed.Date.Format(time.DateOnly))
	must(b.t, b.fs.MkdirAll(dir, 0o700))
	f, err := b.fs.Create(b.fs.PathJoin(dir, id+".manifest.json"), vfs.WriteCategoryUnspecified)
	must(b.t, err)
	_, err = f.Write(text)
	must(b.t, errors.Join(err, f.Close()))
}

// A presentment is found by its ARN whatever RRN the record has, and without an ARN by RRN, code and amount.
func TestPresentmentIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		message *clearing.Message
		says    string
	}{
		"by its date":       {message: chargeback(arn(t, 22), "", 700)},
		"another RRN":       {message: chargeback(arn(t, 22), "000000000000", 700)},
		"by RRN alone":      {message: chargeback("", rrn(2), original), says: "several presentments"},
		"by RRN and amount": {message: chargeback("", rrn(1), smaller)},
		"by another's code": {message: withCode(chargeback("", rrn(1), smaller), "ZZZZZZ"), says: "no presentment of ours"},
		"by an unknown date": {
			message: chargeback(arnOf(t, date.Time().AddDate(0, 0, -1), 22), "", 1), says: "no presentment of ours",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.received(file(t, theirs, false, c.message))
			if all := b.exceptions(); c.says != "" && (len(all) != 1 || !strings.Contains(all[0].Why, c.says)) ||
				c.says == "" && (len(all) != 0 || b.payment(1).Sums().ChargedBack+b.payment(2).Sums().ChargedBack == 0) {
				t.Errorf("%s%+v", b.states(), all)
			}
		})
	}
	b := newBench(t)
	b.received(file(t, theirs, false, reject(ourFile, arn(t, 33), rrn(9))...)) // a refund has an RRN of its own
	if p := b.payment(3); p.Presentment(3) != payment.PresentmentRejected {
		t.Error("the refund is not found")
	}
}

// Files are taken from the folder, and put where they belong.
func TestFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.desk.Start()
		put := func(name string, text []byte) {
			f, err := b.fs.Create(folder+"/"+name+".part", vfs.WriteCategoryUnspecified)
			must(t, err)
			_, err = f.Write(bytes.Clone(text))
			must(t, errors.Join(err, f.Close(), b.fs.Rename(folder+"/"+name+".part", folder+"/"+name)))
		}
		must(t, b.fs.MkdirAll(folder, 0o700))
		must(t, b.fs.MkdirAll(folder+"/folder.ipm", 0o700))
		good := answer(t)
		put("day.ipm", good)
		put("half.ipm", good[:len(good)/2])
		put("later.part", good)
		time.Sleep(2 * incoming.DefaultPoll)
		synctest.Wait()
		b.expect(answered)
		for _, name := range []string{"taken/day.ipm", "refused/half.ipm", "refused/half.ipm.error", "later.part"} {
			if _, err := b.fs.Stat(folder + "/" + name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		put("day.ipm", good) // again: it changes nothing, and stands beside the first
		time.Sleep(2 * incoming.DefaultPoll)
		synctest.Wait()
		b.expect(answered)
		if _, err := b.fs.Stat(folder + "/taken/day.1.ipm"); err != nil {
			t.Error(err)
		}
		b.desk.Close()
	})
}

// A symbolic link in the folder is followed by nobody, wherever it leads: it goes aside with why, and is not tried
// again.
func TestLinksAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		dir, good := t.TempDir(), answer(t)
		elsewhere := filepath.Join(t.TempDir(), "day.ipm")
		must(t, os.WriteFile(elsewhere, good, 0o600))
		links := map[string]string{
			"file.ipm": elsewhere, "folder.ipm": filepath.Dir(elsewhere), "nothing.ipm": filepath.Join(dir, "nothing"),
		}
		for name, to := range links {
			must(t, os.Symlink(to, filepath.Join(dir, name)))
		}
		table := &turn.Table{}
		desk, err := incoming.New(incoming.Options{
			Journal: written{b.journal, b}, Lock: table.Lock, FS: vfs.Default, Dir: dir, ClearingDir: "clearing",
			ProcessorID: b.processor, Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(),
		})
		must(t, err)
		desk.Start()
		time.Sleep(2 * incoming.DefaultPoll)
		synctest.Wait()
		desk.Close()
		for name := range links {
			why, err := os.ReadFile(filepath.Join(dir, "refused", name+".error"))
			if string(why) != "it is a symbolic link, expected a regular file\n" {
				t.Errorf("%s: %q, %v", name, why, err)
			}
			if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is still there: %v", name, err)
			}
		}
		if text, err := os.ReadFile(elsewhere); err != nil || !bytes.Equal(text, good) {
			t.Errorf("where a link led there is another file: %v", err)
		}
		if sums := b.payment(2).Sums(); sums.ChargedBack != 0 {
			t.Errorf("it was taken: charged back are %d", sums.ChargedBack)
		}
	})
}

// What was rejected is presented again, once, under its reference and with what was put right; or written off.
func TestRejects(t *testing.T) {
	b := newBench(t)
	b.received(file(t, theirs, false,
		append(reject(ourFile, arn(t, 11), rrn(1)), reject(ourFile, arn(t, 33), rrn(9))...)...))
	list := func(all bool) (ids []string) {
		must(t, b.desk.Rejects(ctx, all, func(r incoming.Reject) bool {
			ids = append(ids, r.ID+" "+r.State)
			return true
		}))
		return ids
	}
	capture, refund := b.payment(1).ID.String()+"-1", b.payment(3).ID.String()+"-3"
	if got := list(false); !slices.Equal(got, []string{capture + " rejected", refund + " rejected"}) {
		t.Fatalf("rejected are %v", got)
	}
	if r, err := b.desk.Reject(ctx, capture); err != nil || r.Reason != "D0002/0301" || r.Amount != original ||
		r.Source != theirs+"/00000002" || r.Card != masked || r.Date != date.String() {
		t.Errorf("%+v, %v", r, err)
	}
	for id, fields := range map[string]map[string]string{
		capture:                          {"amount": "5"},
		refund:                           {"mcc": "no category"},
		b.payment(1).ID.String() + "-2":  {"city": "Berlin"},
		"P10000000009-1":                 {"city": "Berlin"},
		"nothing":                        {"city": "Berlin"},
		b.payment(1).ID.String() + "-99": {"city": "Berlin"},
	} {
		if _, err := b.desk.Fix(ctx, id, fields); err == nil {
			t.Errorf("%s is fixed with %v", id, fields)
		}
	}
	r, err := b.desk.Fix(ctx, capture, map[string]string{"city": "Berlin"})
	if err != nil || r.Fix["city"] != "Berlin" || r.State != "rejected" {
		t.Fatalf("%+v, %v", r, err)
	}
	b.open()
	if r, err = b.desk.Resubmit(ctx, capture, "anna"); err != nil || r.State != "presented" {
		t.Fatalf("%+v, %v", r, err)
	}
	var refused *payment.Refusal
	if _, err := b.desk.Resubmit(ctx, capture, "anna"); !errors.As(err, &refused) {
		t.Errorf("presented twice: %v", err)
	}
	if _, err := b.desk.WriteOff(ctx, capture, "anna", "old"); !errors.As(err, &refused) {
		t.Errorf("written off although it is presented again: %v", err)
	}
	if r, err = b.desk.WriteOff(ctx, refund, "anna", "old"); err != nil || r.State != "written_off" {
		t.Errorf("%+v, %v", r, err)
	}
	if got := list(true); !slices.Equal(got, []string{capture + " presented", refund + " written_off"}) ||
		len(list(false)) != 0 {
		t.Errorf("decided are %v", got)
	}
	p := b.payment(1)
	last := len(p.Ops) - 1
	op := p.Ops[last]
	if op.Kind != payment.KindResubmit || op.ARN != arn(t, 11) || op.Target != 1 || op.Date != date.Next() ||
		op.Source != "anna" || op.Granted != original {
		t.Errorf("the resubmission is %+v", op)
	}
	row, err := b.journal.Presentment(ctx, presentment.RefOf(p, last, date.Next()))
	must(t, err)
	if s, err := presentment.DecodeSnapshot(row.Data); err != nil || s.City != "Berlin" || s.Name != "Shop" {
		t.Errorf("it says %+v (%v)", s, err)
	}

	// It stands in no file yet; in one, it is settled, and the file of before says no more of it.
	b.received(file(t, next(2), false, chargeback(arn(t, 11), rrn(1), original),
		settlement(ourFile, 4*original+smaller, 0)))
	if all := b.exceptions(); len(all) != 1 || !strings.Contains(all[0].Why, "in no file yet") ||
		b.payment(1).Presentment(1) != payment.PresentmentSent {
		t.Errorf("%+v\n%s", all, b.states())
	}
	must(t, b.journal.Cutover(ctx, date.Next(), date.Next().Next()))
	const again = "0022611220000040000100001"
	plan := []byte(`{"format":1,"processor_id":"400001","files":[{"destination":"visa","sequence":1,"records":1}]}`)
	must(t, b.journal.SetDay(ctx, journal.Day{Date: date.Next(), State: journal.DaySealed, Data: plan}))
	b.received(file(t, next(3), false, settlement(again, original, 0)))
	if got := b.payment(1).Presentment(1); got != payment.PresentmentSettled {
		t.Errorf("presented again and settled it is %s: %+v", got, b.exceptions())
	}
}

// next is the id of a further file of the clearing system.
func next(n int) string { return fmt.Sprintf("%s%05d", theirs[:20], n) }

// What is rejected once more can be presented once more.
func TestRejectedAgain(t *testing.T) {
	b := newBench(t)
	b.received(file(t, theirs, false, reject(ourFile, arn(t, 11), rrn(1))...))
	id := b.payment(1).ID.String() + "-1"
	_, err := b.desk.Resubmit(ctx, id, "anna")
	must(t, err)
	must(t, b.journal.Cutover(ctx, date.Next(), date.Next().Next()))
	plan := []byte(`{"format":1,"processor_id":"400001","files":[{"destination":"visa","sequence":1,"records":1}]}`)
	must(t, b.journal.SetDay(ctx, journal.Day{Date: date.Next(), State: journal.DaySealed, Data: plan}))
	b.received(file(t, next(2), false, reject("0022611220000040000100001", arn(t, 11), rrn(1))...))
	count := 0
	must(t, b.desk.Rejects(ctx, true, func(r incoming.Reject) bool {
		if count++; r.Source != next(2)+"/00000002" || r.Date != date.Next().String() {
			t.Errorf("%+v", r)
		}
		return true
	}))
	if r, err := b.desk.Resubmit(ctx, id, "anna"); err != nil || r.State != "presented" || count != 1 {
		t.Errorf("%d rejects, %+v, %v", count, r, err)
	}
}

// Whatever comes: it is taken or refused, and what is refused changes nothing.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("hello"))
	f.Add(bytes.Repeat([]byte{0}, 2000))
	f.Add(bytes.Repeat([]byte{0x40}, 1014))
	f.Fuzz(func(t *testing.T, text []byte) {
		b := newBench(t)
		b.received(answer(t))
		writes, states := b.writes, b.states()
		_, err := b.receive(text)
		var refused *incoming.RefusedError
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if err != nil && (b.writes != writes || b.states() != states) {
			t.Errorf("%v, and something is changed", err)
		}
	})
}

// Each series of the counters is there before anything has come, so that whoever watches them sees the first one rise.
func TestCountersAreThereFromTheStart(t *testing.T) {
	b := newBench(t)
	families, err := b.registry.Gather()
	must(t, err)
	var there []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			there = append(there, f.GetName()+" "+m.GetLabel()[0].GetValue())
		}
	}
	want := []string{
		"switchyard_clearing_incoming_files_total refused", "switchyard_clearing_incoming_files_total taken",
		"switchyard_clearing_incoming_records_total chargeback", "switchyard_clearing_incoming_records_total exception",
		"switchyard_clearing_incoming_records_total reject", "switchyard_clearing_incoming_records_total settle",
	}
	if !slices.Equal(there, want) {
		t.Errorf("there from the start: %q, want %q", there, want)
	}
}

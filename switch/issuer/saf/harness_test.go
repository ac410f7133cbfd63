package saf_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/spec"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/link/linktest"
	"switchyard/switch/issuer/message"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/turn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline is how long an answer is waited for.
const deadline = 10 * time.Second

// world is a queue with its journal and an issuer, in virtual time.
type world struct {
	t        *testing.T
	fs       *vfs.MemFS
	j        *pebble.Journal
	host     *link.Host
	issuer   *exchange.Issuer
	turns    *turn.Table
	queue    *saf.Queue
	registry *prometheus.Registry                  // its metrics
	made     uint64                                // payments
	slots    int                                   // of the link; 0: the default
	over     func(journal.Journal) journal.Journal // what the queue has in place of the journal

	// answer says how the issuer answers an advice: its code, or "" for silence.
	answer func(m *spec.Message) string
	trip   time.Duration // how long an answer takes
	mu     sync.Mutex
	begun  time.Time
	trace  []string // what the issuer received
	far    linktest.Host
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

// run tests something in a world of its own.
func run(t *testing.T, answer func(m *spec.Message) string, test func(t *testing.T, w *world)) {
	t.Helper()
	runWith(t, &world{answer: answer}, test)
}

// runWith tests something in a world of its own that begins as it is given.
func runWith(t *testing.T, w *world, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.t, w.fs, w.begun = t, vfs.NewCrashableMem(), time.Now()
		w.start(saf.Options{})
		test(t, w)
		w.stop()
		synctest.Wait()
	})
}

// approveAll answers every advice with 00.
func approveAll(*spec.Message) string { return "00" }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// start opens the journal and starts link and queue.
func (w *world) start(o saf.Options) {
	w.t.Helper()
	if w.far.Answer == nil {
		w.far.Answer, w.far.Fault = w.answered, func(err error) { w.t.Error(err) }
	}
	var err error
	w.j, err = pebble.Open(pebble.Options{FS: w.fs, Dir: "journal", Node: 1, Logger: zap.NewNop(),
		Fatal: func(msg string, err error) { w.t.Errorf("%s: %v", msg, err) }})
	w.must(err)
	if w.j.OpenDay() == 0 {
		w.must(w.j.Cutover(context.Background(), 0, 20261121))
	}
	merchants, err := merchant.NewDirectory(nil, false, merchant.DefaultProfile())
	w.must(err)
	stream, err := identity.NewAllocator(w.j, 1, nil).Stream("400001", "issuer")
	w.must(err)
	codec := spec.MustCodec(spec.DefaultDialect)
	w.host, err = link.NewHost(link.Config{
		Host: "issuer", Addr: "issuer", AcquirerID: "400001", Codec: codec, Identity: stream, Dial: w.far.Dial,
		Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(),
		Links: 1, WindowPerLink: w.slots,
	})
	w.must(err)
	w.issuer = &exchange.Issuer{
		Name: "issuer", Codec: codec, Stream: stream, Host: w.host, Deadline: deadline,
		Builder: &message.Builder{AcquirerID: "400001", Unrecorded: "400001", Merchants: merchants},
	}
	w.turns = &turn.Table{}
	o.Journal, o.Issuers, o.Turns, o.Keyring = w.j, map[string]*exchange.Issuer{"issuer": w.issuer}, w.turns, keyring
	if w.over != nil {
		o.Journal = w.over(w.j)
	}
	w.registry = prometheus.NewRegistry()
	o.Logger, o.Registerer = zap.NewNop(), w.registry
	w.queue = saf.New(o)
	w.must(w.queue.Start())
	w.host.Start()
	w.await("the link is up", w.host.Ready)
}

// attempts is how many sendings are counted with an outcome.
func (w *world) attempts(outcome string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	w.must(err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "switchyard_saf_attempts_total" && m.GetLabel()[0].GetValue() == outcome {
				return m.GetCounter().GetValue()
			}
		}
	}
	w.t.Errorf("no attempts are counted by the outcome %s", outcome)
	return 0
}

func (w *world) stop() {
	w.t.Helper()
	w.queue.Close()
	w.must(w.host.Close(context.Background()))
	w.must(w.j.Close())
	w.far.Cut()
}

// await lets virtual time pass until something holds; an hour of it is far more than it ever takes.
func (w *world) await(what string, holds func() bool) {
	w.t.Helper()
	for range int(time.Hour / (10 * time.Millisecond)) {
		synctest.Wait()
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("never: %s\n%s", what, w.seen())
}

// drained lets time pass until no advice is queued.
func (w *world) drained() {
	w.t.Helper()
	w.await("the queue is empty", func() bool { queued, _ := w.queue.Counts(); return queued == 0 })
}

// answered is what the issuer says to an advice, and when.
func (w *world) answered(m *spec.Message) (*spec.Message, time.Duration) {
	w.note(m)
	code := w.answer(m)
	if code == "" {
		return nil, 0
	}
	return linktest.Response(m, code), w.trip
}

// note writes down what arrived: seconds since the beginning, MTI, RRN, amount, and the STAN to compare repeats by.
func (w *world) note(m *spec.Message) {
	amount, _ := m.Uint(4)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, fmt.Sprintf("%s %s amount %d", m.MTI(), m.String(37), amount))
}

// seen returns what the issuer received since the last call, a line each.
func (w *world) seen() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.trace, "\n")
	w.trace = nil
	return s
}

// authorized makes a payment with an approved authorization of 1000; its RRN ends with its number.
func (w *world) authorized() *payment.Payment {
	w.mu.Lock()
	w.made++
	made := w.made
	w.mu.Unlock()
	id := payment.NewID(1, made)
	now := time.Now().UTC()
	p := &payment.Payment{
		ID: id, Merchant: "M1", Terminal: "T1", Currency: "EUR", MCC: "5999", Route: "visa", SealKey: keyring.SealingKey(),
		SealedCard: keyring.Seal(id, "4111111111111111", "3012"), MaskedPAN: "411111******1111", Created: now,
		Expires: now.AddDate(0, 0, 30),
	}
	p.Ops = []payment.Op{{
		Kind: payment.KindAuthorize, State: payment.StateApproved, Amount: 1000, Granted: 1000, Target: payment.NoTarget,
		At: now, DoneAt: now, RRN: fmt.Sprintf("A%011d", made), AuthCode: "A1B2C3", ResponseCode: "00",
	}}
	w.must(w.issuer.Identify(context.Background(), &p.Ops[0]))
	return p
}

// request sends a payment's authorization, as a flow would.
func (w *world) request(p *payment.Payment) {
	w.t.Helper()
	call, err := w.issuer.Acquire(context.Background())
	w.must(err)
	defer call.Free()
	w.must(call.Pack(p, 0, message.Card{PAN: "4111111111111111", Expiry: "3012"}, nil, false))
	w.must(call.Send(context.Background()))
}

// put commits advices of a payment and hands them to the queue.
func (w *world) put(p *payment.Payment, ops ...payment.Op) {
	w.t.Helper()
	w.commit(p, ops...)(false)
}

// commit does the first half; what it returns hands the rows over.
func (w *world) commit(p *payment.Payment, ops ...payment.Op) (add func(sent bool)) {
	w.t.Helper()
	t := w.committed(p, ops...)
	return func(sent bool) {
		for _, row := range t.Queue {
			w.queue.Add(row, sent, nil)
		}
	}
}

// committed commits advices of a payment.
func (w *world) committed(p *payment.Payment, ops ...payment.Op) *journal.Transition {
	w.t.Helper()
	p.Version++
	t := &journal.Transition{Payment: p}
	for _, op := range ops {
		op.State, op.Advised, op.At, op.RRN = payment.StateQueued, true, time.Now().UTC(), p.Ops[0].RRN
		w.must(w.issuer.Identify(context.Background(), &op))
		p.Ops = append(p.Ops, op)
		t.Queue = append(t.Queue, journal.SAFRow{
			SAFRef: journal.SAFRef{Host: "issuer"}, Payment: p.ID, Op: len(p.Ops) - 1, Node: 1, Queued: time.Now(),
		})
	}
	w.must(w.j.Commit(context.Background(), t))
	return t
}

// commitOne commits one advice of a payment; what it returns hands its row over with the payment.
func (w *world) commitOne(p *payment.Payment, op payment.Op) (add func()) {
	w.t.Helper()
	t := w.committed(p, op)
	return func() { w.queue.Add(t.Queue[0], false, p) }
}

// now is a payment as it stands in the journal.
func (w *world) now(p *payment.Payment) *payment.Payment {
	w.t.Helper()
	now, err := w.j.Payment(w.t.Context(), p.ID)
	w.must(err)
	return now
}

func capture(amount int64) payment.Op {
	return payment.Op{
		Kind: payment.KindCapture, Amount: amount, Target: payment.NoTarget, Number: 1, Date: 20261121,
		ARN: "74000011326000000000010",
	}
}

func reversal() payment.Op {
	return payment.Op{Kind: payment.KindTimeoutReversal, Amount: 1000, Target: 0}
}

// states are those of a payment's operations behind the first.
func (w *world) states(p *payment.Payment) string {
	w.t.Helper()
	var s []string
	for _, op := range w.now(p).Ops[1:] {
		s = append(s, op.State.String())
	}
	return strings.Join(s, " ")
}

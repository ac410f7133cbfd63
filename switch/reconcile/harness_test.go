package reconcile_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"switchyard/internal/money"
	"switchyard/spec"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/link/linktest"
	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
	"switchyard/switch/journal/memory"
	"switchyard/switch/payment"
	"switchyard/switch/reconcile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	acquirer = "400001"
	deadline = 10 * time.Second
)

// today is the business date that is open when a world begins: virtual time begins in 2000.
const today = payment.Date(20000101)

// world is an engine with its journal and one host, in virtual time.
type world struct {
	t      *testing.T
	store  *memory.Store
	j      *memory.Journal
	host   *link.Host
	engine *reconcile.Engine
	far    linktest.Host
	made   uint64 // payments

	// answer says how the host answers an 0500: nil for silence. It stands in for a host whose figures are ours.
	answer func(m *spec.Message) *spec.Message
	mu     sync.Mutex
	begun  time.Time
	trace  []string // the 0500s that the host received
}

// run tests something in a world of its own.
func run(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: memory.NewStore(), begun: time.Now(), answer: agree}
		w.far.Answer, w.far.Fault = w.answered, func(err error) { t.Error(err) }
		w.start()
		test(w)
		w.stop()
		synctest.Wait()
	})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start() {
	w.t.Helper()
	w.j = w.store.Open(nil, nil)
	if w.j.OpenDay() == 0 {
		w.must(w.j.Cutover(context.Background(), 0, today))
	}
	stream, err := identity.NewAllocator(w.j, 1, nil).Stream(acquirer, "issuer")
	w.must(err)
	codec := spec.MustCodec(spec.DefaultDialect)
	w.host, err = link.NewHost(link.Config{
		Host: "issuer", Addr: "issuer", AcquirerID: acquirer, Codec: codec, Identity: stream, Dial: w.far.Dial,
		Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(), Links: 1,
	})
	w.must(err)
	builder := &message.Builder{AcquirerID: acquirer, Unrecorded: acquirer}
	w.engine = reconcile.New(reconcile.Options{
		Journal: w.j, Acquirer: builder.Acquirer, Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(),
		Hosts: []*exchange.Issuer{{
			Name: "issuer", Codec: codec, Stream: stream, Host: w.host, Deadline: deadline, Builder: builder,
		}},
	})
	w.host.Start()
	for !w.host.Ready() {
		time.Sleep(10 * time.Millisecond)
	}
	w.engine.Start()
	synctest.Wait()
}

func (w *world) stop() {
	w.t.Helper()
	w.engine.Close()
	w.must(w.host.Close(context.Background()))
	w.must(w.j.Close())
	w.far.Cut()
}

// seal closes the open date and opens the next one.
func (w *world) seal() {
	w.t.Helper()
	date := w.j.OpenDay()
	w.must(w.j.Cutover(context.Background(), date, date.Next()))
	w.must(w.j.SetDay(context.Background(), journal.Day{Date: date, State: journal.DaySealed}))
	w.engine.Sealed()
	synctest.Wait()
}

// answered is what the host says. It writes down what came: seconds since the beginning, date, currency and figures.
func (w *world) answered(m *spec.Message) (*spec.Message, time.Duration) {
	currency, _ := money.ByNumeric(m.String(50))
	totals, ok := message.TotalsOf(m)
	line := fmt.Sprintf("%s %s %s %s %s net %s", m.MTI(), m.String(32), m.String(15), currency.Alpha, show(totals),
		strings.Replace(m.String(97), strings.Repeat("0", 13), "", 1))
	if !ok {
		line += " (some are missing)"
	}
	w.mu.Lock()
	w.trace = append(w.trace, line)
	answer := w.answer
	w.mu.Unlock()
	return answer(m), 0
}

// says changes how the host answers.
func (w *world) says(answer func(m *spec.Message) *spec.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// asked returns what the host was asked since the last call, a line each.
func (w *world) asked() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.trace, "\n")
	w.trace = nil
	return s
}

// show is totals in short: number/amount of debits, of them reversed, credits, of them reversed.
func show(t message.Totals) string {
	out := ""
	for i, s := range []message.Sum{t.Debits, t.DebitReversals, t.Credits, t.CreditReversals} {
		out += fmt.Sprintf("%s%d/%d", []string{"", " -", " +", " -"}[i], s.Number, s.AmountMinor)
	}
	return out
}

// agree answers that all is in balance, with the figures that came.
func agree(m *spec.Message) *spec.Message {
	r := linktest.Response(m, "00")
	for _, de := range []int{15, 50, 74, 75, 76, 77, 86, 87, 88, 89, 97} {
		r.Set(de, m.String(de))
	}
	r.Set(66, "1")
	return r
}

// code answers with a code and nothing else.
func code(code string) func(*spec.Message) *spec.Message {
	return func(m *spec.Message) *spec.Message { return linktest.Response(m, code) }
}

func silent(*spec.Message) *spec.Message { return nil }

// differs answers that it is out of balance, with another number and sum of debits.
func differs(number, amount uint64) func(*spec.Message) *spec.Message {
	return func(m *spec.Message) *spec.Message {
		r := agree(m)
		r.SetUint(76, number, 10)
		r.SetUint(88, amount, 16)
		r.Set(66, "2")
		return r
	}
}

// results is how a date stands, a line each result.
func (w *world) results(date payment.Date) string {
	w.t.Helper()
	synctest.Wait()
	days, err := w.engine.Days(context.Background(), date)
	w.must(err)
	var out []string
	for _, d := range days {
		for _, h := range d.Hosts {
			for _, r := range h.Results {
				line := fmt.Sprintf("%s %s %s ours %s", h.Host, r.Currency, r.Status, show(r.Ours))
				if r.Theirs != nil {
					line += " theirs " + show(*r.Theirs)
				}
				if r.Code != "" {
					line += " " + r.Code
				}
				if r.Open > 0 {
					line += fmt.Sprintf(" open %d", r.Open)
				}
				if !h.Ended {
					line += " ..."
				}
				out = append(out, line)
			}
		}
	}
	return strings.Join(out, "\n")
}

func (w *world) want(what, got, want string) {
	w.t.Helper()
	if want = strings.TrimSpace(want); got != want {
		w.t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// put stores a payment of operations, with the rows in clearing of those that stand.
func (w *world) put(ops ...payment.Op) *payment.Payment {
	w.t.Helper()
	w.made++
	p := &payment.Payment{
		ID: payment.NewID(1, w.made), Version: 1, Merchant: "M1", Terminal: "T1", Currency: "EUR", Route: "default",
		Acquirer: acquirer, Created: time.Now(), Ops: ops,
	}
	t := &journal.Transition{Payment: p, EvenBroken: true}
	for i := range p.Ops {
		op := &p.Ops[i]
		op.RRN, op.At = fmt.Sprintf("R%011d", w.made), time.Now()
		if op.Host == "" && op.Kind != payment.KindVoice {
			op.Host = "issuer"
		}
		if op.State == payment.StateApproved && op.ResponseCode == "" {
			op.ResponseCode = "00"
		}
		if op.State == payment.StateApproved && op.Granted == 0 {
			op.Granted = op.Amount
		}
		if op.Kind != payment.KindVoid && op.Kind != payment.KindTimeoutReversal {
			op.Target = payment.NoTarget
		}
	}
	w.must(w.j.Commit(context.Background(), t))
	return p
}

// change commits a payment that was changed.
func (w *world) change(p *payment.Payment) {
	w.t.Helper()
	p.Version++
	w.must(w.j.Commit(context.Background(), &journal.Transition{Payment: p, EvenBroken: true}))
}

// present commits a payment that was changed, with the row of an operation in the clearing of its date.
func (w *world) present(p *payment.Payment, op int) {
	w.t.Helper()
	p.Version++
	date := p.Ops[op].Date
	w.must(w.j.Commit(context.Background(), &journal.Transition{
		Payment: p, Day: date, EvenBroken: true,
		Present: []journal.Presentment{{PresentmentRef: journal.PresentmentRef{
			Date: date, Destination: "default", Payment: p.ID, Op: op,
		}, Data: []byte{1}}},
	}))
}

// sale is an approved sale of the open date.
func (w *world) sale(amount int64) payment.Op {
	return payment.Op{
		Kind: payment.KindSale, State: payment.StateApproved, Amount: amount, Number: 1, Date: w.j.OpenDay(),
	}
}

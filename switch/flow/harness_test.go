package flow_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/flow"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/link/linktest"
	"switchyard/switch/issuer/message"
	"switchyard/switch/issuer/saf"
	"switchyard/switch/journal"
	"switchyard/switch/journal/memory"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
	"switchyard/switch/turn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	firstDate = payment.Date(20261121)
	deadline  = 10 * time.Second // for the issuer's answer
	goodCard  = "4111111111111111"
)

// world is the flows on a journal in memory and an issuer that follows a script, in virtual time. What happens is
// written into a trace: each commit, and each message to the issuer.
type world struct {
	t       testing.TB
	with    settings
	store   *memory.Store
	journal *traced
	host    *link.Host
	issuer  *exchange.Issuer
	issuers map[string]*exchange.Issuer // those that the config names
	days    *presentment.Days
	queue   *saf.Queue
	turns   *turn.Table
	flow    *flow.Flow

	together bool // requests go by the common way
	quiet    bool // writes no trace
	mu       sync.Mutex
	begun    time.Time
	trace    []string
	askers   []*asker
	script   map[string]string // what the issuer answers, by MTI or MTI/DE3
	far      linktest.Host
	payments map[string]string // ids, by the names that the test gives them
}

// settings are what a test wants otherwise than usual.
type settings struct {
	standIn flow.StandIn
	limits  *merchant.Limits // of merchant M1
	queued  int              // rows of the host's queue
	credits bool             // merchant M1 may credit
	windows merchant.Profile // only what it says of windows, which is merchant M1's
	stuck   bool             // there is another host, of which every STAN is reserved at each start
	few     int              // STANs of it that are not reserved; 0: none
	masks   bool             // references are kept with card numbers masked
	log     *zap.Logger      // of the flows; nil: none
}

// stuckFor is how long the STANs of the host that is stuck are reserved.
const stuckFor = 5 * time.Minute

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

// end stops a world and waits until nothing of it is left.
func (w *world) end() {
	w.stop()
	synctest.Wait()
	w.settled()
}

func (w *world) stop() {
	w.must(w.journal.Close())
	w.stopRest()
}

// stopRest stops all but the journal, which a crash has ended.
func (w *world) stopRest() {
	w.queue.Close()
	w.must(w.host.Close(context.Background()))
	w.far.Cut()
}

func newWorld(t testing.TB, s settings) *world {
	t.Helper()
	w := &world{
		t: t, with: s, store: memory.NewStore(), begun: time.Now(), script: map[string]string{},
		payments: map[string]string{},
	}
	w.far.Answer, w.far.Fault = w.answered, func(err error) { w.note("%v", err) }
	w.open()
	w.must(w.journal.Cutover(context.Background(), 0, firstDate))
	w.start()
	return w
}

// open makes a process on the store: it has read what an earlier one left, and begun nothing.
func (w *world) open() {
	s := w.with
	w.journal = &traced{Journal: w.store.Open(nil, zap.NewNop()), w: w}
	shop := merchant.DefaultProfile()
	shop.ID, shop.Name, shop.Limits, shop.Credits = "M1", "Shop", s.limits, s.credits
	shop.CaptureWindowDays, shop.RefundWindowDays = s.windows.CaptureWindowDays, s.windows.RefundWindowDays
	shop.ForcePost = s.windows.ForcePost
	unlimited := shop
	unlimited.ID, unlimited.Limits = "UNLIMITED", nil
	merchants, err := merchant.NewDirectory([]merchant.Profile{shop, unlimited}, true, merchant.DefaultProfile())
	w.must(err)
	ids := identity.NewAllocator(w.journal, 1, nil)
	stream, err := ids.Stream("400001", "issuer")
	w.must(err)
	codec := spec.MustCodec(spec.DefaultDialect)
	builder := &message.Builder{AcquirerID: "400001", Unrecorded: "400001", Merchants: merchants}
	w.host, err = link.NewHost(link.Config{
		Host: "issuer", Addr: "issuer", AcquirerID: "400001", Codec: codec, Identity: stream, Dial: w.far.Dial, Links: 1,
		NoEcho: true, // stories pass days
		Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(), OnStray: func(x link.Stray) { w.flow.Late(x) },
	})
	w.must(err)
	w.issuer = &exchange.Issuer{
		Name: "issuer", Codec: codec, Stream: stream, Host: w.host, Deadline: deadline, Builder: builder,
	}
	w.issuers = map[string]*exchange.Issuer{"issuer": w.issuer}
	if s.stuck {
		stream := w.stuck()
		w.issuers["stuck"] = &exchange.Issuer{
			Name: "stuck", Codec: codec, Stream: stream, Host: w.host, Deadline: deadline, Builder: builder,
		}
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	w.days = presentment.NewDays(nil)
	turns := &turn.Table{}
	w.turns = turns
	w.queue = saf.New(saf.Options{
		Journal: w.journal, Issuers: w.issuers, Turns: turns, Keyring: keyring,
		MaxQueued: s.queued, Logger: zap.NewNop(), Registerer: prometheus.NewRegistry(),
	})
	w.flow = flow.New(flow.Options{
		Journal: w.journal, IDs: ids, Keyring: keyring, Merchants: merchants, Routes: toThe{w.issuer}, Issuers: w.issuers,
		SAF: w.queue, Turns: turns, Days: w.days, Builder: builder, StandIn: s.standIn, Logger: s.log,
		MaskReferences: s.masks,
		Registerer:     prometheus.NewRegistry(),
	})
	w.must(w.flow.Open())
}

// stuck makes the stream towards the host that is stuck. It has a share of the STANs, so that there are few to hold.
func (w *world) stuck() *identity.Stream {
	const nodes = 36
	ids := identity.NewAllocator(w.journal, 1, nil)
	ids.Share(0, nodes)
	stream, err := ids.Stream("400001", "stuck")
	w.must(err)
	w.must(stream.Reserve(context.Background(), identity.Reserve{Latest: stuckFor, Used: w.with.few == 0}))
	if w.with.few == 0 {
		w.must(stream.ReserveAll(context.Background()))
		return stream
	}
	for stan := 1 + w.with.few*nodes; stan <= 999_999; stan += nodes {
		stream.Hold(uint32(stan))
	}
	return stream
}

// start begins what an opened process does by itself. The queue comes last: where it finds no link it rests for a
// while, and whether it does would be a matter of chance.
func (w *world) start() {
	w.host.Start()
	w.ready()
	w.must(w.queue.Start())
}

// ready waits until the link is up.
func (w *world) ready() {
	for !w.host.Ready() {
		time.Sleep(time.Millisecond)
	}
}

// toThe routes visa's cards to one issuer.
type toThe struct{ issuer *exchange.Issuer }

func (r toThe) Route(pan string) (flow.Route, bool) {
	return flow.Route{Name: "r", Destination: "visa", Issuers: []*exchange.Issuer{r.issuer}}, strings.HasPrefix(pan, "4")
}

// traced writes each commit into the trace. What is to happen before a commit or a read happens once.
type traced struct {
	journal.Journal
	w        *world
	onCommit func()
	commits  atomic.Int64 // how many until onCommit
	onRead   func()
	reads    atomic.Int64    // how many until onRead
	slow     time.Duration   // what a read of a payment takes
	slowly   time.Duration   // what a commit takes
	looked   []journal.Timer // behind which timers were looked for
}

// Timers implements journal.Journal.
func (j *traced) Timers(
	ctx context.Context, behind journal.Timer, until time.Time, yield func(journal.Timer) bool,
) error {
	j.looked = append(j.looked, behind)
	return j.Journal.Timers(ctx, behind, until, yield)
}

func (j *traced) Commit(ctx context.Context, t *journal.Transition) error {
	if j.commits.Add(-1) == 0 {
		j.onCommit()
	}
	time.Sleep(j.slowly)
	err := j.Journal.Commit(ctx, t)
	if err != nil {
		j.w.note("refused: %v", err)
		return err
	}
	if !j.w.quiet {
		j.w.note("%s", told(t))
	}
	return nil
}

// CommitAll implements journal.Journal.
func (j *traced) CommitAll(ctx context.Context, ts []*journal.Transition, errs []error) {
	for i, t := range ts {
		errs[i] = j.Commit(ctx, t)
	}
}

// Payment implements journal.Journal.
func (j *traced) Payment(ctx context.Context, id payment.ID) (*payment.Payment, error) {
	if j.reads.Add(-1) == 0 {
		j.onRead()
	}
	time.Sleep(j.slow)
	return j.Journal.Payment(ctx, id)
}

// SetTimers implements journal.Journal.
func (j *traced) SetTimers(ctx context.Context, set, fired []journal.Timer) error {
	err := j.Journal.SetTimers(ctx, set, fired)
	if err == nil {
		j.w.note("timers: %d set, %d fired", len(set), len(fired))
	}
	return err
}

// told says what a transition stores: the operations, and what goes with them.
func told(t *journal.Transition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "commit %d:", t.Payment.Version)
	for i, op := range t.Payment.Ops {
		fmt.Fprintf(&b, "%s %s %s", map[bool]string{true: ","}[i > 0], op.Kind, op.State)
		if op.Late != "" {
			fmt.Fprintf(&b, " late %s", op.Late)
		}
		if op.Automatic {
			b.WriteString(" automatically")
		}
		if op.PastWindow {
			b.WriteString(" past its window")
		}
		if i == 0 && t.Payment.CaptureCancelled() != "" {
			b.WriteString(" without its capture")
		}
	}
	for _, k := range t.Keys {
		fmt.Fprintf(&b, " | key %s of %d", k.Key, k.Op)
	}
	for _, row := range t.Queue {
		fmt.Fprintf(&b, " | %s %d", map[bool]string{false: "queue", true: "park"}[row.Parked], row.Op)
	}
	for _, row := range t.Present {
		fmt.Fprintf(&b, " | present %d on %d", row.Op, row.Date)
	}
	for _, row := range t.Withdraw {
		fmt.Fprintf(&b, " | withdraw %d from %d", row.Op, row.Date)
	}
	for range t.Timers {
		b.WriteString(" | timer")
	}
	for range t.Fired {
		b.WriteString(" | fired")
	}
	return b.String()
}

// note writes into the trace, with the whole seconds since the beginning if there are any.
func (w *world) note(format string, args ...any) {
	if w.quiet {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	if since := time.Since(w.begun) / time.Second; since > 0 && !w.begun.IsZero() {
		line = fmt.Sprintf("%ds %s", since, line)
	}
	w.trace = append(w.trace, line)
}

// seen returns the trace since the last call.
func (w *world) seen() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.trace, "\n")
	w.trace = nil
	return s
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// do serves a request, of a gateway that hangs up after a while if that is not 0.
func (w *world) do(req api.Request, hangUp time.Duration) api.Answer {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if hangUp != 0 {
		time.AfterFunc(hangUp, cancel)
	}
	caller := &api.Caller{Gateway: "g"}
	if !w.together {
		return w.flow.Handle(ctx, caller, &req)
	}
	to := w.asker()
	w.flow.Take(ctx, []*api.Call{{Caller: caller, Request: &req, To: to}})
	return <-to.answer
}

// asker gets the answer to a call, and holds the flow to api.Asker: one answer, one flush after it, and no more.
type asker struct {
	w       *world
	answer  chan api.Answer // holds one
	said    atomic.Int64
	flushed atomic.Int64
}

func (w *world) asker() *asker {
	to := &asker{w: w, answer: make(chan api.Answer, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.askers = append(w.askers, to)
	return to
}

func (to *asker) Answered(a *api.Answer) {
	if n := to.said.Add(1); n > 1 {
		to.w.t.Errorf("answered %d times", n)
		return
	}
	to.answer <- *a
}

func (to *asker) Flush() {
	if to.said.Load() == 0 {
		to.w.t.Error("flushed before it is answered")
	}
	to.flushed.Add(1)
}

// settled holds that each call was answered once and flushed once, which is when its memory is another one's.
func (w *world) settled() {
	for _, to := range w.askers {
		if said, flushed := to.said.Load(), to.flushed.Load(); said != 1 || flushed != 1 {
			w.t.Errorf("a call was answered %d times and flushed %d times, want one of both", said, flushed)
		}
	}
}

// drained lets time pass until no advice is queued.
func (w *world) drained() {
	w.t.Helper()
	for range int(time.Hour / time.Second) {
		synctest.Wait()
		if queued, _ := w.queue.Counts(); queued == 0 {
			return
		}
		time.Sleep(time.Second)
	}
	w.t.Fatalf("advices are still queued\n%s", w.seen())
}

// said is an answer in short.
func said(a *api.Answer) string {
	if a.Err != nil {
		return strings.TrimSpace(fmt.Sprintf("%s %s", a.Err.Code, a.Err.Field))
	}
	s := string(a.Status)
	if a.Approved {
		s += ", approved"
	}
	if a.Replayed {
		s += ", replayed"
	}
	return fmt.Sprintf("%s: %d authorized, %d released, %d captured, %d refunded", s, a.Authorized, a.Released, a.Captured,
		a.Refunded)
}

// answers is what the issuer says to a message, by its MTI and, if need be, the first two digits of DE3.
func (w *world) answers(m *spec.Message) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range []string{m.MTI() + "/" + m.String(3)[:2], m.MTI()} {
		if answer, ok := w.script[name]; ok {
			return answer
		}
	}
	return "00"
}

// answered is what the issuer says to a message, and when: "51", "10/600" for a lower amount, "00@12s" for a late
// one, "none" for one without a DE39, "00!" for one that names another card.
func (w *world) answered(m *spec.Message) (*spec.Message, time.Duration) {
	amount, _ := m.Uint(4)
	w.note("%s %d", m.MTI(), amount)
	answer, late, _ := strings.Cut(w.answers(m), "@")
	if answer == "silence" {
		return nil, 0
	}
	after, err := time.ParseDuration(late)
	if err != nil && late != "" {
		w.note("%v", err)
	}
	answer, misread := strings.CutSuffix(answer, "!")
	code, lower, _ := strings.Cut(answer, "/")
	r := linktest.Response(m, strings.TrimPrefix(code, "none"))
	if lower != "" {
		r.Set(4, fmt.Sprintf("%012s", lower))
	}
	if misread {
		r.Set(2, "4012888888881881")
	}
	if code == "00" {
		r.Set(38, "A1B2C3")
	}
	return r, after
}

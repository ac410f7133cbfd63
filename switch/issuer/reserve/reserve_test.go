package reserve_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"switchyard/switch/issuer/identity"
	"switchyard/switch/issuer/reserve"
	"switchyard/switch/journal"
	"switchyard/switch/journal/memory"
	"switchyard/switch/payment"
)

const latest = time.Minute

// world is a payment on a journal, towards a host whose answers are known by their STAN alone.
type world struct {
	t      *testing.T
	store  *memory.Store
	engine journal.Engine
	j      *reserve.Journal
	stream *identity.Stream
	p      payment.Payment
}

// start opens the journal anew, as a start does.
func (w *world) start() {
	w.t.Helper()
	ctx := context.Background()
	w.engine = w.store.Open(nil, zap.NewNop())
	var err error
	if w.stream, err = identity.NewAllocator(w.engine, 1, nil).Stream("400001", "host"); err == nil {
		err = w.stream.Reserve(ctx, identity.Reserve{Latest: latest})
	}
	if err == nil {
		w.j, err = reserve.Open(ctx, w.engine, map[string]*identity.Stream{"host": w.stream})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) restart() {
	w.t.Helper()
	if err := w.j.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// op appends an operation with a STAN of the host's.
func (w *world) op(op payment.Op) int {
	w.t.Helper()
	var err error
	op.Host = "host"
	if op.STAN, op.DE7, err = w.stream.Take(context.Background(), false); err != nil {
		w.t.Fatal(err)
	}
	w.p.Ops = append(w.p.Ops, op)
	return len(w.p.Ops) - 1
}

func (w *world) commit(t journal.Transition) journal.Transition {
	w.t.Helper()
	w.p.Version++
	t.Payment = &w.p
	if err := w.j.Commit(context.Background(), &t); err != nil {
		w.t.Fatal(err)
	}
	return t
}

// held says how many STANs are reserved still, long after the last message.
func (w *world) held(when string, want int) {
	w.t.Helper()
	time.Sleep(3 * latest)
	if got, _ := w.stream.Reserved(); got != want {
		w.t.Errorf("%s: %d STANs are held, want %d", when, got, want)
	}
}

// A STAN is held from its intent to its outcome, and where that is unknown until the reversal has ended; over starts,
// too.
func TestHeldUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: memory.NewStore()}
		w.start()
		w.p = payment.Payment{ID: payment.NewID(1, 1), Currency: "EUR"}
		root := w.op(payment.Op{
			Kind: payment.KindAuthorize, State: payment.StatePending, Amount: 1000, Target: payment.NoTarget,
		})
		w.commit(journal.Transition{Opens: []int{root}})
		w.held("pending", 1)
		w.p.Ops[root] = w.p.Ops[w.op(w.p.Ops[root])] // tried again, under another identity
		w.p.Ops = w.p.Ops[:1]
		w.commit(journal.Transition{})
		w.held("tried again", 1)
		w.restart()
		w.held("pending after a start", 1)
		w.p.Ops[root].State = payment.StateUnknown
		undo := w.op(payment.Op{Kind: payment.KindTimeoutReversal, State: payment.StateQueued, Amount: 1000, Target: root})
		row := journal.SAFRow{SAFRef: journal.SAFRef{Host: "host"}, Payment: w.p.ID, Op: undo, Node: 1}
		done := w.commit(journal.Transition{Closes: []int{root}, Queue: []journal.SAFRow{row}})
		w.held("its reversal is queued", 2)
		w.restart()
		w.held("queued after a start", 2)
		w.p.Ops[undo].State, row.Parked = payment.StateParked, true
		done = w.commit(journal.Transition{
			Dequeue: []journal.SAFRef{done.Queue[0].SAFRef}, Queue: []journal.SAFRow{row},
		})
		w.held("parked", 2)
		w.restart()
		w.held("parked after a start", 2)
		w.p.Ops[undo].State = payment.StateClosed
		ts, errs := []*journal.Transition{{Payment: &w.p, Dequeue: []journal.SAFRef{done.Queue[0].SAFRef}}}, make([]error, 1)
		w.p.Version++
		w.j.CommitAll(context.Background(), ts, errs)
		if errs[0] != nil {
			t.Fatal(errs[0])
		}
		w.held("closed", 0)
		w.restart()
		w.held("closed after a start", 0)
	})
}

// slowFor is an engine whose disk is slow with one host's times.
type slowFor struct {
	journal.Engine
	name string
}

func (s slowFor) PutMeta(ctx context.Context, name string, value []byte) error {
	if name == s.name {
		time.Sleep(10 * time.Second)
	}
	return s.Engine.PutMeta(ctx, name, value)
}

// While the disk is slow for one host, and while that one's commits come, those of another host wait for neither.
func TestSlowHostStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		engine := memory.NewStore().Open(nil, zap.NewNop())
		defer engine.Close()
		ids := identity.NewAllocator(slowFor{engine, "reserved/400001/slow"}, 1, nil)
		streams := map[string]*identity.Stream{}
		for _, host := range []string{"slow", "quick"} {
			s, err := ids.Stream("400001", host)
			if err == nil {
				err = s.Reserve(ctx, identity.Reserve{Latest: latest})
			}
			if err != nil {
				t.Fatal(err)
			}
			streams[host] = s
		}
		j, err := reserve.Open(ctx, engine, streams)
		if err != nil {
			t.Fatal(err)
		}
		commit := func(host string, number uint64) {
			p := &payment.Payment{ID: payment.NewID(1, number), Version: 1, Currency: "EUR", Ops: []payment.Op{{
				Kind: payment.KindAuthorize, State: payment.StatePending, Amount: 1, Target: payment.NoTarget, Host: host,
				STAN: uint32(number), DE7: "1126120000",
			}}}
			if err := j.Commit(ctx, &journal.Transition{Payment: p, Opens: []int{0}}); err != nil {
				t.Error(err)
			}
		}
		taken := make(chan error, 1)
		go func() {
			_, _, err := streams["slow"].Take(ctx, false)
			taken <- err
		}()
		synctest.Wait()
		began := time.Now()
		commit("slow", 1)
		commit("quick", 2)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the commits took %s", waited)
		}
		if err := <-taken; err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("the slow host's STAN is given after %s, %v", time.Since(began), err)
		}
	})
}

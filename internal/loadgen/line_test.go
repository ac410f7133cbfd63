package loadgen

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/internal/loadgen/record"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

func linePayments(op api.Op) Payments {
	return Payments{Op: op, Run: "run-", Cards: NewCards(time.Now()), Pool: 1_000_000, Seed: 7}
}

// The line is the one that the client of the protocol writes.
func TestLineIsThatOfTheRequest(t *testing.T) {
	for random, op := range map[bool]api.Op{false: api.OpAuthorize, true: api.OpSale} {
		p := linePayments(op)
		p.RandomKeys = random
		texts := p.lineTexts()
		for n := range uint64(20_000) {
			n *= 7_919 * 104_729
			var req api.Request
			p.Fill(n, &req)
			req.ID = fmt.Sprint(n % 100_000)
			want := string(wire.AppendRequest(nil, &req)) + "\n"
			if got := string(p.appendLine(nil, &texts, n%100_000, n)); got != want {
				t.Fatalf("request %d:\n%swant\n%s", n, got, want)
			}
		}
	}
}

func approvedAnswer(id string) *api.Answer {
	return &api.Answer{
		ID: id, Op: api.OpAuthorize, Payment: "P10000000001", Status: api.StatusAuthorized, Approved: true,
		ResponseCode: "00", Reason: "approved", Amount: 1, Currency: "EUR", Created: time.Unix(1, 0).UTC(),
	}
}

// What is taken for an approval without being decoded is one under that id.
func TestApproval(t *testing.T) {
	p := linePayments(api.OpAuthorize)
	texts := p.lineTexts()
	if id, ok := texts.approval(wire.AppendAnswer(nil, approvedAnswer("4711"))); !ok || id != 4711 {
		t.Errorf("%d, %v; want 4711", id, ok)
	}
	with := func(change func(a *api.Answer)) string {
		a := approvedAnswer("4711")
		change(a)
		return string(wire.AppendAnswer(nil, a))
	}
	approval := with(func(*api.Answer) {})
	for name, line := range map[string]string{
		"declined":         with(func(a *api.Answer) { a.Approved = false }),
		"another's id":     with(func(a *api.Answer) { a.ID = "x1" }),
		"no id":            with(func(a *api.Answer) { a.ID = "" }),
		"another op":       with(func(a *api.Answer) { a.Op = api.OpCapture }),
		"a long id":        with(func(a *api.Answer) { a.ID = strings.Repeat("1", 40) }),
		"an error":         with(func(a *api.Answer) { a.Err = api.NewError(api.CodeBusy, `","approved":true,`) }),
		"the words in one": with(func(a *api.Answer) { a.Payment, a.Approved = `P","status":"x","approved":true,`, false }),
		"cut":              approval[:len(approval)-1],
		"cut at the word":  approval[:strings.Index(approval, "true,")+5],
		"nothing":          "",
	} {
		if id, ok := texts.approval([]byte(line)); ok {
			t.Errorf("%s is taken for an approval of %d: %s", name, id, line)
		}
	}
}

// lineServer answers each request by its place: approved, declined, reversing, busy, and so on. It answers many of them
// in one write, in the other order.
func lineServer(conn net.Conn, limit int) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	var out [][]byte
	for n := 0; n < limit; n++ {
		line, err := in.ReadBytes('\n')
		var req api.Request
		if err != nil || wire.DecodeRequest(bytes.TrimSpace(line), &req) != nil {
			return
		}
		a := approvedAnswer(req.ID)
		switch n % 4 {
		case 1:
			a.Approved, a.Status, a.ResponseCode = false, api.StatusDeclined, "51"
		case 2:
			a.Approved, a.Status = false, api.StatusReversing
		case 3:
			a = &api.Answer{ID: req.ID, Err: api.NewError(api.CodeBusy, "later")}
		}
		out = append([][]byte{append(wire.AppendAnswer(nil, a), '\n')}, out...)
		if in.Buffered() > 0 {
			continue
		}
		if _, err := conn.Write(bytes.Join(out, nil)); err != nil {
			return
		}
		out = nil
	}
}

// tellings are what a target was told, by key.
type tellings struct {
	mu  sync.Mutex
	all map[string]*api.Answer
}

func (w *tellings) Wrote(req *api.Request, a *api.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a != nil {
		told := *a
		a = &told
	}
	w.all[req.Key] = a
}

func lineTarget(t *testing.T, inFlight, limit int, told Told) *LineTarget {
	t.Helper()
	var conns []net.Conn
	for range 2 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		here, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		there, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		listener.Close()
		conns = append(conns, here)
		go lineServer(there, limit)
	}
	target := NewLineTarget(conns, inFlight, linePayments(api.OpAuthorize), told)
	t.Cleanup(target.Close)
	return target
}

// Each request ends once, as its answer says, in either loop.
func TestLineTarget(t *testing.T) {
	for name, o := range map[string]Options{
		"closed": {InFlight: 64, Duration: 100 * time.Millisecond},
		"open":   {InFlight: 64, Rate: 5000, Duration: 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			w := &tellings{all: map[string]*api.Answer{}}
			o.Lanes, o.Target = 2, lineTarget(t, 64, 1<<30, w)
			res, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if res.Approved == 0 || res.Declines["51"] == 0 || res.Errors["reversing"] == 0 || res.Errors["busy"] == 0 ||
				res.Failed != res.Errors["reversing"]+res.Errors["busy"] {
				t.Errorf("%d approved, declines %v, errors %v", res.Approved, res.Declines, res.Errors)
			}
			all := res.Approved + res.Declined + res.Failed + res.Excluded
			approved := uint64(0)
			for _, a := range w.all {
				if a.Approved {
					approved++
				}
			}
			if uint64(len(w.all)) != all || approved < res.Approved {
				t.Errorf("told of %d requests, %d approved; want each of %d", len(w.all), approved, all)
			}
		})
	}
}

// Without anybody to be told the approvals are not decoded, and count all the same.
func TestLineTargetSkips(t *testing.T) {
	res, err := Run(t.Context(), Options{
		Target: lineTarget(t, 32, 1<<30, nil), Lanes: 2, InFlight: 32, Duration: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Approved == 0 || res.Declined == 0 || res.Failed == 0 {
		t.Errorf("%d approved, %d declined, %d failed: want some of each", res.Approved, res.Declined, res.Failed)
	}
}

// A connection that ends loses what was not answered, and nothing else; what comes after it is refused.
func TestLineTargetCountsWhatAHangUpLost(t *testing.T) {
	const answered = 10 // on each of two connections
	res, err := Run(t.Context(), Options{
		Target: lineTarget(t, 8, answered, nil), Lanes: 2, InFlight: 8, Rate: 1000, Fixed: true,
		Duration: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	all := res.Approved + res.Declined + res.Failed
	if all != 99 || res.Unanswered != 0 || res.Approved == 0 {
		t.Errorf("%d approved, %d declined, %d failed, %d unanswered; 99 were due", res.Approved, res.Declined, res.Failed,
			res.Unanswered)
	}
	for code := range res.Errors {
		if code != "reversing" && code != "busy" && !strings.HasPrefix(code, "connection: ") {
			t.Errorf("errors %v: expected those of answers and of connections", res.Errors)
		}
	}
}

// attached is a target of one connection whose other end is there, told of what is no outcome.
func attached(t *testing.T, told Told) (*LineTarget, net.Conn, *record.Recorder) {
	t.Helper()
	here, there := net.Pipe()
	target := NewLineTarget([]net.Conn{here}, 8, linePayments(api.OpAuthorize), told)
	t.Cleanup(target.Close)
	recorder, err := record.New(record.Config{
		Model: record.Closed, Operations: []string{"authorize"}, Shards: 2, Window: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	target.TakeNotes(&Notes{recorder: recorder, start: time.Now()})
	return target, there, recorder
}

// What answers nothing that was asked is noted with an example, and takes nothing from the request that is in flight.
func TestLineTargetNotesForeignAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		line  string
		class record.Class
	}{
		"an id that awaits none": {string(wire.AppendAnswer(nil, approvedAnswer("11"))), record.Unmatched},
		"an id of before":        {string(wire.AppendAnswer(nil, approvedAnswer("0"))), record.Unmatched},
		"no number":              {string(wire.AppendAnswer(nil, approvedAnswer("x"))), record.Unmatched},
		"an id beyond all":       {string(wire.AppendAnswer(nil, approvedAnswer("4000"))), record.Unmatched},
		"no answer":              {"hello 4111111111111111", record.Unparsable},
	} {
		t.Run(name, func(t *testing.T) {
			target, there, recorder := attached(t, nil)
			ended := make(chan Outcome, 1)
			go func() {
				in := bufio.NewReader(there)
				if _, err := in.ReadBytes('\n'); err == nil {
					answer := wire.AppendAnswer(nil, approvedAnswer("8"))
					fmt.Fprintf(there, "%s\n%s\n%s\n", c.line, answer, answer)
				}
			}()
			target.Start(0, 0, 1, func(o Outcome) { ended <- o })
			target.Flush(0)
			if o := <-ended; o.Class != record.Approved {
				t.Errorf("%+v, want the approval that came behind it", o)
			}
			target.Close()
			frames := map[record.Class]uint64{}
			for _, f := range recorder.Finish(time.Hour).Failures {
				frames[f.Class] += f.Frames
				if f.Example == "" || strings.Contains(f.Example, "4111111111111111") {
					t.Errorf("%s: the example is %q", f.Outcome, f.Example)
				}
			}
			want := map[record.Class]uint64{record.Unmatched: 1} // the second answer
			want[c.class]++
			if !maps.Equal(frames, want) {
				t.Errorf("noted %v, want %v", frames, want)
			}
		})
	}
}

// A request that was given up is over, and its answer is late.
func TestLineTargetForgets(t *testing.T) {
	target, there, recorder := attached(t, nil)
	go func() { _, _ = io.Copy(io.Discard, there) }()
	ended := make(chan Outcome, 1)
	target.Start(0, 3, 7, func(o Outcome) { ended <- o })
	target.Flush(0)
	if _, was := target.Forget(0, 3, 6); was {
		t.Error("another request is forgotten")
	}
	if o, was := target.Forget(0, 3, 7); !was || o.Class != record.NoAnswer {
		t.Errorf("%+v %v, want no answer", o, was)
	}
	if _, was := target.Forget(0, 3, 7); was {
		t.Error("it is forgotten twice")
	}
	target.Start(0, 3, 8, func(o Outcome) { ended <- o })
	target.Flush(0)
	first, next := wire.AppendAnswer(nil, approvedAnswer("11")), wire.AppendAnswer(nil, approvedAnswer("19"))
	fmt.Fprintf(there, "%s\n%s\n", first, next)
	if o := <-ended; o.Class != record.Approved || len(ended) > 0 {
		t.Errorf("%+v, want the approval of the second request alone", o)
	}
	run := recorder.Finish(time.Hour)
	if len(run.Failures) != 1 || run.Failures[0].Class != record.Late || run.Failures[0].Frames != 1 {
		t.Errorf("noted %+v, want one late answer", run.Failures)
	}
}

// What is given up is told to have had no answer: its payment may have been made all the same.
func TestLineTargetTellsOfWhatItForgets(t *testing.T) {
	w := &tellings{all: map[string]*api.Answer{}}
	target, _, _ := attached(t, w)
	target.Start(0, 0, 1, func(Outcome) {})
	if _, was := target.Forget(0, 0, 1); !was {
		t.Error("it is not forgotten")
	}
	if a, told := w.all["run-1"]; !told || a != nil || len(w.all) != 1 {
		t.Errorf("told %v, want that the request had no answer", w.all)
	}
}

// A connection that is not let in ends, and what was sent on it is lost, and told to be.
func TestLineTargetThatIsNotLetIn(t *testing.T) {
	w := &tellings{all: map[string]*api.Answer{}}
	target, there, _ := attached(t, w)
	ended := make(chan Outcome, 1)
	go func() {
		in := bufio.NewReader(there)
		if _, err := in.ReadBytes('\n'); err == nil {
			fmt.Fprintf(there, "%s\n", wire.AppendAnswer(nil, &api.Answer{Err: api.NewError(api.CodeUnauthorized, "no")}))
		}
	}()
	target.Start(0, 0, 1, func(o Outcome) { ended <- o })
	target.Flush(0)
	if o := <-ended; o.Class != record.ConnectionLost || o.Code != "no" {
		t.Errorf("%+v, want a lost connection", o)
	}
	target.Start(0, 1, 2, func(o Outcome) { ended <- o })
	if o := <-ended; o.Class != record.ConnectionLost {
		t.Errorf("%+v on a broken connection", o)
	}
	if a, told := w.all["run-1"]; !told || a != nil || len(w.all) != 1 {
		t.Errorf("told %v, want that the first request had no answer", w.all)
	}
}

func BenchmarkLine(b *testing.B) {
	p := linePayments(api.OpAuthorize)
	texts := p.lineTexts()
	var line []byte
	b.ReportAllocs()
	for n := range uint64(b.N) {
		line = p.appendLine(line[:0], &texts, n%1024, n)
	}
}

func BenchmarkApproval(b *testing.B) {
	p := linePayments(api.OpAuthorize)
	texts := p.lineTexts()
	line := wire.AppendAnswer(nil, approvedAnswer("711"))
	b.ReportAllocs()
	for range b.N {
		if _, ok := texts.approval(line); !ok {
			b.Fatal("no approval")
		}
	}
}

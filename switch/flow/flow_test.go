package flow_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"switchyard/switch/api"
	"switchyard/switch/flow"
	"switchyard/switch/journal"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// Each file of testdata is a story: what gateways ask for, how the issuer answers, and what the switch commits, sends
// and answers, in that order, by whichever way it takes requests in. -rewrite writes down what it does now.
//
//	new [standin] [count=N] [queued=N]      a new world: stand-in, a limit of requests a day, room in the queue,
//	    [credits] [capture-days=N]          a merchant that may credit, its windows
//	    [refund-days=N] [force-post]
//	issuer MTI=ANSWER …                     how the issuer answers from now on: a code, 10/600, 00@12s, silence,
//	                                        or none, which is an answer without DE39
//	authorize|… key=K [amount=N] [as=P]     a request; it makes payment P, or is on=P ("p" where none is named)
//	     [hangup=D]                         of a gateway that hangs up after a while
//	     [immediate|after=D]                the switch is to capture it
//	before-commit|before-read [n=N] do=D    what happens before the Nth commit, 1 unless said, or read of a payment
//	do do=D                                 at once: D is what the map in deed has
//	twice op=O …                            the same request two times at once
//	pass time=D, drain                      time passes; until no advice is queued
//	restart [park] [leave=K]                after a crash: a process on what the journal has. It parks what was left
//	                                        without an outcome, but for that of a key
//	recover                                 it ends what was left without an outcome
//	due [fails]                             what is due is looked for, and done
func TestFlows(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		for name, together := range map[string]bool{"alone": false, "together": true} {
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var w *world
					datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
						if d.Cmd == "new" {
							if w != nil {
								w.end()
							}
							w = newWorld(t, settingsOf(t, d))
							w.together = together
							return ""
						}
						return w.command(d)
					})
					w.end()
				})
			})
		}
	}
}

func settingsOf(t *testing.T, d *datadriven.TestData) (s settings) {
	if d.HasArg("standin") {
		s.standIn = flow.StandIn{MaxAmountMinor: map[string]int64{"EUR": 1000}, MaxPerCardAndDay: 1}
	}
	if d.HasArg("count") {
		s.limits = &merchant.Limits{}
		d.ScanArgs(t, "count", &s.limits.MaxDayCount)
	}
	d.MaybeScanArgs(t, "queued", &s.queued)
	s.credits = d.HasArg("credits")
	d.MaybeScanArgs(t, "capture-days", &s.windows.CaptureWindowDays)
	d.MaybeScanArgs(t, "refund-days", &s.windows.RefundWindowDays)
	s.windows.ForcePost = d.HasArg("force-post")
	return s
}

// command plays one line of a story and returns what happened.
func (w *world) command(d *datadriven.TestData) string {
	result := ""
	switch d.Cmd {
	case "issuer":
		w.mu.Lock()
		clear(w.script)
		for _, arg := range d.CmdArgs {
			w.script[arg.Key] = arg.Vals[0]
		}
		w.mu.Unlock()
	case "before-commit":
		n := int64(1)
		d.MaybeScanArgs(w.t.(*testing.T), "n", &n)
		w.journal.onCommit = w.deed(d)
		w.journal.commits.Store(n)
	case "before-read":
		var n int64
		d.ScanArgs(w.t.(*testing.T), "n", &n)
		w.journal.onRead = w.deed(d)
		w.journal.reads.Store(n)
	case "do":
		w.deed(d)()
	case "pass":
		time.Sleep(pause(w.t.(*testing.T), d, "time"))
	case "drain":
		w.drained()
	case "retry":
		result = w.retry()
	case "restart":
		w.restart(d)
		result = fmt.Sprintf("%d without an outcome", w.flow.Unrecovered())
	case "recover":
		n, err := w.flow.Recover(context.Background(), func() {})
		w.must(err)
		result = fmt.Sprintf("%d recovered", n)
	case "due":
		err := errors.Join(w.flow.WatchWindows(context.Background()), w.flow.ServeDue(context.Background()))
		if fails := d.HasArg("fails"); (err != nil) != fails {
			w.t.Errorf("%s: %v", d.Pos, err)
		}
	case "twice":
		return w.twice(d)
	default:
		req := w.request(d, d.Cmd)
		one := w.do(req, pause(w.t.(*testing.T), d, "hangup"))
		if req.Payment == "" {
			w.remember(d, &one)
		}
		result = said(&one)
	}
	out := w.seen()
	if result != "" {
		out = strings.TrimPrefix(fmt.Sprintf("%s\n=> %s", out, result), "\n")
	}
	return out
}

// retry has all parked advices sent again.
func (w *world) retry() string {
	var parked []journal.SAFRow
	w.must(w.queue.List(w.t.Context(), func(r journal.SAFRow) bool {
		if r.Parked {
			parked = append(parked, r)
		}
		return true
	}))
	for _, r := range parked {
		if err := w.queue.Retry(w.t.Context(), r.SAFRef); err != nil {
			return "refused: " + err.Error()
		}
	}
	w.drained()
	return fmt.Sprintf("%d sent again", len(parked))
}

// pause reads a duration, 0 where there is none.
func pause(t *testing.T, d *datadriven.TestData, name string) time.Duration {
	text := "0s"
	d.MaybeScanArgs(t, name, &text)
	duration, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", d.Pos, err)
	}
	return duration
}

// deed is what a story does by itself.
func (w *world) deed(d *datadriven.TestData) func() {
	var what string
	d.ScanArgs(w.t.(*testing.T), "do", &what)
	deeds := map[string]func(){
		"cutover":  func() { w.must(w.journal.Cutover(context.Background(), firstDate, firstDate.Next())) },
		"seal":     func() { w.must(w.days.Seal(context.Background(), firstDate)) },
		"cut":      func() { w.far.Cut(); time.Sleep(10 * time.Millisecond) },
		"down":     func() { w.far.SetDown(true); time.Sleep(2 * time.Second) },
		"up":       func() { w.far.SetDown(false); w.ready() },
		"crash":    func() { w.must(w.journal.Close()) }, // no commit is possible any more
		"forget":   func() { delete(w.issuers, "issuer") },
		"remember": func() { w.issuers["issuer"] = w.issuer },
		"hold":     func() { w.flow.Hold("held") },
		"close":    func() { w.flow.CloseFor("the disk is nearly full") },
	}
	if deeds[what] == nil {
		w.t.Fatalf("%s: no such deed: %q", d.Pos, what)
	}
	return deeds[what]
}

// restart begins a process after a crash.
func (w *world) restart(d *datadriven.TestData) {
	w.stopRest()
	w.open()
	var key string
	d.MaybeScanArgs(w.t.(*testing.T), "leave", &key)
	if d.HasArg("park") {
		left, err := w.journal.Key(context.Background(), "M1", key)
		if key != "" {
			w.must(err)
		}
		w.must(w.flow.Park(context.Background(), "in doubt", func(id payment.ID) bool { return id == left.Payment }))
	}
	w.start()
}

// request reads a request.
func (w *world) request(d *datadriven.TestData, name string) api.Request {
	t := w.t.(*testing.T)
	op, ok := api.ParseOp(name)
	if !ok {
		t.Fatalf("%s: no such command: %q", d.Pos, name)
	}
	req := api.Request{Op: op}
	on := "p"
	req.Final, req.Partial = d.HasArg("final"), d.HasArg("partial")
	d.MaybeScanArgs(t, "key", &req.Key)
	d.MaybeScanArgs(t, "of_key", &req.OfKey)
	d.MaybeScanArgs(t, "capture", &req.Capture)
	d.MaybeScanArgs(t, "currency", &req.Currency)
	d.MaybeScanArgs(t, "auth_code", &req.AuthCode)
	d.MaybeScanArgs(t, "on", &on)
	if d.HasArg("amount") {
		d.ScanArgs(t, "amount", &req.Amount)
		req.Present = req.Present.With(api.FieldAmount)
	}
	if req.Key != "" {
		req.Present = req.Present.With(api.FieldKey)
	}
	if req.Currency != "" {
		req.Present = req.Present.With(api.FieldCurrency)
	}
	if req.Capture != "" {
		req.Capture = w.payments[on] + "-" + req.Capture
		req.Present = req.Present.With(api.FieldCapture)
	}
	switch {
	case req.OfKey != "":
		req.Merchant, req.Present = "M1", req.Present.With(api.FieldOfKey)
	case op == api.OpAuthorize || op == api.OpSale || op == api.OpVerify || op == api.OpCredit || req.AuthCode != "":
		req.Merchant, req.Terminal, req.Currency = "M1", "T1", cmp.Or(req.Currency, "EUR")
		req.Card = api.Card{Number: goodCard, Expiry: "3012", CVC: "123"}
		if d.HasArg("card") {
			d.ScanArgs(t, "card", &req.Card.Number)
		}
	case op == api.OpStatus && req.Key != "":
		req.Merchant = "M1"
	default:
		req.Payment, req.Present = w.payments[on], req.Present.With(api.FieldPayment)
	}
	d.MaybeScanArgs(t, "merchant", &req.Merchant)
	if d.HasArg("immediate") {
		req.Capture, req.Present = api.CaptureImmediate, req.Present.With(api.FieldCapture)
	}
	if req.CaptureAfter = pause(t, d, "after"); req.CaptureAfter != 0 {
		req.Present = req.Present.With(api.FieldCapture)
	}
	return req
}

// remember keeps the id of a payment under the name that the story gives it.
func (w *world) remember(d *datadriven.TestData, a *api.Answer) {
	name := "p"
	d.MaybeScanArgs(w.t.(*testing.T), "as", &name)
	if a.Payment != "" {
		w.payments[name] = a.Payment
	}
}

// twice serves two of the same request at once.
func (w *world) twice(d *datadriven.TestData) string {
	var name string
	d.ScanArgs(w.t.(*testing.T), "op", &name)
	req := w.request(d, name)
	var both [2]api.Answer
	var wg sync.WaitGroup
	for i := range both {
		wg.Go(func() { both[i] = w.do(req, 0) })
		synctest.Wait()
	}
	wg.Wait()
	w.remember(d, &both[0])
	return fmt.Sprintf("%s\n=> %s\n=> %s", w.seen(), said(&both[0]), said(&both[1]))
}

package txswitch_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/internal/config"
	"switchyard/internal/vfs"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

// least is an issuer whose answers have STAN and code, and DE38 where they approve, and nothing else.
type least struct {
	*scripted
	sent wireTrace

	asking sync.Mutex
	asked  func(m, response *spec.Message) bool // false: no answer; nil: answers all
	stans  []uint64                             // of the 0100s
}

// startLeast runs a switch before one.
func startLeast(t *testing.T, o switchtest.Options) (*switchtest.System, *least) {
	t.Helper()
	x := &least{}
	x.scripted = newScripted(t, func(m, response *spec.Message) bool {
		x.sent.add(m)
		for _, de := range []int{3, 4, 7, 12, 13, 32, 37, 41, 42, 49} {
			response.Unset(de)
		}
		x.asking.Lock()
		defer x.asking.Unlock()
		if stan, _ := m.Uint(11); m.MTI() == "0100" {
			x.stans = append(x.stans, stan)
		}
		return x.asked == nil || x.asked(m, response)
	})
	o.IssuerAddr = x.listener.Addr().String()
	configure := o.Configure
	o.Configure = func(c *txswitch.Config) {
		c.Issuers[0].Match, c.Issuers[0].Links, c.Issuers[0].Window = []int{}, 1, 16
		if configure != nil {
			configure(c)
		}
	}
	s := switchtest.Start(t, o)
	s.AwaitReady()
	return s, x
}

// does says what it does with what it is asked, from now on.
func (x *least) does(asked func(m, response *spec.Message) bool) {
	x.asking.Lock()
	defer x.asking.Unlock()
	x.asked = asked
}

// newest is the STAN of the newest 0100.
func (x *least) newest() uint64 {
	x.asking.Lock()
	defer x.asking.Unlock()
	return x.stans[len(x.stans)-1]
}

// A host that answers with STAN, code and authorization code alone is spoken to with match: [].
func TestHostThatAnswersWithItsSTANAlone(t *testing.T) {
	s, x := startLeast(t, switchtest.Options{})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 400)), "")
	s.AwaitDrained()
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "k3", a.Payment, 100)), "00")
	wantSums(t, s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)),
		"partially_captured authorized 1000 released 100 captured 400 refunded 0")
	if got, want := fmt.Sprint(x.sent.list()), "[0100 0220 0400]"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	if got := metric(t, s, "switchyard_stans_reserved"); got != 3 {
		t.Errorf("%v STANs are reserved, want those of 3 messages", got)
	}
}

// The answer to a payment that was given up comes when its STAN has come round: it concludes no other payment, neither
// while the switch runs on nor after a start.
func TestLateAnswerOfAnEarlierSTAN(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %t", restart), func(t *testing.T) {
			var engine journal.Engine
			fs := vfs.NewCrashableMem()
			var later atomic.Int64 // by how much the wall clock is ahead: DE7 must be another one
			s, x := startLeast(t, switchtest.Options{
				Deadline: time.Minute, FS: fs, Journal: func(c *clock.Clock) (j journal.Engine, err error) {
					engine, err = pebble.Open(pebble.Options{FS: fs, Dir: "journal", Node: 1, Clock: c,
						Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) }})
					return engine, err
				},
				Wall: func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
			})
			// The connection ends instead of an answer: nothing here waits for a deadline, and what is answered has a minute.
			// The first one's reversal is answered in the end.
			late, reversed := new(spec.Message), new(spec.Message)
			keep := func(m, response *spec.Message) bool {
				if m.MTI()[1] == '4' {
					reversed.CopyFrom(response)
				}
				return false
			}
			x.does(func(m, response *spec.Message) bool {
				if m.MTI() == "0100" {
					late.CopyFrom(response)
					response.Reset()
					return true
				}
				return keep(m, response)
			})
			first := s.Do(switchtest.Authorize("first", 1000))
			if first.Err != nil || first.Status != api.StatusReversing {
				t.Fatalf("unanswered: %+v, error %v", first, first.Err)
			}
			// The next block of STANs begins where the first one began.
			_, err := engine.Reserve(context.Background(), "stan/"+s.Config.AcquirerID+"/"+s.Config.Issuers[0].Name,
				999_999-1024)
			if err != nil {
				t.Fatal(err)
			}
			if restart {
				s.StopSwitch()
				later.Store(int64(time.Minute))
				s.StartSwitch()
				s.AwaitReady()
			} else {
				s.AwaitReady()
				x.does(func(m, response *spec.Message) bool { return m.MTI() == "0100" || keep(m, response) })
				for n := 0; x.newest() < 1024; n++ {
					wantApproved(t, s.Do(switchtest.Authorize(fmt.Sprint("k", n), 500)), "00")
				}
			}
			later.Store(int64(2 * time.Minute))
			x.does(func(m, response *spec.Message) bool {
				if m.MTI() == "0100" {
					x.send(late)
					response.Set(39, "51")
				}
				return true
			})
			for n := range 4 {
				a := s.Do(switchtest.Authorize(fmt.Sprint("other", n), 700))
				if a.Err != nil || a.Status != api.StatusDeclined {
					t.Errorf("payment %d, STAN %06d: %+v, error %v; want it declined: the approval was to STAN %s", n, x.newest(), a,
						a.Err, late.String(11))
				}
			}
			x.asking.Lock()
			if reversed.MTI() != "" {
				x.send(reversed)
			}
			x.asking.Unlock()
			s.AwaitDrained()
			if a := s.Do(switchtest.On(api.OpStatus, "", first.Payment, 0)); a.Authorized != 0 {
				t.Errorf("the first payment was revived: %+v", a)
			}
		})
	}
}

// While no STAN is free, but those that are kept for reversals, requests and captures are refused before anything is
// stored, and counted.
func TestNoSTANIsFree(t *testing.T) {
	const stans, spare = 999_999/36 + 1, 26_000 // the second of each 36
	s, _ := startLeast(t, switchtest.Options{Configure: func(c *txswitch.Config) {
		for node := range uint32(36) {
			c.Nodes = append(c.Nodes, node)
		}
		c.Limits.MaxInFlight = spare / 2
		c.Issuers[0].LatestAnswer = config.Duration(time.Hour)
		c.Issuers[0].Deadline = config.Duration(20 * time.Minute)
	}})
	var last, a api.Answer
	for n := 0; n <= stans && a.Err == nil; n++ {
		last, a = a, s.Do(switchtest.Authorize(fmt.Sprint("k", n), 500))
	}
	wantError(t, a, api.CodeBusy, "")
	wantError(t, s.Do(switchtest.On(api.OpCapture, "capture", last.Payment, 100)), api.CodeBusy, "")
	wantError(t, s.Do(switchtest.On(api.OpReverse, "reverse", last.Payment, 0)), api.CodeBusy, "")
	wantSums(t, s.Do(switchtest.On(api.OpStatus, "", last.Payment, 0)),
		"authorized authorized 500 released 0 captured 0 refunded 0")
	if got := metric(t, s, "switchyard_stans_reserved"); got != stans-spare {
		t.Errorf("%v STANs are reserved, want %d", got, stans-spare)
	}
	if got := metric(t, s, "switchyard_stans_refused_total"); got != 3 {
		t.Errorf("%v were refused, want 3", got)
	}
}

// After a journal was put back every STAN of such a host is reserved, and what would be parked needs some: the
// confirmation says so at once, and changes nothing. What is recovered waits for them by itself.
func TestConfirmWithoutSTANs(t *testing.T) {
	s, x := startLeast(t, switchtest.Options{})
	arrived, cut := make(chan struct{}, 1), make(chan struct{})
	x.does(func(m, _ *spec.Message) bool {
		if m.MTI() == "0100" {
			arrived <- struct{}{}
		}
		return false
	})
	client, unanswered := s.Client, switchtest.Authorize("k1", 1000)
	go func() {
		defer close(cut)
		_, _ = client.Do(context.Background(), &unanswered)
	}()
	<-arrived
	s.CrashSwitch() // the request has no outcome
	<-cut
	copyData(t, s, s.Config.Data, "earlier")
	x.does(nil)
	s.StartSwitch()
	s.AwaitReady()
	wantApproved(t, s.Do(switchtest.Authorize("k2", 500)), "00")
	s.StopSwitch()
	copyData(t, s, "earlier", s.Config.Data)
	s.StartSwitch()
	var r operator.Review
	s.Operator("GET", "/v1/restore", &r)
	confirm := "/v1/restore/confirm?token=" + r.Token
	code, text := status(t, s, "POST", confirm)
	const want = "issuer issuer: the reversals of 1 request without an outcome need a STAN each, and 0 are free"
	if code != http.StatusConflict || !strings.Contains(text, want) {
		t.Errorf("confirmed: %d %s, want %d %s", code, text, http.StatusConflict, want)
	}
	if s.Operator("GET", "/v1/restore", &r); !r.Held || r.InDoubtCount != 1 {
		t.Errorf("after it: %+v", r)
	}
	if code, text := status(t, s, "POST", confirm+"&recover=all"); code != http.StatusOK {
		t.Errorf("confirmed with all recovered: %d %s", code, text)
	}
	if n := s.Switch.Stats().InFlight; n != 1 {
		t.Errorf("%d requests are under way, want the one that waits for a STAN", n)
	}
}

// metric is the value of a metric with one series.
func metric(t *testing.T, s *switchtest.System, name string) float64 {
	t.Helper()
	families, err := s.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if m := f.GetMetric(); f.GetName() == name && len(m) == 1 {
			return m[0].GetGauge().GetValue() + m[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s with one series", name)
	return 0
}

// A configuration that cannot keep the answers of such a host apart is refused, with its field named.
func TestLatestAnswer(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(c *txswitch.Config)
	}{
		{"as it is", "", func(*txswitch.Config) {}},
		{"where DE37 is repeated", "issuers[0]: latest_answer: given, and match has 7 or 37",
			func(c *txswitch.Config) { c.Issuers[0].Match = []int{37} }},
		{"by default", "issuers[0]: latest_answer: given, and match has 7 or 37",
			func(c *txswitch.Config) { c.Issuers[0].Match = nil }},
		{"within the deadline", "issuers[0]: latest_answer: 10s: expected more than deadline, 10s",
			func(c *txswitch.Config) { c.Issuers[0].LatestAnswer = config.Duration(10 * time.Second) }},
		{"more than a day", "issuers[0]: latest_answer: 25h0m0s: expected more than deadline, 10s, and at most 24h0m0s",
			func(c *txswitch.Config) { c.Issuers[0].LatestAnswer = config.Duration(25 * time.Hour) }},
		{"an hour", "issuers[0]: latest_answer: 1h0m0s: match has neither 7 nor 37, and 4096 requests in flight",
			func(c *txswitch.Config) { c.Issuers[0].LatestAnswer = config.Duration(time.Hour) }},
		{"an hour and a small window", "", func(c *txswitch.Config) {
			c.Issuers[0].LatestAnswer, c.Issuers[0].Window = config.Duration(time.Hour), 500
		}},
		{"many nodes", "issuers[0]: latest_answer: 5m0s: match has neither 7 nor 37, and 4096 requests in flight", func(
			c *txswitch.Config) {
			c.Nodes = []uint32{0, 1, 2, 3, 4}
		}},
	} {
		cfg := txswitch.DefaultConfig()
		cfg.Node, cfg.Issuers[0].Match = 1, []int{4}
		cfg.Issuers[0].LatestAnswer = config.Duration(txswitch.DefaultLatestAnswer)
		c.change(cfg)
		err := cfg.Check()
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A day's payments go through with a host that repeats neither DE7 nor DE37, in either edition, and the books agree.
func TestDayBySTANAlone(t *testing.T) {
	for _, dialect := range []string{"iso87bcd", "iso93ascii"} {
		t.Run(dialect, func(t *testing.T) {
			playDay(t, switchtest.Options{Dialect: dialect, Repeats: []int{4}, Configure: func(c *txswitch.Config) {
				c.Issuers[0].Match = []int{4}
			}})
		})
	}
}

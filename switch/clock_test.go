package txswitch_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/operator"
	"switchyard/switch/switchtest"
)

const day = 24 * time.Hour

// setClock is a wall clock that a test sets.
type setClock struct{ off atomic.Int64 }

func (c *setClock) set(off time.Duration) { c.off.Store(int64(off)) }

func (c *setClock) wall() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }

// clockOf asks the operator API how the clock stands.
func clockOf(s *switchtest.System) (c operator.ClockStatus) {
	s.Operator("GET", "/v1/clock", &c)
	return c
}

func readyText(t *testing.T, s *switchtest.System) string {
	t.Helper()
	resp, err := http.Get("http://" + s.OperatorAddr + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("readyz: %s, %v", resp.Status, err)
	}
	return string(body)
}

// dated returns a payment's first operation as it is exported.
func dated(s *switchtest.System, id string) (at time.Time, de7 string) {
	var p struct {
		Ops []struct {
			At  time.Time `json:"at"`
			DE7 string    `json:"de7"`
		} `json:"ops"`
	}
	s.Operator("GET", "/v1/payments?payment="+id, &p)
	return p.Ops[0].At, p.Ops[0].DE7
}

// near checks that a moment is that of now plus off, give or take what a busy machine takes.
func near(t *testing.T, what string, at time.Time, off time.Duration) {
	t.Helper()
	if d := at.Sub(time.Now().Add(off)); d > time.Minute || d < -10*time.Minute {
		t.Errorf("%s: %s, want now%+d s", what, at, off/time.Second)
	}
}

// A start with the clock 36 days ahead: payments are taken and dated as if it were right, keys and authorizations are
// kept, the business date stays open, and it is seen. So it goes until an operator confirms the clock or it is put
// right; the time service's word after the next stop is enough.
func TestClockAhead(t *testing.T) {
	var c setClock
	s := switchtest.Start(t, switchtest.Options{Wall: c.wall, Unsynchronized: true})
	first := s.Do(switchtest.Authorize("k1", 100))
	wantApproved(t, first, "00")
	open := s.Switch.Stats().OpenDay
	s.StopSwitch()
	c.set(36 * day)
	s.StartSwitch()
	st := clockOf(s)
	if !strings.Contains(st.Unconfirmed, "before the start") {
		t.Errorf("the clock is %+v", st)
	}
	near(t, "the wall clock", st.Wall, 36*day)
	near(t, "what is dated", st.Now, 0)
	near(t, "what is confirmed", st.Confirmed, 0)
	if text := readyText(t, s); !strings.HasPrefix(text, "ready\n") || !strings.Contains(text, "switchctl clock confirm") {
		t.Errorf("readyz says %q", text)
	}
	if got := s.Do(switchtest.Authorize("k1", 100)); !got.Replayed || got.Payment != first.Payment {
		t.Errorf("the key's repeat is %+v", got)
	}
	second := s.Do(switchtest.Authorize("k2", 100))
	wantApproved(t, second, "00")
	at, de7 := dated(s, second.Payment)
	near(t, "a payment", at, 0)
	if de7[:4] != at.Format("0102") {
		t.Errorf("DE7 %s of a payment of %s", de7, at)
	}
	capture := s.Do(switchtest.On(api.OpCapture, "k3", first.Payment, 100)) // not expired
	wantApproved(t, capture, "")
	if capture.BusinessDate != open {
		t.Errorf("captured on %s, want %s", capture.BusinessDate, open)
	}
	if got := s.Switch.Stats().OpenDay; got != open {
		t.Errorf("business date %s is open, want %s", got, open)
	}

	var confirmed operator.ClockStatus
	s.Operator("POST", "/v1/clock/confirm", &confirmed)
	if confirmed.Unconfirmed != "" || confirmed.Warning != "" {
		t.Errorf("confirmed it is %+v", confirmed)
	}
	near(t, "confirmed", confirmed.Now, 36*day)
	s.Await("the schedule follows", func() bool { return s.Switch.Stats().OpenDay != open })
	s.StopSwitch()

	s.StartSwitch()
	if st := clockOf(s); st.Warning != "" {
		t.Errorf("after a start with the confirmed clock it is %+v", st)
	}
	c.set(80 * day)
	if st := clockOf(s); !strings.Contains(st.Unconfirmed, "while the switch was running") {
		t.Errorf("set ahead while running it is %+v", st)
	}
	s.StopSwitch()
	s.StartSwitch()
	if st := clockOf(s); st.Unconfirmed == "" {
		t.Error("a start confirms a step")
	}
	c.set(36 * day)
	if st := clockOf(s); st.Unconfirmed != "" {
		t.Errorf("put right it is %+v", st)
	}
}

// A clock that is a day behind what it was is named in the log, and DE7 is what the clock says; no number is given
// again.
func TestClockADayBack(t *testing.T) {
	var c setClock
	c.set(day)
	s := switchtest.Start(t, switchtest.Options{Wall: c.wall})
	before := s.Do(switchtest.Authorize("k1", 100))
	wantApproved(t, before, "00")
	s.StopSwitch()
	const alarm = "the clock was set back"
	if strings.Contains(s.Logs.String(), alarm) {
		t.Fatal("an alarm without cause")
	}
	c.set(0)
	s.StartSwitch()
	a := s.Do(switchtest.Authorize("k2", 100))
	wantApproved(t, a, "00")
	if a.RRN == before.RRN {
		t.Errorf("RRN %s was given twice", a.RRN)
	}
	at, de7 := dated(s, a.Payment)
	near(t, "a payment", at, 0)
	if de7[:4] != at.Format("0102") {
		t.Errorf("DE7 %s of a payment of %s", de7, at)
	}
	s.Await("the log names it", func() bool { return strings.Contains(s.Logs.String(), alarm) })
	if text := readyText(t, s); !strings.Contains(text, "behind the latest time") {
		t.Errorf("readyz says %q", text)
	}
	s.Operator("POST", "/v1/clock/confirm", &struct{}{})
	if st := clockOf(s); st.Warning != "" {
		t.Errorf("confirmed it is %+v", st)
	}
}

// A stop of any length is no leap where a time service keeps the clock.
func TestLongStop(t *testing.T) {
	var c setClock
	s := switchtest.Start(t, switchtest.Options{Wall: c.wall})
	wantApproved(t, s.Do(switchtest.Authorize("k1", 100)), "00")
	open := s.Switch.Stats().OpenDay
	s.StopSwitch()
	c.set(10 * day)
	s.StartSwitch()
	if st := clockOf(s); st.Warning != "" {
		t.Errorf("after ten days it is %+v", st)
	}
	s.Await("the schedule follows", func() bool { return s.Switch.Stats().OpenDay > open })
}

// A new switch that ends before it has started anything has seen the time: at its next start a clock that is ahead is
// in doubt.
func TestClockAheadOfANewJournal(t *testing.T) {
	text, err := pan.GenerateKey(rand.Reader)
	must(t, err)
	keyring, err := pan.ParseKeyring(text)
	must(t, err)
	c := txswitch.DefaultConfig()
	c.Data = "switch"
	must(t, c.Check())
	fs, ports := vfs.NewMem(), virtualPorts{}
	for _, ahead := range []time.Duration{0, 36 * day} {
		s, err := txswitch.New(txswitch.Options{
			Config: c, Keyring: keyring, Gateway: ports.listen("switch:7583"), Dial: ports.dial, FS: fs, Seed: 1,
			Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
			Fatal:        func(msg string, err error) { panic(fmt.Sprintf("%s: %v", msg, err)) },
			Wall:         func() time.Time { return time.Now().Add(ahead) },
			Synchronized: func() bool { return false },
		})
		must(t, err)
		if doubt := s.Stats().Clock; (doubt != "") != (ahead != 0) {
			t.Errorf("with the clock %s ahead it is in doubt: %q", ahead, doubt)
		}
		must(t, s.Close(t.Context()))
	}
}

// What a clock may come ahead by is bounded itself.
func TestClockLeap(t *testing.T) {
	for _, leap := range []string{"59s", "13h"} {
		_, err := txswitch.ParseConfig("x", fmt.Appendf(nil, "limits: {clock_leap: %s}\n", leap), nil)
		if err == nil || !strings.Contains(err.Error(), "limits.clock_leap") {
			t.Errorf("%s: %v", leap, err)
		}
	}
}

package txswitch_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// leavesNothing fails the test if goroutines that it started are left once everything is stopped. Call it first.
func leavesNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, before)
	})
}

func TestStopLeavesNothing(t *testing.T) {
	leavesNothing(t)
	s := switchtest.Start(t, switchtest.Options{})
	wantApproved(t, s.Do(switchtest.Authorize("k1", 1000)), "00")
	s.StopSwitch()
	s.StartSwitch()
	wantApproved(t, s.Do(switchtest.Authorize("k2", 1000)), "00")
}

func TestStopWithIssuerDown(t *testing.T) {
	leavesNothing(t)
	s := switchtest.Start(t, switchtest.Options{IssuerData: true})
	a := s.Do(switchtest.Authorize("k1", 1000))
	s.StopIssuer()
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 0)), "")
	s.StopSwitch()
	s.StartSwitch()
	if q := s.Switch.Stats().SAF.Queued; q != 1 {
		t.Errorf("%d advices are queued", q)
	}
}

// What cannot be finished in time is cut off: each request gets its outcome, nothing runs on beside the closed journal,
// and the next start has nothing to recover.
func TestStopUnderLoad(t *testing.T) {
	leavesNothing(t)
	const requests = 100
	reached := make(chan struct{}, requests)
	silent := startScripted(t, func(m, _ *spec.Message) bool {
		if m.MTI() == "0100" {
			reached <- struct{}{}
			return false
		}
		return true
	})
	s := switchtest.Start(t, switchtest.Options{IssuerAddr: silent})
	s.AwaitReady()
	var clients sync.WaitGroup
	for i := range requests {
		clients.Go(func() {
			r := switchtest.Authorize(fmt.Sprint("k", i), 1000)
			_, _ = s.Client.Do(context.Background(), &r) // the stop may come first
		})
	}
	for range requests {
		<-reached
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Switch.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("requests were cut off, and Close returned %v", err)
	}
	clients.Wait()
	s.Switch = nil
	s.StartSwitch()
	s.AwaitReady()
	s.AwaitDrained()
	if strings.Contains(s.Logs.String(), "recovered intents") {
		t.Error("a request was left without an outcome")
	}
}

// A cutover that waits for an outcome does not outlive the switch; the next start goes on with it.
func TestStopWhileCutoverWaits(t *testing.T) {
	leavesNothing(t)
	reached := make(chan struct{}, 1)
	silent := startScripted(t, func(m, _ *spec.Message) bool {
		if m.MTI() == "0200" {
			reached <- struct{}{}
			return false
		}
		return true
	})
	s := switchtest.Start(t, switchtest.Options{IssuerAddr: silent})
	s.AwaitReady()
	var others sync.WaitGroup
	others.Go(func() {
		sale := switchtest.Authorize("k1", 1000)
		sale.Op = api.OpSale
		_, _ = s.Client.Do(context.Background(), &sale) // the stop comes first
	})
	<-reached
	day := s.Switch.Stats().OpenDay
	others.Go(func() {
		resp, err := http.Post("http://"+s.OperatorAddr+"/v1/cutover?wait=10m", "", nil)
		if err == nil {
			_ = resp.Body.Close()
		}
	})
	s.Await("the cutover has begun", func() bool { return s.Switch.Stats().OpenDay != day })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_ = s.Switch.Close(ctx) // says that it cut the sale off
	others.Wait()
	s.Switch = nil
	s.StartSwitch()
	s.Await("the day is written", func() bool {
		var days string
		s.Operator("GET", "/v1/days", &days)
		return strings.Contains(days, `"written"`)
	})
}

// A switch that was made and never started closes what it was given.
func TestCloseWithoutStart(t *testing.T) {
	leavesNothing(t)
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	gateway, operator := listen(), listen()
	s := switchtest.Start(t, switchtest.Options{}) // for its keyring
	n, err := txswitch.New(txswitch.Options{
		Config: txswitch.DefaultConfig(), Keyring: s.Keyring, Gateway: gateway, Operator: operator, FS: vfs.NewMem(),
		Dial:  func(context.Context, string) (net.Conn, error) { return nil, errors.New("nobody is dialled") },
		Fatal: func(msg string, err error) { panic(msg) }, Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, l := range []net.Listener{gateway, operator} {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s is open: %v", l.Addr(), err)
		}
	}
}

// A web page that somebody at the switch looks at cannot close the business day.
func TestOperatorRefusesOtherOrigins(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{})
	day := s.Switch.Stats().OpenDay
	req, err := http.NewRequest(http.MethodPost, "http://"+s.OperatorAddr+"/v1/cutover", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://example.test")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || s.Switch.Stats().OpenDay != day {
		t.Errorf("%s; the open business date is %s, was %s", resp.Status, s.Switch.Stats().OpenDay, day)
	}
}

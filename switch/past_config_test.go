package txswitch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/config"
	"switchyard/internal/pan"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/merchant"
	"switchyard/switch/switchtest"
)

// A host that is taken out of the config: its payments are refused with nothing stored, and go on under the same
// keys once it is back. What is queued for it keeps the switch from starting.
func TestHostTakenOut(t *testing.T) {
	name := "issuer"
	s := switchtest.Start(t, switchtest.Options{IssuerData: true,
		Configure: func(c *txswitch.Config) { c.Issuers[0].Name = name }})
	captured, reversed := s.Do(switchtest.Authorize("k1", 1000)), s.Do(switchtest.Authorize("k2", 2000))
	s.StopSwitch()
	name = "renamed"
	s.StartSwitch()
	wantError(t, s.Do(switchtest.On(api.OpCapture, "c", captured.Payment, 0)), api.CodeIssuerUnavailable, "")
	wantError(t, s.Do(switchtest.On(api.OpReverse, "r", reversed.Payment, 0)), api.CodeIssuerUnavailable, "")
	s.StopSwitch()
	name = "issuer"
	s.StartSwitch()
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c", captured.Payment, 0)), "")
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "r", reversed.Payment, 0)), "00")
	s.AwaitDrained()
	s.StopIssuer()
	voice := switchtest.Authorize("k3", 700)
	voice.Op, voice.AuthCode, voice.Present, voice.Card.CVC = api.OpCapture, "ABC123",
		voice.Present.With(api.FieldAuthCode), ""
	wantApproved(t, s.Do(voice), "")
	s.StopSwitch()
	name = "renamed"
	if err := startError(t, s, name, s.Keyring); err == nil || !strings.Contains(err.Error(),
		`advices for host "issuer"`) {
		t.Errorf("%v", err)
	}
	name = "issuer"
	s.StartIssuer()
	s.StartSwitch()
	s.Audit()
}

// startError starts a switch on what s left and returns why it does not start.
func startError(t *testing.T, s *switchtest.System, host string, keys *pan.Keyring) error {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := txswitch.DefaultConfig()
	c.Data, c.Issuers[0].Name = s.Config.Data, host
	sw, err := txswitch.New(txswitch.Options{
		Config: c, Keyring: keys, Gateway: listener, FS: s.FS, Registry: prometheus.NewRegistry(), Logger: zap.NewNop(),
		Dial:  func(context.Context, string) (net.Conn, error) { return nil, net.ErrClosed },
		Fatal: func(msg string, err error) { t.Errorf("%s: %v", msg, err) },
	})
	if err != nil {
		listener.Close()
		return err
	}
	err = sw.Start(context.Background())
	if closing := sw.Close(context.Background()); closing != nil {
		t.Error(closing)
	}
	return err
}

// A line taken out of the key file under which cards are sealed is found at the start, not at the first capture.
func TestKeyTakenOut(t *testing.T) {
	source := rand.NewChaCha8([32]byte{7})
	var lines []string
	for range 2 {
		line, err := pan.GenerateKey(source)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	s := switchtest.Start(t, switchtest.Options{KeyText: lines[0] + lines[1]})
	wantApproved(t, s.Do(switchtest.Authorize("k1", 1000)), "00")
	s.StopSwitch()
	first, err := pan.ParseKeyring(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := startError(t, s, "issuer", first); err == nil || !strings.Contains(err.Error(),
		"a line of it was taken out") {
		t.Errorf("%v", err)
	}
	s.StartSwitch()
}

// Payments from before gateways were listed are those of whoever may act for their merchant.
func TestGatewaysListedLater(t *testing.T) {
	secret := strings.Repeat("a", 32)
	s := switchtest.Start(t, switchtest.Options{})
	p := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, p, "00")
	s.StopSwitch()
	s.ListGateways(switchtest.Gateway{Name: "mine", Secret: secret, Merchants: []string{"M1"}},
		switchtest.Gateway{Name: "others", Secret: secret, Merchants: []string{"M2"}})
	s.StartSwitch()
	s.AwaitReady()
	wantError(t, s.DoOn(s.Connect("others", secret), switchtest.On(api.OpCapture, "c", p.Payment, 0)),
		api.CodeUnknownPayment, "payment")
	wantApproved(t, s.DoOn(s.Connect("mine", secret), switchtest.On(api.OpCapture, "c", p.Payment, 0)), "")
	if again := s.DoOn(s.Connect("mine", secret), switchtest.Authorize("k1", 1000)); !again.Replayed || !again.Approved {
		t.Errorf("%+v, error %v", again, again.Err)
	}
}

// A merchant that is changed or taken out: increments and refunds of its payments go on, under the category and name
// that they were made with, and a currency that it takes no more is still captured.
func TestMerchantTakenOut(t *testing.T) {
	profiles := []merchant.Profile{merchant.DefaultProfile()}
	profiles[0].ID, profiles[0].MCC, profiles[0].Currencies = "M1", "5411", []string{"EUR"}
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, Configure: func(c *txswitch.Config) {
		c.Merchants.Unknown, c.Merchants.Profiles = "refuse", profiles
	}})
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	profiles[0].MCC, profiles[0].Currencies = "5999", []string{"USD"}
	s.StopSwitch()
	s.StartSwitch()
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c", a.Payment, 400)), "")
	profiles[0].ID = "M2"
	s.StopSwitch()
	s.StartSwitch()
	wantApproved(t, s.Do(switchtest.On(api.OpIncrement, "i", a.Payment, 100)), "00")
	wantApproved(t, s.Do(switchtest.On(api.OpRefund, "f", a.Payment, 100)), "00")
	s.Audit()
}

// Another destination, and another cutover by which the open date has ended, and then one by which the next has not
// begun: each date is closed once, and what was accepted for a destination stands in its files, also what is captured
// later. A destination of the configuration has a file although nothing is for it.
func TestDestinationAndCutoverChanged(t *testing.T) {
	begin := time.Now()
	noon := begin.UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	date := func(days int) string { return noon.AddDate(0, 0, days).Format(time.DateOnly) }
	destination, hour := "OLD", 23
	s := switchtest.Start(t, switchtest.Options{
		IssuerData: true, Wall: func() time.Time { return noon.Add(time.Since(begin)) },
		Configure: func(c *txswitch.Config) {
			c.Routes.Rules = []txswitch.RouteRule{{Route: "all", Destination: destination, Host: c.Issuers[0].Name}}
			c.BusinessDay.Cutover = config.TimeOfDay(time.Duration(hour) * time.Hour)
		},
	})
	capture := func(key, payment string) {
		t.Helper()
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, key, payment, 0)), "")
		s.AwaitDrained()
	}
	again := func(to string, at int) {
		s.StopSwitch()
		destination, hour = to, at
		s.StartSwitch()
	}
	captured, later := s.Do(switchtest.Authorize("k1", 1000)).Payment, s.Do(switchtest.Authorize("k2", 2000)).Payment
	capture("c1", captured)

	again("NEW", 11)
	s.Await("the date that would have ended is closed", func() bool { return businessDays(t, s)[0].State == "written" })
	capture("c2", later)
	capture("c3", s.Do(switchtest.Authorize("k3", 500)).Payment)
	s.CrashSwitch()

	again("NEW", 23)
	if open := s.Switch.Stats().OpenDay; open != date(1) {
		t.Errorf("%s is open, want the date that was", open)
	}
	cutover(t, s, true)
	var told []string
	for _, d := range businessDays(t, s) {
		told = append(told, fmt.Sprint(d.Date, " ", d.State, " ", d.Data.Result.Files))
	}
	want := []string{
		date(0) + " written [{NEW 0} {OLD 1}]", date(1) + " written [{NEW 1} {OLD 1}]", date(2) + " open []",
	}
	if !slices.Equal(told, want) {
		t.Errorf("the dates are %q, want %q", told, want)
	}
	s.Audit()
}

// Another dialect: what is queued and what follows goes out in it, and means the same.
func TestDialectChanged(t *testing.T) {
	s := switchtest.Start(t, switchtest.Options{IssuerData: true})
	a, b := s.Do(switchtest.Authorize("k1", 1000)), s.Do(switchtest.Authorize("k2", 2000))
	s.StopIssuer()
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "c", a.Payment, 0)), "")
	s.StopSwitch()
	s.Speak("iso87bcd")
	s.StartIssuer()
	s.StartSwitch()
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "r", b.Payment, 0)), "00")
	s.Audit()
}

package txswitch_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"switchyard/internal/vfs"

	"switchyard/internal/pan"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/front"
	"switchyard/switch/switchtest"
)

// httpDoor is a second door, as small as one can be: authorizations over HTTP, each with the gateway's name and secret
// as basic authentication. Nothing of the switch knows it.
type httpDoor struct {
	front    *front.Front
	listener net.Listener
	server   http.Server
	running  context.Context // of the requests that are with the flows
	stop     context.CancelFunc

	mu      sync.Mutex
	closing bool
	serving sync.WaitGroup
}

// openHTTPDoor is a door on a free port, and the address of the one that was opened last.
func openHTTPDoor(t *testing.T) (open front.Open, address func() string) {
	var at string
	open = func(f *front.Front) (front.Door, error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		at = listener.Addr().String()
		d := &httpDoor{front: f, listener: listener}
		d.server.Handler = http.HandlerFunc(d.authorize)
		d.running, d.stop = context.WithCancel(context.Background())
		t.Cleanup(d.stop)
		return d, nil
	}
	return open, func() string { return at }
}

func (d *httpDoor) Name() string { return "HTTP port" }

func (d *httpDoor) Serve() error {
	if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (d *httpDoor) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.closing = true
	d.mu.Unlock()
	err := d.server.Shutdown(ctx)
	d.listener.Close() // the server closes it only if it ever served
	if err != nil {
		d.stop()
		d.server.Close()
		return err
	}
	d.serving.Wait()
	d.stop()
	return nil
}

// begin counts a request that is served, unless the door is closing.
func (d *httpDoor) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closing {
		d.serving.Add(1)
	}
	return !d.closing
}

// httpRequest and httpAnswer are the bodies of the door.
type httpRequest struct {
	Key, Merchant, Terminal, Currency, Number, Expiry string
	Amount                                            int64
}

type httpAnswer struct {
	Payment, Status, Code, Field string
	Replayed                     bool
}

// httpCodes are the statuses of errors; 400 is everything else's.
var httpCodes = map[api.Code]int{
	api.CodeUnauthorized: http.StatusForbidden, api.CodeConflict: http.StatusConflict,
	api.CodeBusy: http.StatusServiceUnavailable, api.CodeIssuerUnavailable: http.StatusServiceUnavailable,
	api.CodeInternal: http.StatusInternalServerError,
}

func (d *httpDoor) authorize(w http.ResponseWriter, r *http.Request) {
	if !d.begin() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer d.serving.Done()
	caller := d.front.Anyone()
	if name, secret, ok := r.BasicAuth(); ok {
		caller = d.front.BySecret(name, secret)
	}
	if caller == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var body httpRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	req := api.Request{
		Op: api.OpAuthorize, Key: body.Key, Merchant: body.Merchant, Terminal: body.Terminal, Amount: body.Amount,
		Currency: body.Currency, Card: api.Card{Number: body.Number, Expiry: body.Expiry},
		Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency,
			api.FieldCard),
	}
	a := d.front.Do(d.running, caller, &req)
	answer := httpAnswer{Payment: a.Payment, Status: string(a.Status), Replayed: a.Replayed}
	if a.Err != nil {
		answer.Code, answer.Field = string(a.Err.Code), a.Err.Field
		status, known := httpCodes[a.Err.Code]
		if !known {
			status = http.StatusBadRequest
		}
		w.WriteHeader(status)
	}
	json.NewEncoder(w).Encode(answer)
}

// httpCaller asks at the door.
type httpCaller struct {
	t            *testing.T
	address      func() string
	name, secret string
}

// try asks for an authorization and returns the status and the answer; an error where there is none.
func (c httpCaller) try(key string, change func(*httpRequest)) (int, httpAnswer, error) {
	body := httpRequest{
		Key: key, Merchant: "M1", Terminal: "T1", Amount: 1000, Currency: "EUR", Number: switchtest.GoodCard, Expiry: "3012",
	}
	if change != nil {
		change(&body)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return 0, httpAnswer{}, err
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+c.address()+"/", bytes.NewReader(text))
	if err != nil {
		return 0, httpAnswer{}, err
	}
	req.Close = true
	if c.name != "" {
		req.SetBasicAuth(c.name, c.secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, httpAnswer{}, err
	}
	defer resp.Body.Close()
	var answer httpAnswer
	if resp.StatusCode == http.StatusUnauthorized {
		return resp.StatusCode, answer, nil
	}
	return resp.StatusCode, answer, json.NewDecoder(resp.Body).Decode(&answer)
}

func (c httpCaller) ask(key string, change func(*httpRequest)) (int, httpAnswer) {
	c.t.Helper()
	status, answer, err := c.try(key, change)
	if err != nil {
		c.t.Fatal(err)
	}
	return status, answer
}

// silentCard is a card whose requests the issuer never answers.
const silentCard = "4000000000000994"

func silent(r *httpRequest) { r.Number = silentCard }

// begun is how many intents there were.
func begun(t *testing.T, s *switchtest.System) float64 {
	return counters(t, s, "switchyard_intents_total")["begun"]
}

// endsWithoutAnswer asks for what the issuer never answers, and wants to be told that it came to nothing.
func endsWithoutAnswer(c httpCaller, key string) {
	status, a, err := c.try(key, silent)
	if err != nil || status != http.StatusOK || a.Status != "reversing" && a.Status != "failed" {
		c.t.Errorf("%s: %d %+v, %v: want a payment that is undone", key, status, a, err)
	}
}

// startWithDoors starts a switch with an HTTP door beside the gateway port, and gateways G1 and G2. Silence of the
// issuer lasts until it is stopped.
func startWithDoors(t *testing.T, configure func(*txswitch.Config)) (s *switchtest.System, g1, g2 httpCaller) {
	open, address := openHTTPDoor(t)
	s = switchtest.Start(t, switchtest.Options{
		Doors: []front.Open{open}, Configure: configure, Deadline: time.Hour,
		Gateways: []switchtest.Gateway{
			{Name: "G1", Secret: secretOfG1, Merchants: []string{"M1"}}, {Name: "G2", Secret: secretOfG2},
		},
	})
	return s, httpCaller{t, address, "G1", secretOfG1}, httpCaller{t, address, "G2", secretOfG2}
}

// A second way in needs nothing of the switch but its front: who calls, what it may do, validation and keys are as at
// the gateway port.
func TestSecondDoor(t *testing.T) {
	s, g1, g2 := startWithDoors(t, func(c *txswitch.Config) {
		c.Gateway.Gateways[1].Operations = []string{"capture"}
	})
	status, first := g1.ask("k1", nil)
	if status != http.StatusOK || first.Status != "authorized" || first.Payment == "" {
		t.Fatalf("%d %+v, want an authorized payment", status, first)
	}
	// The same key at the other door is a repeat, and its payment can be captured there.
	lines := s.Connect("G1", secretOfG1)
	repeat := switchtest.Authorize("k1", 1000)
	repeat.Card.CVC = ""
	if a := s.DoOn(lines, repeat); !a.Replayed || a.Payment != first.Payment {
		t.Errorf("%+v, want the answer to %s again", a, first.Payment)
	}
	if a := s.DoOn(lines, switchtest.On(api.OpCapture, "k2", first.Payment, 0)); a.Status != api.StatusCaptured {
		t.Errorf("%+v, want it captured", a)
	}
	if status, again := g1.ask("k1", nil); status != http.StatusOK || !again.Replayed || again.Payment != first.Payment {
		t.Errorf("%d %+v, want the same payment", status, again)
	}
	stranger := g1
	stranger.secret += "!"
	nobody := g1
	nobody.name = ""
	anothers := func(r *httpRequest) { r.Merchant = "M2" }
	nothing := func(r *httpRequest) { r.Amount = 0 }
	used := func(r *httpRequest) { r.Key, r.Amount = "k1", 999 }
	for name, c := range map[string]struct {
		caller      httpCaller
		change      func(*httpRequest)
		status      int
		code, field string
	}{
		"a wrong secret":     {stranger, nil, http.StatusUnauthorized, "", ""},
		"no name":            {nobody, nil, http.StatusUnauthorized, "", ""},
		"another's merchant": {g1, anothers, http.StatusForbidden, "unauthorized", "merchant"},
		"another operation":  {g2, nil, http.StatusForbidden, "unauthorized", "op"},
		"a bad amount":       {g1, nothing, http.StatusBadRequest, "invalid_field", "amount"},
		"a used key":         {g1, used, http.StatusConflict, "conflict", "key"},
	} {
		status, a := c.caller.ask("refused", c.change)
		if status != c.status || a.Code != c.code || a.Field != c.field {
			t.Errorf("%s: %d %+v, want %d %s of %s", name, status, a, c.status, c.code, c.field)
		}
	}
}

// The bound of a gateway, and that of all, is one through all doors: nobody gets more by coming in by another.
func TestBoundsAreOneThroughAllDoors(t *testing.T) {
	s, g1, g2 := startWithDoors(t, func(c *txswitch.Config) {
		c.Limits.MaxInFlight, c.Gateway.Gateways[0].MaxInFlight, c.Gateway.MaxInFlightPerGateway = 2, 1, 2
	})
	var held sync.WaitGroup
	hold := func(c httpCaller, key string) {
		before := begun(t, s)
		held.Go(func() { endsWithoutAnswer(c, key) })
		s.Await("it is with the flows", func() bool { return begun(t, s) == before+1 })
	}
	busy := func(who, code string) {
		t.Helper()
		if code != "busy" {
			t.Errorf("%s: %q, want busy", who, code)
		}
	}
	lines := s.Connect("G1", secretOfG1)
	hold(g1, "held by G1")
	_, a := g1.ask("k1", nil)
	busy("G1 at the door that it holds", a.Code)
	if a := s.DoOn(lines, switchtest.Authorize("k1", 1000)); a.Err == nil || a.Err.Code != api.CodeBusy {
		t.Errorf("G1 at the other door: %+v, want busy", a)
	}
	if status, a := g2.ask("k2", nil); status != http.StatusOK || a.Status != "authorized" {
		t.Errorf("G2: %d %+v, want that it is served while G1 has all it may have", status, a)
	}
	hold(g2, "held by G2")
	_, a = g2.ask("k3", nil)
	busy("G2 while the switch serves as much as it may", a.Code)
	const refused = `
# HELP switchyard_gateway_refused_at_bound_total Requests refused busy at the bound of their gateway.
# TYPE switchyard_gateway_refused_at_bound_total counter
switchyard_gateway_refused_at_bound_total{gateway="G1"} 2
switchyard_gateway_refused_at_bound_total{gateway="G2"} 0
`
	err := testutil.GatherAndCompare(s.Registry, strings.NewReader(refused), "switchyard_gateway_refused_at_bound_total")
	if err != nil {
		t.Error(err)
	}
	s.StopIssuer() // what is held has no outcome now
	held.Wait()
}

// Stopping waits for what is in flight at any door, and a caller there gets its answer.
func TestClosingWaitsAtEachDoor(t *testing.T) {
	s, g1, g2 := startWithDoors(t, nil)
	var all sync.WaitGroup
	all.Go(func() { endsWithoutAnswer(g1, "k1") })
	s.Await("it is with the flows", func() bool { return begun(t, s) == 1 })
	all.Go(s.StopSwitch)
	s.Await("the door is closed", func() bool {
		_, _, err := g2.try("k2", nil)
		return err != nil
	})
	s.StopIssuer()
	all.Wait()
}

// Who has no time to wait cuts off what is in flight at each door; it has an outcome all the same before the journal is
// closed, and the next start goes on with it.
func TestCuttingOffAtEachDoor(t *testing.T) {
	s, g1, _ := startWithDoors(t, nil)
	var asked sync.WaitGroup
	asked.Go(func() {
		if status, a, err := g1.try("k1", silent); err == nil {
			t.Errorf("%d %+v, want no answer", status, a)
		}
	})
	s.Await("it is with the flows", func() bool { return begun(t, s) == 1 })
	over, cancel := context.WithCancel(context.Background())
	cancel()
	err := s.Switch.Close(over)
	asked.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v, want that it says what was cut off", err)
	}
	s.Switch = nil
	s.StartSwitch()
	lines := s.Connect("G1", secretOfG1)
	repeat := switchtest.Authorize("k1", 1000)
	repeat.Card.Number, repeat.Card.CVC = silentCard, ""
	if a := s.DoOn(lines, repeat); !a.Replayed || a.Approved {
		t.Errorf("%+v, want the answer to what was cut off", a)
	}
}

// A door that fails ends the switch, as the gateway port does.
func TestDoorThatFails(t *testing.T) {
	broken := errors.New("the port is broken")
	s := switchtest.Start(t, switchtest.Options{
		Doors: []front.Open{func(*front.Front) (front.Door, error) { return brokenDoor{broken}, nil }},
	})
	if err := <-s.Switch.Failed(); !errors.Is(err, broken) || err.Error() != "broken port: the port is broken" {
		t.Errorf("got %v", err)
	}
}

type brokenDoor struct{ err error }

func (d brokenDoor) Name() string                   { return "broken port" }
func (d brokenDoor) Serve() error                   { return d.err }
func (d brokenDoor) Shutdown(context.Context) error { return nil }

// A door that does not open leaves nothing open behind it.
func TestDoorThatDoesNotOpen(t *testing.T) {
	key, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := pan.ParseKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	o := txswitch.Options{
		Config: txswitch.DefaultConfig(), Keyring: keyring, FS: vfs.NewMem(), Logger: zap.NewNop(),
		Registry: prometheus.NewRegistry(), Fatal: func(msg string, err error) { t.Fatal(msg, err) },
		Dial:  func(context.Context, string) (net.Conn, error) { return nil, errors.New("no issuer") },
		Doors: []front.Open{func(*front.Front) (front.Door, error) { return nil, errors.New("no such port") }},
	}
	if _, err := txswitch.New(o); err == nil || !strings.Contains(err.Error(), "no such port") {
		t.Errorf("got %v", err)
	}
	o.Registry, o.Doors = prometheus.NewRegistry(), nil
	s, err := txswitch.New(o) // there need not be a gateway port
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

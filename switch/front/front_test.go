package front_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"switchyard/internal/secret"
	"switchyard/switch/api"
	"switchyard/switch/front"
)

// handlerFunc is a Handler of one function.
type handlerFunc func(caller *api.Caller, req *api.Request) api.Answer

// Take implements api.Handler.
func (f handlerFunc) Take(ctx context.Context, calls []*api.Call) { takeEach(ctx, calls, f) }

func (f handlerFunc) Handle(_ context.Context, caller *api.Caller, req *api.Request) api.Answer {
	return f(caller, req)
}

// told answers with the name of who called.
var told = handlerFunc(func(caller *api.Caller, _ *api.Request) api.Answer {
	return api.Answer{Reason: caller.Gateway, Approved: true}
})

var shopSecret = strings.Repeat("shop", 8)

func hash(t *testing.T, of string) string {
	t.Helper()
	h, err := secret.HashOf(of)
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

func newFront(t *testing.T, o front.Options) *front.Front {
	t.Helper()
	if o.Handler == nil {
		o.Handler = told
	}
	f, err := front.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// gateways are a shop that says a secret, and tills that have a certificate, with what a test changes of the shop.
func gateways(t *testing.T, change func(*front.Gateway)) []front.Gateway {
	shop := front.Gateway{Name: "shop", SecretHash: hash(t, shopSecret)}
	if change != nil {
		change(&shop)
	}
	return []front.Gateway{shop, {Name: "tills", CertSubject: "CN=tills,O=Example"}}
}

// certified is a connection whose peer's certificate was verified, if it was, and has a subject: its parts in the usual
// order, or the other way round.
func certified(t *testing.T, name string, turned, verified bool) tls.ConnectionState {
	t.Helper()
	subject := pkix.Name{CommonName: name, Organization: []string{"Example"}}
	parts := subject.ToRDNSequence()
	if turned {
		slices.Reverse(parts)
	}
	raw, err := asn1.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{Subject: subject, RawSubject: raw}
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	if verified {
		state.VerifiedChains = [][]*x509.Certificate{{cert}}
	}
	return state
}

func voidOf(payment string) *api.Request {
	return &api.Request{
		ID: "7", Op: api.OpVoid, Key: "k", Payment: payment, Present: api.Fields(api.FieldKey, api.FieldPayment),
	}
}

func statusOf(merchant string) *api.Request {
	return &api.Request{
		Op: api.OpStatus, Merchant: merchant, Key: "k", Present: api.Fields(api.FieldMerchant, api.FieldKey),
	}
}

func TestWhoCalls(t *testing.T) {
	f := newFront(t, front.Options{Gateways: gateways(t, nil)})
	if f.Anyone() != nil {
		t.Error("anyone may call although gateways are listed")
	}
	for name, c := range map[string]struct {
		caller *front.Caller
		want   string
	}{
		"its secret":                      {f.BySecret("shop", shopSecret), "shop"},
		"another secret":                  {f.BySecret("shop", shopSecret+"!"), ""},
		"no secret":                       {f.BySecret("shop", ""), ""},
		"a name that is not listed":       {f.BySecret("shoe", shopSecret), ""},
		"no secret where none is kept":    {f.BySecret("tills", ""), ""},
		"its certificate":                 {f.ByCertificate(certified(t, "tills", false, true)), "tills"},
		"its certificate, turned round":   {f.ByCertificate(certified(t, "tills", true, true)), ""},
		"a certificate that is not known": {f.ByCertificate(certified(t, "shop", false, true)), ""},
		"one that nobody verified":        {f.ByCertificate(certified(t, "tills", false, false)), ""},
		"no certificate":                  {f.ByCertificate(tls.ConnectionState{}), ""},
	} {
		if got := c.caller; (got != nil) != (c.want != "") || got != nil && got.Name() != c.want {
			t.Errorf("%s: got %v, want %q", name, got, c.want)
		}
	}
	// Who wrote the list is told what is wrong with it.
	for listed, state := range map[string]tls.ConnectionState{
		"CN=tills,O=Example": certified(t, "tills", true, true), "": certified(t, "shop", true, true),
	} {
		if got := f.Resembles(state); got != listed {
			t.Errorf("it resembles %q, want %q", got, listed)
		}
	}
	// One who calls twice is one.
	first, again := f.BySecret("shop", shopSecret), f.BySecret("shop", shopSecret)
	if first != again {
		t.Error("a gateway is two callers")
	}
}

func TestNobodyIsListed(t *testing.T) {
	f := newFront(t, front.Options{})
	anyone := f.Anyone()
	if anyone == nil || anyone.Name() != "" || f.BySecret("shop", shopSecret) != anyone {
		t.Error("where no gateways are listed anyone may call, whatever it says of itself")
	}
	if f.ByCertificate(certified(t, "tills", false, true)) != nil {
		t.Error("a certificate stands for somebody where nobody is listed")
	}
	if a := f.Do(t.Context(), anyone, voidOf("P1")); !a.Approved || a.Reason != "" || a.ID != "7" || a.Op != api.OpVoid {
		t.Errorf("got %+v", a)
	}
}

func TestWhatACallerMayDo(t *testing.T) {
	reached := 0
	f := newFront(t, front.Options{
		Handler: handlerFunc(func(*api.Caller, *api.Request) api.Answer { reached++; return api.Answer{Approved: true} }),
		Gateways: gateways(t, func(g *front.Gateway) {
			g.Merchants, g.Operations = []string{"M1"}, []string{"capture", "void"}
		}),
	})
	shop, tills := f.BySecret("shop", shopSecret), f.ByCertificate(certified(t, "tills", false, true))
	refund := voidOf("P1")
	refund.Op = api.OpRefund
	for name, c := range map[string]struct {
		caller *front.Caller
		req    *api.Request
		code   api.Code // "" where it is served
		field  string
	}{
		"what it may":                        {shop, voidOf("P1"), "", ""},
		"another operation":                  {shop, refund, api.CodeUnauthorized, "op"},
		"a status":                           {shop, statusOf("M1"), "", ""},
		"a ping":                             {shop, &api.Request{Op: api.OpPing}, "", ""},
		"another's merchant":                 {shop, statusOf("M2"), api.CodeUnauthorized, "merchant"},
		"any operation where none are named": {tills, refund, "", ""},
		"any merchant where none are named":  {tills, statusOf("M2"), "", ""},
		"a request without a field":          {tills, &api.Request{Op: api.OpVoid}, api.CodeInvalidField, "key"},
		"no operation":                       {tills, &api.Request{}, api.CodeInvalidField, "op"},
		"an operation that there is not":     {shop, &api.Request{Op: api.OpCount}, api.CodeUnknownOp, "op"},
		"what is both wrong and not allowed": {shop, &api.Request{Op: api.OpRefund}, api.CodeInvalidField, "key"},
	} {
		before := reached
		a := f.Do(t.Context(), c.caller, c.req)
		switch {
		case c.code == "" && (a.Err != nil || reached != before+1):
			t.Errorf("%s: got %+v", name, a)
		case c.code != "" && (a.Err == nil || a.Err.Code != c.code || a.Err.Field != c.field || reached != before):
			t.Errorf("%s: got %+v, want %s of %s", name, a, c.code, c.field)
		}
	}
	if n := f.InFlight(); n != 0 {
		t.Errorf("%d in flight in the end", n)
	}
}

// admitted holds that a request gets room, or is refused busy.
func admitted(t *testing.T, f *front.Front, c *front.Caller, want bool) {
	t.Helper()
	fault := f.Admit(c, voidOf("P1"))
	if (fault == nil) != want || fault != nil && fault.Code != api.CodeBusy {
		t.Fatalf("%q is admitted: %v, want %v", c.Name(), fault, want)
	}
}

func TestOneGatewayCannotTakeEverySlot(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := newFront(t, front.Options{
		Gateways:    gateways(t, func(g *front.Gateway) { g.MaxInFlight = 2 }),
		MaxInFlight: 4, MaxInFlightPerGateway: 3, Registerer: registry,
	})
	shop, tills := f.BySecret("shop", shopSecret), f.ByCertificate(certified(t, "tills", false, true))
	admitted(t, f, shop, true)
	admitted(t, f, shop, true)
	admitted(t, f, shop, false) // its own bound
	admitted(t, f, tills, true)
	admitted(t, f, tills, true)
	admitted(t, f, tills, false) // everybody's: the tills may have three
	if n := f.InFlight(); n != 4 {
		t.Errorf("%d in flight, want 4", n)
	}
	f.Handle(t.Context(), shop, voidOf("P1"))
	admitted(t, f, tills, true) // so what was refused above took no room of theirs
	admitted(t, f, tills, false)
	const want = `
# HELP switchyard_gateway_refused_at_bound_total Requests refused busy at the bound of their gateway.
# TYPE switchyard_gateway_refused_at_bound_total counter
switchyard_gateway_refused_at_bound_total{gateway="shop"} 1
switchyard_gateway_refused_at_bound_total{gateway="tills"} 1
# HELP switchyard_gateway_requests_in_flight Requests that are with the flow.
# TYPE switchyard_gateway_requests_in_flight gauge
switchyard_gateway_requests_in_flight 4
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "switchyard_gateway_refused_at_bound_total",
		"switchyard_gateway_requests_in_flight"); err != nil {
		t.Error(err)
	}
}

// Without a bound of its own a listed gateway has a quarter; one that is listed alone, and whoever calls where none are
// listed, has everything.
func TestDefaultBounds(t *testing.T) {
	room := func(f *front.Front, c *front.Caller) int {
		n := 0
		for f.Admit(c, voidOf("P1")) == nil {
			n++
		}
		return n
	}
	for most, want := range map[int]int{0: front.DefaultMaxInFlight / 4, 40: 10, 2: 1} {
		f := newFront(t, front.Options{Gateways: gateways(t, nil), MaxInFlight: most})
		if got := room(f, f.BySecret("shop", shopSecret)); got != want {
			t.Errorf("a gateway may have %d of %d in flight, want %d", got, most, want)
		}
	}
	f := newFront(t, front.Options{Gateways: gateways(t, nil)[:1], MaxInFlight: 40})
	if got := room(f, f.BySecret("shop", shopSecret)); got != 40 {
		t.Errorf("the only gateway may have %d of 40 in flight", got)
	}
	f = newFront(t, front.Options{MaxInFlight: 40})
	if got := room(f, f.Anyone()); got != 40 {
		t.Errorf("anyone may have %d of 40 in flight", got)
	}
}

// No more are ever with the flows than may be, of one gateway or of all, and none is left in the end.
func TestBoundsHoldForConcurrentCallers(t *testing.T) {
	const most, mostOfShop, callers, each = 5, 3, 8, 500
	var all, ofShop atomic.Int64
	f := newFront(t, front.Options{
		Gateways:    gateways(t, func(g *front.Gateway) { g.MaxInFlight = mostOfShop }),
		MaxInFlight: most, MaxInFlightPerGateway: most,
		Handler: handlerFunc(func(c *api.Caller, _ *api.Request) api.Answer {
			defer all.Add(-1)
			if n := all.Add(1); n > most {
				t.Errorf("%d requests of all, want at most %d", n, most)
			}
			if c.Gateway == "shop" {
				defer ofShop.Add(-1)
				if n := ofShop.Add(1); n > mostOfShop {
					t.Errorf("%d requests of the shop, want at most %d", n, mostOfShop)
				}
			}
			return api.Answer{}
		}),
	})
	var done sync.WaitGroup
	for i := range callers {
		c := f.BySecret("shop", shopSecret)
		if i%2 == 0 {
			c = f.ByCertificate(certified(t, "tills", false, true))
		}
		done.Go(func() {
			for range each {
				f.Do(context.Background(), c, voidOf("P1"))
			}
		})
	}
	done.Wait()
	if n := f.InFlight(); n != 0 {
		t.Errorf("%d in flight in the end", n)
	}
}

func TestPanickingHandlerGivesRoomBack(t *testing.T) {
	f := newFront(t, front.Options{
		MaxInFlight: 1, Handler: handlerFunc(func(*api.Caller, *api.Request) api.Answer { panic("broken") }),
	})
	func() {
		defer func() { recover() }() // as a server of HTTP does
		f.Do(t.Context(), f.Anyone(), voidOf("P1"))
	}()
	admitted(t, f, f.Anyone(), true)
}

func TestAdmissionAllocatesNothing(t *testing.T) {
	f := newFront(t, front.Options{Gateways: gateways(t, nil)})
	shop, req, ctx := f.BySecret("shop", shopSecret), voidOf("P1"), t.Context()
	if n := testing.AllocsPerRun(100, func() { f.Do(ctx, shop, req) }); n > 0 {
		t.Errorf("%v allocations a request", n)
	}
}

func TestGatewaysAreChecked(t *testing.T) {
	kept := hash(t, shopSecret)
	for _, c := range []struct {
		want     string
		gateways []front.Gateway
	}{
		{"gateways[0]: name is missing", []front.Gateway{{}}},
		{`gateways[0] "a": it has neither`, []front.Gateway{{Name: "a"}}},
		{`gateways[0] "a": the secret's hash: expected sha256:`, []front.Gateway{{Name: "a", SecretHash: "hunter2"}}},
		{`gateways[1]: name "a" is taken`, []front.Gateway{{Name: "a", SecretHash: kept}, {Name: "a", SecretHash: kept}}},
		{`gateways[1] "b": certificate subject "CN=x" is taken`,
			[]front.Gateway{{Name: "a", CertSubject: "CN=x"}, {Name: "b", CertSubject: "CN=x"}}},
		{`gateways[0] "a": operations: "pay": expected some of authorize, sale, verify,`,
			[]front.Gateway{{Name: "a", CertSubject: "CN=x", Operations: []string{"sale", "pay"}}}},
		{`operations: "status": expected some of`,
			[]front.Gateway{{Name: "a", CertSubject: "CN=x", Operations: []string{"status"}}}},
		{`gateways[0] "a": max_in_flight: -1: expected at least 1`,
			[]front.Gateway{{Name: "a", CertSubject: "CN=x", MaxInFlight: -1}}},
	} {
		_, err := front.New(front.Options{Handler: told, Gateways: c.gateways})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if checked := front.CheckGateways(c.gateways); checked == nil || checked.Error() != err.Error() {
			t.Errorf("CheckGateways says %v, New %v", checked, err)
		}
	}
	if _, err := front.New(front.Options{}); err == nil || !strings.Contains(err.Error(), "Handler is missing") {
		t.Errorf("got %v", err)
	}
}

// takeEach is Take by a goroutine for each call.
func takeEach(ctx context.Context, calls []*api.Call, h interface {
	Handle(context.Context, *api.Caller, *api.Request) api.Answer
}) {
	for _, c := range calls {
		go func() {
			a := h.Handle(ctx, c.Caller, c.Request)
			c.To.Answered(&a)
			c.To.Flush()
		}()
	}
}

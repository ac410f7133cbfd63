// Package switchtest runs the whole system in a test: the real switch and the real issuer simulator on free ports of
// loopback, the journal and the issuer's log on a file system in memory.
//
// Everything that a process would write can be looked at: files ([System.FS], [System.IssuerFS]), logs, metrics. A
// switch can be stopped cleanly or crashed and started again on what was synced.
package switchtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"switchyard/internal/config"
	"switchyard/internal/httpcall"
	"switchyard/internal/pan"
	"switchyard/internal/secret"
	"switchyard/internal/vfs"
	"switchyard/internal/vfs/errorfs"
	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
	"switchyard/spec/framing"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/clock"
	"switchyard/switch/front"
	"switchyard/switch/front/lines/client"
	"switchyard/switch/journal"
	operatorapi "switchyard/switch/operator"
	operator "switchyard/switch/operator/client"
)

// Options change what a system is started with. The zero value is the defaults of both daemons.
type Options struct {
	// Configure changes the switch's configuration before it starts.
	Configure func(*txswitch.Config)
	// Deadline of the issuer; default 10 s. Tests of silence set a short one.
	Deadline time.Duration
	// Doors are ways in beside the gateway port; each start of the switch opens them.
	Doors []front.Open
	// Gateways that may connect; with a list Client is nil and tests use Connect.
	Gateways []Gateway
	// Rules of the issuer, YAML.
	Rules string
	// IssuerData keeps the issuer's log on IssuerFS.
	IssuerData bool
	// IssuerOut makes the issuer answer clearing files in files, in the folder out of IssuerFS.
	IssuerOut bool
	// IssuerFS is the issuer's file system, with what an earlier run left there; default an empty one.
	IssuerFS *vfs.MemFS
	// NoIssuer starts no issuer: the test brings its own at IssuerAddr.
	IssuerAddr string
	// LogLevel of both; default debug, so that tests see all that could be logged.
	LogLevel zapcore.Level
	// BrokenMoney says that the test breaks a money invariant itself; else that fails it.
	BrokenMoney bool
	// Dialect that the switch and the issuer speak; default iso87ascii.
	Dialect string
	// SpecFile is a file of a dialect of one's own that both speak in place of Dialect.
	SpecFile string
	// Framing of both; default binary2.
	Framing string
	// IssuerConnects says that the switch listens and the issuer connects to it.
	IssuerConnects bool
	// Require is what the issuer refuses otherwise.
	Require issuersim.Require
	// Repeats are the elements that the issuer's answers have beside DE11, 38 and 39; default nearly all.
	Repeats []int
	// Codes are what the issuer answers in place of others.
	Codes map[string]string
	// SyncTakes is how long the switch's disk takes for each sync; default none at all.
	SyncTakes time.Duration
	// FreeBytes says how much of the switch's disk is free; default nothing is known of it.
	FreeBytes func() uint64
	// OpenFiles is how many files and sockets the switch may have open; default enough.
	OpenFiles int
	// Wall is the switch's wall clock; default the machine's.
	Wall func() time.Time
	// Unsynchronized: no time service keeps the machine's clock.
	Unsynchronized bool
	// TLS is spoken on the gateway port and towards the issuer, with certificates made for the test.
	TLS bool
	// Operators are who may ask the operator API; API asks as the first of them.
	Operators []Operator
	// OperatorTLS is spoken on the operator API's port, with a certificate of CertificateName made for the test.
	OperatorTLS bool
	// OperatorSocket serves the operator API on a socket file, too: System.OperatorSocket.
	OperatorSocket bool
	// Journal opens the switch's journal, each time that it is started; default the engine on FS.
	Journal func(*clock.Clock) (journal.Engine, error)
	// FS is the switch's file system, with what an earlier run left there, and KeyText its key file; default an empty
	// one and a new key.
	FS      *vfs.MemFS
	KeyText string
}

// Gateway is one who may connect.
type Gateway struct {
	Name, Secret string
	Merchants    []string
}

// Operator is one who may ask the operator API.
type Operator struct {
	Name, Token string
	Roles       []operatorapi.Role
}

// System is a running switch with its issuer.
type System struct {
	t testing.TB
	o Options

	FS       *vfs.MemFS // the switch's; crashable
	IssuerFS *vfs.MemFS
	Logs     *Buffer // of both daemons
	Keyring  *pan.Keyring
	Config   *txswitch.Config
	Switch   *txswitch.Switch
	Issuer   *issuersim.Server
	Client   *client.Client

	GatewayAddr, OperatorAddr, ControlAddr string
	OperatorSocket                         string // path of the socket file, where there is one
	Registry, IssuerRegistry               *prometheus.Registry
	issuerListener                         net.Listener
	listeningAddr                          atomic.Pointer[string] // where the switch listens for its issuer
	issuerAddr                             atomic.Pointer[string] // where it listens; see dialIssuer
	tls                                    certificates
}

// Buffer collects what is written; safe for concurrent use.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Start runs a system until the test ends and connects a client to it.
func Start(t testing.TB, o Options) *System {
	t.Helper()
	s := &System{t: t, o: o, FS: o.FS, IssuerFS: o.IssuerFS, Logs: &Buffer{}}
	if s.FS == nil {
		s.FS = vfs.NewCrashableMem()
	}
	if s.IssuerFS == nil {
		s.IssuerFS = vfs.NewMem()
	}
	text, err := o.KeyText, error(nil)
	if text == "" {
		text, err = pan.GenerateKey(rand.Reader)
	}
	s.must(err)
	s.Keyring, err = pan.ParseKeyring(text)
	s.must(err)
	if o.TLS || o.OperatorTLS {
		s.tls = makeCertificates(t)
	}
	if o.OperatorSocket {
		s.OperatorSocket = filepath.Join(t.TempDir(), "operator")
	}
	if o.IssuerAddr == "" {
		s.startIssuer()
	}
	s.StartSwitch()
	t.Cleanup(func() {
		s.StopSwitch()
		if s.Issuer != nil {
			s.StopIssuer()
		}
		if !o.BrokenMoney && strings.Contains(s.Logs.String(), journal.BrokenMoney) {
			t.Errorf("the switch committed, or would have, what breaks I7:\n%s", s.Logs)
		}
	})
	return s
}

func (s *System) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *System) logger(name string) *zap.Logger {
	enc := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	level := s.o.LogLevel
	if level == 0 {
		level = zapcore.DebugLevel
	}
	return zap.New(zapcore.NewCore(enc, zapcore.AddSync(s.Logs), level)).Named(name)
}

func (s *System) listen(addr string) net.Listener {
	s.t.Helper()
	l, err := net.Listen("tcp", addr)
	s.must(err)
	return l
}

func (s *System) startIssuer() {
	s.t.Helper()
	s.issuerListener = s.listen("127.0.0.1:0")
	addr := s.issuerListener.Addr().String()
	s.issuerAddr.Store(&addr)
	if s.o.TLS {
		s.issuerListener = tls.NewListener(s.issuerListener, s.tls.server)
	}
	control := s.listen("127.0.0.1:0")
	s.ControlAddr = control.Addr().String()
	s.IssuerRegistry = prometheus.NewRegistry()
	o := issuersim.Options{
		Listener: s.issuerListener, ControlListener: control, Seed: 1, FS: s.IssuerFS, Logger: s.logger("issuer"),
		Registry: s.IssuerRegistry,
	}
	if s.o.IssuerData {
		o.DataDir = "issuer"
	}
	if s.o.IssuerOut {
		o.Clearing.Out = "out"
	}
	o.Require, o.Repeats, o.Codes = s.o.Require, s.o.Repeats, s.o.Codes
	if s.o.Framing != "" {
		format, err := framing.Parse(s.o.Framing)
		s.must(err)
		o.Framing = format
	}
	if s.o.IssuerConnects {
		s.must(s.issuerListener.Close())
		o.Listener, o.Dialed, o.Dial = nil, 2, func(ctx context.Context) (net.Conn, error) {
			addr := s.listeningAddr.Load()
			if addr == nil {
				return nil, errors.New("the switch was not started yet")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", *addr)
		}
	}
	if s.o.Dialect != "" {
		o.Codec = spec.MustCodec(s.o.Dialect)
	}
	if s.o.SpecFile != "" {
		codec, err := spec.OpenFile(s.o.SpecFile, bytes.NewReader(s.specFile()))
		s.must(err)
		o.Codec = codec
	}
	if s.o.Rules != "" {
		rules, err := issuersim.ParseRules("rules", strings.NewReader(s.o.Rules))
		s.must(err)
		o.Rules = rules
	}
	issuer, err := issuersim.New(o)
	s.must(err)
	s.Issuer = issuer
	go func() {
		if err := issuer.Serve(); err != nil {
			s.t.Errorf("issuer: %v", err)
		}
	}()
}

// specFile is what stands in Options.SpecFile.
func (s *System) specFile() []byte {
	s.t.Helper()
	text, err := os.ReadFile(s.o.SpecFile)
	s.must(err)
	return text
}

// StopIssuer stops the issuer; what it holds in memory is gone unless Options.IssuerData.
func (s *System) StopIssuer() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.must(s.Issuer.Close(ctx))
	s.Issuer = nil
}

// StartIssuer starts it again at the same address, once the switch, where it runs, has seen the links to the one before
// end: what is sent over such a link has no answer.
func (s *System) StartIssuer() {
	s.t.Helper()
	if s.Switch != nil && s.o.IssuerAddr == "" { // which may be of something in front of the issuer that goes on
		s.Await("the links have ended", func() bool {
			for _, l := range s.Switch.Stats().Links["issuer"] {
				if l.State == "up" {
					return false
				}
			}
			return true
		})
	}
	s.startIssuer()
}

// IssuerListens is where the issuer takes connections.
func (s *System) IssuerListens() string { return *s.issuerAddr.Load() }

// Speak changes the dialect of what is started from now on; ListGateways who may connect to it.
func (s *System) Speak(dialect string) { s.o.Dialect = dialect }

// ListGateways is described with Speak.
func (s *System) ListGateways(gateways ...Gateway) { s.o.Gateways = gateways }

// StartSwitch starts the switch on FS and connects Client once it is ready.
func (s *System) StartSwitch() {
	s.t.Helper()
	c := txswitch.DefaultConfig()
	c.Data = "switch"
	c.Issuers[0].Address = issuerAddr
	if s.o.IssuerAddr != "" {
		c.Issuers[0].Address = s.o.IssuerAddr
	}
	c.Issuers[0].Deadline = config.Duration(s.o.Deadline)
	c.Issuers[0].Dialect = s.o.Dialect
	c.Issuers[0].Framing = s.o.Framing
	if s.o.SpecFile != "" {
		c.Issuers[0].SpecFile, c.Issuers[0].Spec = s.o.SpecFile, s.specFile()
	}
	if s.o.IssuerConnects {
		c.Issuers[0].Address, c.Issuers[0].Listen = "", issuerAddr
	}
	for _, g := range s.o.Gateways {
		hash, err := secret.HashOf(g.Secret)
		s.must(err)
		c.Gateway.Gateways = append(c.Gateway.Gateways, txswitch.GatewayEntry{
			Name: g.Name, SecretHash: hash.String(), Merchants: g.Merchants,
		})
	}
	for _, x := range s.o.Operators {
		hash, err := secret.HashOf(x.Token)
		s.must(err)
		c.Operator.Identities = append(c.Operator.Identities,
			txswitch.OperatorIdentity{Name: x.Name, TokenHash: hash.String(), Roles: x.Roles})
	}
	if s.o.OperatorTLS {
		c.Operator.TLS = &config.TLS{Certificate: "in memory", Key: "in memory"}
	}
	if s.o.Configure != nil {
		s.o.Configure(c)
	}
	s.must(c.Check())
	s.Config = c
	port, operator := s.listen("127.0.0.1:0"), s.listen("127.0.0.1:0")
	s.GatewayAddr, s.OperatorAddr = port.Addr().String(), operator.Addr().String()
	s.Registry = prometheus.NewRegistry()
	var err error
	o := txswitch.Options{
		Config: c, Keyring: s.Keyring, Gateway: port, Operator: operator, FS: s.disk(), Registry: s.Registry, Seed: 1,
		Dial:   s.dialIssuer,
		Fatal:  func(msg string, err error) { panic(fmt.Sprintf("%s: %v", msg, err)) },
		Logger: s.logger("switch"), OpenFiles: s.o.OpenFiles, Wall: s.o.Wall,
		Synchronized: func() bool { return !s.o.Unsynchronized },
		Doors:        s.o.Doors, Journal: s.o.Journal,
	}
	if s.o.IssuerConnects {
		l := s.listen("127.0.0.1:0")
		addr := l.Addr().String()
		s.listeningAddr.Store(&addr)
		o.Issuers = map[string]net.Listener{c.Issuers[0].Name: l}
	}
	if s.o.TLS {
		o.GatewayTLS, o.IssuerTLS = s.tls.server, map[string]*tls.Config{c.Issuers[0].Name: s.tls.client}
	}
	if s.o.OperatorTLS {
		o.OperatorTLS = s.tls.server
	}
	if s.o.OperatorSocket {
		o.OperatorSocket, err = net.Listen("unix", s.OperatorSocket)
		s.must(err)
	}
	s.Switch, err = txswitch.New(o)
	s.must(err)
	s.must(s.Switch.Start(context.Background()))
	if s.Issuer != nil && !s.Switch.Stats().Held {
		s.AwaitReady()
	}
	s.Client = nil
	if len(s.o.Gateways) == 0 {
		s.Client, err = client.Dial(context.Background(), s.GatewayAddr, client.Options{Dial: s.dial})
		s.must(err)
	}
}

// IssuerPort is the address at which the System's own issuer takes ISO 8583.
func (s *System) IssuerPort() string { return *s.issuerAddr.Load() }

// issuerAddr is the System's own issuer in the switch's configuration.
const issuerAddr = "127.0.0.1:1"

// dialIssuer connects to an issuer. The System's own is found by a fixed address whatever port it listens on: one that
// is given back is anybody's on a busy machine, so that a start on the same port could fail.
func (s *System) dialIssuer(ctx context.Context, addr string) (net.Conn, error) {
	if addr == issuerAddr {
		addr = *s.issuerAddr.Load()
	}
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// disk is FS as the switch sees it.
func (s *System) disk() vfs.FS {
	if s.o.FreeBytes != nil {
		return measuredDisk{s.FS, s.o.FreeBytes}
	}
	if s.o.SyncTakes == 0 {
		return s.FS
	}
	return errorfs.Wrap(s.FS, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			time.Sleep(s.o.SyncTakes)
		}
		return nil
	}))
}

// measuredDisk tells how much of it is free.
type measuredDisk struct {
	vfs.FS
	free func() uint64
}

// GetDiskUsage implements vfs.FS.
func (d measuredDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free()}, nil
}

// dial connects to the gateway port.
func (s *System) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.o.TLS {
		return (&tls.Dialer{Config: s.tls.client}).DialContext(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// Connect makes a client of a gateway, until the test ends.
func (s *System) Connect(name, secret string) *client.Client {
	s.t.Helper()
	c, err := client.Dial(context.Background(), s.GatewayAddr, client.Options{Dial: s.dial, Gateway: name, Secret: secret})
	s.must(err)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// DoOn sends one request on a client and returns its answer.
func (s *System) DoOn(c *client.Client, req api.Request) api.Answer {
	s.t.Helper()
	a, err := c.Do(context.Background(), &req)
	s.must(err)
	return *a
}

// AwaitReady waits until the switch has its links.
func (s *System) AwaitReady() {
	s.t.Helper()
	s.Await("the switch is ready", func() bool { return s.Switch.Unready() == "" })
}

// patience is how long a test waits for what must come: far more than it ever takes, on a machine that is very busy
// too.
const patience = 5 * time.Minute

// Await polls until something holds.
func (s *System) Await(what string, holds func() bool) {
	s.t.Helper()
	give := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(give) {
			s.t.Fatalf("never: %s\n%s", what, s.Logs)
		}
		time.Sleep(time.Millisecond)
	}
}

// AwaitDrained waits until no request is in flight and no advice is queued.
func (s *System) AwaitDrained() {
	s.t.Helper()
	s.Await("store-and-forward is drained", func() bool {
		st := s.Switch.Stats()
		return st.InFlight == 0 && st.SAF.Queued == 0
	})
}

// StopSwitch drains and stops the switch.
func (s *System) StopSwitch() {
	s.t.Helper()
	if s.Switch == nil {
		return
	}
	if s.Client != nil {
		_ = s.Client.Close() // it may have failed, with the connection that a test broke
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.must(s.Switch.Close(ctx))
	s.Switch = nil
}

// CrashSwitch ends the switch at once, without waiting for what is in flight, and puts its file system to what a
// crash before that would have left: what was synced.
func (s *System) CrashSwitch() {
	s.t.Helper()
	left := s.FS.CrashClone(vfs.CrashCloneCfg{})
	if s.Client != nil {
		_ = s.Client.Close() // it may have failed, with the connection that a test broke
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Switch.Close(over) // says what it cut off
	s.Switch = nil
	s.FS = left
}

// Do sends one request and returns its answer.
func (s *System) Do(req api.Request) api.Answer {
	s.t.Helper()
	return s.DoOn(s.Client, req)
}

// API is the client of the operator API.
func (s *System) API() *operator.Client {
	s.t.Helper()
	token := ""
	if len(s.o.Operators) > 0 {
		token = s.o.Operators[0].Token
	}
	return s.APIAs(token)
}

// APIAs is the client of the operator API of who has a token.
func (s *System) APIAs(token string) *operator.Client {
	s.t.Helper()
	o := operator.Options{Token: token}
	if s.o.OperatorTLS {
		o.TLS = s.tls.client
	}
	c, err := operator.With(s.OperatorAddr, o)
	s.must(err)
	return c
}

// HTTP is an HTTP client that trusts the certificate of OperatorTLS.
func (s *System) HTTP() *http.Client {
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: s.tls.client}}
	s.t.Cleanup(h.CloseIdleConnections)
	return h
}

// Operator calls the operator API and decodes its JSON into into (if not nil); where that is a *string, it gets the
// text.
func (s *System) Operator(method, path string, into any) {
	s.t.Helper()
	s.http(s.OperatorAddr, method, path, nil, into)
}

// Control calls the issuer's control API.
func (s *System) Control(method, path string, into any) {
	s.t.Helper()
	s.http(s.ControlAddr, method, path, nil, into)
}

func (s *System) http(addr, method, path string, body []byte, into any) {
	s.t.Helper()
	at, err := url.Parse(path)
	s.must(err)
	answer, err := httpcall.Port{Addr: addr}.Read(context.Background(), method, at.Path, at.Query(), body)
	s.must(err)
	switch into := into.(type) {
	case nil:
	case *string:
		*into = string(answer)
	default:
		s.must(json.Unmarshal(answer, into))
	}
}

// Authorize is an authorization request of a good card; change what a test is about.
func Authorize(key string, amountMinor int64) api.Request {
	r := api.Request{
		ID: key, Op: api.OpAuthorize, Key: key, Merchant: "M1", Terminal: "T1", Amount: amountMinor, Currency: "EUR",
		Card: api.Card{Number: GoodCard, Expiry: "3012", CVC: "123"},
	}
	r.Present = api.Fields(
		api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency, api.FieldCard,
	)
	return r
}

// GoodCard is a card that the issuer approves.
const GoodCard = "4111111111111111"

// On is a request on an existing payment; amountMinor 0 leaves the amount out.
func On(op api.Op, key, payment string, amountMinor int64) api.Request {
	r := api.Request{ID: key, Op: op, Key: key, Payment: payment, Amount: amountMinor}
	r.Present = api.Fields(api.FieldPayment)
	if op != api.OpStatus {
		r.Present = r.Present.With(api.FieldKey)
	}
	if amountMinor != 0 {
		r.Present = r.Present.With(api.FieldAmount)
	}
	return r
}

// ListeningAddr is where the switch listens for its issuer.
func (s *System) ListeningAddr() string { return *s.listeningAddr.Load() }

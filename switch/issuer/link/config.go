package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/mapping"
	"switchyard/switch/clock"
)

// Bounds that no option changes.
const (
	// MaxFrame is the longest message in bytes, its length not counted, that a host may send. Longer ones are skipped. An
	// 0110 with every DE that the switch knows stays below 3 KiB.
	MaxFrame = 16 << 10
	// MaxLinks is the most connections to one host.
	MaxLinks = 64
	// DefaultLinks is two: one may be lost, and two readers use two cores.
	DefaultLinks = 2
	// MaxWindow is the most requests in flight on one link: STANs, 999,999 of them, must not come round to one that is
	// still in flight.
	MaxWindow = 16384
)

// Config describes one host. Zero values take the defaults that the fields' comments give.
type Config struct {
	// Host is the name under which errors, logs and metrics know the host; required, unique in a Registerer.
	Host string
	// Addr goes to Dial, or is where Listener listens; required.
	Addr string
	// Links is how many connections are kept, 1 to MaxLinks. Default DefaultLinks.
	Links int
	// WindowPerLink is the most requests in flight on a link, 1 to MaxWindow. Default 2048.
	WindowPerLink int
	// Queue is how many callers of Acquire, and how many of AcquireAdvice, may wait for room at a time; one more is told
	// ErrBusy at once. Default 4096.
	Queue int
	// SlowAfter is the round trip from which a host counts as slow in any case, and windows narrow. Default 5 s: half the
	// time that a request is given by default. A host counts as slow before that when it takes slowFactor times as long as
	// it did at its fastest of late, and slowFloor at least.
	SlowAfter time.Duration

	// EchoIdle is how long a link may receive nothing before it is asked for an echo; each link takes up to a tenth off,
	// so that they do not ask all at once. Default 30 s.
	EchoIdle time.Duration
	// SignOnTimeout bounds each of dialling, the TLS handshake, sign-on, an echo and sign-off. Default 5 s.
	SignOnTimeout time.Duration
	// WriteTimeout bounds one socket write; a host that takes nothing for so long has lost its link. Default 5 s.
	WriteTimeout time.Duration
	// ReconnectMin is the longest wait before the first reconnect, at most 100 ms. Default 100 ms.
	ReconnectMin time.Duration
	// ReconnectMax is the longest wait between two attempts. Default 5 s.
	ReconnectMax time.Duration

	// AcquirerID is DE32 of network messages; without it they carry none.
	AcquirerID string
	// Codec packs and unpacks the host's dialect; required.
	Codec *spec.Codec
	// Framing is how messages are framed. Default: a length of two binary bytes.
	Framing framing.Format
	// Mapping makes canonical messages of the host's, and the host's of network messages; what is sent over a slot has
	// been through it. nil: they are the same.
	Mapping *mapping.Mapping
	// Echoes are what an answer must repeat. Default: DE4, 7, 37, 41 and 49.
	Echoes Echoes
	// LatestAnswer is how long after a request was sent its answer may still come. Required where answers are known by
	// their STAN alone: for so long whoever gives STANs gives no other request the same one.
	LatestAnswer time.Duration
	// SignOn is what is done before requests are sent over a connection. Default: SignOnRequired.
	SignOn SignOn
	// NoEcho asks for no echo, however long nothing has come in.
	NoEcho bool
	// Identity gives network messages their STAN and DE7; required.
	Identity Identity
	Clock    *clock.Clock // dates strays; nil: the machine's
	// Dial opens a connection; required, unless there is a Listener. It must return when ctx ends.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Listener, if set, is where the host connects to us, in place of Dial: each of its connections is a link's, Links of
	// them at a time. Close closes it.
	Listener net.Listener
	// Known tells whether an address may be the host's. Default: every one may.
	Known func(net.Addr) bool
	// TLS, if set, is spoken on what Dial or Listener returns. Without a ServerName the host part of Addr is taken for
	// what is dialed.
	TLS *tls.Config

	// OnStray is told of each response that completed nothing, one at a time, from a goroutine of the host's own. Should
	// it fall more than strayQueue behind, responses are dropped, which is counted.
	OnStray func(Stray)
	// OnMalformed is told of the frames that are no messages, and of those whose end never came, at most refusedPerSecond;
	// from the same goroutine.
	OnMalformed func(Malformed)
	// OnCutover is told that the host announced its cutover (0800, DE70 201); from the same goroutine.
	OnCutover func(host, link string)

	// Logger takes what happens to the links. Default: nothing is logged.
	Logger *zap.Logger
	// Registerer takes the host's metrics until it is closed. Default: none are kept.
	Registerer prometheus.Registerer
	// Seed makes the jitter of reconnects reproducible.
	Seed uint64
}

// Identity gives a network message (sign-on, echo, sign-off) its identity, from the same numbers as the requests of the
// host, so that no STAN is in flight twice (I9). flow's allocator implements it. It must be safe for concurrent use.
type Identity interface {
	// Next returns a STAN of 1 to 999999 and DE7, MMDDhhmmss in UTC.
	Next(ctx context.Context) (stan uint32, de7 string, err error)
}

// withDefaults returns the config completed, or an error that names the field that is wrong.
func (c Config) withDefaults() (Config, error) {
	wrong := func(field, format string, args ...any) (Config, error) {
		return c, fmt.Errorf("link: host %q: %s: %w", c.Host, field, fmt.Errorf(format, args...))
	}
	switch {
	case c.Host == "":
		return c, errors.New("link: Host: want a name")
	case c.Addr == "":
		return wrong("Addr", "want an address")
	case c.Codec == nil:
		return wrong("Codec", "want the codec of a dialect")
	case c.Identity == nil:
		return wrong("Identity", "want a source of STANs")
	case c.Dial == nil && c.Listener == nil:
		return wrong("Dial", "want a dialer, or a listener")
	case c.Echoes.STANAlone() && c.LatestAnswer <= 0:
		return wrong("LatestAnswer", "want one: answers have neither DE7 nor DE37")
	}
	for _, n := range []struct {
		field    string
		value    *int
		byDef    int
		atMost   int
		whatItIs string
	}{
		{"Links", &c.Links, DefaultLinks, MaxLinks, "links"},
		{"WindowPerLink", &c.WindowPerLink, 2048, MaxWindow, "requests"},
		{"Queue", &c.Queue, 4096, 1 << 20, "waiting callers"},
	} {
		if *n.value == 0 {
			*n.value = n.byDef
		}
		if *n.value < 1 || *n.value > n.atMost {
			return wrong(n.field, "%d: want 1 to %d %s", *n.value, n.atMost, n.whatItIs)
		}
	}
	for _, d := range []struct {
		field  string
		value  *time.Duration
		byDef  time.Duration
		atMost time.Duration
	}{
		{"SlowAfter", &c.SlowAfter, 5 * time.Second, time.Hour},
		{"EchoIdle", &c.EchoIdle, 30 * time.Second, time.Hour},
		{"SignOnTimeout", &c.SignOnTimeout, 5 * time.Second, time.Hour},
		{"WriteTimeout", &c.WriteTimeout, 5 * time.Second, time.Hour},
		{"ReconnectMin", &c.ReconnectMin, 100 * time.Millisecond, 100 * time.Millisecond},
		{"ReconnectMax", &c.ReconnectMax, 5 * time.Second, time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.byDef
		}
		if *d.value < time.Millisecond || *d.value > d.atMost {
			return wrong(d.field, "%v: want 1ms to %v", *d.value, d.atMost)
		}
	}
	if c.ReconnectMax < c.ReconnectMin {
		return wrong("ReconnectMax", "%v: want at least ReconnectMin, %v", c.ReconnectMax, c.ReconnectMin)
	}
	if c.TLS != nil && c.Listener == nil && c.TLS.ServerName == "" && !c.TLS.InsecureSkipVerify {
		name, _, err := net.SplitHostPort(c.Addr)
		if err != nil {
			return wrong("Addr", "%w: TLS needs a host and a port to know whose certificate to expect", err)
		}
		c.TLS = c.TLS.Clone()
		c.TLS.ServerName = name
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	c.Logger = c.Logger.With(zap.String("host", c.Host))
	return c, nil
}

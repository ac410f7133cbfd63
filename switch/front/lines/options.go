package lines

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/switch/front"
)

// The bounds where Options leaves them zero.
const (
	// DefaultMaxConnections is how many gateways may be connected; an idle one costs about 11 KiB.
	DefaultMaxConnections = 20_000
	// DefaultMaxUnknown is how many connections may be open that have not said who they are.
	DefaultMaxUnknown = 1024
	// DefaultMaxInFlightPerConn is how many lines of a connection may await their answers: as many as DefaultUnsentLimit
	// has room for the answers of. At 10 ms a request one connection carries 200,000 requests a second with it.
	DefaultMaxInFlightPerConn = DefaultUnsentLimit / answerRoom
	// DefaultMaxLine is the longest line in bytes, without its LF.
	DefaultMaxLine = 64 << 10
	// DefaultUnsentLimit is how many bytes of answers may wait for a peer that does not read; 512 are the least.
	DefaultUnsentLimit = 1 << 20
	// DefaultUnsentTimeout is how long they may wait.
	DefaultUnsentTimeout = 10 * time.Second
	// DefaultHelloTimeout is how long a peer may take for TLS and its hello.
	DefaultHelloTimeout = 10 * time.Second
)

// Bounds that nobody needs to set.
const (
	// MaxRefusing is how many surplus connections are told busy at the same time, beside MaxConnections; more are closed
	// without a word.
	MaxRefusing = 64
	// maxHeld is how many wrong hellos wait for their refusal at the same time; more are refused at once.
	maxHeld = 1024
	// lingerBytes and lingerTimeout bound what is read and dropped before we close a connection that we ended: bytes that
	// arrive at a closed socket make it send a reset, which would eat the last answer.
	lingerBytes   = 4 << 20
	lingerTimeout = 2 * time.Second
	// firstBuffer is a connection's read buffer while it is quiet; it grows with what arrives, up to a line.
	firstBuffer = 2 << 10
	// shrinkAfter is how long a connection may be quiet before a grown read buffer is given back.
	shrinkAfter = 30 * time.Second
	// answerRoom is what a line in flight reserves of the unsent bytes, a payment's answer with some to spare. Answers
	// that are longer, lists of payments, may break the bound: a peer that asks for many at once should read them.
	answerRoom = 512
	// keepBuffer is the largest answer buffer that is kept for the next answers.
	keepBuffer = 256 << 10
	// maxAcceptDelay bounds the pause after a failed accept, for example when no file descriptor is left.
	minAcceptDelay = 5 * time.Millisecond
	maxAcceptDelay = time.Second
)

// Options are a server's surroundings and bounds. Listener and Front are required.
type Options struct {
	// Listener accepts the connections. Serve and Shutdown close it.
	Listener net.Listener
	// Front knows who may connect and serves what it admits.
	Front *front.Front

	MaxConnections int // default DefaultMaxConnections
	// MaxPerAddress is how many may come from one address, of IPv6 from one network of 64 bits, but for loopback; default
	// a quarter of MaxConnections.
	MaxPerAddress int
	// MaxUnknown is how many may be open that have not said who they are: of more the one that is silent for longest
	// gives way, as who is to be let in says so at once. Default DefaultMaxUnknown, at most half of MaxConnections.
	MaxUnknown int

	MaxInFlightPerConn int           // default DefaultMaxInFlightPerConn
	MaxLine            int           // bytes, default DefaultMaxLine
	UnsentLimit        int           // bytes, default DefaultUnsentLimit
	UnsentTimeout      time.Duration // default DefaultUnsentTimeout
	HelloTimeout       time.Duration // default DefaultHelloTimeout
	// IdleTimeout ends a connection that sent nothing for so long and awaits no answer. Default 0, never: a gateway
	// without payments at night is no fault, and TCP keep-alive finds dead peers.
	IdleTimeout time.Duration

	// TLS, where set, is spoken on every connection. To take certificates for hellos it must ask for and verify them.
	TLS *tls.Config

	Logger     *zap.Logger           // default none
	Registerer prometheus.Registerer // default none
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Listener == nil:
		return o, errors.New("gateway: Options.Listener is missing")
	case o.Front == nil:
		return o, errors.New("gateway: Options.Front is missing")
	}
	orDefault(&o.MaxConnections, DefaultMaxConnections)
	orDefault(&o.MaxPerAddress, max(o.MaxConnections/4, 1))
	orDefault(&o.MaxUnknown, DefaultMaxUnknown)
	o.MaxUnknown = max(min(o.MaxUnknown, o.MaxConnections/2), 1)
	orDefault(&o.MaxInFlightPerConn, DefaultMaxInFlightPerConn)
	orDefault(&o.MaxLine, DefaultMaxLine)
	orDefault(&o.UnsentLimit, DefaultUnsentLimit)
	o.UnsentLimit = max(o.UnsentLimit, answerRoom)
	orDefault(&o.UnsentTimeout, DefaultUnsentTimeout)
	orDefault(&o.HelloTimeout, DefaultHelloTimeout)
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	return o, nil
}

func orDefault[T int | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

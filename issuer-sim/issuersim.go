package issuersim

import (
	"crypto/rand"
	"errors"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/clearing"
	"switchyard/issuer-sim/log"
	"switchyard/issuer-sim/rules"
	"switchyard/issuer-sim/server"
	"switchyard/spec"
	"switchyard/spec/mapping"
)

// What callers name is where it belongs.
type (
	// A Server is a running issuer.
	Server = server.Server
	// Rules choose response codes, latency and faults.
	Rules = rules.Rules
	// A Ledger is what the books add up to.
	Ledger = book.Ledger
	// Clearing says where clearing files come from and go to, and what is added to them.
	Clearing = clearing.Options
	// A ClearingFee is a row of its table of fees.
	ClearingFee = clearing.FeeRate
	// Require is what is asked of whoever connects.
	Require = server.Require
	// A TestCard is a card number with a fixed behaviour.
	TestCard = book.TestCard
)

// spoolDir is where in the data folder a clearing file stands while it is looked through.
const spoolDir = "spool"

// ParseRules reads rules; name is the file's, for errors, which say the rule and what was expected.
func ParseRules(name string, r io.Reader) (*Rules, error) { return rules.Parse(name, r) }

// TestCards returns the documented test cards, one an outcome.
func TestCards() []TestCard { return book.TestCards() }

// TestCardFor returns the number of the first test card with a response code; empty if there is none.
func TestCardFor(code string) string { return book.TestCardFor(code) }

// Repeatable are the elements of which Options.Repeats may have some.
func Repeatable() []int { return server.Repeatable() }

// New makes a server and, with a data folder, reads its log back. It serves once Serve is called. On an error the
// listeners are left open.
func New(o Options) (*Server, error) {
	if o.Listener == nil && (o.Dial == nil || o.Dialed < 1) {
		return nil, errors.New("issuersim: Options.Listener, or Dial and Dialed, are required")
	}
	if o.Codec == nil {
		o.Codec = spec.MustCodec(spec.DefaultDialect)
	}
	if err := o.Framing.Carries(o.Codec); err != nil {
		return nil, err
	}
	to, err := mapping.Compile(mapping.Config{}, o.Codec)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Entropy == nil {
		o.Entropy = rand.Reader
	}
	l := o.Limits.withDefaults()
	current := new(rules.Current)
	books := book.New(o.Seed, book.Limits{
		Cards: l.Cards, Authorizations: l.Authorizations, Messages: l.Messages,
	}, current)
	if o.Clearing.Spool == "" && o.DataDir != "" {
		o.Clearing.Spool = o.FS.PathJoin(o.DataDir, spoolDir)
	}
	desk, err := clearing.NewDesk(o.FS, o.Clearing, books, current, o.Logger)
	if err != nil {
		return nil, err
	}
	s, err := server.New(&server.Options{
		Listener: o.Listener, Control: o.ControlListener, Hosts: o.ControlHosts, Codec: o.Codec, Mapping: to,
		Framing: o.Framing.Measuring(o.Codec.Measure), Require: o.Require, Repeats: o.Repeats, Codes: o.Codes,
		Dial: o.Dial, Dialed: o.Dialed, Books: books, Desk: desk, Rules: current,
		Limits: server.Limits{
			Connections: l.Connections, FrameBytes: l.FrameBytes, Delayed: l.Delayed, WriteTimeout: l.WriteTimeout,
		},
		Logger: o.Logger, Registry: o.Registry,
	})
	if err != nil {
		return nil, err
	}
	if o.DataDir != "" {
		kept, err := log.Open(&log.Options{
			FS: o.FS, Dir: o.DataDir, Entropy: o.Entropy, Sync: o.Sync, Limit: l.LogBytes,
			Wrote: s.LogWrote, Fatal: o.Fatal, Logger: o.Logger,
		}, books)
		if err != nil {
			return nil, err
		}
		books.LogTo(kept)
	}
	if err := desk.Recover(); err != nil {
		return nil, errors.Join(err, books.CloseLog())
	}
	s.SetRules(o.Rules)
	return s, nil
}

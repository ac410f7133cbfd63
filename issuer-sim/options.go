package issuersim

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/vfs"
	"switchyard/issuer-sim/clearing"
	"switchyard/issuer-sim/rules"
	"switchyard/issuer-sim/server"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// Options are what a Server is made of.
type Options struct {
	// Listener takes the ISO 8583 connections. The server closes it. Required, unless Dial is there.
	Listener net.Listener

	// Dial makes a connection to a switch that listens for its issuers; Dialed of them are kept. Default: none.
	Dial   func(ctx context.Context) (net.Conn, error)
	Dialed int

	// ControlListener takes the control HTTP; it has no authentication, so it belongs on loopback. The server closes it.
	// Default: none, no control.
	ControlListener net.Listener

	// ControlHosts are names that the control HTTP is reached by, besides localhost and the addresses of the machine. A
	// request by another one is a web page's, and refused. Default: none.
	ControlHosts []string

	// Codec is the dialect of all connections. Default: iso87ascii.
	Codec *spec.Codec

	// Framing is how all connections frame messages. Default: a length of two binary bytes.
	Framing framing.Format

	// Require is what is refused although it could be answered. Default: nothing.
	Require server.Require

	// Repeats are what answers repeat from their requests, and add to them, of Repeatable(); DE11, 38 and 39 always.
	// Default: all but DE2.
	Repeats []int

	// Codes are what stands in DE39 of answers in place of what would stand there, both as the dialect has it. Default:
	// none.
	Codes map[string]string

	// DataDir is a folder in FS. Each applied message is appended to a log there before it is answered, and read back by
	// New. Default: empty, everything is in memory.
	DataDir string

	// FS holds DataDir and the folders of Clearing. Default: the disk.
	FS vfs.FS

	// Clearing is the clearing system's: its folders, rates and fees. Default: files come by the control HTTP alone, and
	// nobody is answered in files.
	Clearing clearing.Options

	// Entropy makes the key that seals card numbers in DataDir, where there is none yet. Default: crypto/rand.
	Entropy io.Reader

	// Sync makes the log survive a loss of power too: a sync for each batch of messages. Without it, it survives the end
	// of the process.
	Sync bool

	// Seed decides what is random: authorization codes, network ids, and what the rules draw. The same seed and messages
	// give the same answers. A data folder keeps the seed that it was made with, which must be given again.
	Seed uint64

	// Rules choose codes, latency and faults; replaced at any time by SetRules. Default: none.
	Rules *rules.Rules

	// Limits bound the memory. Zero fields take their defaults.
	Limits Limits

	// Logger. Default: silent.
	Logger *zap.Logger

	// Registry takes the metrics, and is what the control HTTP shows. Default: one of its own.
	Registry *prometheus.Registry

	// Fatal is called once when the log cannot be written any more: from then on nothing is answered. Default: none.
	Fatal func(error)
}

// Limits bound what the server keeps. Each is shared out to 32 shards of the cards, so that few cards reach theirs
// earlier.
type Limits struct {
	// Connections that are served at once; more are closed at once. Default 1,024.
	Connections int

	// FrameBytes is the longest message, without its length. A longer one is skipped. Default 8,192, at most 65,535.
	FrameBytes int

	// Cards that differ from how cards are made, at about 100 bytes each. Requests on further ones are declined with 96.
	// Default 20,000,000.
	Cards int

	// Authorizations, sales, refunds and voice captures, with their postings, at about 350 bytes each. The oldest goes for
	// a new one, and what it still held is released. Default 4,000,000.
	Authorizations int

	// Messages that are remembered for their repeats and reversals, for at most a day, at about 140 bytes each, or 175
	// once a reversal told nothing of its original but the RRN. The oldest goes for a new one. Default 4,000,000.
	Messages int

	// Delayed answers that wait at once; further ones go out without their delay. Default 262,144.
	Delayed int

	// LogBytes is the longest log that New reads back. A message that would go beyond it is not answered, and Fatal is
	// called. Default 64 GiB.
	LogBytes int64

	// WriteTimeout ends a connection whose other side does not read. Default 10 s.
	WriteTimeout time.Duration
}

// DefaultLimits are the limits where none are given.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

func (l Limits) withDefaults() Limits {
	or := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	or(&l.Connections, 1024)
	or(&l.FrameBytes, 8192)
	or(&l.Cards, 20_000_000)
	or(&l.Authorizations, 4_000_000)
	or(&l.Messages, 4_000_000)
	or(&l.Delayed, 262_144)
	l.FrameBytes = min(l.FrameBytes, spec.MaxMessage)
	if l.LogBytes <= 0 {
		l.LogBytes = 64 << 30
	}
	if l.WriteTimeout <= 0 {
		l.WriteTimeout = 10 * time.Second
	}
	return l
}

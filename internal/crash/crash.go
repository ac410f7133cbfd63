// Package crash kills the daemons under load again and again and checks that nothing is lost.
//
// A [Series] is rounds; each plays a small business day, as the demo does, and while it is played strikes: switchd,
// issuer-sim or both are killed with SIGKILL, in some rounds in the middle of a cutover, and started again on their
// data:
//
//	plan ─▶ start ─▶ play, and meanwhile: kill, inspect, start again ─▶ close, audit, ask for everything
//
// The driver connects anew and sends every request again, with its key, whose answer it did not get. A round's plan
// follows from its seed; the moment of a kill is as exact as the machine's clock and load let it be.
package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"switchyard/internal/daemons"
)

// MinPayments is the least that a round is worth being played with.
const MinPayments = 100

// Options say what to play.
type Options struct {
	Rounds   int
	Payments int    // a round
	Seed     uint64 // of the first round; each has the next one. 0: another one each time
	Bin      string // folder of the daemons' binaries; "" for that of this one
	Out      string // folder, made anew; a round that failed leaves its own there
}

// Defaults are the options of the rounds that everyone plays.
func Defaults() Options { return Options{Rounds: 50, Payments: 1500, Out: "crash-out"} }

// Series is rounds, one after the other.
type Series struct {
	Options
	Total  Totals // of all that were played
	Played int    // rounds
	Failed int    // of them, with something wrong
}

// New prepares rounds.
func New(o Options) (*Series, error) {
	if o.Rounds < 1 || o.Payments < MinPayments {
		return nil, fmt.Errorf("rounds: expected 1 or more; payments: %d or more", MinPayments)
	}
	if o.Seed == 0 {
		o.Seed = uint64(rand.Uint32())
	}
	return &Series{Options: o}, daemons.FreshFolder(o.Out)
}

// Next plays the next round. What is wrong is in the round, whose folder is kept then; an error is of what keeps the
// series from going on. Whoever plays goes on after a round that failed: how often it happens tells something.
func (s *Series) Next(ctx context.Context) (*Round, error) {
	seed := s.Seed + uint64(s.Played)
	r := newRound(seed, s.Payments, filepath.Join(s.Out, fmt.Sprintf("round-%d", seed)))
	r.run(ctx, s.Bin)
	if ctx.Err() != nil {
		return nil, errors.New("called off")
	}
	s.Played++
	s.Total.add(&r.Totals)
	if len(r.Problems) > 0 {
		s.Failed++
		return r, nil
	}
	return r, os.RemoveAll(r.Dir)
}

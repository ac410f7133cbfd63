package crash

import (
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"time"
)

// Victim is what is killed at once.
type Victim uint8

// The victims.
const (
	Switchd Victim = iota
	Issuer
	Both
	Victims // how many there are
)

var victimNames = [Victims]string{"switchd", "issuer-sim", "both"}

// String names it for people.
func (v Victim) String() string { return victimNames[v] }

// What is planned.
const (
	maxStrikes = 3
	// A strike comes up to strikeDelay after its payment, up to cutoverDelay after the cutover that it is to hit has
	// begun; what it hit stays down for up to downMost.
	strikeDelay  = 5 * time.Millisecond
	cutoverDelay = 40 * time.Millisecond
	downMost     = 150 * time.Millisecond
)

// strike is one kill and what follows.
type strike struct {
	victim      Victim
	after       int  // payments finished
	cutover     bool // begin one first
	delay       time.Duration
	down        time.Duration // until what was killed is started again
	switchFirst bool          // of both: switchd comes back before its issuer
}

func (s strike) cuts() bool { return s.cutover }

// newRound plans a round.
func newRound(seed uint64, payments int, dir string) *Round {
	rng := rand.New(rand.NewPCG(seed, 0x6372617368))
	r := &Round{Seed: seed, whole: make(map[string][sha256.Size]byte)}
	r.Dir, r.Step, r.Payments = dir, func(string, ...any) {}, payments
	for range 1 + rng.IntN(maxStrikes) {
		s := strike{
			victim: []Victim{Switchd, Switchd, Switchd, Issuer, Both}[rng.IntN(5)],
			after:  payments/20 + rng.IntN(payments*9/10),
			delay:  time.Duration(rng.Int64N(int64(strikeDelay))),
			down:   time.Duration(rng.Int64N(int64(downMost))), switchFirst: rng.IntN(2) == 0,
		}
		// One cutover a round: the one in the end closes the date after it, and none further ahead is closed by hand.
		if s.victim != Issuer && rng.IntN(3) == 0 && !slices.ContainsFunc(r.strikes, strike.cuts) {
			s.cutover, s.delay = true, time.Duration(rng.Int64N(int64(cutoverDelay)))
		}
		r.strikes = append(r.strikes, s)
	}
	slices.SortFunc(r.strikes, func(a, b strike) int { return a.after - b.after })
	return r
}

package rules

import (
	"sync/atomic"
	"time"

	"switchyard/issuer-sim/message"
)

// Rules choose response codes, latency and faults, and how many answers a second the whole host gives. They are read
// from YAML by Parse and are not changed afterwards.
//
// Each message meets the rules in their order. Of those that fit it and whose probability it draws, the first with a
// response code gives the code, the first with a latency the latency, and the first with a fault the fault. What a
// message draws is a hash of the seed, the rule and the message, so the same messages in any order meet the same fate;
// a repeat draws anew.
type Rules struct {
	rules []rule
	pace  int    // answers a second; 0 for as fast as can be
	pacer *pacer // keeps it, once begun
	begun time.Time
	text  []byte // as they were written
	// misreads tells that there is a rule by which cards are read as others.
	misreads bool
	clearing []clearingRule // for presentments
}

// maxRules bounds how many rules a message is held against.
const maxRules = 256

// MaxDelay is the longest latency, delay or pause.
const MaxDelay = 10 * time.Minute

// Fault kinds.
const (
	FaultNone         = ""
	FaultNoAnswer     = "no_answer"
	FaultLate         = "late"
	FaultDuplicate    = "duplicate"
	FaultSwapped      = "swapped"
	FaultUnsolicited  = "unsolicited"
	FaultWrongSTAN    = "wrong_stan"
	FaultWrongAmount  = "wrong_amount"
	FaultMalformed    = "malformed"
	FaultCut          = "cut"
	FaultReset        = "reset"
	FaultSilence      = "silence_after_accept"
	FaultDrip         = "slow_drip"
	faultRefuseSignOn = "refuse_sign_on"
	FaultPause        = "pause"
	FaultWrongCard    = "wrong_card"
	FaultWrongCode    = "wrong_processing"
	// What is wrong with these is what the issuer works on, and not its answer: see Misread.
	FaultMisread       = "misread"
	faultMisreadSilent = "misread_silent"
)

var faultKinds = []string{
	FaultNoAnswer, FaultLate, FaultDuplicate, FaultSwapped, FaultUnsolicited, FaultWrongSTAN, FaultWrongAmount,
	FaultMalformed, FaultCut, FaultReset, FaultSilence, FaultDrip, faultRefuseSignOn, FaultPause,
	FaultWrongCard, FaultWrongCode, FaultMisread, faultMisreadSilent,
}

// delayedFaults are those whose delay says how long.
var delayedFaults = []string{FaultLate, FaultDuplicate, FaultDrip, FaultPause}

// rule is one rule, ready to be held against a message.
type rule struct {
	name        string
	mtis        []string
	bins, pans  []message.Digits
	merchants   [][15]byte
	currencies  []uint16
	from, to    int64
	ends, unit  int64 // the amount's remainder by unit is ends; unit 0 for any
	after       time.Duration
	until       time.Duration // 0 for ever
	every, span time.Duration
	probability float64
	code        message.Code
	latency     latency
	fault       string
	delay       time.Duration
}

// Verdict is what the rules say of a message.
type Verdict struct {
	Code    message.Code
	Latency time.Duration
	Fault   string
	Delay   time.Duration // the fault's
}

// Any tells whether there are rules.
func (rs *Rules) Any() bool { return rs != nil && len(rs.rules) > 0 }

// started is a copy of the rules whose times count from now.
func (rs *Rules) started(now time.Time) *Rules {
	if rs == nil {
		return &Rules{}
	}
	return &Rules{
		rules: rs.rules, pace: rs.pace, pacer: newPacer(rs.pace), text: rs.text, begun: now, misreads: rs.misreads,
		clearing: rs.clearing,
	}
}

// Count is how many rules there are.
func (rs *Rules) Count() int { return len(rs.rules) }

// Written are the rules as they were written.
func (rs *Rules) Written() []byte { return rs.text }

// Turn is when an answer that is ready now may go out: at the pace of the whole host.
func (rs *Rules) Turn(now time.Time) time.Time { return rs.pacer.turn(now) }

// Current are the rules that the host goes by now.
type Current struct{ p atomic.Pointer[Rules] }

// Load returns the rules; never nil once some were set.
func (c *Current) Load() *Rules { return c.p.Load() }

// Set replaces the rules; nil takes them away. Their times count from now.
func (c *Current) Set(rules *Rules, now time.Time) { c.p.Store(rules.started(now)) }

package issuersim

import (
	"sync"
	"sync/atomic"
	"time"

	"switchyard/internal/mutant"
)

// issuer is the part of the simulator that knows money and no network: it takes requests and gives outcomes.
type issuer struct {
	seed   uint64
	limits Limits
	shards [shardCount]*shard
	rules  atomic.Pointer[Rules]
	log    *dataLog // nil: nothing is kept
	files  fileNames

	clearing sync.Mutex // held while a clearing file is taken
}

func newIssuer(seed uint64, limits Limits) *issuer {
	i := &issuer{seed: seed, limits: limits}
	for n := range i.shards {
		i.shards[n] = newShard(i, limits)
	}
	return i
}

// outcome is how a request is answered.
type outcome struct {
	code     code
	amount   int64    // DE4 of the answer
	authCode [6]byte  // DE38; zero for none
	network  [15]byte // DE48 03; zero for none
	conduct  conduct  // silent or deaf: no answer
	repeat   bool     // answered from memory
	tries    uint8    // how often the message was seen before
	verdict  verdict  // of the rules: how the answer is treated
	why      string   // why a reversal was refused
}

// refusedByRule tells whether an advice or reversal is as if it had not come: it is answered and nothing else. So its
// repeat is taken as new, and what a person sends again once the rule is gone arrives.
func (out *outcome) refusedByRule() bool {
	c := out.verdict.code
	return c != (code{}) && !c.approves() || out.code.is(codeMalfunction)
}

func (i *issuer) shardOf(number digits) *shard {
	return i.shards[mix(uint64(number)^i.seed)%shardCount]
}

// process works on one request: it answers a repeat from memory and a new one by its rules, card and account, applies what
// it approves and appends it to the log, whose position it returns; the answer must not be written before that is.
func (i *issuer) process(r *request, now time.Time) (out outcome, position int64) {
	at := uint32(now.Unix())
	s := i.shardOf(r.card)
	s.mu.Lock()
	defer s.mu.Unlock()

	known := s.find(r.moment, &r.rrn, r.card, at)
	if known != nil && known.fate != fateAwaited {
		out.tries = known.tries + 1
		if known.tries < 255 {
			known.tries++
		}
	}
	if rules := i.rules.Load(); rules.any() {
		out.verdict = rules.judge(r, i.seed, out.tries, now)
	}
	switch {
	case known == nil && r.advice && s.applied(r):
		// Its memory is gone and the books have it: the repeat of an advice after days of an outage.
		out.repeat, out.code, out.amount = true, codeOf(codeApproved), r.amount
		i.sign(r, &out)
		return out, i.end()
	case known == nil:
		s.decide(r, &out, at, now)
	case known.fate == fateAwaited:
		out.code = codeOf(codeNoAction)
	case known.fate == fateRefused, mutant.On(mutant.RepeatAppliedTwice):
		s.decide(r, &out, at, now)
	default:
		out.repeat = true
		out.code, out.amount = known.code, known.amount
		if known.fate == fateSilent {
			out.conduct = conductSilent
		}
		i.sign(r, &out)
		return out, i.end()
	}
	if out.conduct == conductDeaf {
		return out, 0
	}
	if (r.advice || r.class == classReversal) && out.refusedByRule() {
		if known == nil || known.fate != fateRefused {
			s.remember(seen{moment: r.moment, rrn: r.rrn, card: r.card, at: at, code: out.code, fate: fateRefused})
		}
		return out, 0
	}
	i.sign(r, &out)
	s.apply(r, &out, at, known)
	if i.log != nil {
		position = i.log.appendMessage(s, r, &out, at)
	}
	return out, position
}

// forget loses the memory of messages that were answered, as a day does: what was applied stands in the books alone.
// What it awaits, or has refused as if it had not come, it still knows.
func (i *issuer) forget() {
	for _, s := range i.shards {
		s.mu.Lock()
		for number := s.seen.first; number < s.seen.next; number++ {
			if e := s.seen.at(number); e.fate == fateAnswered || e.fate == fateSilent {
				e.at = 0
			}
		}
		s.mu.Unlock()
	}
}

// end is behind all that was logged: a repeat is answered when what it repeats is written.
func (i *issuer) end() int64 {
	if i.log == nil {
		return 0
	}
	return i.log.position()
}

// sign gives an approved request its authorization code and network id. Both follow from the seed and what the message is,
// so that a repeat gets them again.
func (i *issuer) sign(r *request, out *outcome) {
	if !out.code.approves() || r.class != classAuthorization && r.class != classFinancial {
		return
	}
	h := hashMoment(i.seed, &r.moment, &r.rrn)
	for n, v := 0, h; n < len(out.authCode); n++ {
		out.authCode[n] = '0' + byte(v%10)
		v /= 10
	}
	if r.advice && r.authCode[0] > ' ' {
		out.authCode = r.authCode // given by whoever stood in for the issuer
	}
	for n, v := 0, mix(h); n < len(out.network); n++ {
		out.network[n] = '0' + byte(v%10)
		v /= 10
	}
}

// hashMoment is a hash of the seed and a message's identity.
func hashMoment(seed uint64, m *moment, rrn *reference) uint64 {
	h := mix(seed ^ uint64(m.acquirer))
	h = mix(h ^ uint64(m.stan)<<8 ^ uint64(m.class))
	h = mix(h ^ uint64(m.de7))
	var a, b uint64
	for _, c := range rrn[:6] {
		a = a<<8 | uint64(c)
	}
	for _, c := range rrn[6:] {
		b = b<<8 | uint64(c)
	}
	return mix(mix(h^a) ^ b)
}

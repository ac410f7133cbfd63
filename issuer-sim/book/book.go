package book

import (
	"time"

	"switchyard/internal/mutant"
	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
)

// Book is the books of all cards. It takes requests and gives outcomes; safe for any number of goroutines.
type Book struct {
	seed   uint64
	limits Limits
	shards [shardCount]*shard
	rules  *rules.Current
	log    Log // nil: nothing is kept
	files  fileNames
	window window
}

// Limits bound what is kept.
type Limits struct {
	Cards          int // that differ from how cards are made
	Authorizations int // sales, refunds and voice captures too
	Messages       int // remembered for their repeats and reversals
}

// New makes books as they are when nothing has happened yet. The rules must be set before a message is processed.
func New(seed uint64, limits Limits, current *rules.Current) *Book {
	b := &Book{seed: seed, limits: limits, rules: current, window: newWindow()}
	for n := range b.shards {
		b.shards[n] = newShard(b, limits)
	}
	return b
}

// Seed is what the books were made with.
func (b *Book) Seed() uint64 { return b.seed }

// Outcome is how a request is answered.
type Outcome struct {
	Code     message.Code
	Amount   int64         // DE4 of the answer
	AuthCode [6]byte       // DE38; zero for none
	Network  [15]byte      // DE48 03; zero for none
	Conduct  Conduct       // silent or deaf: no answer
	Repeat   bool          // answered from memory
	tries    uint8         // how often the message was seen before
	Verdict  rules.Verdict // of the rules: how the answer is treated
	Why      string        // why a reversal was refused
}

// asIfNotCome tells whether an advice or reversal is answered and nothing else: a rule refused it, or it cannot be its
// original's as the books are. So its repeat is taken as new: what a person sends again arrives once the rule is gone,
// and a second partial reversal once the first one is there, whose rest its DE4 names.
func (out *Outcome) asIfNotCome() bool {
	c := out.Verdict.Code
	return c != (message.Code{}) && !c.Approves() || out.Code.Is(message.CodeMalfunction) || out.Why != ""
}

func (b *Book) shardOf(number message.Digits) *shard {
	return b.shards[message.Mix(uint64(number)^b.seed)%shardCount]
}

// Process works on one request: it answers a repeat from memory and a new one by its rules, card and account, applies
// what it approves and appends it to the log, whose position it returns; the answer must not be written before that is.
func (b *Book) Process(r *message.Request, out *Outcome, now time.Time) (position int64) {
	*out = Outcome{}
	at := uint32(now.Unix())
	s := b.shardOf(r.Card)
	s.mu.Lock()
	defer s.mu.Unlock()

	s.peek(r)
	known := s.recall(r, at)
	if known != nil && known.fate != fateAwaited {
		out.tries = known.tries + 1
		if known.tries < 255 {
			known.tries++
		}
	}
	if rules := b.rules.Load(); rules.Any() {
		out.Verdict = rules.Judge(r, b.seed, out.tries, now)
	}
	switch {
	case known == nil && r.Advice && s.applied(r):
		// Its memory is gone and the books have it: the repeat of an advice after days of an outage.
		out.Repeat, out.Code, out.Amount = true, message.CodeOf(message.CodeApproved), r.Amount
		b.sign(r, out)
		return b.end()
	case known == nil:
		s.decide(r, out, at, now)
	case known.fate == fateAwaited:
		out.Code = message.CodeOf(message.CodeNoAction)
	case known.fate == fateRefused, mutant.On(mutant.RepeatAppliedTwice):
		s.decide(r, out, at, now)
	default:
		out.Repeat = true
		out.Code, out.Amount = known.code, known.amount
		if known.fate == fateSilent {
			out.Conduct = ConductSilent
		}
		b.sign(r, out)
		return b.end()
	}
	if out.Conduct == ConductDeaf {
		return 0
	}
	if (r.Advice || r.Class == message.ClassReversal) && out.asIfNotCome() {
		if known == nil || known.fate != fateRefused {
			s.remember(seen{Moment: r.Moment, rrn: r.RRN, card: r.Card, at: at, code: out.Code, fate: fateRefused})
		}
		return 0
	}
	b.sign(r, out)
	s.apply(r, out, at, known)
	if b.log != nil {
		position = b.log.Message(r, out, at, s.logID(r.Card))
	}
	return position
}

// Forget loses the memory of messages that were answered, as a day does: what was applied stands in the books alone.
// What it awaits, or has refused as if it had not come, it still knows.
func (b *Book) Forget() {
	for _, s := range b.shards {
		s.mu.Lock()
		for number := s.seen.first; number < s.seen.next; number++ {
			if e := s.seen.at(number); e.fate == fateAnswered || e.fate == fateSilent {
				e.at = 0
			}
		}
		s.mu.Unlock()
	}
}

// sign gives an approved request its authorization code and network id. Both follow from the seed and what the message
// is, so that a repeat gets them again.
func (b *Book) sign(r *message.Request, out *Outcome) {
	if !out.Code.Approves() || r.Class != message.ClassAuthorization && r.Class != message.ClassFinancial {
		return
	}
	h := r.Moment.Hash(b.seed, &r.RRN)
	for n, v := 0, h; n < len(out.AuthCode); n++ {
		out.AuthCode[n] = '0' + byte(v%10)
		v /= 10
	}
	if r.Advice && r.AuthCode[0] > ' ' {
		out.AuthCode = r.AuthCode // given by whoever stood in for the issuer
	}
	for n, v := 0, message.Mix(h); n < len(out.Network); n++ {
		out.Network[n] = '0' + byte(v%10)
		v /= 10
	}
}

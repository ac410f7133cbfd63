package book

import (
	"fmt"
	"strconv"
	"strings"

	"switchyard/issuer-sim/message"
)

// later is what came of a posting after it was settled.
type later struct {
	reversal origin // the record that took it back
	disputes []dispute
}

// origin is a record of a clearing file.
type origin struct{ file, record uint32 }

// dispute is a chargeback and what came of it: the acquirer's answer, and what of that was charged back again.
type dispute struct {
	reference   uint64 // DE95 of all its messages, which names it; 0 in logs of earlier days
	reason      uint16 // of the newest chargeback
	ruled       bool   // by a rule
	charged     int64
	represented int64 // of it, debited again
	answer      origin
	again       int64 // of what was represented, credited again
}

// referenceDigits is the length of DE95 in the clearing system's messages.
const referenceDigits = 10

// ReferenceText is a chargeback's reference as DE95 has it; empty for none.
func ReferenceText(reference uint64) string {
	if reference == 0 {
		return ""
	}
	return fmt.Sprintf("%0*d", referenceDigits, reference)
}

// ParseReference reads DE95; false if it is no reference of the clearing system's.
func ParseReference(text string) (uint64, bool) {
	reference, err := strconv.ParseUint(text, 10, 64)
	return reference, err == nil && reference != 0 && len(text) == referenceDigits && !strings.HasPrefix(text, "+")
}

func (d *dispute) stands() int64 { return d.charged - d.represented + d.again }

// fits tells whether a second presentment is of what was charged back: of all of it, or of a part.
func (d *dispute) fits(p *Presentment) bool {
	return p.Amount > 0 && p.Amount <= d.charged && (p.Function != SecondFull || p.Amount == d.charged)
}

// stands is what of a posting the cardholder has back.
func (l *later) stands() (minor int64) {
	if l != nil {
		for i := range l.disputes {
			minor += l.disputes[i].stands()
		}
	}
	return minor
}

// charged is what of a posting was charged back first.
func (l *later) charged() (minor int64) {
	if l != nil {
		for i := range l.disputes {
			minor += l.disputes[i].charged
		}
	}
	return minor
}

// ruled is how many chargebacks are a rule's.
func (l *later) ruled() (n int) {
	if l != nil {
		for i := range l.disputes {
			if l.disputes[i].ruled {
				n++
			}
		}
	}
	return n
}

// answeredBy is the dispute that a record has answered; nil if there is none.
func (l *later) answeredBy(by origin) *dispute {
	if l != nil {
		for i := range l.disputes {
			if d := &l.disputes[i]; d.answer == by {
				return d
			}
		}
	}
	return nil
}

// answers finds the chargeback that a second presentment answers: that of its reference or, where it has none, the
// first that waits for an answer and that it fits. Without one it says why.
func (l *later) answers(p *Presentment, by origin) (*dispute, Settlement) {
	if d := l.answeredBy(by); d != nil {
		return d, SettledAlready
	}
	why := SettledUndisputed
	if l == nil {
		return nil, why
	}
	for i := range l.disputes {
		switch d := &l.disputes[i]; {
		case p.Reference != 0 && p.Reference != d.reference:
		case d.answer != origin{}:
			if why == SettledUndisputed {
				why = SettledDuplicate
			}
		case !d.fits(p):
			why = SettledOver
		default:
			return d, SettledSecond
		}
	}
	return nil, why
}

// laterOf returns what came of a posting, to be changed.
func (s *shard) laterOf(arn message.ARN) *later {
	l := s.later[arn]
	if l == nil {
		l = &later{}
		s.later[arn] = l
	}
	return l
}

// represent takes a second presentment: what was charged back is debited again, as a whole or in part, once. It says in
// the presentment which chargeback that was.
func (s *shard) represent(p *Presentment, a *authorization, posting *posting, by origin) Settlement {
	d, did := s.later[posting.arn].answers(p, by)
	if d != nil {
		p.Reference = d.reference
	}
	switch {
	case did != SettledSecond && did != SettledOver:
		return did
	case posting.state == postingReversed:
		return SettledUndone
	case a.currency != p.Currency || a.card != p.Card || p.Credit || p.Reversal:
		return SettledMismatch
	case did == SettledOver:
		return did
	}
	d.represented, d.answer = p.Amount, by
	s.move(s.open(s.keep(a.card), a.currency), a.currency, 0, p.Amount, settled)
	return SettledSecond
}

package mapping

import (
	"slices"
	"time"

	"switchyard/internal/mutant"
	"switchyard/spec"
)

// Mapping is what is done to the messages to and from one peer. Safe for concurrent use; nil does nothing.
type Mapping struct {
	iso1993       bool
	noPrivate     bool
	subfields     bool
	noAcceptor    bool
	shortOriginal bool
	noOriginal    bool
	longTime      bool // DE12 is YYMMDDhhmmss, and there is no DE13
	longDate      bool // DE15 is YYMMDD
	entry         int  // the length of DE22
	constants     []constant
	templates     bool              // some of them are templates
	codes         map[string]string // theirs → ours
}

// Private tells whether the peer is sent DE48's tags.
func (m *Mapping) Private() bool { return m == nil || !m.noPrivate }

// Originals tells whether the peer is sent what names an original by its STAN.
func (m *Mapping) Originals() bool { return m == nil || !m.noOriginal }

// Amends tells whether a message that leaves a rest authorized (DE95) is sent with that rest as its amount.
func (m *Mapping) Amends() bool { return m != nil && m.iso1993 }

// Templates tells whether SendOf needs data.
func (m *Mapping) Templates() bool { return m != nil && m.templates }

// MTI is the type, in canonical messages, of what a peer takes a message of a type for: it may know no difference.
func (m *Mapping) MTI(mti string) string {
	if m != nil && m.iso1993 && len(mti) == 4 && mti[1] == '4' && mti[2] == '0' {
		return advices[mti[3]&1]
	}
	return mti
}

// advices are what reversals are where there are none but advices, first sent and repeated.
var advices = [2]string{"0420", "0421"}

// Send makes of a canonical message what the peer is sent. at is when what it tells of happened: it gives the year that
// canonical dates do not have.
func (m *Mapping) Send(msg *spec.Message, at time.Time) error { return m.SendOf(msg, at, nil) }

// SendOf is Send for a message of a payment, with the data that templates name; nil: there are none.
func (m *Mapping) SendOf(msg *spec.Message, at time.Time, of *Data) error {
	if m == nil {
		return nil
	}
	mti := msg.MTIBytes()
	if len(mti) != 4 {
		return refuse(0, "an MTI")
	}
	request, financial := isRequest(mti), mti[1] != '8' && mti[1] != '5'
	if request && financial {
		m.forms(msg)
	}
	if m.iso1993 {
		if err := m.to1993(msg, at); err != nil {
			return err
		}
	} else if err := m.dates(msg, at); err != nil {
		return err
	} else if err := m.plainEntry(msg); err != nil {
		return err
	}
	m.leftAway(msg)
	if request && financial {
		m.setConstants(msg, mti, of)
	}
	return nil
}

// Receive makes of a message of the peer's the canonical one.
func (m *Mapping) Receive(msg *spec.Message) error {
	if m == nil {
		return nil
	}
	if len(msg.MTIBytes()) != 4 {
		return refuse(0, "an MTI")
	}
	if m.noPrivate {
		msg.Unset(dePrivate) // the peer's own: it knows nothing of our tags
	}
	if m.iso1993 {
		if err := m.from1993(msg); err != nil {
			return err
		}
	} else {
		m.undates(msg)
		m.unplainEntry(msg)
		m.code(msg)
	}
	if m.subfields {
		joinAcceptor(msg)
	}
	return nil
}

// setConstants sets what always stands in a request, and what templates make; the MTI may be the peer's by now.
func (m *Mapping) setConstants(msg *spec.Message, mti []byte, of *Data) {
	for i := range m.constants {
		c := &m.constants[i]
		if len(c.mtis) > 0 && !slices.ContainsFunc(c.mtis, func(of string) bool { return sameKind(of, mti) }) {
			continue
		}
		if c.pieces != nil {
			c.fill(msg, of)
			continue
		}
		msg.Set(c.de, c.value)
	}
}

// sameKind tells whether a message is of a type, or repeats one: but for its MTI a repeat is what it repeats. Reversals
// are all one, since a 0420 goes on from a 0400 that was not answered.
func sameKind(of string, mti []byte) bool {
	return of[1] == mti[1] && (of[2] == mti[2] || of[1] == '4')
}

// code makes ours of a response code of theirs.
func (m *Mapping) code(msg *spec.Message) (known bool) {
	if m.codes == nil {
		return false
	}
	ours, known := m.codes[string(msg.Bytes(deCode))]
	if again, twice := m.codes[ours]; twice && mutant.On(mutant.CodeMappedTwice) {
		ours = again
	}
	switch {
	case !known || !msg.Has(deCode):
		return false
	case ours == Unknown:
		msg.Unset(deCode)
	default:
		msg.Set(deCode, ours)
	}
	return true
}

// isRequest tells whether a message asks or tells, rather than answers.
func isRequest(mti []byte) bool { return (mti[2]-'0')%2 == 0 }

// The elements that are changed, by their numbers in canonical messages and, with 93, in ISO 8583:1993.
const (
	deAmount     = 4
	deSent       = 7
	deTime       = 12
	deDate       = 13
	deSettlement = 15
	deCategory   = 18
	deEntry      = 22
	deCondition  = 25
	deCode       = 39
	deAcceptor   = 43
	dePrivate    = 48
	deBalanced   = 66
	deNetwork    = 70
	deOriginal   = 90
	deReplaced   = 95

	deFunction93       = 24
	deReason93         = 25
	deCategory93       = 26
	deReconciliation93 = 28
	deAmounts93        = 30
	deOriginal93       = 56
)

func refuse(de int, want string) error { return &spec.FieldError{DE: de, Offset: -1, Want: want} }

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

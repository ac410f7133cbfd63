package message

// Class is what a repeat has in common with its original: 0100, 0101, 0120 and 0121 are one, 0400 to 0421 are one. The
// numbers stand in the data log.
type Class uint8

// The classes.
const (
	ClassNone          Class = 0
	ClassAuthorization Class = 1 // 01xx
	ClassFinancial     Class = 2 // 0200, 0201
	ClassAdvice        Class = 3 // 0220, 0221
	ClassReversal      Class = 4 // 04xx
	Classes            Class = 5 // how many there are
)

// ClassOf is the class of a request or advice; ClassNone for any other message.
func ClassOf(mti []byte) Class {
	if len(mti) != 4 || mti[0] != '0' || mti[3] > '1' {
		return ClassNone
	}
	advice := mti[2] == '2'
	if !advice && mti[2] != '0' {
		return ClassNone
	}
	switch mti[1] {
	case '1':
		return ClassAuthorization
	case '2':
		if advice {
			return ClassAdvice
		}
		return ClassFinancial
	case '4':
		return ClassReversal
	}
	return ClassNone
}

// Kind is what a message wants done. The numbers stand in the data log.
type Kind uint8

// The kinds.
const (
	KindUnsupported Kind = 0
	KindAuthorize   Kind = 1
	KindVerify      Kind = 2
	KindIncrement   Kind = 3
	KindSale        Kind = 4
	KindRefund      Kind = 5
	KindCapture     Kind = 6 // of an authorization
	KindVoice       Kind = 7 // a capture of an authorization that was obtained elsewhere
	KindReverse     Kind = 8
	KindRelease     Kind = 9  // a partial reversal
	Kinds           Kind = 10 // how many there are
)

// Moment names a message by what DE90 says of it, towards one acquirer.
type Moment struct {
	Acquirer Digits // DE32
	STAN     uint32 // DE11
	Class    Class
	DE7      uint32 // MMDDhhmmss
}

// Hash is a hash of the seed and a message's identity.
func (m *Moment) Hash(seed uint64, rrn *Reference) uint64 {
	h := Mix(seed ^ uint64(m.Acquirer))
	h = Mix(h ^ uint64(m.STAN)<<8 ^ uint64(m.Class))
	h = Mix(h ^ uint64(m.DE7))
	var a, b uint64
	for _, c := range rrn[:6] {
		a = a<<8 | uint64(c)
	}
	for _, c := range rrn[6:] {
		b = b<<8 | uint64(c)
	}
	return Mix(Mix(h^a) ^ b)
}

// Place is a moment's place in the index of the books: a hash, so that a place is a word; who looks it up compares the
// moment.
func (m *Moment) Place(card Digits) uint64 {
	h := Mix(uint64(card)) ^ uint64(m.Acquirer)
	h = Mix(h) ^ uint64(m.STAN)<<8 ^ uint64(m.Class)
	return Mix(Mix(h) ^ uint64(m.DE7))
}

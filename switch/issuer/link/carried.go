package link

import (
	"hash/maphash"

	"switchyard/spec"
)

// An answer that fits in all else and names another card (DE2), or asks for something else (DE3), tells that the host
// read the request otherwise than we wrote it: numbers of an odd length in BCD are padded on either side, and a host
// that pads on the other one reads, and charges, another card. So such an answer completes nothing, and what the host
// did is unknown. Hosts that mask DE2, or leave it away, say nothing about it.

// carried is what is kept of a request's card and processing code: enough to tell another one, and no number (I12).
type carried struct {
	card   uint64 // hash of DE2; 0: the request has none
	track  uint64 // of DE35
	bin    uint32 // the first six digits of the card, and its last four
	last   uint16
	digits uint8  // how many it has
	code   uint8  // DE3's first two digits, and one; 0: none
	expiry uint16 // DE14, and one
	time   uint32 // DE12, and one: hhmmss, with no date
}

// hashSeed is of the hashes of cards, which leave the process by no way.
var hashSeed = maphash.MakeSeed()

// Carries takes from a request, as the host is sent it, what its answer is held against beside the fields of Match:
// DE2, DE3's first two digits, and DE12 if the host must repeat it. DE14 and DE35 are compared as well, but a
// difference is only counted and logged.
func (m *Match) Carries(request *spec.Message) {
	m.carried = carried{}
	c := &m.carried
	if card := request.Bytes(deCard); whole(card) {
		c.card = hashOf(card)
		c.bin, c.last, c.digits = number(card[:binDigits]), uint16(number(card[len(card)-lastDigits:])), uint8(len(card))
	}
	if code := request.Bytes(deProcessing); len(code) > codeDigits && allDigits(code[:codeDigits]) {
		c.code = uint8(number(code[:codeDigits])) + 1
	}
	if track := request.Bytes(deTrack2); track != nil {
		c.track = trackOf(track)
	}
	if expiry := request.Bytes(deExpiry); len(expiry) == 4 && allDigits(expiry) {
		c.expiry = uint16(number(expiry)) + 1
	}
	if time := request.Bytes(deTime); len(time) >= timeDigits && allDigits(time) {
		c.time = number(time[len(time)-timeDigits:]) + 1
	}
}

// What of a card number may be shown, and DE3's digits that say what is asked for; the others are account types.
const (
	leastDigits = 12 // of a card number
	binDigits   = 6
	lastDigits  = 4
	codeDigits  = 2
	timeDigits  = 6 // of DE12, which may have its date before them
)

// sameCard tells whether DE2 of an answer is the request's, or does not tell: absent, or masked.
func (c *carried) sameCard(answer []byte) bool {
	return c.card == 0 || !whole(answer) || hashOf(answer) == c.card || c.masked(answer)
}

// masked tells whether a number of digits only is the request's card behind a mask of zeros, as a field of digits is
// masked: the same ends, and nothing between them.
func (c *carried) masked(answer []byte) bool {
	if len(answer) != int(c.digits) || number(answer[:binDigits]) != c.bin {
		return false
	}
	if number(answer[len(answer)-lastDigits:]) != uint32(c.last) {
		return false
	}
	for _, d := range answer[binDigits : len(answer)-lastDigits] {
		if d != '0' {
			return false
		}
	}
	return true
}

// sameProcessing tells whether DE3 of an answer asks for what the request asked for, or is absent.
func (c *carried) sameProcessing(answer []byte) bool {
	return c.code == 0 || answer == nil ||
		len(answer) > codeDigits && allDigits(answer[:codeDigits]) && number(answer[:codeDigits]) == uint32(c.code)-1
}

// sameTime tells whether DE12 of an answer is the request's.
func (c *carried) sameTime(answer []byte) bool {
	return len(answer) == timeDigits && allDigits(answer) && number(answer) == c.time-1
}

// odd returns the DE in which an answer that fits differs although it should not, deNone if there is none.
func (c *carried) odd(r *spec.Message) int {
	if expiry := r.Bytes(deExpiry); c.expiry != 0 && len(expiry) == 4 && allDigits(expiry) &&
		number(expiry) != uint32(c.expiry)-1 {
		return deExpiry
	}
	if track := r.Bytes(deTrack2); track != nil && c.track != 0 {
		if hash := trackOf(track); hash != 0 && hash != c.track {
			return deTrack2
		}
	}
	return deNone
}

// misread tells whether an answer that differs first in a DE, which it has, was made to a request that the host read
// otherwise.
func misread(differs int, r *spec.Message) bool {
	return (differs == deCard || differs == deProcessing) && r.Has(differs)
}

// whole tells whether DE2 is a card number from end to end.
func whole(card []byte) bool { return len(card) >= leastDigits && allDigits(card) }

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// number is the value of a few digits.
func number(digits []byte) (n uint32) {
	for _, d := range digits {
		n = n*10 + uint32(d-'0')
	}
	return n
}

// hashOf is a number's hash, never 0.
func hashOf(number []byte) uint64 { return maphash.Bytes(hashSeed, number) | 1 }

// trackOf is the hash of track 2 with either separator, 0 where it is masked.
func trackOf(track []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	for _, c := range track {
		switch {
		case c == 'D' || c == 'd':
			c = '='
		case c != '=' && (c < '0' || c > '9'):
			return 0
		}
		_ = h.WriteByte(c) // it never fails
	}
	return h.Sum64() | 1
}

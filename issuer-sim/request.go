package issuersim

import (
	"switchyard/internal/money"
	"switchyard/spec"
)

// class is what a repeat has in common with its original: 0100, 0101, 0120 and 0121 are one, 0400 to 0421 are one.
type class uint8

const (
	classNone          class = iota
	classAuthorization       // 01xx
	classFinancial           // 0200, 0201
	classAdvice              // 0220, 0221
	classReversal            // 04xx
	classes
)

// classOf is the class of a request or advice; classNone for any other message.
func classOf(mti []byte) class {
	if len(mti) != 4 || mti[0] != '0' || mti[3] > '1' {
		return classNone
	}
	advice := mti[2] == '2'
	if !advice && mti[2] != '0' {
		return classNone
	}
	switch mti[1] {
	case '1':
		return classAuthorization
	case '2':
		if advice {
			return classAdvice
		}
		return classFinancial
	case '4':
		return classReversal
	}
	return classNone
}

// kind is what a message wants done.
type kind uint8

const (
	kindUnsupported kind = iota
	kindAuthorize
	kindVerify
	kindIncrement
	kindSale
	kindRefund
	kindCapture // of an authorization
	kindVoice   // a capture of an authorization that was obtained elsewhere
	kindReverse
	kindRelease // a partial reversal
	kinds
)

// moment names a message by what DE90 says of it, towards one acquirer.
type moment struct {
	acquirer digits // DE32
	stan     uint32 // DE11
	class    class
	de7      uint32 // MMDDhhmmss
}

// request is what is kept of a message while it is worked on. What must not be kept beyond that has the last place.
type request struct {
	moment
	mti       string
	rrn       reference // DE37
	card      digits    // DE2
	kind      kind
	advice    bool
	credit    bool   // DE3 20 to 29
	amount    int64  // DE4, minor units
	currency  uint16 // DE49
	date      uint16 // DE15 MMDD; 0 if absent
	merchant  [15]byte
	authCode  [6]byte   // DE38
	firstRRN  reference // DE48 05
	number    uint32    // DE48 06
	arn       arn       // DE48 07
	partialOK bool      // DE48 17
	original  moment    // DE90; its class is classNone if absent
	stays     int64     // DE95

	expiry  uint16 // DE14, or that of track 2; 0 if absent
	cvc     uint8  // one of cvcAbsent, cvcRight, cvcWrong
	address uint8  // one of avsAbsent, avsMatch, avsMismatch
}

const (
	cvcAbsent uint8 = iota
	cvcRight
	cvcWrong
)

const (
	avsAbsent uint8 = iota
	avsMatch
	avsMismatch
)

func missing(de int, want string) error { return &spec.FieldError{DE: de, Offset: -1, Want: want} }

// parse takes out of m what the issuer goes by. Errors are *spec.FieldError and name the DE.
func (r *request) parse(m *spec.Message) error {
	*r = request{}
	mti := m.MTIBytes()
	r.mti, r.class = m.MTI(), classOf(mti)
	r.advice = mti[2] == '2'

	if err := r.parseCard(m); err != nil {
		return err
	}
	if err := r.parseIdentity(m); err != nil {
		return err
	}
	amount, ok := m.Uint(4)
	if !ok {
		return missing(4, "an amount of 12 digits")
	}
	r.amount = int64(amount)
	currency, ok := m.Uint(49)
	if !ok || len(m.Bytes(49)) != 3 {
		return missing(49, "a currency of 3 digits")
	}
	r.currency = uint16(currency)
	if m.Has(15) {
		date, ok := m.Uint(15)
		if !ok || date > 1231 {
			return missing(15, "a date MMDD")
		}
		r.date = uint16(date)
	}
	if !fill(r.merchant[:], m.Bytes(42)) {
		return missing(42, "at most 15 characters")
	}
	if !fill(r.authCode[:], m.Bytes(38)) {
		return missing(38, "at most 6 characters")
	}
	if err := r.parsePrivate(m.Bytes(48)); err != nil {
		return err
	}
	if err := r.parseOriginal(m); err != nil {
		return err
	}
	if err := r.parseKind(m); err != nil {
		return err
	}
	if _, known := currencyOf(r.currency); !known {
		r.kind = kindUnsupported
	}
	return nil
}

// parseCard reads the card's number and expiry, from track 2 where DE2 and DE14 are absent.
func (r *request) parseCard(m *spec.Message) error {
	number, expiry := m.Bytes(2), m.Bytes(14)
	if track := m.Bytes(35); track != nil && (number == nil || expiry == nil) {
		for i, c := range track {
			if c != '=' && c != 'D' {
				continue
			}
			if number == nil {
				number = track[:i]
			}
			if rest := track[i+1:]; expiry == nil && len(rest) >= 4 {
				expiry = rest[:4]
			}
			break
		}
	}
	var ok bool
	if r.card, ok = parseDigits(number); !ok || len(number) == 0 {
		return missing(2, "a card number, there or in track 2")
	}
	for _, c := range expiry {
		if c < '0' || c > '9' {
			return missing(14, "an expiry YYMM")
		}
		r.expiry = r.expiry*10 + uint16(c-'0')
	}
	return nil
}

// parseIdentity reads what tells messages apart: DE7, 11, 32 and 37. Who sends no RRN gets one of DE7 and STAN.
func (r *request) parseIdentity(m *spec.Message) error {
	de7, ok := m.Uint(7)
	if !ok || len(m.Bytes(7)) != 10 || de7 > 1231235959 {
		return missing(7, "a date and time MMDDhhmmss")
	}
	r.de7 = uint32(de7)
	stan, ok := m.Uint(11)
	if !ok || stan > maxSTAN {
		return missing(11, "6 digits")
	}
	r.stan = uint32(stan)
	if r.acquirer, ok = parseDigits(m.Bytes(32)); !ok {
		return missing(32, "up to 11 digits")
	}
	if rrn := m.Bytes(37); rrn != nil {
		if !fill(r.rrn[:], rrn) {
			return missing(37, "12 characters")
		}
		return nil
	}
	copy(r.rrn[:6], m.Bytes(7))
	copy(r.rrn[6:], m.Bytes(11))
	return nil
}

const maxSTAN = 999_999

// parsePrivate reads DE48. Data that is no list of tags is another host's and none of ours.
func (r *request) parsePrivate(data []byte) error {
	var postalCode []byte
	for tag, value := range spec.TLVs(data) {
		switch tag {
		case spec.TagFirstRRN:
			if !fill(r.firstRRN[:], value) {
				return missing(48, "an RRN of 12 characters in tag 05")
			}
		case spec.TagCaptureNumber:
			number, ok := parseNumber(value)
			if !ok {
				return missing(48, "a number of up to 6 digits in tag 06")
			}
			r.number = number
		case spec.TagARN:
			var ok bool
			if r.arn, ok = parseARN(value); !ok {
				return missing(48, "23 digits in tag 07")
			}
		case spec.TagCVC:
			r.cvc = cvcRight
			if allZero(value) {
				r.cvc = cvcWrong
			}
		case spec.TagAddressLine, spec.TagCountry:
			r.address = max(r.address, avsMatch)
		case spec.TagPostalCode:
			postalCode = value
		case spec.TagPartial:
			r.partialOK = string(value) == "1"
		}
	}
	if postalCode != nil {
		r.address = avsMatch
		if allZero(postalCode) {
			r.address = avsMismatch
		}
	}
	return nil
}

func parseNumber(b []byte) (uint32, bool) {
	if len(b) == 0 || len(b) > 6 {
		return 0, false
	}
	var n uint32
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint32(c-'0')
	}
	return n, true
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != '0' {
			return false
		}
	}
	return true
}

// parseOriginal reads DE90: MTI 4, STAN 6, DE7 10, DE32 11, DE33 11.
func (r *request) parseOriginal(m *spec.Message) error {
	b := m.Bytes(90)
	if b == nil {
		return nil
	}
	want := missing(90, "MTI, STAN, DE7, DE32 and DE33 of the original in 42 digits")
	if len(b) != 42 {
		return want
	}
	r.original.class = classOf(b[:4])
	stan, ok := parseNumber(b[4:10])
	de7, ok7 := parseDigits(b[10:20])
	acquirer, ok32 := parseDigits(trimZeros(b[20:31]))
	if !ok || !ok7 || !ok32 || de7.last(10) > 1231235959 {
		return want
	}
	r.original.stan, r.original.de7 = stan, uint32(de7.last(10))
	// DE90 pads with zeros, so what DE32 begins with cannot be told from it; ours is taken where the number is the same.
	r.original.acquirer = acquirer
	if own := m.Bytes(32); acquirer == 0 || string(trimZeros(own)) == string(trimZeros(b[20:31])) {
		r.original.acquirer = r.acquirer
	}
	return nil
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[0] == '0' {
		b = b[1:]
	}
	return b
}

// parseKind says what is wanted, from the class and the processing code's first two digits (DE3): 00 to 19 debit, 20 to
// 29 credit the cardholder. Inquiries and transfers are not supported.
func (r *request) parseKind(m *spec.Message) error {
	if r.class == classReversal {
		if r.original.class == classNone {
			return missing(90, "the original that is to be reversed")
		}
		r.kind = kindReverse
		if replacement := m.Bytes(95); replacement != nil {
			stays, ok := uint64(0), len(replacement) >= 12
			if ok {
				stays, ok = parseAmount(replacement[:12])
			}
			if !ok {
				return missing(95, "an amount of 12 digits to begin with")
			}
			r.kind, r.stays = kindRelease, int64(stays)
		}
		return nil
	}
	processing := m.Bytes(3)
	if len(processing) != 6 {
		return missing(3, "a processing code of 6 digits")
	}
	r.credit = processing[0] == '2'
	debit := processing[0] <= '1'
	switch {
	case r.class == classAuthorization && debit && r.firstRRN != (reference{}):
		r.kind = kindIncrement
	case r.class == classAuthorization && debit && r.amount == 0:
		r.kind = kindVerify
	case r.class == classAuthorization && debit:
		r.kind = kindAuthorize
	case r.class != classAuthorization && r.credit:
		r.kind = kindRefund
	case r.class == classFinancial && debit:
		r.kind = kindSale
	case r.class == classAdvice && debit && r.original.class == classNone:
		r.kind = kindVoice
	case r.class == classAdvice && debit:
		r.kind = kindCapture
	}
	return nil
}

func parseAmount(b []byte) (uint64, bool) {
	d, ok := parseDigits(b)
	if !ok {
		return 0, false
	}
	return d.last(len(b)), true
}

// currencyOf finds a currency by the number that DE49 says.
func currencyOf(numeric uint16) (money.Currency, bool) {
	b := [3]byte{'0' + byte(numeric/100%10), '0' + byte(numeric/10%10), '0' + byte(numeric%10)}
	return money.ByNumeric(string(b[:]))
}

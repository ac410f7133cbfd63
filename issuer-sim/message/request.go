package message

import "switchyard/spec"

// Request is what is kept of a message while it is worked on. What must not be kept beyond that has the last place.
type Request struct {
	Moment
	MTI       string
	RRN       Reference // DE37
	Card      Digits    // DE2
	Kind      Kind
	Advice    bool
	Credit    bool   // DE3 20 to 29
	Amount    int64  // DE4, minor units
	Currency  uint16 // DE49
	Date      uint16 // DE15 MMDD; 0 if absent
	Merchant  [15]byte
	AuthCode  [6]byte   // DE38
	FirstRRN  Reference // DE48 05
	Number    uint32    // DE48 06
	ARN       ARN       // DE48 07
	PartialOK bool      // DE48 17
	Original  Moment    // DE90; its class is ClassNone if absent, and the RRN is the original's
	Stays     int64     // DE95

	Expiry  uint16 // DE14, or that of track 2; 0 if absent
	CVC     uint8  // one of CVCAbsent, CVCRight, CVCWrong
	Address uint8  // one of AVSAbsent, AVSMatch, AVSMismatch
}

// What the CVC is.
const (
	CVCAbsent uint8 = iota
	CVCRight
	CVCWrong
)

// What the cardholder's address is.
const (
	AVSAbsent uint8 = iota
	AVSMatch
	AVSMismatch
)

// Missing is the error of an element that is not as it is wanted.
func Missing(de int, want string) error { return &spec.FieldError{DE: de, Offset: -1, Want: want} }

// Parse takes out of m what the issuer goes by. Errors are *spec.FieldError and name the DE.
func (r *Request) Parse(m *spec.Message) error {
	*r = Request{}
	mti := m.MTIBytes()
	r.MTI, r.Class = m.MTI(), ClassOf(mti)
	r.Advice = mti[2] == '2'

	if err := r.parseCard(m); err != nil {
		return err
	}
	if err := r.ParseIdentity(m); err != nil {
		return err
	}
	amount, ok := m.Uint(4)
	if !ok {
		return Missing(4, "an amount of 12 digits")
	}
	r.Amount = int64(amount)
	currency, ok := m.Uint(49)
	if !ok || len(m.Bytes(49)) != 3 {
		return Missing(49, "a currency of 3 digits")
	}
	r.Currency = uint16(currency)
	if m.Has(15) {
		date, ok := m.Uint(15)
		if !ok || date > 1231 {
			return Missing(15, "a date MMDD")
		}
		r.Date = uint16(date)
	}
	if !Fill(r.Merchant[:], m.Bytes(42)) {
		return Missing(42, "at most 15 characters")
	}
	if !Fill(r.AuthCode[:], m.Bytes(38)) {
		return Missing(38, "at most 6 characters")
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
	if _, known := CurrencyOf(r.Currency); !known {
		r.Kind = KindUnsupported
	}
	return nil
}

// parseCard reads the card's number and expiry, from track 2 where DE2 and DE14 are absent.
func (r *Request) parseCard(m *spec.Message) error {
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
	if r.Card, ok = ParseDigits(number); !ok || len(number) == 0 {
		return Missing(2, "a card number, there or in track 2")
	}
	for _, c := range expiry {
		if c < '0' || c > '9' {
			return Missing(14, "an expiry YYMM")
		}
		r.Expiry = r.Expiry*10 + uint16(c-'0')
	}
	return nil
}

// ParseIdentity reads what tells messages apart: DE7, 11, 32 and 37. Who sends no RRN gets one of DE7 and STAN.
func (r *Request) ParseIdentity(m *spec.Message) error {
	de7, ok := m.Uint(7)
	if !ok || len(m.Bytes(7)) != 10 || de7 > 1231235959 {
		return Missing(7, "a date and time MMDDhhmmss")
	}
	r.DE7 = uint32(de7)
	stan, ok := m.Uint(11)
	if !ok || stan > MaxSTAN {
		return Missing(11, "6 digits")
	}
	r.STAN = uint32(stan)
	if r.Acquirer, ok = ParseDigits(m.Bytes(32)); !ok {
		return Missing(32, "up to 11 digits")
	}
	if rrn := m.Bytes(37); rrn != nil {
		if !Fill(r.RRN[:], rrn) {
			return Missing(37, "12 characters")
		}
		return nil
	}
	copy(r.RRN[:6], m.Bytes(7))
	copy(r.RRN[6:], m.Bytes(11))
	return nil
}

// MaxSTAN is the largest STAN, DE11.
const MaxSTAN = 999_999

// parsePrivate reads DE48. Data that is no list of tags is another host's and none of ours.
func (r *Request) parsePrivate(data []byte) error {
	var postalCode []byte
	for tag, value := range spec.TLVs(data) {
		switch tag {
		case spec.TagFirstRRN:
			if !Fill(r.FirstRRN[:], value) {
				return Missing(48, "an RRN of 12 characters in tag 05")
			}
		case spec.TagCaptureNumber:
			number, ok := ParseNumber(value)
			if !ok {
				return Missing(48, "a number of up to 6 digits in tag 06")
			}
			r.Number = number
		case spec.TagARN:
			var ok bool
			if r.ARN, ok = ParseARN(value); !ok {
				return Missing(48, "23 digits in tag 07")
			}
		case spec.TagCVC:
			r.CVC = CVCRight
			if allZero(value) {
				r.CVC = CVCWrong
			}
		case spec.TagAddressLine, spec.TagCountry:
			r.Address = max(r.Address, AVSMatch)
		case spec.TagPostalCode:
			postalCode = value
		case spec.TagPartial:
			r.PartialOK = string(value) == "1"
		}
	}
	if postalCode != nil {
		r.Address = AVSMatch
		if allZero(postalCode) {
			r.Address = AVSMismatch
		}
	}
	return nil
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
func (r *Request) parseOriginal(m *spec.Message) error {
	b := m.Bytes(90)
	if b == nil {
		return nil
	}
	want := Missing(90, "MTI, STAN, DE7, DE32 and DE33 of the original in 42 digits")
	if len(b) != 42 {
		return want
	}
	r.Original.Class = ClassOf(b[:4])
	stan, ok := ParseNumber(b[4:10])
	de7, ok7 := ParseDigits(b[10:20])
	acquirer, ok32 := ParseDigits(trimZeros(b[20:31]))
	if !ok || !ok7 || !ok32 || de7.last(10) > 1231235959 {
		return want
	}
	r.Original.STAN, r.Original.DE7 = stan, uint32(de7.last(10))
	// DE90 pads with zeros, so what DE32 begins with cannot be told from it; ours is taken where the number is the same.
	r.Original.Acquirer = acquirer
	if own := m.Bytes(32); acquirer == 0 || string(trimZeros(own)) == string(trimZeros(b[20:31])) {
		r.Original.Acquirer = r.Acquirer
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
func (r *Request) parseKind(m *spec.Message) error {
	if r.Class == ClassReversal {
		if r.Original.Class == ClassNone && (m.Has(90) || !m.Has(37)) {
			return Missing(90, "the original that is to be reversed, or its RRN in DE37")
		}
		r.Kind = KindReverse
		if replacement := m.Bytes(95); replacement != nil {
			stays, ok := uint64(0), len(replacement) >= 12
			if ok {
				stays, ok = ParseAmount(replacement[:12])
			}
			if !ok {
				return Missing(95, "an amount of 12 digits to begin with")
			}
			r.Kind, r.Stays = KindRelease, int64(stays)
		}
		return nil
	}
	processing := m.Bytes(3)
	if len(processing) != 6 {
		return Missing(3, "a processing code of 6 digits")
	}
	r.Credit = processing[0] == '2'
	debit := processing[0] <= '1'
	switch {
	case r.Class == ClassAuthorization && debit && r.FirstRRN != (Reference{}):
		r.Kind = KindIncrement
	case r.Class == ClassAuthorization && debit && r.Amount == 0:
		r.Kind = KindVerify
	case r.Class == ClassAuthorization && debit:
		r.Kind = KindAuthorize
	case r.Class != ClassAuthorization && r.Credit:
		r.Kind = KindRefund
	case r.Class == ClassFinancial && debit:
		r.Kind = KindSale
	case r.Class == ClassAdvice && debit && r.Original.Class == ClassNone:
		r.Kind = KindVoice
	case r.Class == ClassAdvice && debit:
		r.Kind = KindCapture
	}
	return nil
}

package api

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/internal/money"
	"switchyard/internal/pan"
)

// Field is a field of a request, nested ones included.
type Field uint8

// The fields. Their order is the one in which a missing or surplus field is reported.
const (
	FieldKey Field = iota
	FieldMerchant
	FieldTerminal
	FieldPayment
	FieldAmount
	FieldCurrency
	FieldCard
	FieldEntry
	FieldReference
	FieldPartial
	FieldInitiator
	FieldNetworkID
	FieldThreeDS
	FieldAddress
	FieldEMV
	FieldFinal
	FieldOfKey
	FieldCapture
	FieldAuthCode
	fieldCount
)

var fieldNames = [fieldCount]string{
	"key", "merchant", "terminal", "payment", "amount", "currency", "card", "entry", "reference", "partial", "initiator",
	"network_id", "threeds", "address", "emv", "final", "of_key", "capture", "auth_code",
}

// FieldNames lists the names of the fields on the wire.
func FieldNames() []string { return slices.Clone(fieldNames[:]) }

// String returns the field's name on the wire.
func (f Field) String() string { return fieldNames[f] }

// FieldSet is a set of fields.
type FieldSet uint32

// Fields makes a set.
func Fields(fields ...Field) FieldSet {
	var s FieldSet
	for _, f := range fields {
		s |= 1 << f
	}
	return s
}

// Has tells whether a field is in the set.
func (s FieldSet) Has(f Field) bool { return s&(1<<f) != 0 }

// With returns the set with one more field.
func (s FieldSet) With(f Field) FieldSet { return s | 1<<f }

// First returns the field of a set, which is not empty, that is reported first.
func (s FieldSet) First() Field { return Field(bits.TrailingZeros32(uint32(s))) }

// shape is one way in which an operation may be called.
type shape struct{ required, optional FieldSet }

var (
	paymentOptions = Fields(
		FieldEntry, FieldReference, FieldPartial, FieldInitiator, FieldNetworkID, FieldThreeDS, FieldAddress, FieldEMV,
	)
	newPayment = shape{
		Fields(FieldKey, FieldMerchant, FieldTerminal, FieldAmount, FieldCurrency, FieldCard), paymentOptions,
	}
	authorization = shape{newPayment.required, newPayment.optional.With(FieldCapture)}
	verification  = shape{Fields(FieldKey, FieldMerchant, FieldTerminal, FieldCurrency, FieldCard), paymentOptions}
	unreferenced  = shape{newPayment.required, Fields(FieldEntry, FieldReference)}
)

// shapeOf picks the way in which the request calls its operation, by the field that tells them apart.
func shapeOf(r *Request) shape {
	switch r.Op {
	case OpAuthorize:
		return authorization
	case OpSale:
		return newPayment
	case OpVerify:
		return verification
	case OpCredit:
		return unreferenced
	case OpIncrement:
		return shape{Fields(FieldKey, FieldPayment, FieldAmount), Fields(FieldCurrency)}
	case OpCapture:
		if !r.Present.Has(FieldPayment) && r.Present&Fields(FieldCard, FieldAuthCode, FieldMerchant) != 0 {
			return shape{Fields(
				FieldKey, FieldMerchant, FieldTerminal, FieldAmount, FieldCurrency, FieldCard, FieldAuthCode,
			), Fields(FieldReference)}
		}
		return shape{Fields(FieldKey, FieldPayment), Fields(FieldAmount, FieldCurrency, FieldFinal)}
	case OpReverse:
		if r.Present.Has(FieldOfKey) {
			return shape{Fields(FieldKey, FieldMerchant, FieldOfKey), Fields(FieldAmount, FieldCurrency)}
		}
		return shape{Fields(FieldKey, FieldPayment), Fields(FieldAmount, FieldCurrency)}
	case OpVoid:
		return shape{Fields(FieldKey, FieldPayment), Fields(FieldCapture)}
	case OpRefund:
		return shape{Fields(FieldKey, FieldPayment), Fields(FieldAmount, FieldCurrency)}
	case OpStatus:
		switch {
		case r.Present.Has(FieldPayment):
			return shape{Fields(FieldPayment), 0}
		case r.Present.Has(FieldReference):
			return shape{Fields(FieldMerchant, FieldReference), 0}
		}
		return shape{Fields(FieldMerchant, FieldKey), 0}
	default:
		return shape{}
	}
}

// NotTaken is the error of a field that an operation does not take.
func NotTaken(field, op string) *Error { return FieldError(field, op+" does not take this field here") }

// NotGiven is the error of a field that an operation needs and does not have.
func NotGiven(field, op string) *Error { return FieldError(field, "missing; "+op+" needs it") }

// NoSuchOp is the error of an operation that there is not. It lists those that there are, and what more a door takes.
func NoSuchOp(more ...string) *Error {
	var names []string
	for _, op := range Ops() {
		names = append(names, op.String())
	}
	names = append(names, more...)
	last := len(names) - 1
	return &Error{
		Code: CodeUnknownOp, Field: "op",
		Message: "no such operation; expected " + strings.Join(names[:last], ", ") + " or " + names[last],
	}
}

// Surplus returns the fields present that the operation does not take in the way in which it is called.
func (r *Request) Surplus() FieldSet {
	s := shapeOf(r)
	return r.Present &^ (s.required | s.optional)
}

// Validate holds the request against the protocol and returns the first fault, or nil.
func (r *Request) Validate() *Error {
	if r.Op == OpNone {
		return FieldError("op", "missing; every request needs it")
	}
	if r.Op.String() == "" {
		return NoSuchOp()
	}
	s := shapeOf(r)
	if surplus := r.Present &^ (s.required | s.optional); surplus != 0 {
		return NotTaken(surplus.First().String(), r.Op.String())
	}
	if missing := s.required &^ r.Present; missing != 0 {
		return NotGiven(missing.First().String(), r.Op.String())
	}
	for f := range fieldCount {
		if r.Present.Has(f) {
			if err := r.check(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// check holds one present field against its format.
func (r *Request) check(f Field) *Error {
	switch f {
	case FieldKey:
		if r.Op != OpStatus && len(r.Key) > 0 && r.Key[0] == '~' {
			return FieldError("key", "keys that begin with ~ are reserved")
		}
		return checkText("key", r.Key, MaxKey)
	case FieldMerchant:
		return checkIdentifier("merchant", r.Merchant, MaxMerchant)
	case FieldTerminal:
		return checkIdentifier("terminal", r.Terminal, MaxTerminal)
	case FieldPayment:
		return checkText("payment", r.Payment, 32)
	case FieldAmount:
		if r.Amount < 1 || r.Amount > MaxAmountMinor {
			return FieldError("amount", "expected 1 to "+strconv.FormatInt(MaxAmountMinor, 10)+" minor units")
		}
	case FieldCurrency:
		return checkCurrency(r.Currency)
	case FieldCard:
		return r.Card.check()
	case FieldReference:
		return checkText("reference", r.Reference, MaxReference)
	case FieldNetworkID:
		return checkText("network_id", r.NetworkID, MaxNetworkID)
	case FieldThreeDS:
		return r.ThreeDS.check()
	case FieldAddress:
		return r.Address.check()
	case FieldEMV:
		return checkHex("emv", r.EMV, 510)
	case FieldOfKey:
		return checkText("of_key", r.OfKey, MaxKey)
	case FieldCapture:
		return r.checkCapture()
	case FieldAuthCode:
		return checkAuthCode(r.AuthCode)
	}
	return nil
}

// checkCurrency takes the letters of a currency, and says what is wrong with other text. One that ISO 4217 has no more
// is well-formed: a payment of before may have it, or a request that was made before and is repeated. For a new payment
// the flow refuses it.
func checkCurrency(letters string) *Error {
	if _, ok := money.Lookup(letters); ok {
		return nil
	}
	if _, ok := money.Lookup(strings.ToUpper(letters)); ok {
		return FieldError("currency", "expected it in capital letters, such as EUR")
	}
	if _, ok := money.ByNumeric(letters); ok {
		return FieldError("currency", "expected the letters of ISO 4217, such as EUR, and not its digits")
	}
	if len(letters) != 3 {
		return FieldError("currency", "expected the three letters of a currency of ISO 4217, such as EUR")
	}
	return FieldError("currency", "no such currency in ISO 4217; expected its three letters, such as EUR")
}

// checkCapture takes the id of a capture, and with an authorization when the switch is to capture it.
func (r *Request) checkCapture() *Error {
	switch {
	case r.Op != OpAuthorize && r.CaptureAfter != 0:
		return FieldError("capture", "expected the id of a capture")
	case r.Op != OpAuthorize:
		return checkText("capture", r.Capture, 40)
	case r.CaptureAfter < 0 || r.CaptureAfter > MaxCaptureAfter || r.CaptureAfter%time.Second != 0:
		return FieldError("capture.after", "expected whole seconds, at least PT1S and at most P35D")
	case r.CaptureAfter == 0 && r.Capture != CaptureImmediate:
		return FieldError("capture", `expected "immediate", or when: {"after":"PT48H"}`)
	}
	return nil
}

func (c *Card) check() *Error {
	if len(c.Number) < 12 || len(c.Number) > 19 || !digits(c.Number) {
		return FieldError("card.number", "expected 12 to 19 digits")
	}
	if !pan.Luhn(c.Number) {
		return FieldError("card.number", "the check digit (Luhn) is wrong")
	}
	if len(c.Expiry) != 4 || !digits(c.Expiry) || c.Expiry[2:] < "01" || c.Expiry[2:] > "12" {
		return FieldError("card.expiry", "expected YYMM with a month of 01 to 12")
	}
	if c.CVC != "" && (len(c.CVC) < 3 || len(c.CVC) > 4 || !digits(c.CVC)) {
		return FieldError("card.cvc", "expected 3 or 4 digits")
	}
	if c.Sequence != "" && (len(c.Sequence) > 3 || !digits(c.Sequence)) {
		return FieldError("card.sequence", "expected at most 3 digits")
	}
	if c.Track2 != "" {
		return c.checkTrack2()
	}
	return nil
}

// checkTrack2 takes ISO 7813 track 2 without sentinels: PAN, D or =, expiry, service code, discretionary digits.
func (c *Card) checkTrack2() *Error {
	if len(c.Track2) > 37 {
		return FieldError("card.track2", "expected at most 37 characters (DE35)")
	}
	if n := len(c.Number); len(c.Track2) < n+5 || c.Track2[:n] != c.Number || (c.Track2[n] != '=' && c.Track2[n] != 'D') {
		return FieldError("card.track2", "expected it to begin with card.number and a separator, D or =")
	}
	if !digits(c.Track2[len(c.Number)+1:]) {
		return FieldError("card.track2", "expected digits behind the separator, the expiry first")
	}
	return nil
}

func (t *ThreeDS) check() *Error {
	return firstError(
		optionalText("threeds.version", t.Version, 8),
		checkECI(t.ECI),
		optionalText("threeds.cavv", t.CAVV, 40),
		optionalText("threeds.ds_transaction_id", t.DSTransactionID, 36),
	)
}

func (a *Address) check() *Error {
	return firstError(
		optionalText("address.line", a.Line, 40),
		optionalText("address.postal_code", a.PostalCode, 10),
		optionalText("address.country", a.Country, 3),
	)
}

func firstError(errs ...*Error) *Error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func optionalText(field, s string, limit int) *Error {
	if s == "" {
		return nil
	}
	return checkText(field, s, limit)
}

// checkText takes 1 to limit characters of printable ASCII.
func checkText(field, s string, limit int) *Error {
	if s == "" || len(s) > limit {
		return FieldError(field, "expected 1 to "+strconv.Itoa(limit)+" characters")
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return FieldError(field, "expected printable ASCII")
		}
	}
	return nil
}

// checkIdentifier takes text that stands in DE41 or DE42 of a clearing record too, whose code pages disagree on a few
// characters; an identifier must not come out as another one. A space at an end would be lost as padding.
func checkIdentifier(field, s string, limit int) *Error {
	if err := checkText(field, s, limit); err != nil {
		return err
	}
	if strings.ContainsAny(s, "![]^|") {
		return FieldError(field, "expected none of ! [ ] ^ |, which EBCDIC code pages disagree on")
	}
	if s[0] == ' ' || s[len(s)-1] == ' ' {
		return FieldError(field, "expected no space at its beginning or end")
	}
	return nil
}

// checkECI takes the electronic commerce indicator as DE48 and the issuer take it, n2.
func checkECI(s string) *Error {
	if s != "" && (len(s) != 2 || !digits(s)) {
		return FieldError("threeds.eci", "expected 2 digits")
	}
	return nil
}

// checkAuthCode takes DE38 as a clearing record holds it: six letters or digits.
func checkAuthCode(s string) *Error {
	bad := FieldError("auth_code", "expected 6 letters or digits (DE38)")
	if len(s) != 6 {
		return bad
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return bad
		}
	}
	return nil
}

func checkHex(field, s string, limit int) *Error {
	if s == "" || len(s) > limit || len(s)%2 != 0 {
		return FieldError(field, "expected 2 to "+strconv.Itoa(limit)+" hex digits, an even number of them")
	}
	for i := range len(s) {
		b := s[i]
		if (b < '0' || b > '9') && (b < 'A' || b > 'F') && (b < 'a' || b > 'f') {
			return FieldError(field, "expected hex digits")
		}
	}
	return nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

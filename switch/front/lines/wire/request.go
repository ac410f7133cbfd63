package wire

import (
	"strings"

	"switchyard/internal/money"
	"switchyard/switch/api"
)

// DecodeRequest reads one line into r, whatever stood there before. The line may be reused at once: the request's
// strings share one copy of it, so a caller that keeps a string beyond the request should clone it.
//
// A line that is no JSON object is invalid_request and leaves no id. Otherwise r.ID is set wherever the line has a
// usable id, also when the first fault of another field is returned: an unknown, doubled or wrongly typed field
// (invalid_field) or an unknown operation (unknown_op). A field whose value is null is absent.
func DecodeRequest(line []byte, r *api.Request) *api.Error {
	*r = api.Request{}
	d := requestDecoder{scanner: scanner{text: string(line)}}
	d.request(r)
	if d.broken() {
		*r = api.Request{}
		return d.noObject()
	}
	return d.fault
}

// noObject is the error of a line that is no JSON object.
func (d *requestDecoder) noObject() *api.Error {
	return api.NewError(api.CodeInvalidRequest, d.where())
}

// requestDecoder is a scanner that remembers the first fault of meaning; the text is read to its end all the same, for
// the id may follow and the grammar has the first word.
type requestDecoder struct {
	scanner
	fault *api.Error
	line  *Line // nil where no hello is expected
}

func (d *requestDecoder) blame(field, message string) {
	if d.fault == nil {
		d.fault = api.FieldError(field, message)
	}
}

// blameUnknown is blame of a name that an object does not have.
func (d *requestDecoder) blameUnknown(prefix, name string) {
	if d.fault == nil {
		d.fault = api.FieldError(prefix+shown(name), d.noSuchField(prefix, name))
	}
}

// Seen bits of the names that are no api.Field.
const (
	seenGateway api.FieldSet = 1 << 28
	seenSecret  api.FieldSet = 1 << 29
	seenID      api.FieldSet = 1 << 30
	seenOp      api.FieldSet = 1 << 31
)

func (d *requestDecoder) request(r *api.Request) {
	if !d.open('{', "a JSON object") {
		return
	}
	var seen api.FieldSet
	for first := true; ; first = false {
		name, ok := d.member(first)
		if !ok {
			break
		}
		seen = d.field(r, name, seen)
	}
	d.end()
}

// field reads the value of one top-level field and returns the set of names seen so far.
func (d *requestDecoder) field(r *api.Request, name string, seen api.FieldSet) api.FieldSet {
	f, bit, known := fieldOf(name)
	switch {
	case !known, bit&(seenGateway|seenSecret) != 0 && d.line == nil:
		d.skip(1)
		d.blameUnknown("", name)
		return seen
	case seen&bit != 0:
		d.skip(1)
		d.blame(name, "given twice")
		return seen
	case bit == seenID:
		d.id(r)
		return seen | bit
	case bit == seenOp:
		d.op(r)
		return seen | bit
	case bit == seenGateway:
		d.greeting(name, &d.line.Gateway, bit)
		return seen | bit
	case bit == seenSecret:
		d.greeting(name, &d.line.Secret, bit)
		return seen | bit
	}
	if d.value(r, f) {
		r.Present = r.Present.With(f)
	}
	return seen | bit
}

// fieldOf finds a name of the top level. It is a switch because that is faster than a search through api's table.
func fieldOf(name string) (f api.Field, bit api.FieldSet, known bool) {
	switch name {
	case "id":
		return 0, seenID, true
	case "op":
		return 0, seenOp, true
	case "key":
		f = api.FieldKey
	case "merchant":
		f = api.FieldMerchant
	case "terminal":
		f = api.FieldTerminal
	case "payment":
		f = api.FieldPayment
	case "amount":
		f = api.FieldAmount
	case "currency":
		f = api.FieldCurrency
	case "card":
		f = api.FieldCard
	case "entry":
		f = api.FieldEntry
	case "reference":
		f = api.FieldReference
	case "partial":
		f = api.FieldPartial
	case "initiator":
		f = api.FieldInitiator
	case "network_id":
		f = api.FieldNetworkID
	case "threeds":
		f = api.FieldThreeDS
	case "address":
		f = api.FieldAddress
	case "emv":
		f = api.FieldEMV
	case "final":
		f = api.FieldFinal
	case "of_key":
		f = api.FieldOfKey
	case "capture":
		f = api.FieldCapture
	case "auth_code":
		f = api.FieldAuthCode
	case "gateway":
		return 0, seenGateway, true
	case "secret":
		return 0, seenSecret, true
	default:
		return 0, 0, false
	}
	return f, api.Fields(f), true
}

func (d *requestDecoder) id(r *api.Request) {
	id, given := d.text("id")
	switch {
	case !given:
	case !printable(id, api.MaxID):
		d.blame("id", "expected 1 to 64 characters of printable ASCII")
	default:
		r.ID = id
	}
}

func (d *requestDecoder) op(r *api.Request) {
	name, given := d.text("op")
	if !given {
		return
	}
	if name == hello && d.line != nil {
		d.line.Hello = true
		return
	}
	var known bool
	if r.Op, known = api.ParseOp(name); known || d.fault != nil {
		return
	}
	if d.line != nil {
		d.fault = api.NoSuchOp(hello)
		return
	}
	d.fault = api.NoSuchOp()
}

// value reads the value of a field into its place; false where it is null or faulty.
func (d *requestDecoder) value(r *api.Request, f api.Field) (given bool) {
	switch f {
	case api.FieldAmount:
		r.Amount, given = d.amount()
	case api.FieldCard:
		return d.card(&r.Card)
	case api.FieldThreeDS:
		return d.threeDS(&r.ThreeDS)
	case api.FieldAddress:
		return d.address(&r.Address)
	case api.FieldPartial:
		r.Partial, given = d.flag("partial")
	case api.FieldFinal:
		r.Final, given = d.flag("final")
	case api.FieldEntry:
		var name string
		if name, given = d.text("entry"); given {
			if r.Entry, given = api.ParseEntry(name); !given {
				d.blame("entry", "expected ecommerce, moto, stored, manual, chip, contactless or magstripe")
			}
		}
	case api.FieldInitiator:
		var name string
		if name, given = d.text("initiator"); given {
			if r.Initiator, given = api.ParseInitiator(name); !given {
				d.blame("initiator", "expected cardholder or merchant")
			}
		}
	case api.FieldCapture:
		return d.capture(r)
	case api.FieldCurrency:
		if r.Currency, given = d.text("currency"); given {
			if c, known := money.Lookup(r.Currency); known {
				r.Currency = c.Alpha // the table's string, which keeps no line alive
			}
		}
	default:
		p := stringField(r, f)
		*p, given = d.text(f.String())
	}
	return given
}

// stringField is the place of a plain text field.
func stringField(r *api.Request, f api.Field) *string {
	switch f {
	case api.FieldKey:
		return &r.Key
	case api.FieldMerchant:
		return &r.Merchant
	case api.FieldTerminal:
		return &r.Terminal
	case api.FieldPayment:
		return &r.Payment
	case api.FieldCurrency:
		return &r.Currency
	case api.FieldReference:
		return &r.Reference
	case api.FieldNetworkID:
		return &r.NetworkID
	case api.FieldEMV:
		return &r.EMV
	case api.FieldOfKey:
		return &r.OfKey
	case api.FieldAuthCode:
		return &r.AuthCode
	}
	panic("wire: " + f.String() + " is no text field")
}

// text reads a string; false where it is null or something else.
func (d *requestDecoder) text(field string) (value string, given bool) {
	switch d.peek() {
	case '"':
		return d.str(), true
	case 'n':
		d.word("null")
	default:
		d.skip(1)
		d.blame(field, "expected a string")
	}
	return "", false
}

// inner reads a string of a nested object. There an empty one is refused here: Validate takes it for an absent one.
func (d *requestDecoder) inner(field string) string {
	value, given := d.text(field)
	if given && value == "" {
		d.blame(field, "expected at least one character; an absent field is left out or null")
	}
	return value
}

func (d *requestDecoder) flag(field string) (value, given bool) {
	switch d.peek() {
	case 't':
		d.word("true")
		return true, true
	case 'f':
		d.word("false")
		return false, true
	case 'n':
		d.word("null")
	default:
		d.skip(1)
		d.blame(field, "expected true or false")
	}
	return false, false
}

// amount reads an integer. One beyond any amount's digits is refused here, for it may not fit an int64.
func (d *requestDecoder) amount() (minor int64, given bool) {
	c := d.peek()
	switch {
	case c == 'n':
		d.word("null")
		return 0, false
	case c != '-' && (c < '0' || c > '9'):
		d.skip(1)
		d.blame("amount", "expected an integer")
		return 0, false
	}
	text, integer := d.number()
	if !integer {
		d.blame("amount", "expected an integer of minor units, without fraction or exponent")
		return 0, false
	}
	const maxDigits = 18 // fits an int64 whatever they are
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	if len(text) > maxDigits {
		d.blame("amount", "expected at most twelve digits (DE4)")
		return 0, false
	}
	for i := range len(text) {
		minor = minor*10 + int64(text[i]-'0')
	}
	if negative {
		minor = -minor
	}
	return minor, true
}

// nested begins an object-valued field; false where it is null or no object.
func (d *requestDecoder) nested(field string) bool {
	switch d.peek() {
	case '{':
		d.i++
		return true
	case 'n':
		d.word("null")
	default:
		d.skip(1)
		d.blame(field, "expected an object")
	}
	return false
}

// innerFault steps over a nested field that is unknown or was seen.
func (d *requestDecoder) innerFault(prefix, name string, known bool) {
	d.skip(2)
	if known {
		d.blame(prefix+name, "given twice")
	} else {
		d.blameUnknown(prefix, name)
	}
}

func (d *requestDecoder) card(c *api.Card) bool {
	if !d.nested("card") {
		return false
	}
	var seen uint8
	for first := true; ; first = false {
		name, ok := d.member(first)
		if !ok {
			return true
		}
		var field string
		var into *string
		var bit uint8
		switch name {
		case "number":
			field, into, bit = "card.number", &c.Number, 1
		case "expiry":
			field, into, bit = "card.expiry", &c.Expiry, 2
		case "cvc":
			field, into, bit = "card.cvc", &c.CVC, 4
		case "sequence":
			field, into, bit = "card.sequence", &c.Sequence, 8
		case "track2":
			field, into, bit = "card.track2", &c.Track2, 16
		}
		if into == nil || seen&bit != 0 {
			d.innerFault("card.", name, into != nil)
			continue
		}
		seen |= bit
		*into = d.inner(field)
	}
}

func (d *requestDecoder) threeDS(t *api.ThreeDS) bool {
	if !d.nested("threeds") {
		return false
	}
	var seen uint8
	for first := true; ; first = false {
		name, ok := d.member(first)
		if !ok {
			return true
		}
		var field string
		var into *string
		var bit uint8
		switch name {
		case "version":
			field, into, bit = "threeds.version", &t.Version, 1
		case "eci":
			field, into, bit = "threeds.eci", &t.ECI, 2
		case "cavv":
			field, into, bit = "threeds.cavv", &t.CAVV, 4
		case "ds_transaction_id":
			field, into, bit = "threeds.ds_transaction_id", &t.DSTransactionID, 8
		}
		if into == nil || seen&bit != 0 {
			d.innerFault("threeds.", name, into != nil)
			continue
		}
		seen |= bit
		*into = d.inner(field)
	}
}

func (d *requestDecoder) address(a *api.Address) bool {
	if !d.nested("address") {
		return false
	}
	var seen uint8
	for first := true; ; first = false {
		name, ok := d.member(first)
		if !ok {
			return true
		}
		var field string
		var into *string
		var bit uint8
		switch name {
		case "line":
			field, into, bit = "address.line", &a.Line, 1
		case "postal_code":
			field, into, bit = "address.postal_code", &a.PostalCode, 2
		case "country":
			field, into, bit = "address.country", &a.Country, 4
		}
		if into == nil || seen&bit != 0 {
			d.innerFault("address.", name, into != nil)
			continue
		}
		seen |= bit
		*into = d.inner(field)
	}
}

// capture reads the id of a capture, or when an authorization is to be captured.
func (d *requestDecoder) capture(r *api.Request) (given bool) {
	if d.peek() != '{' {
		r.Capture, given = d.text("capture")
		return given
	}
	d.i++
	seen := false
	for first := true; ; first = false {
		name, ok := d.member(first)
		if !ok {
			break
		}
		if name != "after" || seen {
			d.innerFault("capture.", name, name == "after")
			continue
		}
		seen = true
		text, given := d.text("capture.after")
		if r.CaptureAfter, ok = parseDuration(text); given && !ok {
			d.blame("capture.after", "expected a duration of ISO 8601 such as PT48H or P7D, in days, hours, minutes and seconds")
		}
	}
	if r.CaptureAfter == 0 {
		d.blame("capture.after", "missing; expected a duration such as PT48H")
	}
	return true
}

// printable tells whether s is 1 to limit characters of printable ASCII.
func printable(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// shown makes a sender's field name fit for an answer: short, printable, and no card number in disguise (I12).
func shown(name string) string {
	const maxShown, maxShownDigits = 32, 6
	digits := 0
	clean := strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r > '~':
			return '?'
		case r >= '0' && r <= '9':
			if digits++; digits > maxShownDigits {
				return '*'
			}
		}
		return r
	}, name)
	return clean[:min(len(clean), maxShown)]
}

// AppendRequest writes r as one JSON object, without the LF. A field is written when it holds something or stands in
// r.Present, so a caller that builds requests need not keep Present; an empty id is left out.
func AppendRequest(b []byte, r *api.Request) []byte {
	b = append(b, '{')
	b = optional(b, `"id":`, r.ID)
	b = member(b, `"op":`, r.Op.String())
	b = field(b, r, api.FieldKey, `"key":`, r.Key)
	b = field(b, r, api.FieldMerchant, `"merchant":`, r.Merchant)
	b = field(b, r, api.FieldTerminal, `"terminal":`, r.Terminal)
	b = field(b, r, api.FieldPayment, `"payment":`, r.Payment)
	if r.Amount != 0 || r.Present.Has(api.FieldAmount) {
		b = memberInt(b, `"amount":`, r.Amount)
	}
	b = field(b, r, api.FieldCurrency, `"currency":`, r.Currency)
	if r.Card != (api.Card{}) || r.Present.Has(api.FieldCard) {
		b = appendCard(b, &r.Card)
	}
	if r.Entry != api.EntryEcommerce || r.Present.Has(api.FieldEntry) {
		b = member(b, `"entry":`, r.Entry.String())
	}
	b = field(b, r, api.FieldReference, `"reference":`, r.Reference)
	if r.Partial || r.Present.Has(api.FieldPartial) {
		b = memberBool(b, `"partial":`, r.Partial)
	}
	if r.Initiator != api.InitiatorCardholder || r.Present.Has(api.FieldInitiator) {
		b = member(b, `"initiator":`, r.Initiator.String())
	}
	b = field(b, r, api.FieldNetworkID, `"network_id":`, r.NetworkID)
	if r.ThreeDS != (api.ThreeDS{}) || r.Present.Has(api.FieldThreeDS) {
		b = appendThreeDS(b, &r.ThreeDS)
	}
	if r.Address != (api.Address{}) || r.Present.Has(api.FieldAddress) {
		b = appendAddress(b, &r.Address)
	}
	b = field(b, r, api.FieldEMV, `"emv":`, r.EMV)
	if r.Final || r.Present.Has(api.FieldFinal) {
		b = memberBool(b, `"final":`, r.Final)
	}
	b = field(b, r, api.FieldOfKey, `"of_key":`, r.OfKey)
	if r.CaptureAfter != 0 {
		b = append(name(b, `"capture":`), '{')
		b = append(member(b, `"after":`, formatDuration(r.CaptureAfter)), '}')
	} else {
		b = field(b, r, api.FieldCapture, `"capture":`, r.Capture)
	}
	b = field(b, r, api.FieldAuthCode, `"auth_code":`, r.AuthCode)
	return append(b, '}')
}

func field(b []byte, r *api.Request, f api.Field, quoted, value string) []byte {
	if value == "" && !r.Present.Has(f) {
		return b
	}
	return member(b, quoted, value)
}

func appendCard(b []byte, c *api.Card) []byte {
	b = append(name(b, `"card":`), '{')
	b = optional(b, `"number":`, c.Number)
	b = optional(b, `"expiry":`, c.Expiry)
	b = optional(b, `"cvc":`, c.CVC)
	b = optional(b, `"sequence":`, c.Sequence)
	b = optional(b, `"track2":`, c.Track2)
	return append(b, '}')
}

func appendThreeDS(b []byte, t *api.ThreeDS) []byte {
	b = append(name(b, `"threeds":`), '{')
	b = optional(b, `"version":`, t.Version)
	b = optional(b, `"eci":`, t.ECI)
	b = optional(b, `"cavv":`, t.CAVV)
	b = optional(b, `"ds_transaction_id":`, t.DSTransactionID)
	return append(b, '}')
}

func appendAddress(b []byte, a *api.Address) []byte {
	b = append(name(b, `"address":`), '{')
	b = optional(b, `"line":`, a.Line)
	b = optional(b, `"postal_code":`, a.PostalCode)
	b = optional(b, `"country":`, a.Country)
	return append(b, '}')
}

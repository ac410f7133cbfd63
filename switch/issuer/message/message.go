// Package message builds the ISO 8583 requests that the switch sends from a payment's record: docs/iso8583.md as code.
//
// It guarantees that a repeat differs from the first sending in its MTI only, and that later messages name their
// original as it was sent, whatever the config says by then: everything comes from the record, times from the
// operation's own. What only the gateway's request holds (CVC, track 2, 3-D Secure data, address, chip data) goes
// into the first sending of a request and never into an advice.
//
// Payments from before acquirer and acceptor were recorded go under Builder.Unrecorded, and DE43 is today's profile.
//
// It sends nothing and stores nothing.
package message

import (
	"fmt"
	"strconv"

	"switchyard/internal/money"
	"switchyard/internal/mutant"
	"switchyard/spec"
	"switchyard/spec/mapping"
	"switchyard/switch/api"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
)

// Reversal reasons, DE48 tag 04.
const (
	reasonCustomer = "4000"
	reasonTimeout  = "4021"
)

// Builder builds messages. Safe for concurrent use.
type Builder struct {
	AcquirerID string // DE32 of new payments, up to 11 digits
	Unrecorded string // DE32 of payments whose record has none
	Merchants  *merchant.Directory
}

// Record writes into a new payment what its messages will repeat: the acquirer and, of the merchant's profile, DE43.
func (b *Builder) Record(p *payment.Payment, profile *merchant.Profile) {
	p.Acquirer = b.AcquirerID
	p.AcceptorName, p.AcceptorCity, p.AcceptorCountry = profile.Name, profile.City, profile.CountryAlpha2()
}

// Acquirer returns DE32 of a payment's messages.
func (b *Builder) Acquirer(p *payment.Payment) string {
	switch {
	case mutant.On(mutant.AcquirerFromConfig):
		return b.AcquirerID
	case p.Acquirer == "":
		return b.Unrecorded
	}
	return p.Acquirer
}

// setNameLocation sets DE43.
func (b *Builder) setNameLocation(m *spec.Message, p *payment.Payment) {
	if p.AcceptorName != "" {
		var room [40]byte
		m.SetBytes(43, merchant.AppendNameLocation(room[:0], p.AcceptorName, p.AcceptorCity, p.AcceptorCountry))
		return
	}
	profile := b.Merchants.Lookup(p.Merchant)
	if profile == nil { // taken out of the merchants file: what was accepted when it was there has to arrive
		profile = b.Merchants.Fallback(p.Merchant)
	}
	m.Set(43, profile.NameLocation())
}

// Card is what a message needs of the card.
type Card struct {
	PAN    string
	Expiry string // YYMM
}

// MTI returns the message type of operation i: its first sending, or with repeat the advice's repeat.
func MTI(p *payment.Payment, i int, repeat bool) string {
	op := &p.Ops[i]
	row := op.Kind.Row()
	asked := row.Request != "" && (row.Advice == "" || !op.Advised)
	if op.Kind == payment.KindVoid && p.Ops[op.Target].Kind.Fact() {
		asked = false // what the issuer was told by an advice is taken back by one
	}
	switch {
	case asked:
		return row.Request
	case repeat:
		return row.Repeat
	}
	return row.Advice
}

// ProcessingCode returns DE3 of operation i; that of what it undoes where it undoes something.
func ProcessingCode(p *payment.Payment, i int) string {
	op := &p.Ops[i]
	if code := op.Kind.Row().ProcessingCode; code != "" || op.Target == payment.NoTarget {
		return code
	}
	return p.Ops[op.Target].Kind.Row().ProcessingCode
}

// Build writes operation i of a payment into m. req is the gateway's request where this is its first sending, else nil.
func (b *Builder) Build(m *spec.Message, p *payment.Payment, i int, card Card, req *api.Request, repeat bool) error {
	op := &p.Ops[i]
	mti := MTI(p, i, repeat)
	currency, ok := money.Lookup(p.Currency)
	reversal := mti != "" && mti[1] == '4'
	acquirer := b.Acquirer(p)
	switch {
	case mti == "":
		return fmt.Errorf("operation %s of payment %s sends no message", op.Kind, p.ID)
	case !ok:
		return fmt.Errorf("currency %s of payment %s is not known", p.Currency, p.ID)
	}
	m.Reset()
	m.SetMTI(mti)
	m.Set(2, card.PAN)
	m.Set(3, ProcessingCode(p, i))
	m.SetUint(4, uint64(amount(p, i)), 12)
	m.Set(7, op.DE7)
	m.SetUint(11, uint64(op.STAN), 6)
	var clock [10]byte
	at := op.At.UTC().AppendFormat(clock[:0], "0102150405")
	m.SetBytes(12, at[4:])
	m.SetBytes(13, at[:4])
	if !reversal {
		m.Set(14, card.Expiry)
		m.Set(18, p.MCC)
		m.Set(22, posEntry(api.Entry(p.Entry)))
		b.setNameLocation(m, p)
	}
	if date := businessDate(p, i); date != 0 {
		m.SetUint(15, uint64(date)%10000, 4)
	}
	m.Set(25, posCondition(api.Entry(p.Entry)))
	m.Set(32, acquirer)
	m.Set(37, op.RRN)
	if code := p.Ops[0].AuthCode; code != "" && (reversal || op.Kind.Fact()) {
		m.Set(38, code)
	}
	m.Set(41, p.Terminal)
	m.Set(42, p.Merchant)
	m.Set(49, currency.Numeric)
	if i == 0 && req != nil {
		buildFirst(m, p, req)
	}
	var room [256]byte
	if tlv := appendPrivate(room[:0], p, i, req); len(tlv) > 0 {
		m.SetBytes(48, tlv)
	}
	original(m, p, i, acquirer)
	return nil
}

// Data writes what a host's mapping may put into the message of operation i beside what Build writes.
func Data(d *mapping.Data, p *payment.Payment, i int) {
	op := &p.Ops[i]
	*d = mapping.Data{
		Reference: p.Reference, RRN: op.RRN, FirstRRN: p.Ops[0].RRN, STAN: op.STAN, Date: int32(businessDate(p, i)),
		Merchant: p.Merchant, Terminal: p.Terminal, Category: p.MCC, Entry: posEntry(api.Entry(p.Entry)), ECI: p.ECI,
		Number: op.Number, ARN: op.ARN,
	}
	p.ID.AppendTo(d.Payment[:0])
}

// buildFirst adds what only the request that makes a payment carries.
func buildFirst(m *spec.Message, p *payment.Payment, req *api.Request) {
	if p.Sequence != "" {
		n, _ := strconv.ParseUint(p.Sequence, 10, 16)
		m.SetUint(23, n, 3)
	}
	if req.Card.Track2 != "" {
		m.Set(35, req.Card.Track2)
	}
	if req.EMV != "" {
		m.Set(55, req.EMV)
	}
}

// amount is DE4 of operation i. A reversal carries what its original asked for, also where less was granted; one that
// leaves a rest authorized carries what was authorized before it, and the rest stands in DE95.
func amount(p *payment.Payment, i int) int64 {
	switch op := &p.Ops[i]; op.Kind {
	case payment.KindReverse, payment.KindRelease, payment.KindExpire:
		return op.Amount + op.Stays
	case payment.KindVoid:
		return p.Ops[op.Target].Amount
	default:
		return op.Amount
	}
}

// businessDate is DE15: the date on which the operation, or what it undoes, clears.
func businessDate(p *payment.Payment, i int) payment.Date {
	op := &p.Ops[i]
	if op.Date == 0 && op.Target != payment.NoTarget {
		return p.Ops[op.Target].Date
	}
	return op.Date
}

// original adds DE90, the message that this one completes or undoes, and DE95, what stays authorized.
func original(m *spec.Message, p *payment.Payment, i int, acquirer string) {
	op := &p.Ops[i]
	target := op.Target
	switch op.Kind.Row().Original {
	case payment.OriginalFirst:
		target = 0
	case payment.OriginalTarget:
	case payment.OriginalNone:
		return
	}
	if p.Ops[target].Kind == payment.KindVoice {
		return
	}
	o := &p.Ops[target]
	var de90 [42]byte
	d := append(de90[:0], MTI(p, target, false)...)
	d = appendDigits(d, uint64(o.STAN), 6)
	d = append(d, o.DE7...)
	for range 11 - len(acquirer) {
		d = append(d, '0')
	}
	d = append(d, acquirer...)
	d = append(d, "00000000000"...)
	m.SetBytes(90, d)
	if op.Stays > 0 {
		var de95 [42]byte
		d := appendDigits(de95[:0], uint64(op.Stays), 12)
		for len(d) < len(de95) {
			d = append(d, '0')
		}
		m.SetBytes(95, d)
	}
}

// appendDigits appends a decimal number of a fixed width.
func appendDigits(dst []byte, v uint64, width int) []byte {
	n := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for at := n + width - 1; at >= n && v > 0; at-- {
		dst[at] = byte('0' + v%10)
		v /= 10
	}
	return dst
}

// appendPrivate appends DE48.
func appendPrivate(t []byte, p *payment.Payment, i int, req *api.Request) []byte {
	op := &p.Ops[i]
	switch op.Kind {
	case payment.KindAuthorize, payment.KindVerify, payment.KindSale, payment.KindStandIn:
		if p.ECI != "" {
			t = spec.AppendTLV(t, spec.TagECI, p.ECI)
		}
		if api.Initiator(p.Initiator) == api.InitiatorMerchant {
			t = spec.AppendTLV(t, spec.TagInitiator, "M")
		} else {
			t = spec.AppendTLV(t, spec.TagInitiator, "C")
		}
		if req != nil {
			t = appendRequestTLV(t, req)
		}
		if op.Kind == payment.KindSale {
			t = appendClearingTLV(t, op)
		}
	case payment.KindIncrement:
		t = spec.AppendTLV(t, spec.TagFirstRRN, p.Ops[0].RRN)
	case payment.KindCapture:
		t = spec.AppendTLV(t, spec.TagFirstRRN, p.Ops[0].RRN)
		t = appendClearingTLV(t, op)
		if op.Final {
			t = spec.AppendTLV(t, spec.TagFinal, "1")
		}
	case payment.KindRefund:
		t = spec.AppendTLV(t, spec.TagFirstRRN, p.Ops[0].RRN)
		t = appendClearingTLV(t, op)
	case payment.KindCredit:
		if req != nil {
			t = appendRequestTLV(t, req)
		}
		t = appendClearingTLV(t, op)
	case payment.KindTimeoutReversal:
		reason := reasonCustomer
		if p.Ops[op.Target].State == payment.StateUnknown {
			reason = reasonTimeout
		}
		t = spec.AppendTLV(t, spec.TagReversalReason, reason)
		t = spec.AppendTLV(t, spec.TagFirstRRN, p.Ops[0].RRN)
	case payment.KindReverse, payment.KindRelease, payment.KindExpire, payment.KindVoid:
		t = spec.AppendTLV(t, spec.TagReversalReason, reasonCustomer)
		t = spec.AppendTLV(t, spec.TagFirstRRN, p.Ops[0].RRN)
	case payment.KindNone, payment.KindVoice, payment.KindVoidPresentment, payment.KindReject, payment.KindChargeback,
		payment.KindSettle, payment.KindResubmit, payment.KindWriteOff, payment.KindRepresent,
		payment.KindAcceptDispute: // no message is theirs
	}
	return t
}

func appendClearingTLV(t []byte, op *payment.Op) []byte {
	t = spec.AppendTLV(t, spec.TagCaptureNumber, strconv.Itoa(op.Number))
	return spec.AppendTLV(t, spec.TagARN, op.ARN)
}

func appendRequestTLV(t []byte, req *api.Request) []byte {
	for _, f := range [...]struct{ tag, value string }{
		{spec.TagNetworkID, req.NetworkID},
		{spec.TagThreeDSVersion, req.ThreeDS.Version},
		{spec.TagCAVV, req.ThreeDS.CAVV},
		{spec.TagDSTransactionID, req.ThreeDS.DSTransactionID},
		{spec.TagCVC, req.Card.CVC},
		{spec.TagAddressLine, req.Address.Line},
		{spec.TagPostalCode, req.Address.PostalCode},
		{spec.TagCountry, req.Address.Country},
	} {
		if f.value != "" {
			t = spec.AppendTLV(t, f.tag, f.value)
		}
	}
	if req.Partial {
		t = spec.AppendTLV(t, spec.TagPartial, "1")
	}
	return t
}

// posEntry is DE22: how the PAN was obtained, and that no PIN can be entered (0 or 1).
func posEntry(e api.Entry) string {
	switch e {
	case api.EntryMOTO, api.EntryManual:
		return "010"
	case api.EntryStored:
		return "100"
	case api.EntryChip:
		return "051"
	case api.EntryContactless:
		return "071"
	case api.EntryMagstripe:
		return "021"
	case api.EntryEcommerce:
	}
	return "810"
}

// posCondition is DE25.
func posCondition(e api.Entry) string {
	switch e {
	case api.EntryMOTO:
		return "08"
	case api.EntryEcommerce, api.EntryStored:
		return "59"
	case api.EntryManual, api.EntryChip, api.EntryContactless, api.EntryMagstripe:
	}
	return "00"
}

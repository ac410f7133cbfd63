package record

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// paymentFormat is the newest format of a payment's record: all that is written.
const paymentFormat = 2

// The bits of an operation's field set: a field whose bit is not set has its zero value (Target: NoTarget). The fields
// follow in the order of their bits. They stand on disks: append only.
const (
	opKey          = 1 << 0
	opAmount       = 1 << 1
	opGranted      = 1 << 2
	opTarget       = 1 << 3
	opNumber       = 1 << 4
	opFinal        = 1 << 5 // no bytes follow
	opAdvised      = 1 << 6 // no bytes follow
	opStays        = 1 << 7
	opAt           = 1 << 8
	opDoneAt       = 1 << 9
	opHost         = 1 << 10
	opSTAN         = 1 << 11
	opDE7          = 1 << 12
	opRRN          = 1 << 13
	opResponseCode = 1 << 14
	opAuthCode     = 1 << 15
	opNetworkID    = 1 << 16
	opAVS          = 1 << 17
	opCVCResult    = 1 << 18
	opLate         = 1 << 19
	opDate         = 1 << 20
	opARN          = 1 << 21
	opSource       = 1 << 22
	opReason       = 1 << 23

	opCarried    = 1 << 25
	opCaptureAt  = 1 << 26
	opForcePost  = 1 << 27 // no bytes follow
	opAutomatic  = 1 << 28 // no bytes follow
	opPastWindow = 1 << 29 // no bytes follow
	opDue        = 1 << 30
	opWindow     = 1 << 31
	opIssuerRef  = 1 << 32
	opEnd        = 1 << 33
)

// AppendPayment appends p's record to b. It refuses what the record could not give back: negative amounts, times that
// do not fit, texts over MaxText, more than payment.MaxOps operations.
func AppendPayment(b []byte, p *payment.Payment) ([]byte, error) {
	if len(p.Ops) > payment.MaxOps {
		return b, fmt.Errorf("journal: payment %s: %d operations, expected at most %d", p.ID, len(p.Ops), payment.MaxOps)
	}
	if !journal.Storable(p.Created) || !journal.Storable(p.Expires) {
		return b, fmt.Errorf("journal: payment %s: created or expires is out of range", p.ID)
	}
	longest := max(len(p.Gateway), len(p.Merchant), len(p.Terminal), len(p.Currency), len(p.Reference), len(p.MCC),
		len(p.Route), len(p.ECI), len(p.Sequence), len(p.EMV), len(p.MaskedPAN), len(p.SealedCard), len(p.Acquirer),
		len(p.AcceptorName), len(p.AcceptorCity), len(p.AcceptorCountry))
	if longest > journal.MaxText {
		return b, fmt.Errorf("journal: payment %s: a text of %d bytes, expected at most %d", p.ID, longest, journal.MaxText)
	}
	b = append(b, paymentFormat)
	b = binary.AppendUvarint(b, p.Version)
	b = appendText(b, p.Gateway)
	b = appendText(b, p.Merchant)
	b = appendText(b, p.Terminal)
	b = appendText(b, p.Currency)
	b = appendText(b, p.Reference)
	b = append(b, p.Entry, p.Initiator)
	b = appendText(b, p.MCC)
	b = appendText(b, p.Route)
	b = appendText(b, p.ECI)
	b = appendText(b, p.Sequence)
	b = appendText(b, p.EMV)
	b = appendText(b, p.MaskedPAN)
	b = append(b, p.PANHash[:]...)
	b = binary.BigEndian.AppendUint32(b, p.SealKey)
	b = binary.AppendUvarint(b, uint64(len(p.SealedCard)))
	b = append(b, p.SealedCard...)
	b = appendText(b, p.Acquirer)
	b = appendText(b, p.AcceptorName)
	b = appendText(b, p.AcceptorCity)
	b = appendText(b, p.AcceptorCountry)
	b = appendTime(b, p.Created)
	b = appendTime(b, p.Expires)
	b = binary.AppendUvarint(b, uint64(len(p.Ops)))
	for i := range p.Ops {
		var problem string
		if b, problem = appendOp(b, &p.Ops[i]); problem != "" {
			return b, fmt.Errorf("journal: payment %s, operation %d: %s", p.ID, i, problem)
		}
	}
	return b, nil
}

func appendOp(b []byte, op *payment.Op) (_ []byte, problem string) {
	switch {
	case op.Amount < 0 || op.Granted < 0 || op.Stays < 0:
		return b, "a negative amount"
	case op.Target < payment.NoTarget || op.Target > payment.MaxOps || op.Number < 0 || op.Number > math.MaxInt32:
		return b, "target or number is out of range"
	case op.Date < 0 || op.Carried < 0 || op.Due < 0:
		return b, "a date is out of range"
	case op.Window < 0 || op.Window > math.MaxInt32:
		return b, "a window is out of range"
	case !journal.Storable(op.At) || !journal.Storable(op.DoneAt) || !journal.Storable(op.CaptureAt):
		return b, "at, done-at or capture-at is out of range"
	case max(
		len(op.Key), len(op.Host), len(op.DE7), len(op.RRN), len(op.ResponseCode), len(op.AuthCode), len(op.NetworkID),
		len(op.AVS), len(op.CVCResult), len(op.Late), len(op.ARN), len(op.Source), len(op.Reason),
		len(op.IssuerReference)) > journal.MaxText:
		return b, "a text is too long"
	}
	set := opSet(op)
	b = append(b, byte(op.Kind), byte(op.State))
	b = binary.AppendUvarint(b, set)
	for rest := set; rest != 0; rest &= rest - 1 {
		switch rest & -rest {
		case opKey:
			b = appendText(b, op.Key)
		case opAmount:
			b = binary.AppendUvarint(b, uint64(op.Amount))
		case opGranted:
			b = binary.AppendUvarint(b, uint64(op.Granted))
		case opTarget:
			b = binary.AppendUvarint(b, uint64(op.Target))
		case opNumber:
			b = binary.AppendUvarint(b, uint64(op.Number))
		case opStays:
			b = binary.AppendUvarint(b, uint64(op.Stays))
		case opAt:
			b = appendTime(b, op.At)
		case opDoneAt:
			b = appendTime(b, op.DoneAt)
		case opHost:
			b = appendText(b, op.Host)
		case opSTAN:
			b = binary.AppendUvarint(b, uint64(op.STAN))
		case opDE7:
			b = appendText(b, op.DE7)
		case opRRN:
			b = appendText(b, op.RRN)
		case opResponseCode:
			b = appendText(b, op.ResponseCode)
		case opAuthCode:
			b = appendText(b, op.AuthCode)
		case opNetworkID:
			b = appendText(b, op.NetworkID)
		case opAVS:
			b = appendText(b, op.AVS)
		case opCVCResult:
			b = appendText(b, op.CVCResult)
		case opLate:
			b = appendText(b, op.Late)
		case opDate:
			b = binary.AppendUvarint(b, uint64(op.Date))
		case opARN:
			b = appendText(b, op.ARN)
		case opSource:
			b = appendText(b, op.Source)
		case opReason:
			b = appendText(b, op.Reason)
		case opCarried:
			b = binary.AppendUvarint(b, uint64(op.Carried))
		case opCaptureAt:
			b = appendTime(b, op.CaptureAt)
		case opDue:
			b = binary.AppendUvarint(b, uint64(op.Due))
		case opWindow:
			b = binary.AppendUvarint(b, uint64(op.Window))
		case opIssuerRef:
			b = appendText(b, op.IssuerReference)
		}
	}
	return b, ""
}

func opSet(op *payment.Op) (set uint64) {
	bit := func(present bool, b uint64) {
		if present {
			set |= b
		}
	}
	bit(op.Key != "", opKey)
	bit(op.Amount != 0, opAmount)
	bit(op.Granted != 0, opGranted)
	bit(op.Target != payment.NoTarget, opTarget)
	bit(op.Number != 0, opNumber)
	bit(op.Final, opFinal)
	bit(op.Advised, opAdvised)
	bit(op.Stays != 0, opStays)
	bit(!op.At.IsZero(), opAt)
	bit(!op.DoneAt.IsZero(), opDoneAt)
	bit(op.Host != "", opHost)
	bit(op.STAN != 0, opSTAN)
	bit(op.DE7 != "", opDE7)
	bit(op.RRN != "", opRRN)
	bit(op.ResponseCode != "", opResponseCode)
	bit(op.AuthCode != "", opAuthCode)
	bit(op.NetworkID != "", opNetworkID)
	bit(op.AVS != "", opAVS)
	bit(op.CVCResult != "", opCVCResult)
	bit(op.Late != "", opLate)
	bit(op.Date != 0, opDate)
	bit(op.ARN != "", opARN)
	bit(op.Source != "", opSource)
	bit(op.Reason != "", opReason)
	bit(op.Carried != 0, opCarried)
	bit(!op.CaptureAt.IsZero(), opCaptureAt)
	bit(op.ForcePost, opForcePost)
	bit(op.Automatic, opAutomatic)
	bit(op.PastWindow, opPastWindow)
	bit(op.Due != 0, opDue)
	bit(op.Window != 0, opWindow)
	bit(op.IssuerReference != "", opIssuerRef)
	return set
}

// DecodePayment reads the record of payment id. Of the newest format it takes exactly what AppendPayment writes: one
// payment, one record.
func DecodePayment(id payment.ID, value []byte) (*payment.Payment, error) {
	p := new(payment.Payment)
	if err := DecodePaymentInto(p, id, value); err != nil {
		return nil, err
	}
	return p, nil
}

// DecodePaymentInto is DecodePayment for one after the other: into the same payment, whose operations and sealed card
// are written over.
func DecodePaymentInto(p *payment.Payment, id payment.ID, value []byte) error {
	d := newDecoder(value, func() string { return "payment " + id.String() })
	*p = payment.Payment{ID: id, Ops: p.Ops[:0], SealedCard: p.SealedCard[:0]}
	// Each format has its reader, which stays for good: what it was given to read is on disks. They are called by a switch
	// because the decoder would be allocated for a call through a table.
	switch d.version(paymentFormat) {
	case 1:
		readPayment1(d, p)
	case 2:
		readPayment2(d, p)
	}
	return d.end()
}

// readPayment1 reads what was written before payments recorded their acquirer and acceptor.
func readPayment1(d *decoder, p *payment.Payment) {
	p.Version = d.uvarint("version number", math.MaxUint64)
	p.Gateway = d.text("gateway")
	p.Merchant = d.text("merchant")
	p.Terminal = d.text("terminal")
	p.Currency = d.text("currency")
	p.Reference = d.text("reference")
	p.Entry = d.byte("entry")
	p.Initiator = d.byte("initiator")
	p.MCC = d.text("mcc")
	p.Route = d.text("route")
	p.ECI = d.text("eci")
	p.Sequence = d.text("sequence")
	p.EMV = d.text("emv")
	p.MaskedPAN = d.text("masked pan")
	copy(p.PANHash[:], d.bytes("pan hash", len(p.PANHash)))
	p.SealKey = d.uint32("seal key")
	p.SealedCard = d.sealed("sealed card", p.SealedCard)
	p.Created = d.time("created")
	p.Expires = d.time("expires")
	p.Ops = d.operations(p.Ops)
}

// readPayment2 reads what AppendPayment writes.
func readPayment2(d *decoder, p *payment.Payment) {
	p.Version = d.uvarint("version number", math.MaxUint64)
	p.Gateway = d.text("gateway")
	p.Merchant = d.text("merchant")
	p.Terminal = d.text("terminal")
	p.Currency = d.text("currency")
	p.Reference = d.text("reference")
	p.Entry = d.byte("entry")
	p.Initiator = d.byte("initiator")
	p.MCC = d.text("mcc")
	p.Route = d.text("route")
	p.ECI = d.text("eci")
	p.Sequence = d.text("sequence")
	p.EMV = d.text("emv")
	p.MaskedPAN = d.text("masked pan")
	copy(p.PANHash[:], d.bytes("pan hash", len(p.PANHash)))
	p.SealKey = d.uint32("seal key")
	p.SealedCard = d.sealed("sealed card", p.SealedCard)
	p.Acquirer = d.text("acquirer")
	p.AcceptorName = d.text("acceptor name")
	p.AcceptorCity = d.text("acceptor city")
	p.AcceptorCountry = d.text("acceptor country")
	p.Created = d.time("created")
	p.Expires = d.time("expires")
	p.Ops = d.operations(p.Ops)
}

// sealed reads a sealed card, into room where it suffices: nil where there is none.
func (d *decoder) sealed(field string, room []byte) []byte {
	n := d.uvarint(field, journal.MaxText)
	if n == 0 {
		return nil
	}
	return append(room[:0], d.bytes(field, int(n))...)
}

// operations reads a payment's operations, the same in every format: their field sets grow instead. They are in room
// where it suffices.
func (d *decoder) operations(room []payment.Op) []payment.Op {
	n := int(d.uvarint("operations", payment.MaxOps))
	if n == 0 {
		return nil
	}
	ops := room[:min(n, cap(room))]
	if clear(ops); len(ops) < n {
		ops = make([]payment.Op, n, n+1) // most readers append one
	}
	d.group = "ops"
	for d.index = 0; d.index < n && d.err == nil; d.index++ {
		decodeOp(d, &ops[d.index], n)
	}
	d.group = ""
	return ops
}

// decodeOp reads one of count operations.
func decodeOp(d *decoder, op *payment.Op, count int) {
	op.Kind = payment.Kind(d.byte("kind"))
	if op.Kind >= payment.KindCount {
		d.off--
		d.fail("kind", "%d at most, found %d", payment.KindCount-1, op.Kind)
	}
	op.State = payment.State(d.byte("state"))
	if op.State >= payment.StateCount {
		d.off--
		d.fail("state", "%d at most, found %d", payment.StateCount-1, op.State)
	}
	set := d.uvarint("field set", opEnd-1)
	op.Target = payment.NoTarget
	for rest := set; rest != 0; rest &= rest - 1 {
		switch rest & -rest {
		case opKey:
			op.Key = d.text("key")
		case opAmount:
			op.Amount = int64(d.uvarint("amount", math.MaxInt64))
		case opGranted:
			op.Granted = int64(d.uvarint("granted", math.MaxInt64))
		case opTarget:
			op.Target = int(d.uvarint("target", uint64(count-1))) // an index for whoever reads the record
		case opNumber:
			op.Number = int(d.uvarint("number", math.MaxInt32))
		case opFinal:
			op.Final = true
		case opAdvised:
			op.Advised = true
		case opStays:
			op.Stays = int64(d.uvarint("stays", math.MaxInt64))
		case opAt:
			op.At = d.time("at")
		case opDoneAt:
			op.DoneAt = d.time("done at")
		case opHost:
			op.Host = d.text("host")
		case opSTAN:
			op.STAN = uint32(d.uvarint("stan", math.MaxUint32))
		case opDE7:
			op.DE7 = d.text("de7")
		case opRRN:
			op.RRN = d.text("rrn")
		case opResponseCode:
			op.ResponseCode = d.text("response code")
		case opAuthCode:
			op.AuthCode = d.text("auth code")
		case opNetworkID:
			op.NetworkID = d.text("network id")
		case opAVS:
			op.AVS = d.text("avs")
		case opCVCResult:
			op.CVCResult = d.text("cvc result")
		case opLate:
			op.Late = d.text("late")
		case opDate:
			op.Date = payment.Date(d.uvarint("date", math.MaxInt32))
		case opARN:
			op.ARN = d.text("arn")
		case opSource:
			op.Source = d.text("source")
		case opReason:
			op.Reason = d.text("reason")
		case opCarried:
			op.Carried = payment.Date(d.uvarint("carried", math.MaxInt32))
		case opCaptureAt:
			op.CaptureAt = d.time("capture at")
		case opForcePost:
			op.ForcePost = true
		case opAutomatic:
			op.Automatic = true
		case opPastWindow:
			op.PastWindow = true
		case opDue:
			op.Due = payment.Date(d.uvarint("due", math.MaxInt32))
		case opWindow:
			op.Window = int(d.uvarint("window", math.MaxInt32))
		case opIssuerRef:
			op.IssuerReference = d.text("issuer reference")
		}
	}
	if got := opSet(op); d.err == nil && got != set {
		d.fail("field set", "no bit for an empty field, found bit %d", bits.TrailingZeros64(got^set))
	}
}

// DecodeVersion reads no more of a payment's record than its version number.
func DecodeVersion(id payment.ID, value []byte) (uint64, error) {
	// The whole record would be copied for its first bytes.
	d := newDecoder(value[:min(len(value), 1+binary.MaxVarintLen64)], func() string { return "payment " + id.String() })
	d.version(paymentFormat)
	v := d.uvarint("version number", math.MaxUint64)
	return v, d.err
}

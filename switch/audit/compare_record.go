package audit

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/switch/clearing"
)

// samePresentment compares every element of a presentment, or of its reversal, and of its row in the detail CSV with
// what the payment makes of them, by the rules of docs/clearing.md. op is the operation whose money it moves, via the
// one whose record it is: op itself, or the void that takes it back.
//
// Two elements are not held against the journal, which has them sealed: DE2 beyond its mask, and DE14.
func (c *check) samePresentment(op, via *operation, p *presented) {
	amount := op.money()
	if via.Op == opRepresent {
		amount = via.Granted
	}
	if p.amount != amount {
		c.differ(PresentmentAmount, op, amount-p.amount, "%s %d: switch %d, %s %d", op.Op, op.Number, amount, p.where(),
			p.amount)
	}
	if is := p.currencyOf(); is != c.p.Currency {
		c.differ(PresentmentCurrency, op, op.money(), "%s %d: switch %s, %s %s", op.Op, op.Number, c.p.Currency, p.where(),
			is)
	}
	if p.credit != op.row.credits {
		c.differ(PresentmentSign, op, op.money(), "%s %d has the other sign in %s", op.Op, op.Number, p.where())
	}
	differ := func(name, want, is string) {
		c.differ(PresentmentData, op, op.money(), "%s of %s %d: switch %q, %s %q", name, op.Op, op.Number, want, p.where(),
			is)
	}
	for _, field := range [...]struct{ name, want, is string }{
		{"card", masked(c.p.PAN), p.pan.Value()},
		{"RRN", via.RRN, p.rrn.String()},
		{"authorization code", c.authCode(op), p.auth.String()},
	} {
		if field.is != field.want {
			differ(field.name, field.want, field.is)
		}
	}
	if via.Clearing == nil {
		differ("journal's presentment", "none", p.arn.String())
		return
	}
	settings := c.calendar.settings(via.filed(), p.file.id)
	if zone := c.zone(op, via, settings); zone != nil {
		at := op.At.In(zone).Format("060102150405")
		if is := string(p.local[:]); is != at {
			differ("DE12", at, is)
		}
	}
	if want := c.networkID(); networkOf(p) != want && !c.p.standIn {
		differ("DE63 or DE105", want, networkOf(p))
	}
	if p.chip != c.chip(op) {
		differ("DE55", "the chip data of the payment", "other data, or none")
	}
	if is, want := p.common.Value(), c.common(via, p, settings); is != want {
		for _, field := range commonFields(&want, &is) {
			if field.is != field.want {
				differ(field.name, field.want, field.is)
			}
		}
	}
	if via == op {
		if is, want := p.common.Value().reason, reasonOf(op); is != want {
			differ("DE25 by its sequence and count", want, is)
		}
	}
	if p.listed {
		c.sameRow(op, via, p, differ)
	}
}

// zone is that of DE12, nil where nobody knows it: the one of the files that op's own record stands in, for what takes
// it back or presents it again too, which is another one's where a file of before repeats it.
func (c *check) zone(op, via *operation, settings *daySettings) *time.Location {
	const repeatedFormat = 3 // of the first plans that have it so
	if via != op {
		if settings == nil {
			return nil
		}
		if settings.Format >= repeatedFormat {
			own := c.standsIn(op)
			if own == "" && c.calendar.inZones(op.filed()) > 1 {
				return nil // its file is not read
			}
			settings = c.calendar.settings(op.filed(), own)
		}
	}
	if settings == nil {
		return nil
	}
	return settings.location
}

// standsIn is the file of op's own record, empty where none was found.
func (c *check) standsIn(op *operation) string {
	for _, p := range inOrder(c.files.find(op.ARN).first) {
		if p.file.date == op.filed() {
			return p.file.id
		}
	}
	return ""
}

// sameRow compares what only the detail CSV has.
func (c *check) sameRow(op, via *operation, p *presented, differ func(name, want, is string)) {
	if p.payment != c.p.id {
		differ("CSV payment", c.p.ID, p.payment.String())
	}
	if p.operation != int32(op.N) {
		differ("CSV capture", fmt.Sprint(op.N), fmt.Sprint(p.operation))
	}
	if p.reference != c.files.hash(pan.Hide(c.p.Reference)) {
		differ("CSV reference", c.p.Reference, "another")
	}
	if p.key != c.files.hash(pan.Hide(via.Key)) {
		differ("CSV key", via.Key, "another")
	}
	if p.sequence != int32(via.Clearing.Sequence) || p.count != int32(via.Clearing.Count) {
		differ("CSV sequence and count", fmt.Sprint(via.Clearing.Sequence, " of ", via.Clearing.Count),
			fmt.Sprint(p.sequence, " of ", p.count))
	}
	if p.acceptedAt != via.At.UnixNano() {
		differ("CSV accepted_at", via.At.UTC().Format(time.RFC3339Nano), time.Unix(0,
			p.acceptedAt).UTC().Format(time.RFC3339Nano))
	}
	if p.pastWindow != via.PastWindow {
		differ("CSV past_window", fmt.Sprint(via.PastWindow), fmt.Sprint(p.pastWindow))
	}
}

// commonField is one element with what it should be and what it is.
type commonField struct{ name, want, is string }

func commonFields(want, is *common) []commonField {
	return []commonField{
		{"DE3", want.processing, is.processing}, {"DE22", want.pointOfService, is.pointOfService},
		{"DE23", want.cardSequence, is.cardSequence}, {"DE24", want.function, is.function}, {"DE25", want.reason, is.reason},
		{"DE26", want.category, is.category}, {"DE30", want.original, is.original},
		{"DE32", want.acquirer, is.acquirer}, {"DE33", want.forwarder, is.forwarder}, {"DE41", want.terminal, is.terminal},
		{"merchant", want.merchant, is.merchant}, {"DE43", want.acceptor, is.acceptor}, {"DE94", want.originator,
			is.originator}, {"DE95", want.issuerRef, is.issuerRef},
		{"PDS0023", want.terminalType, is.terminalType}, {"PDS0052", want.ecommerce, is.ecommerce},
		{"PDS0148", want.exponents, is.exponents}, {"other elements", want.others, is.others},
		{"CSV merchant_name", want.merchantName, is.merchantName}, {"CSV fee_plan", want.feePlan, is.feePlan},
	}
}

// common is what the elements that many records share should be. Where nobody knows what the date was sealed with, what
// comes from there is taken as it stands.
func (c *check) common(via *operation, p *presented, settings *daySettings) common {
	is := p.common.Value()
	n := via.Clearing
	want := common{
		processing: "000000", pointOfService: pointOfService[c.p.Entry], cardSequence: leadingZeros(c.p.Sequence),
		function: functionFirst, reason: n.Reason,
		category: n.MCC, acquirer: is.acquirer, forwarder: is.forwarder, originator: is.originator, terminal: c.p.Terminal,
		merchant: c.p.Merchant, acceptor: acceptor(n), currency: is.currency, merchantName: n.Name, feePlan: n.FeePlan,
	}
	if !p.listed {
		want.merchantName, want.feePlan = is.merchantName, is.feePlan
	}
	if via.Op == opRepresent {
		back := &c.p.Ops[via.Target]
		want.function, want.original = functionPart, fmt.Sprintf("%012d%012d", c.p.Ops[back.Target].money(), 0)
		want.issuerRef = back.IssuerReference
		if via.Granted == back.Amount {
			want.function = functionWhole
		}
	}
	if p.credit { // that it is the other sign is a difference of its own
		want.processing = "200000"
	}
	if settings != nil {
		want.acquirer = cmp.Or(c.p.Acquirer, settings.AcquirerID)
		want.forwarder, want.originator = settings.ProcessorID, settings.ProcessorID
	}
	if c.p.Entry == "ecommerce" {
		want.terminalType, want.ecommerce = "CT6", "21"+ecommerceLevel(c.p.ECI)
	}
	// Of the record's currency: that it is another one is a difference of its own.
	if currency, ok := money.ByNumeric(is.currency); ok {
		want.exponents = fmt.Sprintf("%s%d", currency.Numeric, currency.Exponent)
	}
	return want
}

// pointOfService is DE22 of a record by how the card's data came in.
var pointOfService = map[string]string{
	"ecommerce": "000050S00000", "moto": "000020100000", "stored": "000040700000", "manual": "000001100000",
	"chip": "500001500001", "contactless": "500001M00001", "magstripe": "200001200001",
}

// leadingZeros fills DE23 up to its three digits; none is left out.
func leadingZeros(sequence string) string {
	if sequence == "" || len(sequence) > 3 {
		return sequence
	}
	return strings.Repeat("0", 3-len(sequence)) + sequence
}

// ecommerceLevel is the last digit of the e-commerce indicator, 0 where it has none.
func ecommerceLevel(eci string) string {
	if eci == "" || !strings.Contains("0123456789", eci[len(eci)-1:]) {
		return "0"
	}
	return eci[len(eci)-1:]
}

// acceptor is DE43. How letters that a file cannot hold are replaced is the format's business.
func acceptor(n *note) string {
	a := clearing.Acceptor{
		Name: n.Name, Street: n.Street, City: n.City, PostalCode: n.PostalCode, State: n.State, CountryAlpha3: n.Country,
	}.Fit()
	part := func(s string) string {
		if s == "" {
			return " "
		}
		return s
	}
	return fmt.Sprintf(`%s\%s\%s\%-10s%-3s%s`, a.Name, part(a.Street), part(a.City), a.PostalCode, a.State,
		a.CountryAlpha3)
}

// authCode is DE38: the operation's own, a capture's from its authorization; left out where a record cannot hold it.
func (c *check) authCode(op *operation) string {
	code := op.AuthCode
	if op.Op == opCapture {
		code = c.p.Ops[0].AuthCode
	}
	for _, r := range code {
		if r != ' ' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return ""
		}
	}
	return strings.TrimRight(code, " ")
}

// networkID is that of the payment's first operation, left out where a record cannot hold it.
func (c *check) networkID() string {
	const most = 64
	id := c.p.Ops[0].NetworkID
	for _, r := range id {
		if r < ' ' || r > '~' || strings.ContainsRune("![]^|", r) {
			return ""
		}
	}
	if len(id) > most {
		return ""
	}
	return strings.TrimRight(id, " ")
}

// chip is the hash of DE55; what credits the cardholder has none.
func (c *check) chip(op *operation) uint32 {
	if op.row.credits {
		return 0
	}
	data, err := hex.DecodeString(c.p.EMV)
	if err != nil {
		return 1 // no data hashes to it but by a chance of one to two thousand million
	}
	return c.files.hash(string(data))
}

// reasonOf is DE25 by which capture of how many it is: more may come, or it is the last of several.
func reasonOf(op *operation) string {
	sequence, count := op.Clearing.Sequence, op.Clearing.Count
	switch {
	case op.Op != opCapture:
		return ""
	case count > sequence:
		return "1403"
	case sequence > 1:
		return "1404"
	}
	return ""
}

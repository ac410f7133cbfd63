package audit

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unique"

	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/switch/clearing"
)

// presented is one presentment of a file, with its row of the detail CSV. Millions of them are held.
type presented struct {
	next       *presented // with the same ARN
	file       *clearingFile
	common     unique.Handle[common]
	pan        word // masked
	reverses   word // the date in PDS0025, YYMMDD
	amount     int64
	payment    paymentID // CSV
	acceptedAt int64     // CSV, Unix nanoseconds
	pastWindow bool      // CSV; false where the file has no such column
	message    int32     // DE71
	chip       uint32    // hash of DE55
	reference  uint32    // CSV: hashes of the merchant's reference …
	key        uint32    // … and of the request's key
	sequence   int32     // CSV
	count      int32     // CSV
	operation  int32     // CSV: the capture's place in its payment
	arn        arn
	rrn        rrn
	auth       authCode
	local      [12]byte // DE12
	network    [16]byte // DE63
	link       *string  // DE105, where it has one
	reversal   bool     // PDS0025
	second     bool     // DE24 says so: it is presented a second time
	credit     bool     // DE3 says so: a refund, or the reversal of one
	claimed    bool     // the journal knows it
	listed     bool     // it has its row in the detail CSV
}

// common is what many records have alike: each stands once in memory.
type common struct {
	processing     string // DE3
	pointOfService string // DE22
	cardSequence   string // DE23
	function       string // DE24
	reason         string // DE25
	original       string // DE30
	category       string // DE26
	acquirer       string // DE32
	forwarder      string // DE33
	terminal       string // DE41
	merchant       string // DE42
	acceptor       string // DE43
	currency       string // DE49
	originator     string // DE94
	issuerRef      string // DE95 of a second presentment
	terminalType   string // PDS0023
	ecommerce      string // PDS0052
	exponents      string // PDS0148
	others         string // elements and subelements that no record of ours has

	merchantName, feePlan string // CSV
}

// where names the presentment's place for a person.
func (p *presented) where() string {
	return fmt.Sprintf("file %s message %d", p.file.id, p.message)
}

// currencyOf is DE49 as letters, or as it stands where it names no currency.
func (p *presented) currencyOf() string { return currencyLetters(p.common.Value().currency) }

func currencyLetters(numeric string) string {
	if c, ok := money.ByNumeric(numeric); ok {
		return c.Alpha
	}
	return numeric
}

// ours are the elements and private subelements that a presentment may have.
var (
	ours = elementSet(
		2, 3, 4, 12, 14, 22, 23, 24, 25, 26, 30, 31, 32, 33, 37, 38, 41, 42, 43, 48, 49, 55, 63, 71, 94, 95, 105,
	)
	// Of PDS tags.
	oursPrivate = []int{pdsTerminalType, pdsReversal, pdsECommerce, pdsExponents}
)

func elementSet(elements ...int) (set [129]bool) {
	for _, de := range elements {
		set[de] = true
	}
	return set
}

// presentment takes the elements of a record; false ends the file.
func (r *fileReader) presentment(rec *clearing.Record, amount int64) bool {
	code := rec.Get(3)
	p := &presented{
		file: r.file, message: int32(r.messages), amount: amount,
		credit: bytes.HasPrefix(code, []byte("20")) || bytes.HasPrefix(code, []byte("28")),
		pan:    unique.Make(pan.Mask(string(rec.Get(2)))),
		chip:   r.book.hash(string(rec.Get(55))),
	}
	p.second = string(rec.Get(24)) != functionFirst
	if rec.Has(105) {
		link := rec.Text(105)
		p.link = &link
	}
	reversal, _ := rec.PDS(pdsReversal)
	p.reversal = strings.HasPrefix(reversal, "R")
	p.reverses = unique.Make(strings.TrimPrefix(reversal, "R"))
	for _, field := range []struct {
		into  []byte
		name  string
		value []byte
	}{
		{p.arn[:], "DE31", rec.Get(31)}, {p.rrn[:], "DE37", rec.Get(37)}, {p.auth[:], "DE38", bytes.TrimRight(rec.Get(38),
			" ")},
		{p.local[:], "DE12", rec.Get(12)}, {p.network[:], "DE63", bytes.TrimRight(rec.Get(63), " ")},
	} {
		if err := fill(field.into, field.name, string(field.value)); err != nil {
			return r.refuse(fmt.Sprintf("message %d: %v", r.messages, err))
		}
	}
	if number := string(rec.Get(71)); number != fmt.Sprintf("%08d", r.messages) {
		r.book.differ(FileTotals, r.name, "message %d is numbered %q (DE71)", r.messages, number)
	}
	k := r.commonOf(rec)
	r.tally(p, &k)
	if r.rows != nil {
		r.rows.next(p, &k)
	}
	r.addSummary(p, &k)
	p.common = unique.Make(k)
	p.next = r.book.byARN[p.arn]
	r.book.byARN[p.arn] = p
	r.book.count++
	return true
}

func (r *fileReader) commonOf(rec *clearing.Record) common {
	text := func(de int) string { return strings.TrimRight(string(rec.Get(de)), " ") }
	private := func(tag int) string {
		value, _ := rec.PDS(tag)
		return value
	}
	k := common{
		processing: text(3), pointOfService: text(22), cardSequence: text(23), function: text(24),
		reason: text(25), original: text(30), category: text(26),
		acquirer: text(32), forwarder: text(33), terminal: text(41), merchant: text(42), acceptor: text(43),
		currency:   text(49),
		originator: text(94), issuerRef: text(95), terminalType: private(pdsTerminalType), ecommerce: private(pdsECommerce),
		exponents: private(pdsExponents),
	}
	for de := range rec.Elements() {
		if !ours[de] {
			k.others += " DE" + strconv.Itoa(de)
		}
	}
	for sub := range rec.Subelements() {
		known := false
		for _, tag := range oursPrivate {
			known = known || sub.Tag == tag
		}
		if !known {
			k.others += fmt.Sprintf(" PDS%04d", sub.Tag)
		}
	}
	return k
}

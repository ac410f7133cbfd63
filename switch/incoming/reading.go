package incoming

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"switchyard/internal/pan"
	"switchyard/switch/clearing"
	"switchyard/switch/payment"
)

// item is what a record says, or a reject with the record that stands behind it.
type item struct {
	number int    // its place in the file, which is its DE71
	next   int    // the place of what stands behind it
	of     string // MTI and DE24
	// kind is the operation that it becomes; KindNone: it moves no presentment.
	kind  payment.Kind
	whole bool   // it is about all presentments of file
	file  string // of ours: PDS0280 of a reject, PDS0300 of a settlement
	// message is the one of file that is rejected, as PDS0138 has it.
	message string
	why     string // what keeps it from being applied: it is an exception

	reason   string
	arn, rrn string
	// issuerReference is DE95 of a chargeback, or of what presents it a second time.
	issuerReference string
	arbitration     bool // a chargeback of what was presented a second time, as DE24 says
	authCode        string
	reversal        bool // of the presentment that is rejected
	second          bool // what is rejected is a second presentment
	card            string
	amount          int64
	original        int64 // what was presented, DE30; 0: it does not say
	currency        string

	sums            bool // it says what the file came to: the sums below
	debits, credits int64
}

// aboutFile tells whether it moves all presentments of a file of ours.
func (it *item) aboutFile() bool { return it.whole && it.why == "" }

// movesOne tells whether it moves one presentment, which has to be found.
func (it *item) movesOne() bool { return it.kind != payment.KindNone && !it.whole && it.why == "" }

// reading takes what records say out of a file.
type reading struct {
	in   *clearing.Reader
	held *clearing.Record // read, and not taken yet
}

func newReading(in io.Reader) (*reading, error) {
	r, err := clearing.NewReader(in)
	return &reading{in: r}, err
}

func (r *reading) record() (*clearing.Record, error) {
	if record := r.held; record != nil {
		r.held = nil
		return record, nil
	}
	return r.in.Next()
}

// The messages about whole files, MTI and DE24.
const (
	fileRejected = "1644/699"
	fileSettled  = "1644/685"
)

// fileIDElement is how entries name PDS0105.
const fileIDElement = "P0105/"

// The subelements that are read.
const (
	pdsErrors  = 5
	pdsFailing = 138
	pdsSource  = 280
	pdsFile    = 300
	pdsDebits  = 380
	pdsCredits = 381
)

// next returns what the next record says, io.EOF behind the last.
func (r *reading) next() (*item, error) {
	record, err := r.record()
	if err != nil {
		return nil, err
	}
	it := &item{
		number: record.Number, next: record.Number + 1, of: clean(record.MTI + "/" + record.FunctionCode()),
	}
	switch it.of {
	case "1644/697", "1644/695", "1644/688":
	case "1644/691":
		it.kind = payment.KindReject
		it.reason, it.file = entries(pds(record, pdsErrors)), clean(pds(record, pdsSource))
		it.message = clean(pds(record, pdsFailing))
		behind, err := r.record()
		switch {
		case err != nil:
			return nil, err // a trailer stands behind it at least
		case behind.MTI != "1240": // members send presentments: what else stands there is a record of its own
			r.held = behind
			it.why = fmt.Sprintf("the record that it rejects, message %s of file %s, does not stand behind it", it.message,
				it.file)
		default:
			it.next = behind.Number + 1
			it.presentment(behind)
			it.second = behind.FunctionCode() == "205" || behind.FunctionCode() == "282"
			if it.second && !behind.IssuerReferenceRepeats() {
				it.why = "the second presentment that it rejects has an issuer reference (DE95) that no record of ours can have"
			}
		}
	case fileRejected:
		it.kind, it.whole = payment.KindReject, true
		it.reason, it.file = entries(pds(record, pdsErrors)), clean(pds(record, pdsSource))
		if strings.Contains(it.reason, fileIDElement) {
			// A file that was delivered twice is refused the second time: what was taken of it the first time stands.
			it.why = "it refuses the file for its id: whether a file of that id was taken before is for a person to find out"
		}
	case fileSettled:
		it.kind, it.whole = payment.KindSettle, true
		it.file, it.currency = clean(pds(record, pdsFile)), clean(record.Currency())
		it.position(record)
	case "1442/450", "1442/453", "1442/451", "1442/454":
		it.kind, it.reason = payment.KindChargeback, clean(record.Text(25))
		it.arbitration = it.of == "1442/451" || it.of == "1442/454"
		it.presentment(record)
		if !record.IssuerReferenceRepeats() {
			it.why = "its issuer reference (DE95) has characters that a second presentment could not repeat"
		}
		if text := record.Text(30); len(text) >= amountDigits {
			it.original, _ = strconv.ParseInt(text[:amountDigits], 10, 64)
		}
	default:
		it.presentment(record)
		it.reason = clean(record.Text(25))
		it.why = "a " + record.Kind() + " is not booked by itself: a person has to see to it"
	}
	if it.why == "" && record.MTI != "1240" && record.Reversal() { // what a reject is of, behind it, may be one
		it.why = "it takes an earlier " + record.Kind() + " back (PDS0025): a person has to see to it"
	}
	return it, nil
}

const amountDigits = 12

// presentment takes what a record says of the presentment that it is, or is about.
func (it *item) presentment(r *clearing.Record) {
	it.arn, it.rrn = clean(r.Text(31)), clean(strings.TrimRight(r.Text(37), " "))
	it.authCode, it.card = strings.TrimRight(r.Text(38), " "), r.Card()
	it.issuerReference = clean(r.IssuerReference())
	it.amount, _ = r.AmountMinor()
	it.currency, it.reversal = clean(r.Currency()), r.Reversal()
}

// position takes what a settlement says that a file came to; one without sums says that all of it is settled.
func (it *item) position(r *clearing.Record) {
	debits, credits := pds(r, pdsDebits), pds(r, pdsCredits)
	var err1, err2 error
	it.debits, err1 = strconv.ParseInt(debits, 10, 64)
	it.credits, err2 = strconv.ParseInt(credits, 10, 64)
	it.sums = err1 == nil && err2 == nil
	switch {
	case it.currency == "":
		it.why = "it says no currency (DE49)"
	case !it.sums && debits+credits != "":
		it.why = "its sums of debits and credits (PDS0380, PDS0381) are no numbers"
	}
}

func pds(r *clearing.Record, tag int) string {
	value, _ := r.PDS(tag)
	return value
}

// clean makes what stands in a file fit to be kept and shown: nothing that moves a terminal, and no card number (I12).
func clean(s string) string {
	return pan.MaskIn(strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7F && c < 0xA0 {
			return '.'
		}
		return c
	}, s))
}

// entries are those of PDS0005, element and code of each: 14 characters are the element (5), how bad it is (2), the
// code (4) and a subfield (3).
func entries(text string) string {
	const size, most = 14, 8
	var all []string
	for ; len(text) >= size && len(all) < most; text = text[size:] {
		all = append(all, clean(text[:5]+"/"+text[7:11]))
	}
	return strings.Join(all, " ")
}

package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unique"

	"switchyard/internal/money"
)

// A holding is one line of the issuer's book: an authorization, or a sale, refund or voice capture that stands alone.
// Amounts are minor units of its currency.
type holding struct {
	owner     paymentID // the payment that it was found to belong to; 0: nobody's yet
	waived    bool      // its owner is apart: nothing of it is compared
	kind      issuerKind
	reversed  bool
	rrn       rrn
	firstRRN  rrn
	auth      authCode
	stan      [6]byte
	de7       [10]byte
	currency  word
	response  word
	pan       word // masked
	merchant  word
	increased []increase
	postings  []posting

	authorized, captured, hold int64
}

type increase struct {
	rrn      rrn
	amount   int64
	reversed bool
	known    bool // the journal has it
}

type posting struct {
	number  int32
	arn     arn
	amount  int64
	credit  bool // to the cardholder: a refund
	state   postingState
	matched bool // the journal has it
	date    word // business date, MMDD
	file    word // the clearing file that settled it
}

type issuerKind uint8

const (
	kindAuthorization issuerKind = iota + 1
	kindSale
	kindRefund
	kindVoice
)

var issuerKinds = map[string]issuerKind{
	"authorization": kindAuthorization, "sale": kindSale, "refund": kindRefund, "voice": kindVoice,
}

type postingState uint8

const (
	postingUnsettled postingState = iota + 1
	postingSettled
	postingReversed
)

var postingStates = map[string]postingState{
	"unsettled": postingUnsettled, "settled": postingSettled, "reversed": postingReversed,
}

// live tells whether money hangs on the holding.
func (h *holding) live() bool {
	if h.hold != 0 || h.kind == kindAuthorization && h.authorized != 0 {
		return true
	}
	for i := range h.postings {
		if h.postings[i].state != postingReversed {
			return true
		}
	}
	return false
}

// accounted tells whether the journal knows every increment and posting.
func (h *holding) accounted() bool {
	for i := range h.increased {
		if !h.increased[i].known {
			return false
		}
	}
	for i := range h.postings {
		if !h.postings[i].matched {
			return false
		}
	}
	return true
}

// debits is what its postings took from the cardholder and did not give back.
func (h *holding) debits() (minor int64) {
	for i := range h.postings {
		if p := &h.postings[i]; p.state != postingReversed && !p.credit {
			minor += p.amount
		}
	}
	return minor
}

// posted is what its postings that stand moved, either way.
func (h *holding) posted() (minor int64) {
	for i := range h.postings {
		if p := &h.postings[i]; p.state != postingReversed {
			minor += p.amount
		}
	}
	return minor
}

// issuerBook is the issuer's ledger of one acquirer.
type issuerBook struct {
	byRRN     map[rrn]*holding
	twice     []*holding    // an RRN that stood there already
	presented map[word]bool // ids of files that settled something
	outside   int           // lines that were read and are of other payments than a range's
}

// presentedFile tells whether a clearing file was presented to the issuer.
func (b *issuerBook) presentedFile(id string) bool { return b.presented[unique.Make(id)] }

// issuerLine is the form of the export.
type issuerLine struct {
	Kind         string `json:"kind"`
	Acquirer     string `json:"acquirer"`
	RRN          string `json:"rrn"`
	FirstRRN     string `json:"first_rrn"`
	STAN         string `json:"stan"`
	DE7          string `json:"de7"`
	PAN          string `json:"pan"`
	Merchant     string `json:"merchant"`
	Currency     string `json:"currency"`
	ResponseCode string `json:"response_code"`
	AuthCode     string `json:"auth_code"`
	Authorized   int64  `json:"authorized"`
	Captured     int64  `json:"captured"`
	Hold         int64  `json:"hold"`
	Reversed     bool   `json:"reversed"`
	Increments   []struct {
		RRN      string `json:"rrn"`
		Amount   int64  `json:"amount"`
		Reversed bool   `json:"reversed"`
	} `json:"increments"`
	Postings []struct {
		Number       string `json:"number"`
		ARN          string `json:"arn"`
		Amount       int64  `json:"amount"`
		Credit       bool   `json:"credit"`
		BusinessDate string `json:"business_date"`
		State        string `json:"state"`
		SettledFile  string `json:"settled_file"`
	} `json:"postings"`
}

// readIssuer reads the lines of the issuer's book that the options ask for, of a range those of its payments.
func readIssuer(ctx context.Context, open OpenRRNs, o *Options, first *firstReading) (*issuerBook, error) {
	book := &issuerBook{byRRN: map[rrn]*holding{}, presented: map[word]bool{}}
	prefixes := first.prefixes(o)
	if prefixes != nil && len(prefixes) == 0 {
		return book, nil // no payment, no line
	}
	part := func(ctx context.Context) (io.ReadCloser, error) { return open(ctx, prefixes) }
	return book, lines(ctx, "issuer's authorizations", part, func(text []byte) error {
		var line issuerLine
		if err := decode(text, &line); err != nil {
			return err
		}
		if first.rrns != nil {
			var name rrn
			if err := fill(name[:], "rrn", line.RRN); err != nil {
				return err
			}
			if _, wanted := first.rrns[name]; !wanted {
				book.outside++
				return nil
			}
		}
		if o.Acquirer != "" && line.Acquirer != o.Acquirer || !o.ofNode(line.RRN) {
			return nil
		}
		h, err := line.holding()
		if err != nil {
			return err
		}
		for i := range h.postings {
			if p := &h.postings[i]; p.state == postingSettled && p.file.Value() != "" {
				book.presented[p.file] = true
			}
		}
		if book.byRRN[h.rrn] != nil {
			book.twice = append(book.twice, h)
			return nil
		}
		book.byRRN[h.rrn] = h
		return nil
	})
}

func (l *issuerLine) holding() (*holding, error) {
	h := &holding{
		kind: issuerKinds[l.Kind], reversed: l.Reversed,
		currency: unique.Make(money.Current(l.Currency)), response: unique.Make(l.ResponseCode),
		pan: unique.Make(masked(l.PAN)), merchant: unique.Make(l.Merchant),
		authorized: l.Authorized, captured: l.Captured, hold: l.Hold,
	}
	if h.kind == 0 {
		return nil, fmt.Errorf("field kind: %q: expected authorization, sale, refund or voice", l.Kind)
	}
	err := errors.Join(fill(h.rrn[:], "rrn", l.RRN), fill(h.firstRRN[:], "first_rrn", l.FirstRRN),
		fill(h.auth[:], "auth_code", l.AuthCode), fill(h.stan[:], "stan", l.STAN), fill(h.de7[:], "de7", l.DE7))
	for i := range l.Increments {
		from := &l.Increments[i]
		up := increase{amount: from.Amount, reversed: from.Reversed}
		err = errors.Join(err, fill(up.rrn[:], "increments.rrn", from.RRN))
		h.increased = append(h.increased, up)
	}
	for i := range l.Postings {
		from := &l.Postings[i]
		p := posting{
			amount: from.Amount, credit: from.Credit, state: postingStates[from.State],
			date: unique.Make(from.BusinessDate), file: unique.Make(from.SettledFile),
		}
		if p.state == 0 {
			return nil, fmt.Errorf("field postings.state: %q: expected unsettled, settled or reversed", from.State)
		}
		number, numberErr := strconv.ParseUint(from.Number, 10, 31)
		if numberErr != nil && from.Number != "" {
			return nil, fmt.Errorf("field postings.number: %q: expected digits", from.Number)
		}
		p.number = int32(number)
		err = errors.Join(err, fill(p.arn[:], "postings.arn", from.ARN))
		h.postings = append(h.postings, p)
	}
	return h, err
}

// take finds the holding of an RRN and enters its owner. It returns nil if there is none.
func (b *issuerBook) take(name string, owner paymentID) *holding {
	var key rrn
	if name == "" || len(name) > len(key) {
		return nil
	}
	copy(key[:], name)
	h := b.byRRN[key]
	if h != nil {
		h.owner = owner
	}
	return h
}

// A Ledger is what the issuer says of its own books: its accounts by currency, in minor units.
type Ledger struct {
	Currencies map[string]LedgerAccounts `json:"currencies"`
	Balanced   bool                      `json:"balanced"`
}

// LedgerAccounts are the accounts of one currency.
type LedgerAccounts struct {
	Cardholders int64 `json:"cardholders"`
	Holds       int64 `json:"holds"`
	Unsettled   int64 `json:"unsettled"`
	Settled     int64 `json:"settled"`
	Balanced    bool  `json:"balanced"`
}

// maxLedger bounds the ledger's answer: some 200 currencies of a line each.
const maxLedger = 1 << 20

func readLedger(ctx context.Context, open Open) (*Ledger, error) {
	in, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("issuer's ledger: %w", err)
	}
	defer in.Close()
	var ledger Ledger
	if err := json.NewDecoder(io.LimitReader(in, maxLedger)).Decode(&ledger); err != nil {
		return nil, fmt.Errorf("issuer's ledger: no JSON object as expected: %w", err)
	}
	return &ledger, nil
}

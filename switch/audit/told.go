package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"unique"

	"switchyard/internal/money"
	"switchyard/internal/pan"
)

// toldBook is what gateways were told: of each request under a key, the first answer that says what came of it.
type toldBook struct {
	seeds  [2]maphash.Seed
	byOp   map[toldName]*told // by payment and key
	byKey  map[toldName]*told // by merchant and key, of requests that name a merchant
	burned map[toldName]burn  // by merchant and key: a reversal was told that there is nothing under the key
	lines  int                // answers
	wrong  []Difference       // what the answers show by themselves

	outside int // answers that were read and are of other payments than a range's
}

func newToldBook() *toldBook {
	return &toldBook{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		byOp:  map[toldName]*told{}, byKey: map[toldName]*told{}, burned: map[toldName]burn{},
	}
}

// toldName stands for a payment or merchant with a key: its 128-bit hash.
type toldName [2]uint64

// told is an answer. Amounts are minor units.
type told struct {
	payment  paymentID
	amount   int64
	line     int32
	made     int32 // the place of the capture or refund in its payment; 0: none
	outcome  toldOutcome
	found    bool // the journal has the operation
	rrn      rrn
	stan     [6]byte
	code     [2]byte // DE39
	auth     authCode
	currency word
	date     word // business date
	op       word
}

type toldOutcome uint8

const (
	toldApproved toldOutcome = iota + 1
	toldDeclined
	toldUndone // no outcome: it is being reversed, or was not sent
)

var outcomeNames = map[toldOutcome]string{toldApproved: "approved", toldDeclined: "declined", toldUndone: "not done"}

type burn struct {
	line int32
	key  string
}

// toldLine is a line of a gateway's log: a request and its answer, as the protocol has them. What else stands there is
// passed over. An answer that is null or absent did not come.
type toldLine struct {
	Request toldRequest `json:"request"`
	Answer  *toldAnswer `json:"answer"`
}

type toldRequest struct {
	Op       string `json:"op"`
	Key      string `json:"key"`
	Merchant string `json:"merchant"`
	OfKey    string `json:"of_key"`
}

// toldHead is what of a line tells whose it is.
type toldHead struct {
	Request toldRequest `json:"request"`
	Answer  *struct {
		Payment string `json:"payment"`
	} `json:"answer"`
}

type toldAnswer struct {
	Error        json.RawMessage `json:"error"`
	Payment      string          `json:"payment"`
	Status       string          `json:"status"`
	Approved     bool            `json:"approved"`
	ResponseCode string          `json:"response_code"`
	AuthCode     string          `json:"auth_code"`
	RRN          string          `json:"rrn"`
	STAN         string          `json:"stan"`
	Amount       int64           `json:"amount"`
	Currency     string          `json:"currency"`
	Authorized   int64           `json:"authorized"`
	BusinessDate string          `json:"business_date"`
	Capture      string          `json:"capture"`
	Refund       string          `json:"refund"`
	History      []struct {
		Key   string `json:"key"`
		State string `json:"state"`
	} `json:"history"`
}

// underWay tells whether an answer about a key came while its operation had no outcome.
func (a *toldAnswer) underWay(key string) bool {
	for _, h := range a.History {
		if h.Key == key && h.State == statePending {
			return true
		}
	}
	return false
}

// read reads gateways' logs, JSON lines:
//
//	{"request":{"op":…,"key":…,"merchant":…,"payment":…,"of_key":…},"answer":{…}}
//
// Request and answer are those of the gateway protocol; of the request, card data must not stand there.
// The lines may be in any order, and a payment may be told of at any time: of a range of dates the whole logs are read,
// and what is not of its payments is dropped line by line.
func (b *toldBook) read(ctx context.Context, logs []Open, first *firstReading) error {
	for _, open := range logs {
		n := int32(0)
		err := lines(ctx, "gateways' log", open, func(text []byte) error {
			n++
			if first.rrns != nil {
				var head toldHead
				if err := decode(text, &head); err != nil {
					return err
				}
				if head.Answer != nil && head.Request.Op != "" && !b.concerns(&head, first) {
					b.outside++
					return nil
				}
			}
			var line toldLine
			if err := decode(text, &line); err != nil {
				return err
			}
			if line.Request.Op == "" {
				return fmt.Errorf("field request.op: missing")
			}
			return b.add(&line, n)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// concerns tells whether a line is about one of a range's payments, or under a key that one of them has: the same key
// may have been told another payment, or that there is nothing under it.
func (b *toldBook) concerns(head *toldHead, first *firstReading) bool {
	id, err := parsePaymentID(head.Answer.Payment)
	if _, read := first.payments[id]; read || err != nil && head.Answer.Payment != "" {
		return true // what is no payment is refused with the rest
	}
	merchant := head.Request.Merchant
	return first.keys[b.name(merchant, head.Request.Key)] || first.keys[b.name(merchant, head.Request.OfKey)]
}

func (b *toldBook) name(owner, key string) toldName {
	text := owner + "\x00" + pan.Hide(key) // as the journal's export has it
	return toldName{maphash.String(b.seeds[0], text), maphash.String(b.seeds[1], text)}
}

// add enters a line. Errors and statuses of other things say nothing of an operation; what is still under way neither.
func (b *toldBook) add(line *toldLine, n int32) error {
	a, key := line.Answer, line.Request.Key
	if a == nil {
		return nil
	}
	b.lines++
	if key == "" || len(a.Error) > 0 && string(a.Error) != "null" {
		return nil
	}
	if a.Payment == "" {
		if line.Request.OfKey != "" {
			b.burned[b.name(line.Request.Merchant, line.Request.OfKey)] = burn{n, line.Request.OfKey}
		}
		return nil
	}
	if line.Request.OfKey != "" && a.Authorized == 0 {
		return nil // it was being reversed already: nothing was done under this key
	}
	if a.underWay(key) {
		return nil
	}
	t, err := a.told(line.Request.Op, n)
	if err != nil || t.outcome == 0 {
		return err
	}
	for _, known := range []*told{b.put(b.byOp, b.name(a.Payment, key), t), b.putKey(line.Request.Merchant, key, t)} {
		if known == nil || known.same(t) {
			continue
		}
		b.wrong = append(b.wrong, Difference{
			Kind: ToldTwice, Payment: t.payment.String(), RRN: t.rrn.String(), AmountMinor: t.amount,
			Currency: t.currency.Value(),
			Detail: fmt.Sprintf("key %s: line %d tells of %s, %s, line %d of %s, %s", key, known.line, known.payment,
				known.text(), n, t.payment, t.text()),
		})
		break
	}
	return nil
}

// put enters an answer unless there is one, which it then returns.
func (b *toldBook) put(into map[toldName]*told, name toldName, t *told) (known *told) {
	if known = into[name]; known == nil {
		into[name] = t
	}
	return known
}

func (b *toldBook) putKey(merchant, key string, t *told) *told {
	if merchant == "" {
		return nil
	}
	return b.put(b.byKey, b.name(merchant, key), t)
}

// same tells whether two answers to one key tell of the same operation with the same outcome.
func (t *told) same(o *told) bool {
	return t.payment == o.payment && t.rrn == o.rrn && t.stan == o.stan && t.made == o.made && t.outcome == o.outcome &&
		t.amount == o.amount
}

func (t *told) text() string {
	return fmt.Sprintf("%s of %d, RRN %s STAN %s", outcomeNames[t.outcome], t.amount, t.rrn,
		strings.TrimRight(string(t.stan[:]), "\x00"))
}

func (a *toldAnswer) told(op string, line int32) (*told, error) {
	t := &told{
		amount: a.Amount, line: line, currency: unique.Make(money.Current(a.Currency)), date: unique.Make(a.BusinessDate),
		op: unique.Make(op),
	}
	var err error
	if t.payment, err = parsePaymentID(a.Payment); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	for _, f := range [...]struct {
		into        []byte
		name, value string
	}{
		{t.rrn[:], "answer.rrn", a.RRN}, {t.stan[:], "answer.stan", a.STAN}, {t.code[:], "answer.response_code",
			a.ResponseCode},
		{t.auth[:], "answer.auth_code", a.AuthCode},
	} {
		if err := fill(f.into, f.name, f.value); err != nil {
			return nil, err
		}
	}
	for _, id := range []string{a.Capture, a.Refund} {
		if _, place, ok := strings.Cut(id, "-"); ok {
			n, err := strconv.ParseInt(place, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("answer: %q is no id of a capture or refund", id)
			}
			t.made = int32(n)
		}
	}
	switch {
	case a.Approved:
		t.outcome = toldApproved
	case a.Status == "pending":
	case a.ResponseCode != "":
		t.outcome = toldDeclined
	default:
		t.outcome = toldUndone
	}
	return t, nil
}

package loadgen

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"switchyard/internal/loadgen/record"
	"switchyard/switch/api"
)

// Gateway is a pipelined connection to a switch's gateway port; the client of package lines/client is one.
type Gateway interface {
	// Send sends a request and calls done once with its answer, or with the connection's error. When Send returns an error
	// done is not called. req may be changed once Send has returned.
	Send(req *api.Request, done func(*api.Answer, error)) error
}

// Payments are the requests of a load run: request n follows from its number.
type Payments struct {
	Op    api.Op // authorize or sale
	Run   string // begins every key (letters, digits, hyphens): a switch that met it before would answer from memory
	Cards Cards
	Pool  uint64 // number of different cards; default DefaultCards, at most MaxCards
	Seed  uint64
	// RandomKeys makes keys that are UUIDs, in no order, in place of such as begin with Run and count up.
	RandomKeys bool
}

// RunName makes a Run of Payments. It differs from run to run, or a switch that knows the last run's keys would answer
// from memory.
func RunName() string { return strconv.FormatUint(rand.Uint64(), 36) + "-" }

// The merchants of a load run, each with its currency and as many terminals. Amounts lie from minAmount to
// minAmount + amountSpan minor units.
const (
	loadTerminals = 100
	minAmount     = 100
	amountSpan    = 10_000
)

var loadMerchants = [...]struct{ id, currency string }{
	{"LOAD00000000001", "EUR"}, {"LOAD00000000002", "USD"}, {"LOAD00000000003", "GBP"}, {"LOAD00000000004", "EUR"},
	{"LOAD00000000005", "JPY"}, {"LOAD00000000006", "USD"}, {"LOAD00000000007", "KWD"}, {"LOAD00000000008", "EUR"},
}

var loadTerminalIDs = func() (ids [loadTerminals]string) {
	for i := range ids {
		ids[i] = "LOAD" + strconv.Itoa(1000+i)
	}
	return ids
}()

var loadFields = api.Fields(
	api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency, api.FieldCard,
)

// Fill makes request n.
func (p *Payments) Fill(n uint64, req *api.Request) {
	d, keys := p.draw(n), newKeys(p.Run, p.RandomKeys)
	var key [api.MaxKey]byte
	*req = api.Request{
		Op:       p.Op,
		Present:  loadFields,
		Key:      string(keys.append(key[:0], n)),
		Merchant: loadMerchants[d.merchant].id,
		Terminal: loadTerminalIDs[d.terminal],
		Amount:   d.amount,
		Currency: loadMerchants[d.merchant].currency,
		Card:     p.Cards.Card(d.card),
	}
}

// drawn is what of a request is drawn from its number.
type drawn struct {
	merchant, terminal int
	amount             int64
	card               uint64
}

func (p *Payments) draw(n uint64) drawn {
	pool := p.Pool
	if pool == 0 || pool > MaxCards {
		pool = DefaultCards
	}
	h := mix(n ^ p.Seed)
	return drawn{
		merchant: int(h % uint64(len(loadMerchants))), terminal: int((h >> 8) % loadTerminals),
		amount: minAmount + int64((h>>16)%amountSpan), card: (h >> 24) % pool,
	}
}

// mix is the finalizer of SplitMix64: neighbouring numbers give unrelated ones.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// GatewayTarget drives payments at connections to a switch, one a lane.
type GatewayTarget struct {
	lanes    []Gateway
	payments Payments
	slots    []gatewaySlot
}

// gatewaySlot is what one request in flight needs, made once.
type gatewaySlot struct {
	req  api.Request
	end  func(Outcome)
	done func(*api.Answer, error)
}

// NewGatewayTarget makes a target for as many lanes as there are connections and inFlight slots.
func NewGatewayTarget(lanes []Gateway, inFlight int, payments Payments) *GatewayTarget {
	t := &GatewayTarget{lanes: lanes, payments: payments, slots: make([]gatewaySlot, inFlight)}
	for i := range t.slots {
		s := &t.slots[i]
		s.done = func(a *api.Answer, err error) { s.end(OutcomeOf(a, err)) }
	}
	return t
}

// Start implements Target.
func (t *GatewayTarget) Start(lane, slot int, seq uint64, end func(Outcome)) {
	s := &t.slots[slot]
	t.payments.Fill(seq, &s.req)
	s.end = end
	if err := t.lanes[lane].Send(&s.req, s.done); err != nil {
		out := lostWith(err)
		out.NotSent = true
		end(out)
	}
}

// OutcomeOf is how a request ended by what its connection said.
func OutcomeOf(a *api.Answer, err error) Outcome {
	switch {
	case err != nil:
		return lostWith(err)
	case a.Err != nil:
		return Outcome{Class: record.Refused, Code: refusal(a.Err)}
	case a.Approved:
		return Outcome{Class: record.Approved}
	case a.Status == api.StatusReversing, a.Status == api.StatusReversed, a.Status == api.StatusFailed:
		return Outcome{Class: record.Refused, Code: string(a.Status)} // no outcome from the issuer: not a decline
	default:
		return Outcome{Class: record.Declined, Code: a.ResponseCode}
	}
}

// refusal is an error's code, with the field that it is about.
func refusal(e *api.Error) string {
	if e.Field == "" {
		return string(e.Code)
	}
	return string(e.Code) + " " + e.Field
}

// connectionFault reduces an error of a connection to what can be counted: addresses and ports would make each one
// different.
func connectionFault(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, ": "); i >= 0 {
		s = s[i+2:]
	}
	return s
}

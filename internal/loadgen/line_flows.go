package loadgen

import (
	"net"
	"strconv"

	"switchyard/internal/loadgen/record"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// LineFlows is a LineTarget of flows.
type LineFlows struct {
	*LineTarget
	flows *lineFlows
}

// NewLineFlows makes a target of open connections, one a lane, for inFlight slots. The traffic is prepared. told may be
// nil. Close it to end its goroutines.
func NewLineFlows(conns []net.Conn, inFlight int, traffic *Traffic, told Told) *LineFlows {
	f := &lineFlows{traffic: traffic, journeys: make([]journey, inFlight), requests: make([]api.Request, inFlight)}
	return &LineFlows{LineTarget: newLines(conns, inFlight, f, told), flows: f}
}

// First implements Opener.
func (t *LineFlows) First(n uint64) record.Op {
	return t.flows.traffic.opOf[t.flows.traffic.flow(n).Steps[0]]
}

// Open implements Opener.
func (t *LineFlows) Open(_, slot int, n uint64) { t.flows.traffic.open(&t.flows.journeys[slot], n) }

// lineFlows asks for flows. What is of a slot is used by who starts its request, and then by who ends it.
type lineFlows struct {
	traffic  *Traffic
	journeys []journey
	requests []api.Request // by slot: that of the last step
}

func (f *lineFlows) appendLine(b []byte, id uint64, slot int, _ uint64) []byte {
	j, req := &f.journeys[slot], &f.requests[slot]
	if j.tries == 0 && j.at() != StepRepeat {
		f.make(j, req)
	}
	req.ID = strconv.FormatUint(id, 10)
	return append(wire.AppendRequest(b, req), '\n')
}

func (f *lineFlows) approval([]byte) (uint64, bool) { return 0, false }

func (f *lineFlows) fill(slot int, _ uint64, req *api.Request) { *req = f.requests[slot] }

var (
	verifyFields = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldCurrency, api.FieldCard)
	onPayment    = api.Fields(api.FieldKey, api.FieldPayment)
	onAmount     = api.Fields(api.FieldKey, api.FieldPayment, api.FieldAmount)
	onlyPayment  = api.Fields(api.FieldPayment)
)

// make makes the request of a step.
func (f *lineFlows) make(j *journey, req *api.Request) {
	t := f.traffic
	key := string(t.keys.appendStep(nil, j.n, j.step))
	if j.at().makes() {
		m := &t.Merchants[j.merchant]
		*req = api.Request{
			Op: api.OpAuthorize, Present: loadFields, Key: key, Merchant: m.ID, Terminal: terminalID(j.terminal),
			Amount: j.amount, Currency: m.Currency, Card: t.Cards.Card(j.card),
		}
		switch j.at() {
		case StepSale:
			req.Op = api.OpSale
		case StepVerify:
			req.Op, req.Present, req.Amount = api.OpVerify, verifyFields, 0
		case StepBad:
			spoil(req, j.n)
		default: // an authorization
		}
		return
	}
	*req = api.Request{Present: onPayment, Key: key, Payment: j.payment}
	switch j.at() {
	case StepIncrement:
		req.Op, req.Present, req.Amount = api.OpIncrement, onAmount, max(j.amount/10, 1)
	case StepCapture:
		req.Op, req.Present, req.Amount = api.OpCapture, onAmount, part(j.capturable, j.left(StepCapture))
	case StepRefund:
		req.Op, req.Present, req.Amount = api.OpRefund, onAmount, part(j.refundable, j.left(StepRefund))
	case StepReverse:
		req.Op = api.OpReverse
	case StepVoid:
		req.Op = api.OpVoid
	case StepStatus:
		*req = api.Request{Op: api.OpStatus, Present: onlyPayment, Payment: j.payment}
	default: // the others make a payment, and a repeat is sent as it was
	}
}

// part is what one of so many gets of a sum, the last all that is left; never 0, which is no amount.
func part(sum, of int64) int64 { return max(sum/max(of, 1), 1) }

// terminalID is a terminal of DE41's eight characters.
func terminalID(n int) string { return "L" + strconv.Itoa(1_000_000+n) }

// spoil makes a request one that must be refused, in one of several ways.
func spoil(req *api.Request, n uint64) {
	switch mix(n) % 4 {
	case 0:
		req.Amount = 0
	case 1:
		last := len(req.Card.Number) - 1
		req.Card.Number = req.Card.Number[:last] + string('0'+(req.Card.Number[last]-'0'+1)%10)
	case 2:
		req.Currency = "XXZ"
	default:
		req.Card.Expiry = "2013"
	}
}

// ended takes what an answer tells of the payment, and says what follows.
func (f *lineFlows) ended(slot int, a *api.Answer, o *Outcome) {
	j := &f.journeys[slot]
	switch s := j.at(); {
	case a == nil:
	case s == StepBad:
		if a.Err == nil {
			o.Class, o.Code = record.Unmatched, "a bad request was taken"
		} else if a.Err.Code == api.CodeInvalidField {
			o.Class = record.Declined // as it must be
		}
	case s == StepStatus && a.Err == nil:
		o.Class, o.Code = record.Approved, ""
	case s == StepRepeat && a.Err == nil && !a.Replayed:
		o.Class, o.Code = record.Unmatched, "a repeat was no replay"
	}
	if a != nil && a.Err == nil {
		if a.Payment != "" {
			j.payment = a.Payment
		}
		j.capturable, j.refundable = a.Capturable, a.Refundable
	}
	f.traffic.after(j, o)
}

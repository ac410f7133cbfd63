package wire

import (
	"errors"
	"strconv"
	"time"

	"switchyard/switch/api"
)

// AppendAnswer writes a as one JSON object, without the LF. An empty id is written as null: the request had none that
// could be read. Empty strings are left out; approved, the sums and replayed always stand in a payment's answer.
func AppendAnswer(b []byte, a *api.Answer) []byte {
	b = appendID(append(b, '{'), a.ID)
	if a.Err != nil {
		return append(appendError(b, a.Err), '}')
	}
	b = member(b, `"op":`, a.Op.String())
	switch {
	case a.Op == api.OpPing:
	case a.Op == api.OpStatus && a.Payment == "":
		b = appendPayments(b, a)
	default:
		b = appendPayment(b, a)
	}
	return append(b, '}')
}

// appendID writes the id of an answer.
func appendID(b []byte, id string) []byte {
	b = append(b, `"id":`...)
	if id == "" {
		return append(b, "null"...)
	}
	return appendString(b, id)
}

func appendError(b []byte, e *api.Error) []byte {
	b = append(name(b, `"error":`), '{')
	b = member(b, `"code":`, string(e.Code))
	b = optional(b, `"field":`, e.Field)
	b = member(b, `"message":`, e.Message)
	b = memberBool(b, `"retry":`, e.Retry())
	return append(b, '}')
}

// appendPayments writes the list that status by reference answers.
func appendPayments(b []byte, a *api.Answer) []byte {
	b = append(name(b, `"payments":`), '[')
	for i := range a.Payments {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendPayment(append(b, '{'), &a.Payments[i]), '}')
	}
	b = append(b, ']')
	return memberBool(b, `"more":`, a.More)
}

// appendPayment writes the members that tell of one payment and the operation on it.
func appendPayment(b []byte, a *api.Answer) []byte {
	b = optional(b, `"payment":`, a.Payment)
	b = optional(b, `"status":`, string(a.Status))
	b = memberBool(b, `"approved":`, a.Approved)
	b = optional(b, `"response_code":`, a.ResponseCode)
	b = optional(b, `"reason":`, a.Reason)
	b = optional(b, `"auth_code":`, a.AuthCode)
	b = optional(b, `"rrn":`, a.RRN)
	b = optional(b, `"stan":`, a.STAN)
	b = optional(b, `"network_id":`, a.NetworkID)
	b = optional(b, `"avs":`, a.AVS)
	b = optional(b, `"cvc_result":`, a.CVCResult)
	b = memberInt(b, `"amount":`, a.Amount)
	b = optional(b, `"currency":`, a.Currency)
	b = memberInt(b, `"authorized":`, a.Authorized)
	b = memberInt(b, `"released":`, a.Released)
	b = memberInt(b, `"captured":`, a.Captured)
	b = memberInt(b, `"refunded":`, a.Refunded)
	if a.ChargedBack != 0 {
		b = memberInt(b, `"charged_back":`, a.ChargedBack)
	}
	b = memberInt(b, `"capturable":`, a.Capturable)
	b = memberInt(b, `"refundable":`, a.Refundable)
	b = optional(b, `"business_date":`, a.BusinessDate)
	b = memberTime(b, `"created":`, a.Created)
	b = memberBool(b, `"replayed":`, a.Replayed)
	b = optional(b, `"capture":`, a.Capture)
	b = optional(b, `"refund":`, a.Refund)
	if a.History == nil {
		return b
	}
	b = append(name(b, `"history":`), '[')
	for i := range a.History {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHistoryItem(b, &a.History[i])
	}
	return append(b, ']')
}

func appendHistoryItem(b []byte, h *api.HistoryItem) []byte {
	b = append(b, '{')
	b = memberTime(b, `"at":`, h.At)
	b = member(b, `"op":`, h.Op)
	b = optional(b, `"state":`, h.State)
	b = optional(b, `"key":`, h.Key)
	b = memberInt(b, `"amount":`, h.Amount)
	b = memberBool(b, `"approved":`, h.Approved)
	b = optional(b, `"response_code":`, h.ResponseCode)
	b = optional(b, `"rrn":`, h.RRN)
	b = optional(b, `"stan":`, h.STAN)
	b = optional(b, `"capture":`, h.Capture)
	b = optional(b, `"refund":`, h.Refund)
	if h.Automatic {
		b = memberBool(b, `"automatic":`, true)
	}
	if h.PastWindow {
		b = memberBool(b, `"past_window":`, true)
	}
	if h.CaptureCancelled {
		b = memberBool(b, `"capture_cancelled":`, true)
	}
	b = optional(b, `"presentment":`, h.Presentment)
	return append(b, '}')
}

// DecodeAnswer reads one line into a, whatever stood there before; the line may be reused at once. Unknown fields are
// skipped. A null or absent id is "", and the answer is an error where a.Err is set. The error returned says that the
// line is no answer at all; it quotes nothing of it.
func DecodeAnswer(line []byte, a *api.Answer) error {
	*a = api.Answer{}
	d := answerDecoder{scanner: scanner{text: string(line)}}
	if d.open('{', "a JSON object") {
		d.answer(a, 1)
	}
	d.end()
	if d.broken() {
		return errors.New("gateway answer: " + d.where())
	}
	return nil
}

// maxPaymentsDepth is where the list of payments stands: directly in the answer.
const maxPaymentsDepth = 2

// answerDecoder reads answers. A field of another type than the protocol's breaks the line: it is no answer.
type answerDecoder struct{ scanner }

// answer reads the members of an answer, or of one payment in a list, behind the brace.
func (d *answerDecoder) answer(a *api.Answer, depth int) {
	for first := true; ; first = false {
		name, ok := d.member(first)
		if !ok {
			return
		}
		if d.null() {
			continue
		}
		switch name {
		case "id":
			a.ID = d.text()
		case "op":
			a.Op, _ = api.ParseOp(d.text())
		case "error":
			a.Err = d.fault(depth + 1)
		case "payment":
			a.Payment = d.text()
		case "status":
			a.Status = api.Status(d.text())
		case "approved":
			a.Approved = d.flag()
		case "response_code":
			a.ResponseCode = d.text()
		case "reason":
			a.Reason = d.text()
		case "auth_code":
			a.AuthCode = d.text()
		case "rrn":
			a.RRN = d.text()
		case "stan":
			a.STAN = d.text()
		case "network_id":
			a.NetworkID = d.text()
		case "avs":
			a.AVS = d.text()
		case "cvc_result":
			a.CVCResult = d.text()
		case "amount":
			a.Amount = d.integer()
		case "currency":
			a.Currency = d.text()
		case "authorized":
			a.Authorized = d.integer()
		case "released":
			a.Released = d.integer()
		case "captured":
			a.Captured = d.integer()
		case "refunded":
			a.Refunded = d.integer()
		case "charged_back":
			a.ChargedBack = d.integer()
		case "capturable":
			a.Capturable = d.integer()
		case "refundable":
			a.Refundable = d.integer()
		case "business_date":
			a.BusinessDate = d.text()
		case "created":
			a.Created = d.time()
		case "replayed":
			a.Replayed = d.flag()
		case "capture":
			a.Capture = d.text()
		case "refund":
			a.Refund = d.text()
		case "history":
			a.History = d.history(depth + 1)
		case "payments":
			a.Payments = d.payments(depth + 1)
		case "more":
			a.More = d.flag()
		default:
			d.skip(depth)
		}
	}
}

func (d *answerDecoder) fault(depth int) *api.Error {
	e := new(api.Error)
	if !d.open('{', "an object") {
		return e
	}
	for first := true; ; first = false {
		name, ok := d.member(first)
		if !ok {
			return e
		}
		if d.null() {
			continue
		}
		switch name {
		case "code":
			e.Code = api.Code(d.text())
		case "field":
			e.Field = d.text()
		case "message":
			e.Message = d.text()
		default:
			d.skip(depth) // retry too: it follows from the code
		}
	}
}

func (d *answerDecoder) payments(depth int) []api.Answer {
	list := []api.Answer{}
	if depth > maxPaymentsDepth {
		d.fail("no payments within payments")
		return nil
	}
	if !d.open('[', "an array") {
		return nil
	}
	for first := true; d.element(first); first = false {
		list = append(list, api.Answer{})
		if d.open('{', "an object") {
			d.answer(&list[len(list)-1], depth+1)
		}
	}
	return list
}

func (d *answerDecoder) history(depth int) []api.HistoryItem {
	list := []api.HistoryItem{}
	if !d.open('[', "an array") {
		return nil
	}
	for first := true; d.element(first); first = false {
		list = append(list, api.HistoryItem{})
		if d.open('{', "an object") {
			d.historyItem(&list[len(list)-1], depth+1)
		}
	}
	return list
}

func (d *answerDecoder) historyItem(h *api.HistoryItem, depth int) {
	for first := true; ; first = false {
		name, ok := d.member(first)
		if !ok {
			return
		}
		if d.null() {
			continue
		}
		switch name {
		case "at":
			h.At = d.time()
		case "op":
			h.Op = d.text()
		case "state":
			h.State = d.text()
		case "key":
			h.Key = d.text()
		case "amount":
			h.Amount = d.integer()
		case "approved":
			h.Approved = d.flag()
		case "response_code":
			h.ResponseCode = d.text()
		case "rrn":
			h.RRN = d.text()
		case "stan":
			h.STAN = d.text()
		case "capture":
			h.Capture = d.text()
		case "refund":
			h.Refund = d.text()
		case "automatic":
			h.Automatic = d.flag()
		case "past_window":
			h.PastWindow = d.flag()
		case "capture_cancelled":
			h.CaptureCancelled = d.flag()
		case "presentment":
			h.Presentment = d.text()
		default:
			d.skip(depth)
		}
	}
}

// null steps over a null; false, and nothing stepped over, where the value is another.
func (d *answerDecoder) null() bool {
	if d.peek() != 'n' {
		return false
	}
	d.word("null")
	return true
}

func (d *answerDecoder) text() string {
	if d.peek() != '"' {
		d.fail("a string")
		return ""
	}
	return d.str()
}

func (d *answerDecoder) flag() bool {
	switch d.peek() {
	case 't':
		d.word("true")
		return true
	case 'f':
		d.word("false")
	default:
		d.fail("true or false")
	}
	return false
}

func (d *answerDecoder) integer() int64 {
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		d.fail("an integer")
		return 0
	}
	text, integer := d.number()
	if d.broken() {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if !integer || err != nil {
		d.fail("an integer of 64 bits")
		return 0
	}
	return n
}

func (d *answerDecoder) time() time.Time {
	text := d.text()
	if d.broken() {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		d.fail("an RFC 3339 time")
		return time.Time{}
	}
	return t.UTC()
}

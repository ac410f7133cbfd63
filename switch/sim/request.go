package sim

import (
	"fmt"
	"strconv"

	"switchyard/switch/api"
)

// merchant is who sells where a plan has no shops.
const merchant = "M1"

// request makes the request of a step; false if there is nothing that it could be about.
func (a *actor) request(key string, s *Step) (wish, bool) {
	if s.Do.creates() {
		return s.creation(key), true
	}
	about, last := a.subjectOf(s)
	r := wish{merchant: about.merchant, currency: about.currency, Request: api.Request{
		ID: key, Key: key, Amount: s.Amount, Present: api.Fields(api.FieldKey),
	}}
	if s.Do == DoReverseByKey {
		r.merchant, r.currency = last.merchant, last.currency
		r.Op, r.Merchant, r.OfKey, r.Amount = api.OpReverse, last.merchant, last.Key, 0
		r.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey)
		return r, last.Key != "" && last.Key != key
	}
	if about.payment == "" {
		return r, false
	}
	r.Payment, r.Present = about.payment, r.Present.With(api.FieldPayment)
	if s.Amount != 0 {
		r.Present = r.Present.With(api.FieldAmount)
		if s.Dress.SaysCurrency {
			r.Currency, r.Present = about.currency, r.Present.With(api.FieldCurrency)
		}
	}
	switch s.Do {
	case DoIncrement:
		r.Op, r.Amount = api.OpIncrement, s.Amount+1
		r.Present = r.Present.With(api.FieldAmount)
	case DoCapture:
		r.Op = api.OpCapture
	case DoFinal:
		r.Op, r.Final = api.OpCapture, true
		r.Present = r.Present.With(api.FieldFinal)
	case DoReverse:
		r.Op = api.OpReverse
	case DoVoid:
		r.Op, r.Amount, r.Currency, r.Present = api.OpVoid, 0, "", api.Fields(api.FieldKey, api.FieldPayment)
		if about.capture != "" && s.Amount%2 == 0 {
			r.Capture, r.Present = about.capture, r.Present.With(api.FieldCapture)
		}
	case DoRefund:
		r.Op = api.OpRefund
	case DoStatus:
		return s.status(about), true
	}
	return r, true
}

// subjectOf is what a step is about: the actor's latest payment, or that of another one at its node.
func (a *actor) subjectOf(s *Step) (subject, wish) {
	other := a
	if n := len(a.w.actors); s.Whose > 0 && n > 0 {
		other = a.w.actors[(a.number+s.Whose*len(a.w.nodes))%n]
		if other.node != a.node {
			other = a
		}
	}
	about, _ := other.now()
	_, last := a.now()
	return about, last
}

// creation is the request of a step that makes a payment.
func (s *Step) creation(key string) wish {
	d := &s.Dress
	r := wish{Request: api.Request{
		ID: key, Key: key, Amount: s.Amount, Merchant: merchant, Terminal: "T1", Currency: "EUR",
		Card: api.Card{Number: cards[s.Card], Expiry: "3012", CVC: "123"},
		Present: api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency,
			api.FieldCard),
	}}
	if d.Merchant != "" {
		r.Merchant, r.Terminal, r.Currency = d.Merchant, d.Terminal, d.Currency
	}
	r.merchant, r.currency = r.Merchant, r.Currency
	switch s.Do {
	case DoSale, DoAuthorize:
		r.Op = api.OpAuthorize
		if s.Do == DoSale {
			r.Op = api.OpSale
		}
		if s.Amount%2 == 0 {
			r.Partial, r.Present = true, r.Present.With(api.FieldPartial)
		}
		d.put(&r.Request)
		if r.Op == api.OpAuthorize {
			s.capturedBySwitch(&r.Request)
		}
	case DoVerify:
		r.Op, r.Amount = api.OpVerify, 0
		r.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldCurrency, api.FieldCard)
		d.put(&r.Request)
	case DoVoice:
		r.Op, r.AuthCode, r.Card.CVC = api.OpCapture, "V"+strconv.Itoa(10000+int(s.Amount)), ""
		r.Card.Number = cards[s.Card%goodCards]
		r.Present = r.Present.With(api.FieldAuthCode)
	case DoCredit:
		s.asCredit(&r)
	}
	return r
}

// status asks for a payment, or for those with its merchant's reference.
func (s *Step) status(about subject) wish {
	r := wish{merchant: about.merchant, currency: about.currency, Request: api.Request{ID: "status", Op: api.OpStatus}}
	if s.Dress.Reference {
		r.Merchant, r.Reference = about.merchant, reference
		r.Present = api.Fields(api.FieldMerchant, api.FieldReference)
		return r
	}
	r.Payment, r.Present = about.payment, api.Fields(api.FieldPayment)
	return r
}

// askFor asks for the status of a key.
func askFor(key, merchant string) *wish {
	return &wish{merchant: merchant, Request: api.Request{
		ID: "ask", Op: api.OpStatus, Key: key, Merchant: merchant, Present: api.Fields(api.FieldKey, api.FieldMerchant),
	}}
}

func requestText(r *api.Request) string {
	t := r.Op.String() + " " + r.Key
	if r.Merchant != "" && r.Merchant != merchant {
		t += " at " + r.Merchant
	}
	if r.Payment != "" {
		t += " of " + r.Payment
	}
	if r.OfKey != "" {
		t += " of key " + r.OfKey
	}
	if r.Amount != 0 {
		t += fmt.Sprintf(" %d %s", r.Amount, r.Currency)
	}
	if r.Final {
		t += " final"
	}
	if r.CapturedBySwitch() {
		t += fmt.Sprintf(", captured by the switch after %s", r.CaptureAfter)
	}
	return t
}

func answerText(a *api.Answer) string {
	if a.Err != nil {
		return "refused: " + a.Err.Error()
	}
	t := fmt.Sprintf(
		"%s, approved %t code %q amount %d, authorized %d released %d captured %d refunded %d, RRN %s STAN %s",
		a.Status, a.Approved, a.ResponseCode, a.Amount, a.Authorized, a.Released, a.Captured, a.Refunded, a.RRN, a.STAN)
	if a.Payment != "" {
		t = a.Payment + " " + t
	}
	if a.Replayed {
		t += ", replayed"
	}
	return t
}

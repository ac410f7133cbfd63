package flow

import (
	"context"

	"switchyard/switch/api"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// conflict refuses a request whose key another one has used. The gateway whose payment that one is about is told the
// payment, and which field is not the same, as far as the payment can tell: not all that was asked for is kept. Others
// are told neither.
func (x *operation) conflict(ctx context.Context, entry journal.KeyEntry) *api.Error {
	why := "the key was used with another request"
	p, err := x.o.Journal.Payment(ctx, entry.Payment)
	if err != nil || !owns(x.caller, p) || names(entry, p) != nil {
		return keyConflict(why)
	}
	why += ", of payment " + p.ID.String()
	if field := x.differs(p, entry.Op); field != "" {
		why += ", which differs in " + field
	}
	return keyConflict(why)
}

// differs is the first field in which the request is not the one that operation i of a payment was made by, or "" where
// none is known. What of the card differs is not told: whoever has a gateway's connection, a key and a masked number
// could try the rest of the number, then the expiry, each by itself and at no cost.
func (x *operation) differs(p *payment.Payment, i int) string {
	op, req := &p.Ops[i], x.req
	makes := req.Payment == ""
	for _, field := range [...]struct {
		name string
		same bool
	}{
		{"op", becomes(req.Op, op.Kind)},
		{"of_key", !req.Present.Has(api.FieldOfKey) || x.id == p.ID},
		{"payment", makes && (i == 0 || p.Ops[0].Kind == payment.KindVoice) || !makes && x.id == p.ID},
		{"amount", !req.Present.Has(api.FieldAmount) || req.Amount == op.Amount},
		{"currency", req.Currency == "" || req.Currency == p.Currency},
		{"capture", req.Op != api.OpVoid || req.Capture == "" || req.Capture == payment.OperationID(p.ID, op.Target)},
		{"terminal", !makes || req.Terminal == p.Terminal},
		{"entry", !makes || uint8(req.Entry) == p.Entry},
		{"initiator", !makes || uint8(req.Initiator) == p.Initiator},
		{"reference", !makes || req.Reference == p.Reference || x.keptReference() == p.Reference},
		{"threeds.eci", !makes || req.ThreeDS.ECI == p.ECI},
		{"auth_code", !makes || req.Op != api.OpCapture || req.AuthCode == p.Ops[0].AuthCode},
	} {
		if !field.same {
			return field.name
		}
	}
	return ""
}

// becomes tells whether a request for op makes operations of a kind.
func becomes(op api.Op, kind payment.Kind) bool {
	switch kind {
	case payment.KindStandIn:
		return op == api.OpAuthorize
	case payment.KindVoid, payment.KindVoidPresentment: // a reversal by the key of a sale or capture voids it
		return op == api.OpVoid || op == api.OpReverse
	default:
		return op.String() == kind.String()
	}
}

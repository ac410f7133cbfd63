package flow

import (
	"switchyard/internal/pan"
	"switchyard/switch/api"
)

// What callers name things by is kept, logged, and written into files that are passed on: no place for a card number
// (I12; PCI DSS 3.5.1). So it is refused there, once the key is known to be new: what was stored before is answered as
// it was, and found as ever.

// cardInText refuses a request that is to be kept where a card number stands in what names it: in its key, and, where
// it makes a payment, in its merchant and its reference.
func (x *operation) cardInText() *api.Error {
	req := x.req
	if pan.In(req.Key) || pan.Names(req.Key, req.Card.Number) {
		return inText("key")
	}
	if !req.Present.Has(api.FieldCard) {
		return nil
	}
	number := req.Card.Number
	switch {
	case pan.In(req.Merchant) || pan.Names(req.Merchant, number):
		return inText("merchant")
	case pan.Names(req.NetworkID, number): // others' digits in it may be right by chance
		return inText("network_id")
	}
	if reference := x.keptReference(); pan.In(reference) || pan.Names(reference, number) {
		return inText("reference")
	}
	return nil
}

func inText(field string) *api.Error {
	return api.FieldError(field, "holds what may be a card number; expected none there")
}

// keptReference is what is kept of the request's reference.
func (x *operation) keptReference() string {
	if x.o.MaskReferences {
		return pan.Hide(x.req.Reference)
	}
	return x.req.Reference
}

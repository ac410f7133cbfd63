package flow

import (
	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/issuer/message"
	"switchyard/switch/payment"
)

// sealCard stores the card in a payment, sealed and hashed; masked it is stored by newPayment.
func (f *Flow) sealCard(p *payment.Payment, card *api.Card) {
	p.PANHash = f.o.Keyring.Hash(card.Number)
	p.SealKey = f.o.Keyring.SealingKey()
	p.SealedCard = f.o.Keyring.AppendSealed(p.SealedCard[:0], p.ID, card.Number, card.Expiry)
}

// openCard is the other way round.
func (f *Flow) openCard(p *payment.Payment) (message.Card, error) {
	number, expiry, err := f.o.Keyring.Open(p.SealKey, p.ID, p.SealedCard)
	return message.Card{PAN: number, Expiry: expiry}, err
}

// storedEMV is what of the chip data is stored (I12).
func storedEMV(req *api.Request) (string, error) {
	if req.EMV == "" {
		return "", nil
	}
	return spec.FilterEMV(req.EMV)
}

package ipmtool

import (
	"switchyard/internal/pan"
	"switchyard/switch/clearing"
)

// chip is the one element of raw bytes, cardNumber that of card numbers.
const (
	cardNumber = 2
	chip       = 55
)

// maskCards masks in place what is or could be a card number, and tells whether there was any.
func maskCards(v *clearing.Values) (masked bool) {
	for de, value := range v {
		var now []byte
		switch {
		case value == nil:
			continue
		case de == cardNumber:
			now = []byte(pan.Mask(string(value)))
		case de == chip:
			clean, _ := clearing.MaskedChip(value)
			now = []byte(pan.MaskIn(string(clean)))
		case clearing.CarriesPDS(de):
			now = rewritePDS(value, func(sub clearing.PDS) string {
				return string(clearing.MaskElement(0, sub.Tag, []byte(sub.Value)))
			})
		default:
			now = clearing.MaskElement(de, 0, value)
		}
		if string(now) != string(value) {
			v[de], masked = now, true
		}
	}
	return masked
}

// rewritePDS puts other values of the same length into the subelements of an element. Of one that holds something else,
// nobody knows what, card numbers are masked.
func rewritePDS(carrier []byte, change func(clearing.PDS) string) (out []byte) {
	subs, ok := clearing.SplitPDS(carrier)
	if !ok {
		return []byte(pan.MaskIn(string(carrier)))
	}
	out = make([]byte, 0, len(carrier))
	for _, sub := range subs {
		sub.Value = change(sub)
		out = clearing.AppendPDS(out, sub)
	}
	return out
}

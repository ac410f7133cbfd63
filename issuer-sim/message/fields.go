package message

import "switchyard/spec"

// elements are those of a kind of message: what it must have, and what it may have besides.
type elements struct{ must, may []int }

// What each kind of message has: the table of docs/iso8583.md.
var (
	authorizationElements = elements{
		must: []int{2, 3, 4, 7, 11, 12, 13, 14, 18, 22, 25, 32, 37, 41, 42, 43, 48, 49}, may: []int{23, 35, 38, 55},
	}
	saleElements = elements{
		must: []int{2, 3, 4, 7, 11, 12, 13, 14, 15, 18, 22, 25, 32, 37, 41, 42, 43, 48, 49}, may: []int{23, 35, 55},
	}
	creditElements  = elements{must: saleElements.must, may: []int{23, 35}}
	captureElements = elements{
		must: []int{2, 3, 4, 7, 11, 12, 13, 14, 15, 18, 22, 25, 32, 37, 38, 41, 42, 43, 48, 49}, may: []int{90},
	}
	reversalElements = elements{
		must: []int{2, 3, 4, 7, 11, 12, 13, 25, 32, 37, 41, 42, 48, 49, 90}, may: []int{15, 38, 95},
	}
	networkElements = elements{must: []int{7, 11, 70}, may: []int{32, 33}}
)

// CheckElements holds a message to the elements that its kind has: one that is missing or is not expected is an error,
// a *spec.FieldError. A MAC may stand in any. Kinds that it does not know have what they have.
func CheckElements(m *spec.Message) error {
	mti := m.MTIBytes()
	var e elements
	switch class := ClassOf(mti); {
	case mti[1] == '8':
		e = networkElements
	case class == ClassAuthorization:
		e = authorizationElements
	case class == ClassFinancial && len(m.Bytes(3)) == 6 && m.Bytes(3)[0] == '2':
		e = creditElements
	case class == ClassFinancial:
		e = saleElements
	case class == ClassAdvice:
		e = captureElements
	case class == ClassReversal:
		e = reversalElements
	default:
		return nil
	}
	var known [spec.MaxDE + 1]bool
	for _, de := range e.must {
		if !m.Has(de) {
			return Missing(de, "it to be there")
		}
		known[de] = true
	}
	for _, de := range append([]int{64, 128}, e.may...) {
		known[de] = true
	}
	for de := 2; de <= spec.MaxDE; de++ {
		if m.Has(de) && !known[de] {
			return Missing(de, "it not to be there, in "+m.MTI())
		}
	}
	return nil
}

package message

import (
	"slices"

	"switchyard/spec"
)

// elements are those of a kind of message: what it must have, and what it may have besides.
type elements struct{ must, may []int }

// What each kind of message has: the tables of docs/iso8583.md.
var (
	authorizationElements = elements{
		must: []int{2, 3, 4, 7, 11, 12, 13, 14, 18, 22, 25, 32, 37, 41, 42, 43, 48, 49}, may: []int{23, 35, 55},
	}
	standInElements = elements{must: authorizationElements.must, may: []int{38}}
	saleElements    = elements{
		must: []int{2, 3, 4, 7, 11, 12, 13, 14, 15, 18, 22, 25, 32, 37, 41, 42, 43, 48, 49}, may: []int{23, 35, 55},
	}
	creditElements  = elements{must: saleElements.must, may: []int{23, 35}}
	captureElements = elements{
		must: []int{2, 3, 4, 7, 11, 12, 13, 14, 15, 18, 22, 25, 32, 37, 38, 41, 42, 43, 48, 49}, may: []int{90},
	}
	reversalElements = elements{
		must: []int{2, 3, 4, 7, 11, 12, 13, 25, 32, 37, 41, 42, 48, 49, 90}, may: []int{15, 38, 95},
	}
	reconciliationElements = elements{
		must: []int{7, 11, 15, 32, 50}, may: []int{12, 13, 33, 74, 75, 76, 77, 81, 86, 87, 88, 89, 97},
	}
	networkElements = elements{must: []int{7, 11, 70}, may: []int{32, 33}}
)

// CheckElements holds a message to the elements that its kind has: one that is missing or is not expected is an error,
// a *spec.FieldError. A MAC may stand in any, and so may what is in also; what is in without need not be there. A kind
// that it does not know is none that is answered with anything but 12.
func CheckElements(m *spec.Message, also, without []int) error {
	e := elementsOf(m)
	if e == nil {
		return nil
	}
	var known [spec.MaxDE + 1]bool
	for _, de := range e.must {
		if !m.Has(de) && !slices.Contains(without, de) {
			return Missing(de, "it to be there")
		}
		known[de] = true
	}
	for _, list := range [...][]int{{64, 128}, e.may, also} {
		for _, de := range list {
			known[de] = true
		}
	}
	for de := 2; de <= spec.MaxDE; de++ {
		if m.Has(de) && !known[de] {
			return Missing(de, "it not to be there, in "+m.MTI())
		}
	}
	return nil
}

// elementsOf are the elements of a message's kind; nil where that is none of these.
func elementsOf(m *spec.Message) *elements {
	mti := m.MTIBytes()
	switch class := ClassOf(mti); {
	case mti[1] == '8':
		return &networkElements
	case mti[1] == '5':
		return &reconciliationElements
	case class == ClassAuthorization && mti[2] == '2':
		return &standInElements
	case class == ClassAuthorization:
		return &authorizationElements
	case class == ClassFinancial && len(m.Bytes(3)) == 6 && m.Bytes(3)[0] == '2':
		return &creditElements
	case class == ClassFinancial:
		return &saleElements
	case class == ClassAdvice:
		return &captureElements
	case class == ClassReversal:
		return &reversalElements
	}
	return nil
}

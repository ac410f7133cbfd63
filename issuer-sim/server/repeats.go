package server

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/spec"
)

// What answers repeat from their requests, where it stands there, and what they add: not every host repeats as much,
// and an acquirer that is to speak to one that repeats less is tried against an issuer that does so.

// Elements of which more is to be said: the STAN is repeated by every host; private data, and what was asked where less
// was granted, are added.
const (
	deSTAN    = 11
	dePrivate = 48
	deAmounts = 54
	deNetwork = 70
)

// repeatable are the elements that answers may repeat, and add.
var repeatable = []int{2, 3, 4, 7, deSTAN, 12, 13, 32, 37, 41, 42, dePrivate, 49, deAmounts, deNetwork}

// Repeatable are the elements that answers may repeat from their requests, and those that they may add (DE48, 54).
func Repeatable() []int { return slices.Clone(repeatable) }

// DefaultRepeats are the elements that answers have where nobody says which: all but the card's number.
func DefaultRepeats() []int { return slices.Clone(repeatable[1:]) }

// repeats is what answers repeat and add.
type repeats struct {
	elements         []int // from the request
	network          bool  // DE70, where nothing keeps from answering
	private, amounts bool  // DE48, DE54
}

// compileRepeats makes it of a list; nil stands for the default.
func compileRepeats(list []int, codec *spec.Codec) (repeats, error) {
	if list == nil {
		list = repeatable[1:]
	}
	r := repeats{elements: []int{deSTAN}}
	for i, de := range list {
		switch {
		case !slices.Contains(repeatable, de) || slices.Contains(list[:i], de):
			return r, fmt.Errorf("%d: expected some of %s, each once", de, strings.Trim(fmt.Sprint(repeatable), "[]"))
		case de == deNetwork:
			r.network = true
		case de == dePrivate:
			r.private = true
		case de == deAmounts:
			r.amounts = true
		case de != deSTAN:
			r.elements = append(r.elements, de)
		}
	}
	const dated = 12 // digits of a DE12 that has the date in it, which canonical messages have in DE13
	if slices.Contains(list, 12) && !slices.Contains(list, 13) && codec.Spec().Fields[12].Spec().Length == dated {
		r.elements = append(r.elements, 13)
	}
	return r, nil
}

// checkCodes wants that each code, and what stands in its place, is as long as DE39 is in the dialect.
func checkCodes(codes map[string]string, codec *spec.Codec) error {
	length := codec.Spec().Fields[39].Spec().Length
	for code, instead := range codes {
		for _, c := range [...]string{code, instead} {
			if len(c) != length {
				return fmt.Errorf("%s: %q: expected a response code of %d characters, as DE39 has in this dialect", code, c, length)
			}
		}
	}
	return nil
}

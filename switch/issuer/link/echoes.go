package link

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/spec"
)

// Echoes are the elements that a host's answers must repeat from their requests, beside the MTI's class and the STAN.
// The zero Echoes are DE4, 7, 37, 41 and 49, where a request has them; DE2 and 3 must be the request's where they are
// there.
type Echoes uint16

// echoable are the elements that can be asked for; isListed is that any were.
var echoable = [...]int{deCard, deProcessing, deAmount, deDateTime, deTime, deRRN, deTerminal, deCurrency}

const isListed Echoes = 1 << len(echoable)

// ParseEchoes makes Echoes of the elements that an answer must repeat; nil: the zero Echoes. What is not among them may
// be absent. Where it is there all the same, an amount, currency, card and processing code must be the request's, and a
// DE7, DE12, DE37 and DE41 may be the host's own.
func ParseEchoes(elements []int) (Echoes, error) {
	if elements == nil {
		return 0, nil
	}
	e := isListed
	for i, de := range elements {
		at := slices.Index(echoable[:], de)
		if at < 0 || slices.Contains(elements[:i], de) {
			return 0, fmt.Errorf("%d: expected some of %s, each once", de, strings.Trim(fmt.Sprint(echoable), "[]"))
		}
		e |= 1 << at
	}
	return e, nil
}

// STANAlone tells whether nothing but the STAN tells an answer from that to an earlier request of its STAN: neither DE7
// nor DE37 is repeated. Then no STAN may be given again before the answer to its last use can come no more.
func (e Echoes) STANAlone() bool { return e.without(deDateTime) && e.without(deRRN) }

// without tells whether an answer need not repeat an element that it would have to by default.
func (e Echoes) without(de int) bool { return e&isListed != 0 && !e.with(de) }

// with tells whether an element was listed, and must be there.
func (e Echoes) with(de int) bool {
	if e == 0 {
		return false
	}
	at := slices.Index(echoable[:], de)
	return at >= 0 && e&(1<<at) != 0
}

// absent tells whether an element that need not be repeated is not there.
func (e Echoes) absent(r *spec.Message, de int) bool { return e.without(de) && !r.Has(de) }

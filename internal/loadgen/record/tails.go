package record

import (
	"math/bits"
	"time"
)

// tails adds up, by how long requests waited, how much of it passed before they were sent: a distribution of either
// does not tell whose the longest times are. Its steps are an eighth wide at the most.
type tails struct {
	steps   [tailSteps]tailStep
	longest tailStep
}

type tailStep struct {
	n            uint64
	waited, late time.Duration
}

const (
	tailPart  = 8 // steps a doubling
	tailSteps = 31 * tailPart

	beyond     = 99.9
	longestOne = 100
)

// tailStepOf is the step of a time, of which those of some hours share the last one.
func tailStepOf(d time.Duration) int {
	v := uint64(max(d, 0)/time.Microsecond) + tailPart
	doublings := bits.Len64(v) - bits.Len64(tailPart)
	return min(doublings*tailPart+int(v>>doublings)-tailPart, tailSteps-1)
}

func (t *tails) add(waited, late time.Duration) {
	s := &t.steps[tailStepOf(waited)]
	s.n++
	s.waited += waited
	s.late += late
	if waited > t.longest.waited || t.longest.n == 0 {
		t.longest = tailStep{1, waited, late}
	}
}

// list is what the record has of it; none where there was no request.
func (t *tails) list() []Tail {
	if t.longest.n == 0 {
		return nil
	}
	n := uint64(0)
	for i := range t.steps {
		n += t.steps[i].n
	}
	least := max(uint64(float64(n)*(100-beyond)/100+0.5), 1)
	tail := Tail{Percent: beyond}
	for i := len(t.steps) - 1; i >= 0 && tail.Requests < least; i-- {
		tail.Requests += t.steps[i].n
		tail.Waited += t.steps[i].waited
		tail.Late += t.steps[i].late
	}
	return []Tail{tail, {Percent: longestOne, Requests: 1, Waited: t.longest.waited, Late: t.longest.late}}
}

package flow

import (
	"strconv"
	"testing"
)

// An answer that overtakes the report that its request was given up is not lost (I6), and both memories are bounded.
func TestLateAnswerThatIsEarly(t *testing.T) {
	var table unansweredTable
	at := func(stan int) messageKey { return messageKey{"issuer", uint32(stan), "1121202601"} }
	if _, known := table.take(at(1), "00"); known {
		t.Fatal("known before it was put")
	}
	if late := table.put(at(1), operationRef{op: 1}); late != "00" {
		t.Fatalf("the answer that came first is %q", late)
	}
	if late := table.put(at(2), operationRef{op: 2}); late != "" {
		t.Fatalf("an answer that did not come is %q", late)
	}
	if ref, known := table.take(at(2), "51"); !known || ref.op != 2 {
		t.Fatalf("%v, %v", ref, known)
	}
	if _, known := table.take(at(2), "51"); known {
		t.Fatal("known twice")
	}
	for stan := range 3 * rememberedEarly {
		table.take(at(10+stan), strconv.Itoa(stan))
	}
	if n := len(table.early); n > rememberedEarly {
		t.Fatalf("%d early answers are remembered", n)
	}
	for stan := range rememberedUnanswered + 10 {
		table.put(at(10_000+stan), operationRef{})
	}
	if n := len(table.known); n > rememberedUnanswered {
		t.Fatalf("%d requests are remembered", n)
	}
}

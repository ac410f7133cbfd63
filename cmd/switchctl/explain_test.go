package main

import (
	"strings"
	"testing"
	"time"

	"switchyard/switch/operator"
)

// An event without a time has none in the timeline, and the one behind it counts from the last that has.
func TestTimelineWithAnEventThatHasNoTime(t *testing.T) {
	begin := time.Date(2026, 11, 21, 23, 59, 59, 0, time.UTC)
	var out strings.Builder
	err := writeStory(&out, &operator.Story{Payment: "P1", Merchant: "M1", PAN: "p", Standing: "reversed", Money: "m",
		Events: []operator.Event{
			{At: begin, What: "silence", Text: "a"}, {What: "late", Text: "b"},
			{At: begin.Add(2 * time.Second), What: "stray", Text: "c"},
		}}, false)
	if err != nil {
		t.Fatal(err)
	}
	want := `payment P1 of M1, card p: reversed
m

2026-11-21 (UTC)
  23:59:59.000               silence      a
                             late         b

2026-11-22 (UTC)
  00:00:01.000          +2s  stray        c
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}

package matching_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"switchyard/switch/matching"
)

// keyed is a Thursday on which a presentment stands in the file under another reference, number and amount: two
// exceptions that only a person can put together.
func keyed(t *testing.T, filedMinor int64) (*world, matching.Manual) {
	w := newWorld(t)
	ours, theirs := w.purchase(700, "EUR", false), w.purchase(filedMinor, "EUR", false)
	w.book(thursday, ours)
	id := w.send(thursday, 1, theirs)
	return w, matching.Manual{
		Number: 3, Relation: matching.Presented, Currency: "EUR",
		Ours:   []matching.Item{{Ref: "P10000000001-1", NetMinor: 700}},
		Theirs: []matching.Item{{Ref: id + "/00000002", NetMinor: 700}},
		Reason: "keyed twice", Who: "anna", At: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC),
	}
}

// What is matched by hand is told as that, until it is otherwise than it was then.
func TestMatchedByHand(t *testing.T) {
	const (
		settled = "settled local_only late EUR: 1 700, 0 0\n"
		open    = "presented/P10000000001-1: local_only wrong; |  no file has it"
		theirs  = "presented/0022611260000001234500001/00000002: file_only wrong; |  the journal does not have it"
		late    = "settled/0022611260000001234500001/EUR: local_only late; |  no 1644/685 has come for it\n"
	)
	for _, x := range []struct {
		name   string
		filed  int64
		change func(w *world, m *matching.Manual)
		want   string
	}{
		{"as it was", 700, func(*world, *matching.Manual) {},
			"presented manually_matched EUR: 1 700, 1 700\n" + settled + late},
		{"with a difference", 700, func(w *world, m *matching.Manual) {
			w.journal[thursday][0].AmountMinor, m.Ours[0].NetMinor, m.DifferenceMinor = 705, 705, 5
		}, "presented manually_matched EUR: 1 705, 1 700\n" + settled + late},
		{"of another amount than then", 700, func(_ *world, m *matching.Manual) { m.Theirs[0].NetMinor = 699 },
			"presented file_only wrong EUR: 0 0, 1 700\npresented local_only wrong EUR: 1 700, 0 0\n" + settled + theirs +
				"; |  it was matched by hand (3), and was otherwise then\n" + late +
				open + "; |  it was matched by hand (3) with what is no exception any more\n"},
		{"in another currency", 700, func(_ *world, m *matching.Manual) { m.Currency = "USD" },
			"presented file_only wrong EUR: 0 0, 1 700\npresented local_only wrong EUR: 1 700, 0 0\n" + settled + open +
				"; |  it was matched by hand (3), and was otherwise then\n" + theirs +
				"; |  it was matched by hand (3), and was otherwise then\n" + late},
		{"of another relation", 700, func(_ *world, m *matching.Manual) { m.Relation = matching.Rejected },
			"presented file_only wrong EUR: 0 0, 1 700\npresented local_only wrong EUR: 1 700, 0 0\n" + settled + open + "\n" +
				theirs + "\n" + late},
		{"with what is matched by now", 700, func(w *world, m *matching.Manual) {
			m.Theirs = append(m.Theirs, matching.Item{Ref: "0022611260000001234500001/00000003"})
		}, "presented file_only wrong EUR: 0 0, 1 700\npresented local_only wrong EUR: 1 700, 0 0\n" + settled + late + open +
			"; |  it was matched by hand (3) with what is no exception any more\n" + theirs +
			"; |  it was matched by hand (3) with what is no exception any more\n"},
	} {
		w, m := keyed(t, x.filed)
		x.change(w, &m)
		w.options.Manual = []matching.Manual{m}
		if got := said(w.run()); got != x.want {
			t.Errorf("%s:\n%s\nwant\n%s", x.name, got, x.want)
		}
	}
}

// Who matched by hand, when and why stands in the text, and so do notes.
func TestTextOfWhatPeopleSaid(t *testing.T) {
	w, m := keyed(t, 700)
	w.options.Manual = []matching.Manual{m}
	w.options.Notes = []matching.Note{{
		Exception: "settled/0022611260000001234500001/EUR", Text: "asked the bank", By: "A. Smith", At: m.At,
	}, {Exception: "presented/P10000000001-1", Text: "keyed by hand", Who: "ben", At: m.At}}
	r := w.run()
	var b bytes.Buffer
	w.must(r.WriteText(&b))
	for _, want := range []string{
		"\n  because no 1644/685 has come for it\n  note, 2026-11-27T09:00:00Z (A. Smith): asked the bank\n",
		"\nmanually matched  presented/by hand/3\n  ours    P10000000001-1  ARN ",
		"\n  match 3 by hand, 2026-11-27T09:00:00Z by anna: keyed twice\n" +
			"  note, 2026-11-27T09:00:00Z by ben: keyed by hand\n0 wrong, 1 late\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s\nwant %q", b.String(), want)
		}
	}
	if r.Wrong != 0 || len(r.ByHand) != 1 {
		t.Errorf("%+v", r)
	}
}

package casebook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchyard/switch/casebook"
	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/matching"
)

// values is a journal's, which may fail.
type values struct {
	all  map[string][]byte
	fail error
}

func (v *values) Meta(_ context.Context, name string) ([]byte, error) {
	if text, there := v.all[name]; there {
		return text, nil
	}
	return nil, journal.ErrNotFound
}

func (v *values) PutMeta(_ context.Context, name string, value []byte) error {
	if v.fail == nil {
		v.all[name] = value
	}
	return v.fail
}

func open(t *testing.T, v *values) *casebook.Book {
	t.Helper()
	wall := func() time.Time { return time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC) }
	b, err := casebook.Open(t.Context(), v, clock.New(clock.Options{Wall: wall}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func manual(ours, theirs string, difference int64) matching.Manual {
	return matching.Manual{
		Relation: matching.Presented, Currency: "EUR", Ours: []matching.Item{{Ref: ours, NetMinor: 1000}},
		Theirs: []matching.Item{{Ref: theirs, NetMinor: 1000 - difference}}, DifferenceMinor: difference,
		Reason: "keyed twice", Who: "anna",
	}
}

// told is what stands in a journal, in short.
func told(t *testing.T, v *values) string {
	t.Helper()
	notes, matches, err := casebook.Standing(func(yield func(casebook.Entry) bool) error {
		return casebook.Each(t.Context(), v, yield)
	})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, n := range notes {
		fmt.Fprintf(&b, "%s: %s by %s; ", n.Exception, n.Text, n.Who)
	}
	for _, m := range matches {
		fmt.Fprintf(&b, "%d: %s and %s, %d; ", m.Number, m.Ours[0].Ref, m.Theirs[0].Ref, m.DifferenceMinor)
	}
	return b.String()
}

// What is acknowledged stands in the journal, also for the book that is opened next; an item is matched once.
func TestBook(t *testing.T) {
	v := &values{all: map[string][]byte{}}
	ctx := t.Context()
	b := open(t, v)
	note := matching.Note{Exception: "presented/P1-1", Text: "asked \x1b[2Jthe bank about 4111111111111111", Who: "anna"}
	if e, err := b.Note(ctx, note); err != nil || e.Number != 1 || e.Note.At.IsZero() {
		t.Fatal(e, err)
	}
	if e, err := b.Match(ctx, manual("P1-1", "F/1", 0)); err != nil || e.Match.Number != 2 {
		t.Fatal(e, err)
	}
	const first = "presented/P1-1: asked .[2Jthe bank about 411111******1111 by anna; 2: P1-1 and F/1, 0; "
	if got := told(t, v); got != first {
		t.Errorf("%q, want %q", got, first)
	}
	b = open(t, v)
	refused := (*casebook.RefusedError)(nil)
	for _, m := range []matching.Manual{
		manual("P1-1", "F/2", 0), manual("P2-1", "F/1", 0), // an item is taken
		func() matching.Manual { m := manual("P2-1", "F/2", 5); m.DifferenceMinor = 0; return m }(),
	} {
		if _, err := b.Match(ctx, m); !errors.As(err, &refused) {
			t.Errorf("%+v: %v", m, err)
		}
	}
	if _, err := b.Match(ctx, manual("P2-1", "F/2", 5)); err != nil {
		t.Error(err)
	}
	for _, number := range []int{1, 4} { // a note, and none
		if _, err := b.Undo(ctx, casebook.Undo{Match: number, Reason: "wrong"}); !errors.As(err, &refused) {
			t.Errorf("undo %d: %v", number, err)
		}
	}
	if _, err := b.Undo(ctx, casebook.Undo{Match: 2, Reason: "wrong"}); err != nil {
		t.Error(err)
	}
	if _, err := b.Undo(ctx, casebook.Undo{Match: 2, Reason: "wrong"}); !errors.As(err, &refused) {
		t.Errorf("undone twice: %v", err)
	}
	if _, err := open(t, v).Match(ctx, manual("P1-1", "F/1", 1)); err != nil {
		t.Error(err)
	}
	const last = "presented/P1-1: asked .[2Jthe bank about 411111******1111 by anna; 3: P2-1 and F/2, 5; " +
		"5: P1-1 and F/1, 1; "
	if got := told(t, v); got != last {
		t.Errorf("%q, want %q", got, last)
	}
}

// What the journal does not take is not acknowledged, and not known.
func TestNotKept(t *testing.T) {
	v := &values{all: map[string][]byte{}, fail: errors.New("no space left")}
	b := open(t, v)
	if _, err := b.Match(t.Context(), manual("P1-1", "F/1", 0)); !errors.Is(err, v.fail) {
		t.Fatal(err)
	}
	v.fail = nil
	if e, err := b.Match(t.Context(), manual("P1-1", "F/1", 0)); err != nil || e.Number != 1 {
		t.Errorf("afterwards: %+v, %v", e, err)
	}
}

// Fields that are wrong are named, and nothing is kept.
func TestFields(t *testing.T) {
	v := &values{all: map[string][]byte{}}
	b := open(t, v)
	long := strings.Repeat("x", casebook.MaxText+1)
	for name, do := range map[string]func() error{
		"exception": func() error { _, err := b.Note(t.Context(), matching.Note{Text: "x"}); return err },
		"text": func() error {
			_, err := b.Note(t.Context(), matching.Note{Exception: "x", Text: long})
			return err
		},
		"by": func() error {
			_, err := b.Note(t.Context(), matching.Note{Exception: "x", Text: "x", By: long})
			return err
		},
		"reason": func() error { _, err := b.Undo(t.Context(), casebook.Undo{Match: 1, Reason: " "}); return err },
		"relation": func() error {
			m := manual("P1-1", "F/1", 0)
			m.Relation = matching.Read
			_, err := b.Match(t.Context(), m)
			return err
		},
		"ours, theirs": func() error {
			m := manual("P1-1", "F/1", 0)
			m.Ours = append(m.Ours, m.Ours...)
			m.DifferenceMinor = 1000
			_, err := b.Match(t.Context(), m)
			return err
		},
	} {
		field := (*casebook.FieldError)(nil)
		if err := do(); !errors.As(err, &field) || field.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(v.all) > 0 {
		t.Errorf("kept: %q", v.all)
	}
}

// Entries stand in the journal as these bytes, and are read again.
func TestRecorded(t *testing.T) {
	recorded := map[string][]byte{
		"casebook/000001": []byte(`{"number":1,"note":{"exception":"presented/P1-1","text":"asked","who":"anna","by":"A.",` +
			`"at":"2026-11-27T09:00:00Z"}}`),
		"casebook/000002": []byte(`{"number":2,"match":{"number":2,"relation":"presented","currency":"EUR",` +
			`"ours":[{"ref":"P1-1","net_minor":1000}],"theirs":[{"ref":"F/1","net_minor":995}],"difference_minor":5,` +
			`"reason":"keyed twice","who":"anna","at":"2026-11-27T09:00:00Z"}}`),
		"casebook/000003": []byte(`{"number":3,"undo":{"match":2,"reason":"wrong","who":"ben",` +
			`"at":"2026-11-27T09:00:00Z"}}`),
	}
	v := &values{all: map[string][]byte{}}
	b := open(t, v)
	_, err1 := b.Note(t.Context(), matching.Note{Exception: "presented/P1-1", Text: "asked", Who: "anna", By: "A."})
	_, err2 := b.Match(t.Context(), manual("P1-1", "F/1", 5))
	undo := casebook.Undo{Match: 2, Reason: "wrong", Stamp: casebook.Stamp{Who: "ben"}}
	_, err3 := b.Undo(t.Context(), undo)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for name, want := range recorded {
		if got := string(v.all[name]); got != string(want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := told(t, &values{all: recorded}); got != "presented/P1-1: asked by anna; " {
		t.Errorf("recorded: %q", got)
	}
}

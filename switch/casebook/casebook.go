// Package casebook keeps in the journal what people say of the exceptions of a reconciliation: notes, and matches that
// they make by hand.
//
// It guarantees that an entry is durable before it is acknowledged and is never changed: what is taken back stands, and
// so does who took it back. An item is in one match by hand at the most, and a match whose sides do not come to the
// same says by how much. It books nothing: no payment is changed by an entry, and [matching.Run] still tells of an
// exception that is otherwise than it was when it was matched.
//
// It does not look whether there is such an exception: whoever asks has just seen it.
package casebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/matching"
)

// An Entry is one of the casebook's, JSON in the journal.
type Entry struct {
	Number int              `json:"number"` // from 1
	Note   *matching.Note   `json:"note,omitempty"`
	Match  *matching.Manual `json:"match,omitempty"`
	Undo   *Undo            `json:"undo,omitempty"`
}

// An Undo takes a match by hand back.
type Undo struct {
	Match  int    `json:"match"` // its number
	Reason string `json:"reason"`
	Stamp
}

// A Stamp is who made an entry, and when.
type Stamp struct {
	Who string    `json:"who,omitempty"` // the identity; "" where there are none
	By  string    `json:"by,omitempty"`  // a label
	At  time.Time `json:"at"`
}

// Values are what of the journal it asks.
type Values interface {
	Meta(ctx context.Context, name string) ([]byte, error)
	PutMeta(ctx context.Context, name string, value []byte) error
}

// A RefusedError says why what was asked for cannot be, as things stand.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// A FieldError says which field of an entry is wrong.
type FieldError struct{ Field, Expected string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Expected }

// The bounds of an entry, and of all.
const (
	MaxText    = 2000 // bytes
	MaxItems   = 40   // of a match, both sides
	maxEntries = 100_000
)

// A Book takes entries. It may be used at the same time by many.
type Book struct {
	journal Values
	clock   *clock.Clock

	mu      sync.Mutex
	last    int                      // number
	matches map[int]*matching.Manual // that stand
	taken   map[itemKey]int          // items of these
}

// itemKey names an item as exceptions of a relation have it.
type itemKey struct {
	relation matching.Relation
	theirs   bool
	ref      string
}

// Open reads what stands in the journal.
func Open(ctx context.Context, journal Values, clock *clock.Clock) (*Book, error) {
	b := &Book{journal: journal, clock: clock, matches: map[int]*matching.Manual{}, taken: map[itemKey]int{}}
	return b, Each(ctx, journal, func(e Entry) bool {
		b.apply(&e)
		return true
	})
}

func name(number int) string { return fmt.Sprintf("casebook/%06d", number) }

// Each calls yield for the entries of a journal, in their order.
func Each(ctx context.Context, from Values, yield func(Entry) bool) error {
	for n := 1; ; n++ {
		text, err := from.Meta(ctx, name(n))
		if errors.Is(err, journal.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		var e Entry
		if err := json.Unmarshal(text, &e); err != nil {
			return fmt.Errorf("%s: %w", name(n), err)
		}
		if !yield(e) {
			return nil
		}
	}
}

// Each calls yield for the entries, in their order.
func (b *Book) Each(ctx context.Context, yield func(Entry) bool) error {
	return Each(ctx, b.journal, yield)
}

// Standing are the notes of a casebook, and its matches that were not taken back.
func Standing(each func(yield func(Entry) bool) error) (notes []matching.Note, matches []matching.Manual, err error) {
	undone := map[int]bool{}
	err = each(func(e Entry) bool {
		switch {
		case e.Note != nil:
			notes = append(notes, *e.Note)
		case e.Match != nil:
			matches = append(matches, *e.Match)
		case e.Undo != nil:
			undone[e.Undo.Match] = true
		}
		return true
	})
	stand := matches[:0]
	for _, m := range matches {
		if !undone[m.Number] {
			stand = append(stand, m)
		}
	}
	return notes, stand, err
}

// Note keeps what somebody says of an exception.
func (b *Book) Note(ctx context.Context, n matching.Note) (Entry, error) {
	if err := errors.Join(fits("exception", &n.Exception), fits("text", &n.Text), label(&n.By)); err != nil {
		return Entry{}, err
	}
	n.At = b.clock.Now().UTC()
	return b.put(ctx, Entry{Note: &n}, func() error { return nil })
}

// Match keeps a match by hand. One whose sides do not come to the same less the difference, or of which an item is in
// another, is refused.
func (b *Book) Match(ctx context.Context, m matching.Manual) (Entry, error) {
	if err := check(&m); err != nil {
		return Entry{}, err
	}
	m.At = b.clock.Now().UTC()
	return b.put(ctx, Entry{Match: &m}, func() error { return b.free(&m) })
}

// MayMatch says what Match would have against it now.
func (b *Book) MayMatch(m matching.Manual) error {
	if err := check(&m); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.free(&m)
}

// free refuses a match of which an item is in another.
func (b *Book) free(m *matching.Manual) error {
	for key := range keys(m) {
		if number := b.taken[key]; number > 0 {
			return &RefusedError{fmt.Sprintf("%s is in match %d by hand already: take that back first", key.ref, number)}
		}
	}
	return nil
}

// check holds a match by hand against what one has to be.
func check(m *matching.Manual) error {
	if err := errors.Join(fits("reason", &m.Reason), label(&m.By)); err != nil {
		return err
	}
	switch m.Relation {
	case matching.Presented, matching.Rejected, matching.ChargedBack, matching.Settled, matching.Netted, matching.Paid:
	default:
		return &FieldError{"relation", "expected one of a reconciliation that has two sides"}
	}
	if n := len(m.Ours) + len(m.Theirs); n == 0 || n > MaxItems || len(keys(m)) < n {
		return &FieldError{"ours, theirs", fmt.Sprintf("expected 1 to %d items, each once", MaxItems)}
	}
	for _, items := range [][]matching.Item{m.Ours, m.Theirs} {
		for i := range items {
			if err := fits("ours, theirs", &items[i].Ref); err != nil {
				return err
			}
		}
	}
	if is := matching.Net(m.Ours) - matching.Net(m.Theirs); is != m.DifferenceMinor {
		return &RefusedError{fmt.Sprintf("ours less theirs come to %s, and the difference that is said is %s",
			money.Format(is, m.Currency), money.Format(m.DifferenceMinor, m.Currency))}
	}
	return nil
}

// keys are the items of a match.
func keys(m *matching.Manual) map[itemKey]bool {
	all := map[itemKey]bool{}
	for i := range m.Ours {
		all[itemKey{m.Relation, false, m.Ours[i].Ref}] = true
	}
	for i := range m.Theirs {
		all[itemKey{m.Relation, true, m.Theirs[i].Ref}] = true
	}
	return all
}

// Undo takes a match by hand back: its exceptions are told again.
func (b *Book) Undo(ctx context.Context, u Undo) (Entry, error) {
	if err := checkUndo(&u); err != nil {
		return Entry{}, err
	}
	u.At = b.clock.Now().UTC()
	return b.put(ctx, Entry{Undo: &u}, func() error { return b.stands(u.Match) })
}

// MayUndo says what Undo would have against it now.
func (b *Book) MayUndo(u Undo) error {
	if err := checkUndo(&u); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stands(u.Match)
}

func checkUndo(u *Undo) error { return errors.Join(fits("reason", &u.Reason), label(&u.By)) }

// stands refuses the number of no match that stands.
func (b *Book) stands(number int) error {
	if b.matches[number] == nil {
		return &RefusedError{fmt.Sprintf("there is no match %d by hand that stands", number)}
	}
	return nil
}

// put makes an entry durable, if may says that it may be.
func (b *Book) put(ctx context.Context, e Entry, may func() error) (Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := may(); err != nil {
		return Entry{}, err
	}
	if b.last == maxEntries {
		return Entry{}, &RefusedError{fmt.Sprintf("the casebook is full: it has %d entries", maxEntries)}
	}
	e.Number = b.last + 1
	if e.Match != nil {
		e.Match.Number = e.Number
	}
	text, err := json.Marshal(&e)
	if err != nil {
		return Entry{}, err
	}
	if err := b.journal.PutMeta(ctx, name(e.Number), text); err != nil {
		return Entry{}, err
	}
	b.apply(&e)
	return e, nil
}

// apply keeps in memory what an entry means for those behind it.
func (b *Book) apply(e *Entry) {
	b.last = e.Number
	switch {
	case e.Match != nil:
		b.matches[e.Number] = e.Match
		for key := range keys(e.Match) {
			b.taken[key] = e.Number
		}
	case e.Undo != nil:
		for key := range keys(b.matches[e.Undo.Match]) {
			delete(b.taken, key)
		}
		delete(b.matches, e.Undo.Match)
	}
}

// fits makes a text of a person fit to be kept (I12), and refuses one that is empty or too long.
func fits(field string, text *string) error {
	*text = clean(*text)
	if *text == "" || len(*text) > MaxText {
		return &FieldError{field, fmt.Sprintf("expected 1 to %d bytes", MaxText)}
	}
	return nil
}

// label is fits of a label, which may be left out.
func label(text *string) error {
	if *text == "" {
		return nil
	}
	return fits("by", text)
}

func clean(s string) string {
	return pan.MaskIn(strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7F && c < 0xA0 || c == '\uFFFD' {
			return '.'
		}
		return c
	}, strings.TrimSpace(s)))
}

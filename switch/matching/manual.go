package matching

import (
	"context"
	"fmt"
	"time"
)

// A Note is what somebody said of an exception.
type Note struct {
	Exception string    `json:"exception"` // Match.ID
	Text      string    `json:"text"`
	Who       string    `json:"who,omitempty"` // the identity by which it was said; "" where there are none
	By        string    `json:"by,omitempty"`  // a label
	At        time.Time `json:"at"`
}

// A Manual is a match that somebody has made of exceptions of a relation. It says what they were about then.
type Manual struct {
	Number   int      `json:"number"`
	Relation Relation `json:"relation"`
	Currency string   `json:"currency"`
	Ours     []Item   `json:"ours"` // ref and net alone
	Theirs   []Item   `json:"theirs"`
	// DifferenceMinor is what ours come to less theirs: whoever made it has said so.
	DifferenceMinor int64     `json:"difference_minor"`
	Reason          string    `json:"reason"`
	Who             string    `json:"who,omitempty"`
	By              string    `json:"by,omitempty"`
	At              time.Time `json:"at"`
}

// Net is what the items come to.
func Net(items []Item) (minor int64) {
	for i := range items {
		minor += items[i].NetMinor
	}
	return minor
}

// manualKey names an item as exceptions of a relation have it.
type manualKey struct {
	relation Relation
	theirs   bool
	ref      string
}

// manual is a match by hand, and the exceptions of this run that are in it.
type manual struct {
	*Manual
	held []*Match
	seen map[manualKey]bool
}

// readManual makes the matches by hand known.
func (m *matcher) readManual() {
	for i := range m.o.Manual {
		of := &manual{Manual: &m.o.Manual[i], seen: map[manualKey]bool{}}
		m.manual = append(m.manual, of)
		for theirs, items := range [][]Item{of.Ours, of.Theirs} {
			for k := range items {
				m.manualOf[manualKey{of.Relation, theirs == 1, items[k].Ref}] = of
			}
		}
	}
	for _, n := range m.o.Notes {
		m.notes[n.Exception] = append(m.notes[n.Exception], n)
	}
}

// hold keeps an exception that is matched by hand, with all of its items and as they were then. One that is otherwise
// by now is told, and says so.
func (m *matcher) hold(x *Match) bool {
	var of *manual
	keys := []manualKey{}
	for theirs, side := range []*Side{&x.Ours, &x.Theirs} {
		for i := range side.Items {
			key := manualKey{x.Relation, theirs == 1, side.Items[i].Ref}
			found := m.manualOf[key]
			if found == nil || of != nil && found != of {
				return false
			}
			of = found
			keys = append(keys, key)
		}
	}
	if of == nil {
		return false
	}
	if x.Currency != of.Currency || !of.has(&x.Ours, of.Ours) || !of.has(&x.Theirs, of.Theirs) {
		x.Reasons = append(x.Reasons, Reason{
			Why: fmt.Sprintf("it was matched by hand (%d), and was otherwise then", of.Number),
		})
		return false
	}
	for _, key := range keys {
		of.seen[key] = true
	}
	of.held = append(of.held, x)
	return true
}

// has tells whether a side's items are all of it, and come to what they came to when they were matched.
func (of *manual) has(side *Side, then []Item) bool {
	if Net(side.Items) != side.NetMinor {
		return false
	}
	nets := map[string]int64{}
	for i := range then {
		nets[then[i].Ref] = then[i].NetMinor
	}
	for i := range side.Items {
		if side.Items[i].NetMinor != nets[side.Items[i].Ref] {
			return false
		}
	}
	return true
}

// matchManually tells of the matches by hand whose exceptions have all come up. Of the others these are told as they
// are.
func (m *matcher) matchManually(context.Context) error {
	for _, of := range m.manual {
		if len(of.seen) < len(of.Ours)+len(of.Theirs) {
			for _, x := range of.held {
				x.Reasons = append(x.Reasons, Reason{
					Why: fmt.Sprintf("it was matched by hand (%d) with what is no exception any more", of.Number),
				})
				if err := m.tell(x); err != nil {
					return err
				}
			}
			continue
		}
		x := Match{
			Relation: of.Relation, Class: ManuallyMatched, Currency: of.Currency, By: []string{"hand"}, Manual: of.Manual,
		}
		for _, held := range of.held {
			x.Notes = append(x.Notes, m.notes[held.ID]...)
			for _, item := range held.Ours.Items {
				m.put(&x.Ours, item)
			}
			for _, item := range held.Theirs.Items {
				m.put(&x.Theirs, item)
			}
		}
		x.ID = fmt.Sprintf("%s/by hand/%d", of.Relation, of.Number)
		if err := m.tell(&x); err != nil {
			return err
		}
	}
	return nil
}

package payment_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/payment"
)

const (
	maxNode    = 35               // one base-36 digit
	maxCounter = 3656158440062975 // ten of them
)

func TestIDText(t *testing.T) {
	for _, c := range []struct {
		node    uint32
		counter uint64
		text    string
	}{
		{0, 0, "P00000000000"}, {1, 1, "P10000000001"}, {35, 35, "PZ000000000Z"}, {10, 36, "PA0000000010"},
		{maxNode, maxCounter, "PZZZZZZZZZZZ"},
	} {
		if got := payment.NewID(c.node, c.counter).String(); got != c.text {
			t.Errorf("node %d, counter %d: %s, want %s", c.node, c.counter, got, c.text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		node := rapid.Uint32Range(0, maxNode).Draw(t, "node")
		counter := rapid.Uint64Range(0, maxCounter).Draw(t, "counter")
		id := payment.NewID(node, counter)
		back, err := payment.ParseID(id.String())
		if err != nil || back != id || back.Node() != node || back.Counter() != counter ||
			id.IsZero() != (node == 0 && counter == 0) {
			t.Fatalf("%s comes back as %s, %v", id, back, err)
		}
	})
}

func TestIDsThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", "P", "P1000000000", "P100000000011", "p10000000001", "P1000000000a", "P10000 00001", "P1000000000Ä",
		"Q10000000001",
	} {
		if id, err := payment.ParseID(text); err != payment.ErrID {
			t.Errorf("%q is %s, %v", text, id, err)
		}
	}
}

// FuzzParseID: what is taken is the text of the id that it names.
func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"P10000000001", "PZZZZZZZZZZZ", "P1-000000001", "", "P\x000000000001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := payment.ParseID(text)
		if err == nil && id.String() != text {
			t.Errorf("%q was read as %s", text, id)
		}
		if err != nil && (err != payment.ErrID || len(text) == 12 && strings.Trim(
			text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		) == "" && text[0] == 'P') {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestDates(t *testing.T) {
	for text, next := range map[string]string{
		"2026-11-21": "2026-11-22", "2026-12-31": "2027-01-01", "2028-02-28": "2028-02-29", "2027-02-28": "2027-03-01",
	} {
		d, err := payment.ParseDate(text)
		if err != nil || d.String() != text || d.Next().String() != next || payment.DateOf(d.Time()) != d {
			t.Errorf("%s: %s, next %s, %v", text, d, d.Next(), err)
		}
	}
	for _, text := range []string{"", "2026-02-30", "20261121", "2026-11-21T00:00:00Z", "2026-1-1"} {
		if d, err := payment.ParseDate(text); err == nil || !strings.Contains(err.Error(), "YYYY-MM-DD") {
			t.Errorf("%q is %s, %v", text, d, err)
		}
	}
	if got := payment.Date(0).String(); got != "" {
		t.Errorf("no date is %q", got)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	if got := payment.DateOf(time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC).In(berlin)); got != 20261122 {
		t.Errorf("half past eleven in the evening UTC is %s in Berlin", got)
	}
}

// Names of kinds and states stand in histories and exports, and their numbers in the journal.
func TestNames(t *testing.T) {
	kinds := strings.Fields("authorize sale verify voice increment capture reverse release void void_presentment " +
		"refund timeout_reversal stand_in credit expire reject chargeback settle resubmit write_off " +
		"represent accept_dispute")
	for i, name := range kinds {
		if got := payment.Kind(i + 1).String(); got != name {
			t.Errorf("kind %d is %s, want %s", i+1, got, name)
		}
	}
	states := strings.Fields("pending queued approved declined failed unknown parked closed")
	for i, name := range states {
		if got := payment.State(i + 1).String(); got != name {
			t.Errorf("state %d is %s, want %s", i+1, got, name)
		}
	}
	if payment.KindCount != len(kinds)+1 || payment.StateCount != len(states)+1 {
		t.Error("a kind or state is not listed here")
	}
	if got := payment.Kind(payment.KindCount).String() + ", " +
		payment.State(payment.StateCount).String(); got != "kind 23, state 9" {
		t.Errorf("what is none: %s", got)
	}
}

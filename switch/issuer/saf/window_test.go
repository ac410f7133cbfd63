package saf

import (
	"math/rand/v2"
	"testing"

	"switchyard/switch/issuer/exchange"
	"switchyard/switch/payment"
)

const windowRows = 64

func windowHost() *host {
	return newHost(nil, &exchange.Issuer{Name: "issuer"}, rand.New(rand.NewPCG(1, 1)), windowRows)
}

func fill(h *host, from, n uint64) {
	for seq := from; seq < from+n; seq++ {
		if h.admit(seq) {
			h.push(payment.NewID(1, seq), item{seq: seq}, nil)
		}
	}
}

// A row that is queued while refill reads the end of the queue is in neither what refill saw nor in memory: refill must
// read on, or nobody ever sends it.
func TestRefillReadsOnForRowsQueuedMeanwhile(t *testing.T) {
	h := windowHost()
	fill(h, 0, windowRows)
	if h.admit(windowRows) {
		t.Fatal("the window takes more rows than it has")
	}
	h.rows = 0 // all sent
	from, ok := h.wants()
	if !ok || from != windowRows {
		t.Fatalf("refill is to read from %d, %v", from, ok)
	}
	// refill sees the row that was turned away; another one is queued before it is done.
	if h.admit(windowRows + 1) {
		t.Fatal("a row overtakes those that are left to refill")
	}
	h.refilled(windowRows+1, true)
	if from, ok = h.wants(); !ok || from != windowRows+1 {
		t.Fatalf("refill is to read from %d, %v: the row queued meanwhile is lost", from, ok)
	}
	h.refilled(windowRows+2, true)
	if _, ok = h.wants(); ok {
		t.Fatal("refill reads on although nothing is left")
	}
	if h.admit(windowRows + 1) {
		t.Fatal("a row that refill has read is taken a second time")
	}
	if !h.admit(windowRows + 2) {
		t.Fatal("a row is turned away although none is left to refill")
	}
}

// Rows are queued side by side, so the first that finds the window full need not be the newest: what is in memory
// already is not taken again when refill meets it.
func TestRefillMeetsRowsInMemory(t *testing.T) {
	h := windowHost()
	fill(h, 0, windowRows-1)
	fill(h, windowRows, 1)
	if h.admit(windowRows - 1) {
		t.Fatal("the window takes more rows than it has")
	}
	for seq := uint64(windowRows - 1); seq <= windowRows; seq++ {
		taken := h.push(payment.NewID(1, seq), item{seq: seq}, nil)
		if taken != (seq == windowRows-1) {
			t.Errorf("row %d taken: %v", seq, taken)
		}
	}
	if h.rows != windowRows+1 {
		t.Errorf("%d rows in memory", h.rows)
	}
}

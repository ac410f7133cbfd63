package audit

import (
	"testing"

	"switchyard/switch/payment"
)

// The audit's rows are its own, but it must have one for each kind of operation that a journal may export, and they
// agree on what begins a payment, what clears, and which way.
func TestOperationsOfTheJournal(t *testing.T) {
	for k := payment.KindAuthorize; k < payment.KindCount; k++ {
		name, is := k.String(), k.Row()
		if name == opStandIn {
			continue // read as an authorization
		}
		row := rowOf(name)
		if row == &noOperation {
			t.Errorf("%s has no row: a journal with one contradicts itself", name)
		}
		if makes := is.After == nil; makes != row.begins {
			t.Errorf("%s begins a payment: %t, the audit says %t", name, makes, row.begins)
		}
		if sends := is.Request != "" || is.Advice != ""; sends == row.silent {
			t.Errorf("%s sends a message: %t, the audit says %t", name, sends, !row.silent)
		}
		// A reversal presentment clears, too: as what it takes back. So do a resubmission and a second presentment, as what
		// they present again.
		again := k == payment.KindResubmit || k == payment.KindRepresent
		if clears := is.Clears && !is.TakesBack && !again; clears != row.clears {
			t.Errorf("%s clears: %t, the audit says %t", name, clears, row.clears)
		}
		if is.TakesBack != row.takesBack || k.Credits() != row.credits {
			t.Errorf("%s: %+v, the audit says %+v", name, *is, *row)
		}
	}
	if row := rowOf("no such word"); row != &noOperation {
		t.Errorf("an unknown word has the row %+v", *row)
	}
}

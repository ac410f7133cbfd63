// Package settlement computes what merchants are paid: of each merchant and currency the gross, refunds, chargebacks,
// fees, reserve and net of every business date, what is paid out of it and when, and what is carried forward.
//
//	Plan (YAML) ─┐
//	presentments ┼─▶ Ledger, a business date after the other ─▶ Run ─▶ JSON, CSV, a page for a person
//	opening ─────┘
//
// Read first: plan.go (what is agreed), rate.go (how is rounded), ledger.go (a date), run.go (what comes of it),
// proof.go (that it adds up).
//
// It guarantees that a Run is a function of the plan, of what the ledger was told in its order, and of the opening,
// and of nothing else; that the statements of two periods one behind the other say what one of both says; and that all
// amounts are integers of minor units. A sum that would not fit ends the run.
//
// It reads no files (package folder does), pays nobody and keeps nothing. No card number comes here.
package settlement

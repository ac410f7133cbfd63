package incoming_test

import (
	"fmt"
	"testing"

	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// However many records name nothing that is found: a business date is gone through once for all of them.
func TestDateIsWalkedOnce(t *testing.T) {
	b := newBench(t)
	var messages []*clearing.Message
	for n := range 3000 {
		messages = append(messages, chargeback(arn(t, uint64(1000+n)), "", 1))
	}
	b.scans = 0
	r := b.received(file(t, theirs, false, append(messages, chargeback(arn(t, 22), "", 700))...))
	if r.Exceptions != 3000 || r.ChargedBack != 1 || b.scans != 1 {
		t.Errorf("%+v: %d walks", r, b.scans)
	}
}

// A reject says as which message of which file its presentment stood: no other is read. What it says wrongly is looked
// for by date.
func TestRejectNamesItsMessage(t *testing.T) {
	const payments, first = 100, 201 // of the last payment: behind the header, a refund and two captures each
	for _, c := range []struct{ message, reads int }{
		{first, 10}, {first - 1, 3 * payments}, {first + 1, 3 * payments}, {0, 3 * payments}, {99_999, 3 * payments},
	} {
		b := newBenchOf(t, payments)
		messages := reject(ourFile, arn(t, 10*payments+1), rrn(9*payments)) // an RRN that leads nowhere
		messages[0].PDS[1].Value = fmt.Sprintf("%08d", c.message)
		b.reads = 0
		if r := b.received(file(t, theirs, false, messages...)); r.Rejected != 1 || b.reads > c.reads {
			t.Errorf("message %d: %+v, %d payments are read: %+v", c.message, r, b.reads, b.exceptions())
		}
		if b.payment(payments).Presentment(1) != payment.PresentmentRejected {
			t.Errorf("message %d: the capture is not rejected", c.message)
		}
	}
}

// present adds a payment with operations of the date, whose presentments stand in a file of a later one.
func (b *bench) present(number int, on payment.Date, ops ...payment.Op) {
	b.t.Helper()
	p := &payment.Payment{
		ID: payment.NewID(1, uint64(number)), Version: 1, Merchant: "M1", Currency: "EUR", Route: "visa", MaskedPAN: masked,
		Created: date.Time(), Expires: date.Time().AddDate(0, 0, 30), Ops: append([]payment.Op{{
			Kind: payment.KindAuthorize, State: payment.StateApproved, Amount: original, Granted: original,
			Target: payment.NoTarget, AuthCode: "A1B2C3", RRN: rrn(number), At: date.Time(),
		}}, ops...),
	}
	var rows []journal.Presentment
	for i := range ops {
		if op := &p.Ops[1+i]; op.Filed() == on {
			rows = append(rows, journal.Presentment{PresentmentRef: presentment.RefOf(p, 1+i, on)})
		}
	}
	must(b.t, b.journal.Commit(ctx, &journal.Transition{Payment: p, Present: rows}))
}

// seal closes a date and seals it with a plan.
func (b *bench) seal(date payment.Date, plan string) {
	b.t.Helper()
	must(b.t, b.journal.Cutover(ctx, date, date.Next()))
	must(b.t, b.journal.SetDay(ctx, journal.Day{Date: date, State: journal.DaySealed, Data: []byte(plan)}))
}

// A presentment that was carried into a later date, since its own had no settlement, is found there, and so is a
// reversal, which has the reference of what it takes back.
func TestCarriedPresentments(t *testing.T) {
	b := newBench(t)
	held, filed := date.Next(), date.Next().Next().Next()
	capture := payment.Op{
		Kind: payment.KindCapture, State: payment.StateApproved, Amount: original, Granted: original,
		Target: payment.NoTarget, RRN: rrn(4), Date: held, Carried: filed, At: date.Time(),
		ARN: arnOf(t, held.Time(), 41),
	}
	back := capture
	back.Kind, back.Target, back.Carried, back.Date = payment.KindVoidPresentment, 1, 0, filed
	carriedOn := `{"format":1,"processor_id":"400001","sealed_at":"2026-11-21T10:00:00Z","files":[],"held":["visa"]}`
	b.seal(held, carriedOn)
	b.seal(held.Next(), carriedOn)
	b.present(4, filed, capture, back)
	b.seal(filed, `{"format":1,"processor_id":"400001","files":[{"destination":"visa","sequence":1,"records":2}]}`)

	const sent = "0022611240000040000100001"
	reversal := reject(sent, capture.ARN, "")
	reversal[1] = backOf(reversal[1])
	b.received(file(t, theirs, false, append(reversal, chargeback(capture.ARN, "", 700))...))
	p := b.payment(4)
	if got := p.Presentment(2); got != payment.PresentmentRejected {
		t.Errorf("the reversal is %s: %+v", got, b.exceptions())
	}
	if got := p.Presentment(1); got != payment.PresentmentChargedBack {
		t.Errorf("the capture is %s: %+v", got, b.exceptions())
	}
}

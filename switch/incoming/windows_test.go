package incoming_test

import (
	"strings"
	"testing"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// What was rejected in the file of a window and is presented again in that of a later one, on the same date, is not
// rejected by what is said of the first file: only the file in which it stands can say that of it.
func TestRejectOfAnEarlierWindow(t *testing.T) {
	const first, second = "0022611220000040000100001", "0022611220000040000100002"
	b := newBench(t)
	open := date.Next()
	capture := payment.Op{
		Kind: payment.KindCapture, State: payment.StateApproved, Amount: original, Granted: original,
		Target: payment.NoTarget, RRN: rrn(4), ARN: arnOf(t, open.Time(), 41), Date: open, Window: 1, At: open.Time(),
	}
	rejected, again := capture, capture
	rejected.Kind, rejected.Target, rejected.Source, rejected.Date, rejected.Window = payment.KindReject, 1, "one", 0, 0
	again.Kind, again.Target, again.Window = payment.KindResubmit, 1, 2
	b.present(4, open, capture, rejected, again)
	windows := `{"windows":[
		{"format":1,"processor_id":"400001","destination":"visa","window":1,"files":[
			{"destination":"visa","sequence":1,"records":1}]},
		{"format":1,"processor_id":"400001","destination":"visa","window":2,"files":[
			{"destination":"visa","sequence":2,"records":1}]}]}`
	must(t, b.journal.SetDay(ctx, journal.Day{Date: open, State: journal.DayOpen, Data: []byte(windows)}))

	if r := b.received(file(t, theirs, false, reject(first, capture.ARN, rrn(4))...)); r.Rejected != 0 {
		t.Errorf("by a record about the first file: %+v", r)
	}
	if all := b.exceptions(); len(all) != 1 || !strings.Contains(all[0].Why, "in another file of "+open.String()) {
		t.Errorf("by a record about the first file: %+v", all)
	}
	if got := b.payment(4).Presentment(1); got != payment.PresentmentSent {
		t.Errorf("by a record about the first file it is %s", got)
	}
	if r := b.received(file(t, next(2), false, reject(second, capture.ARN, rrn(4))...)); r.Rejected != 1 ||
		b.payment(4).Presentment(1) != payment.PresentmentRejected {
		t.Errorf("by one about the second: %+v, %+v", r, b.exceptions())
	}
}

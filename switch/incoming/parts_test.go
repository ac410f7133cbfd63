package incoming_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
	"switchyard/switch/payment"
)

// partOf is a chargeback of a part of payment 2's first capture, with an issuer reference (DE95).
func partOf(t *testing.T, reference string, amountMinor int64) *clearing.Message {
	t.Helper()
	return withReference(chargeback(arn(t, 21), rrn(2), amountMinor), "453", reference)
}

// withReference gives a message another function and an issuer reference.
func withReference(m *clearing.Message, function, reference string) *clearing.Message {
	m.FunctionCode = function
	m.Elements = append(m.Elements, clearing.Element{DE: 95, Value: reference})
	return m
}

// Chargebacks of parts of one presentment, told apart by the issuer's reference alone, are disputes of their own: each
// is presented a second time, and settled, charged back again or rejected by itself.
func TestPartsAreRepresented(t *testing.T) {
	b := newBench(t)
	r := b.received(file(t, theirs, false, partOf(t, "A1", 300), partOf(t, "B2", 300)))
	if r.ChargedBack != 2 || r.Exceptions != 0 {
		t.Fatalf("%+v", r)
	}
	id := b.payment(2).ID.String()
	const due = "2027-01-06"
	first, second := id+"-3", id+"-4"
	if got, want := b.disputes("open", 0), []string{
		first + " open " + due + " 300 of 1000", second + " open " + due + " 300 of 1000",
	}; !slices.Equal(got, want) {
		t.Fatalf("open are %v, want %v", got, want)
	}
	if d, err := b.desk.Dispute(ctx, second); err != nil || d.IssuerReference != "B2" {
		t.Errorf("%+v, %v", d, err)
	}
	for _, dispute := range []string{first, second} {
		must(t, b.represented(dispute))
		if err := b.represented(dispute); err == nil || !strings.Contains(err.Error(), "a second time already") {
			t.Errorf("%s once more: %v", dispute, err)
		}
	}
	if p := b.payment(2); p.Presentment(1) != payment.PresentmentRepresented || p.Refundable() != 2*original {
		t.Errorf("%s, refundable %d", p.Presentment(1), p.Refundable())
	}

	// A part that comes late is a first chargeback; the first one once more counts for nothing.
	b.received(file(t, next(2), false, partOf(t, "C3", 500), partOf(t, "A1", 300)))
	all := b.exceptions()
	if len(all) != 2 || all[0].Excess != 100 || all[1].Excess != 300 || all[1].IssuerReference != "A1" ||
		!strings.Contains(all[1].Why, "its issuer reference (DE95) before") {
		t.Errorf("exceptions %+v", all)
	}
	if got := b.disputes("open", 0); !slices.Equal(got, []string{id + "-7 open " + due + " 400 of 1000"}) {
		t.Errorf("open are %v", got)
	}

	// The clearing system rejects the second presentment of B2, and the issuer charges that of A1 back again.
	ours := b.sealOpen(2)
	rejected := rejectSecond(ours, arn(t, 21), rrn(2), 300)
	withReference(rejected[1], "205", "B2")
	arbitration := withReference(chargeback(arn(t, 21), rrn(2), 300), "454", "A1")
	r = b.received(file(t, next(3), false, append(rejected, arbitration)...))
	if r.Rejected != 1 || r.ChargedBack != 1 || r.Exceptions != 0 {
		t.Fatalf("%+v, %+v", r, b.exceptions())
	}
	if got, want := b.steps(first), "lost: chargeback 300 by "+theirs+"/00000002; represent 300 by anna in 2026-11-22: "+
		"presented; chargeback 300 by "+next(3)+"/00000004"; got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if got, want := b.steps(second), "open: chargeback 300 by "+theirs+"/00000003; represent 300 by anna in 2026-11-22: "+
		"rejected; reject 300 by "+next(3)+"/00000002"; got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if p := b.payment(2); p.Sums().ChargedBack != original || p.Invariant() != "" {
		t.Errorf("charged back are %d; %s", p.Sums().ChargedBack, p.Invariant())
	}
	must(t, b.represented(second))
	if _, err := b.desk.AcceptDispute(ctx, first, "bert"); err != nil {
		t.Error(err)
	}
	if got := b.disputes(incoming.AllDisputes, 0); len(got) != 3 || !strings.Contains(got[0], "accepted") ||
		!strings.Contains(got[1], "represented") || !strings.Contains(got[2], "open") {
		t.Errorf("the disputes are %v", got)
	}
}

// Without an issuer reference two parts are not told apart: of them one is presented a second time. What has one, or
// another, can be beside.
func TestPartsWithoutReferences(t *testing.T) {
	b := newBench(t)
	bare := chargeback(arn(t, 21), rrn(2), 300)
	bare.FunctionCode = "453"
	b.received(file(t, theirs, false, bare, bare, partOf(t, "A1", 300)))
	id := b.payment(2).ID.String()
	must(t, b.represented(id+"-3"))
	if err := b.represented(id + "-4"); err == nil || !strings.Contains(err.Error(), "a second time already") {
		t.Errorf("two second presentments under one name: %v", err)
	}
	must(t, b.represented(id+"-5"))
	ours := b.sealOpen(2)
	b.received(file(t, next(2), false, rejectSecond(ours, arn(t, 21), rrn(2), 300)...))
	for number, want := range map[int]string{3: "open", 4: "open", 5: "represented"} {
		if got := b.steps(fmt.Sprintf("%s-%d", id, number)); !strings.HasPrefix(got, want) {
			t.Errorf("%d is %s, want %s", number, got, want)
		}
	}
}

// A second presentment that the clearing system rejects with a reference that does not print is none of ours: it is not
// taken for that of the chargeback whose reference it looks like when it is shown.
func TestRejectWhoseReferenceDoesNotPrint(t *testing.T) {
	b := newBench(t)
	b.received(file(t, theirs, false, partOf(t, "...", 300)))
	dispute := b.payment(2).ID.String() + "-3"
	must(t, b.represented(dispute))
	ours := b.sealOpen(1)
	rejected := rejectSecond(ours, arn(t, 21), rrn(2), 300)
	withReference(rejected[1], "205", "QQQ")
	const letters, bells = "\xd8\xd8\xd8", "\x2f\x2f\x2f" // in cp500
	b.received(bytes.Replace(file(t, next(2), false, rejected...), []byte(letters), []byte(bells), 1))
	all := b.exceptions()
	if len(all) != 1 || !strings.Contains(all[0].Why, "DE95") || all[0].IssuerReference != "..." {
		t.Errorf("exceptions %+v", all)
	}
	if got := b.steps(dispute); !strings.HasPrefix(got, "represented: ") {
		t.Errorf("the dispute is %s", got)
	}
}

// A reference that no second presentment could repeat is an exception, and so is an arbitration that does not say which
// of several it is of: nothing is charged back.
func TestReferencesThatSayNothing(t *testing.T) {
	b := newBench(t)
	text := file(t, theirs, false, partOf(t, "QQQ", 300), partOf(t, "A1", 300), partOf(t, "B2", 300))
	const letters, bells = "\xd8\xd8\xd8", "\x2f\x2f\x2f" // in cp500
	b.received(bytes.Replace(text, []byte(letters), []byte(bells), 1))
	if all := b.exceptions(); len(all) != 1 || !strings.Contains(all[0].Why, "could not repeat") ||
		b.payment(2).Sums().ChargedBack != 600 {
		t.Errorf("%+v, charged back %d", all, b.payment(2).Sums().ChargedBack)
	}
	id := b.payment(2).ID.String()
	must(t, b.represented(id+"-3"))
	must(t, b.represented(id+"-4"))
	b.sealOpen(2)
	b.received(file(t, next(2), false, withReference(chargeback(arn(t, 21), rrn(2), 300), "451", "X")))
	if all := b.exceptions(); len(all) != 2 || !strings.Contains(all[1].Why, "which of 2 second presentments") ||
		b.payment(2).Sums().ChargedBack != 0 {
		t.Errorf("%+v, charged back %d", all, b.payment(2).Sums().ChargedBack)
	}
}

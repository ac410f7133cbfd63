package payment_test

import (
	"slices"
	"testing"

	"switchyard/switch/payment"
)

// The numbers of kinds stand in the journal, their names in exports and the audit's input, their MTIs on the wire: what
// is written here never changes.
func TestKinds(t *testing.T) {
	rows := []struct {
		number                               payment.Kind
		name, request, advice, repeat, code3 string
	}{
		{1, "authorize", "0100", "", "", "000000"},
		{2, "sale", "0200", "", "", "000000"},
		{3, "verify", "0100", "", "", "000000"},
		{4, "voice", "", "", "", "000000"},
		{5, "increment", "0100", "", "", "000000"},
		{6, "capture", "", "0220", "0221", "000000"},
		{7, "reverse", "0400", "0420", "0421", "000000"},
		{8, "release", "", "0420", "0421", "000000"},
		{9, "void", "0400", "0420", "0421", ""},
		{10, "void_presentment", "", "", "", ""},
		{11, "refund", "0200", "", "", "200000"},
		{12, "timeout_reversal", "", "0420", "0421", ""},
		{13, "stand_in", "", "0120", "0121", "000000"},
		{14, "credit", "0200", "", "", "200000"},
		{15, "expire", "", "0420", "0421", "000000"},
		{16, "reject", "", "", "", ""},
		{17, "chargeback", "", "", "", ""},
		{18, "settle", "", "", "", ""},
		{19, "resubmit", "", "", "", ""},
		{20, "write_off", "", "", "", ""},
		{21, "represent", "", "", "", ""},
		{22, "accept_dispute", "", "", "", ""},
	}
	if len(rows) != payment.KindCount-1 {
		t.Errorf("%d kinds are written down here, there are %d: write the new one's row down", len(rows), payment.KindCount-1)
	}
	for _, want := range rows {
		got := want.number.Row()
		if got.Name != want.name || got.Request != want.request || got.Advice != want.advice || got.Repeat != want.repeat ||
			got.ProcessingCode != want.code3 || want.number.String() != want.name {
			t.Errorf("kind %d is %+v, want %+v", want.number, *got, want)
		}
	}
	if row := payment.Kind(200).Row(); row.Name != "" || row.Counts != 0 {
		t.Errorf("a kind that is none has the row %+v", *row)
	}
}

// Every row says what it must say: when it counts, and what it may follow unless it makes a payment.
func TestKindRowsAreWhole(t *testing.T) {
	roots := []payment.Kind{
		payment.KindAuthorize, payment.KindSale, payment.KindVerify, payment.KindVoice, payment.KindStandIn,
		payment.KindCredit,
	}
	for k := payment.KindAuthorize; k < payment.KindCount; k++ {
		row := k.Row()
		if row.Name == "" || row.Counts == 0 {
			t.Errorf("kind %d: %+v", k, *row)
		}
		if makes := row.After == nil; makes != slices.Contains(roots, k) {
			t.Errorf("%s makes a payment: %t", k, makes)
		}
		for _, root := range row.After {
			if !slices.Contains(roots, root) {
				t.Errorf("%s follows %s, which makes no payment", k, root)
			}
		}
		if row.Alone != "" && (row.After != nil || row.Stands == payment.Pending) || row.Alone == "" && row.Stands != 0 {
			t.Errorf("%s: alone %q, stands %s", k, row.Alone, row.Stands)
		}
		if credits := len(row.ProcessingCode) == 6 && row.ProcessingCode[0] == '2'; k.Credits() != credits {
			t.Errorf("%s with DE3 %s credits the cardholder: %t", k, row.ProcessingCode, !credits)
		}
		if (row.Advice == "") != (row.Repeat == "") {
			t.Errorf("%s: the advice %q is repeated as %q", k, row.Advice, row.Repeat)
		}
		if by := row.UndoneBy; by != payment.KindNone && !by.AskedReversal() {
			t.Errorf("%s is undone by %s, which no gateway asks for", k, by)
		}
	}
}

// What each DE39 means. One that is not here declines a request and parks an advice.
func TestCodes(t *testing.T) {
	type meaning struct{ approves, verifies, partial, done, notFound, again bool }
	special := map[string]meaning{
		"": {again: true}, "00": {approves: true, done: true}, "08": {approves: true},
		"09": {again: true}, "10": {approves: true, partial: true},
		"11": {approves: true}, "21": {notFound: true}, "25": {notFound: true}, "85": {verifies: true}, "91": {again: true},
		"96": {again: true},
	}
	codes := []string{"", "N7", "ZZ", "0", "000"}
	for i := range 100 {
		codes = append(codes, string([]byte{'0' + byte(i/10), '0' + byte(i%10)}))
	}
	for _, code := range codes {
		row := payment.Meaning(code)
		got := meaning{row.Approves, row.Verifies, row.Partial, row.Done, row.NotFound, row.Again}
		if got != special[code] {
			t.Errorf("%q means %+v, want %+v", code, got, special[code])
		}
		for _, kind := range []payment.Kind{payment.KindSale, payment.KindVerify} {
			want := got.approves || kind == payment.KindVerify && got.verifies
			if payment.Approving(code, kind) != want {
				t.Errorf("%q approves %s: %t, want %t", code, kind, !want, want)
			}
		}
		if payment.CodeOf([]byte(code)) != code {
			t.Errorf("%q is read as %q", code, payment.CodeOf([]byte(code)))
		}
	}
	for code, words := range map[string]string{
		"": "", "00": "approved", "02": "the issuer wants to be called", "05": "do not honour",
		"07": "the card is to be kept",
		"51": "insufficient funds", "N7": "wrong card verification code", "77": "response code 77",
	} {
		if got := payment.Words(code); got != words {
			t.Errorf("%q in words is %q, want %q", code, got, words)
		}
	}
	known := []byte("51")
	if n := testing.AllocsPerRun(100, func() { _ = payment.CodeOf(known) }); n != 0 {
		t.Errorf("a known code costs %v allocations", n)
	}
}

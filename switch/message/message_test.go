package message_test

import (
	"testing"

	"switchyard/spec"
	"switchyard/switch/merchant"
	"switchyard/switch/message"
	"switchyard/switch/payment"
)

// A merchant that has left the merchants file is asked nothing more of; what was made for it is still undone.
func TestReversalOfMerchantThatIsGone(t *testing.T) {
	none, err := merchant.NewDirectory(nil, true, merchant.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	b := message.Builder{AcquirerID: "400001", Merchants: none}
	p := &payment.Payment{Merchant: "GONE", Terminal: "T1", Currency: "EUR", MCC: "5999", Ops: []payment.Op{
		{Kind: payment.KindAuthorize, State: payment.StateUnknown, Amount: 100, Target: payment.NoTarget, STAN: 1, DE7: "1121202501", RRN: "632510000001"},
		{Kind: payment.KindUndo, State: payment.StateQueued, Advised: true, Amount: 100, Target: 0, STAN: 2, DE7: "1121202511", RRN: "632510000001"},
	}}
	var m spec.Message
	card := message.Card{PAN: "4111111111111111", Expiry: "3012"}
	if err := b.Build(&m, p, 0, card, nil, false); err == nil {
		t.Error("a request of an unknown merchant is built")
	}
	if err := b.Build(&m, p, 1, card, nil, false); err != nil {
		t.Fatal(err)
	}
	if want := "0100" + "000001" + "1121202501" + "00000400001" + "00000000000"; m.MTI() != "0420" || m.String(90) != want {
		t.Errorf("%s, DE90 %s, want %s", m.MTI(), m.String(90), want)
	}
	if _, err := spec.MustCodec(spec.DefaultDialect).PackFrame(nil, &m); err != nil {
		t.Error(err)
	}
}

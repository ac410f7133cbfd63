package api_test

import (
	"strings"
	"testing"

	"switchyard/switch/api"
)

// good is a well-formed request of an operation, with every field that it takes.
func good(op api.Op) api.Request {
	card := api.Card{
		Number: "4000000000000002", Expiry: "2912", CVC: "123", Sequence: "01", Track2: "4000000000000002=29122010000000000",
	}
	r := api.Request{Op: op}
	switch op {
	case api.OpAuthorize, api.OpSale, api.OpVerify:
		r = api.Request{
			Op: op, Key: "k", Merchant: "M1", Terminal: "T1", Amount: 1, Currency: "EUR", Card: card, Reference: "r",
			NetworkID: "1", ThreeDS: api.ThreeDS{ECI: "05"}, Address: api.Address{Line: "x"}, EMV: "9F0206"}
		r.Present = api.Fields(
			api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency, api.FieldCard,
			api.FieldEntry, api.FieldReference, api.FieldPartial, api.FieldInitiator, api.FieldNetworkID, api.FieldThreeDS,
			api.FieldAddress, api.FieldEMV)
		if op == api.OpVerify {
			r.Amount, r.Present = 0, r.Present&^api.Fields(api.FieldAmount)
		}
	case api.OpCredit:
		r = api.Request{
			Op: op, Key: "k", Merchant: "M1", Terminal: "T1", Amount: 1, Currency: "EUR", Card: card, Reference: "r"}
		r.Present = api.Fields(
			api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency, api.FieldCard,
			api.FieldEntry, api.FieldReference)
	case api.OpIncrement, api.OpReverse, api.OpRefund:
		r.Key, r.Payment, r.Amount, r.Currency = "k", "P1", api.MaxAmountMinor, "JPY"
		r.Present = api.Fields(api.FieldKey, api.FieldPayment, api.FieldAmount, api.FieldCurrency)
	case api.OpCapture:
		r.Key, r.Payment = "k", "P1"
		r.Present = api.Fields(api.FieldKey, api.FieldPayment, api.FieldFinal)
	case api.OpVoid:
		r.Key, r.Payment, r.Capture = "k", "P1", "P1-1"
		r.Present = api.Fields(api.FieldKey, api.FieldPayment, api.FieldCapture)
	case api.OpStatus:
		r.Payment, r.Present = "P1", api.Fields(api.FieldPayment)
	}
	return r
}

func TestValidateTakesWhatIsGood(t *testing.T) {
	for _, op := range api.Ops() {
		r := good(op)
		if err := r.Validate(); err != nil {
			t.Errorf("%v: %v", op, err)
		}
	}
	voice := good(api.OpAuthorize)
	voice.Op, voice.AuthCode = api.OpCapture, "VOICE1"
	voice.Present = api.Fields(
		api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency, api.FieldCard,
		api.FieldAuthCode,
	)
	byKey := good(api.OpReverse)
	byKey.Merchant, byKey.OfKey = "M1", "k0"
	byKey.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey)
	statusByKey := api.Request{
		Op: api.OpStatus, Merchant: "M1", Key: "~release", Present: api.Fields(api.FieldMerchant, api.FieldKey),
	}
	for _, r := range []api.Request{voice, byKey, statusByKey} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestValidateNamesTheField(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for field, changes := range map[string][]func(*api.Request){
		"key": {
			func(r *api.Request) { r.Key = "" }, func(r *api.Request) { r.Key = long(65) },
			func(r *api.Request) { r.Key = "~k" }, func(r *api.Request) { r.Present &^= api.Fields(api.FieldKey) },
		},
		"merchant": {
			func(r *api.Request) { r.Merchant = long(16) }, func(r *api.Request) { r.Merchant = "M\x7f" },
			func(r *api.Request) { r.Merchant = "Bär" },
		},
		"terminal": {func(r *api.Request) { r.Terminal = long(9) }, func(r *api.Request) { r.Terminal = "T\n" }},
		"amount": {
			func(r *api.Request) { r.Amount = 0 }, func(r *api.Request) { r.Amount = -1 },
			func(r *api.Request) { r.Amount = api.MaxAmountMinor + 1 },
		},
		"currency": {func(r *api.Request) { r.Currency = "eur" }, func(r *api.Request) {
			r.Currency = ""
		}, func(r *api.Request) { r.Currency = "978" }, func(r *api.Request) { r.Currency = "ZZZ" }},
		"card.number": {
			func(r *api.Request) { r.Card.Number = "" }, func(r *api.Request) { r.Card.Number = "4000000000000003" },
			func(r *api.Request) { r.Card.Number = "40000000002" },
			func(r *api.Request) { r.Card.Number = strings.Repeat("0", 20) },
			func(r *api.Request) { r.Card.Number = "4000 0000 0000 0002" },
		},
		"card.expiry": {
			func(r *api.Request) { r.Card.Expiry = "" }, func(r *api.Request) { r.Card.Expiry = "2900" },
			func(r *api.Request) { r.Card.Expiry = "1229" }, func(r *api.Request) { r.Card.Expiry = "29/12" },
		},
		"card.cvc": {func(r *api.Request) { r.Card.CVC = "12" }, func(r *api.Request) {
			r.Card.CVC = "12345"
		}, func(r *api.Request) { r.Card.CVC = "12x" }},
		"card.sequence": {func(r *api.Request) { r.Card.Sequence = "0001" }, func(r *api.Request) { r.Card.Sequence = "x" }},
		"card.track2": {
			func(r *api.Request) { r.Card.Track2 = long(38) }, func(r *api.Request) { r.Card.Track2 = "4000000000000002" },
			func(r *api.Request) { r.Card.Track2 = "4000000000000010=2912" },
			func(r *api.Request) { r.Card.Track2 = "4000000000000002=29=12" },
			func(r *api.Request) { r.Card.Track2 = ";4000000000000002=2912?" },
		},
		"reference":       {func(r *api.Request) { r.Reference = long(65) }},
		"network_id":      {func(r *api.Request) { r.NetworkID = long(30) }},
		"threeds.version": {func(r *api.Request) { r.ThreeDS.Version = long(9) }},
		"threeds.eci": {func(r *api.Request) { r.ThreeDS.ECI = "005" }, func(r *api.Request) {
			r.ThreeDS.ECI = "5"
		}, func(r *api.Request) { r.ThreeDS.ECI = "0x" }},
		"threeds.cavv":              {func(r *api.Request) { r.ThreeDS.CAVV = long(41) }},
		"threeds.ds_transaction_id": {func(r *api.Request) { r.ThreeDS.DSTransactionID = long(37) }},
		"address.line":              {func(r *api.Request) { r.Address.Line = long(41) }},
		"address.postal_code":       {func(r *api.Request) { r.Address.PostalCode = long(11) }},
		"address.country":           {func(r *api.Request) { r.Address.Country = long(4) }},
		"emv": {
			func(r *api.Request) { r.EMV = "9F0" }, func(r *api.Request) { r.EMV = "9G" },
			func(r *api.Request) { r.EMV = strings.Repeat("0", 512) },
		},
		"payment": {func(r *api.Request) { r.Present = r.Present.With(api.FieldPayment) }},
		"op": {
			func(r *api.Request) { r.Op = api.OpNone }, func(r *api.Request) { r.Op = 200 }, func(r *api.Request) { r.Op = 11 },
		},
	} {
		for i, change := range changes {
			r := good(api.OpAuthorize)
			change(&r)
			err := r.Validate()
			if err == nil || err.Field != field {
				t.Errorf("%s %d: got %v", field, i, err)
			}
			if err != nil && strings.Contains(err.Error(), "40000000") {
				t.Errorf("%s %d: the error quotes a card number: %v", field, i, err)
			}
		}
	}
}

// What is no currency is told for what it is: capital letters are no help for one that there is not.
func TestValidateTellsCurrenciesApart(t *testing.T) {
	const letters = "expected the three letters of a currency of ISO 4217, such as EUR"
	for currency, want := range map[string]string{
		"eur": "expected it in capital letters, such as EUR",
		"978": "expected the letters of ISO 4217, such as EUR, and not its digits",
		"":    letters,
		"EU":  letters, "euro": letters,
		"ZZZ": "no such currency in ISO 4217; expected its three letters, such as EUR",
		"zzz": "no such currency in ISO 4217; expected its three letters, such as EUR",
		"999": "no such currency in ISO 4217; expected its three letters, such as EUR",
	} {
		r := good(api.OpAuthorize)
		r.Currency = currency
		if err := r.Validate(); err == nil || err.Field != "currency" || err.Message != want {
			t.Errorf("%q: got %v, want %s", currency, err, want)
		}
	}
}

// What was accepted while a currency was in use goes on, and is found again by its key. Only the flow knows what is
// new.
func TestValidateTakesWithdrawnCurrencies(t *testing.T) {
	for _, op := range []api.Op{api.OpAuthorize, api.OpSale, api.OpVerify, api.OpCredit, api.OpRefund, api.OpReverse} {
		r := good(op)
		r.Currency = "ANG"
		if err := r.Validate(); err != nil {
			t.Errorf("%v: %v", op, err)
		}
	}
	undo := api.Request{Op: api.OpReverse, Key: "k", Merchant: "M1", OfKey: "k0", Currency: "ANG"}
	undo.Present = api.Fields(api.FieldKey, api.FieldMerchant, api.FieldOfKey, api.FieldCurrency)
	if err := undo.Validate(); err != nil {
		t.Errorf("a reversal by key: %v", err)
	}
}

// Every name of the wire finds its value again.
func TestNames(t *testing.T) {
	for _, op := range api.Ops() {
		if got, ok := api.ParseOp(op.String()); !ok || got != op {
			t.Errorf("ParseOp(%q) = %v, %v", op, got, ok)
		}
	}
	for e := api.EntryEcommerce; e <= api.EntryMagstripe; e++ {
		if got, ok := api.ParseEntry(e.String()); !ok || got != e {
			t.Errorf("ParseEntry(%q) = %v, %v", e, got, ok)
		}
	}
	for _, i := range []api.Initiator{api.InitiatorCardholder, api.InitiatorMerchant} {
		if got, ok := api.ParseInitiator(i.String()); !ok || got != i {
			t.Errorf("ParseInitiator(%q) = %v, %v", i, got, ok)
		}
	}
	for _, name := range []string{"", "Authorize", "none"} {
		if _, ok := api.ParseOp(name); ok {
			t.Errorf("ParseOp(%q) finds one", name)
		}
		if _, ok := api.ParseEntry(name); ok {
			t.Errorf("ParseEntry(%q) finds one", name)
		}
	}
	if api.Op(200).String() != "" || api.Entry(200).String() != "" {
		t.Error("an unknown value has a name")
	}
}

func TestCaller(t *testing.T) {
	anyone, listed, none := api.Caller{}, api.Caller{Merchants: map[string]bool{"M1": true}}, api.Caller{
		Merchants: map[string]bool{},
	}
	if !anyone.MayActFor("M2") || !listed.MayActFor("M1") || listed.MayActFor("M2") || none.MayActFor("M1") {
		t.Error("a caller may act for others than its merchants, or not for them")
	}
}

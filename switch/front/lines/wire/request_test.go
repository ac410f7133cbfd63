package wire_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// authorizeLine is a request as a gateway would send it, with most of what an authorization takes.
const authorizeLine = `{"id":"7f3a","op":"authorize","key":"order-4711/1","merchant":"M100000001",` +
	`"terminal":"T0000001",` +
	`"amount":12345,"currency":"EUR","card":{"number":"4000000000000002","expiry":"2812","cvc":"123"},` +
	`"entry":"ecommerce",` +
	`"reference":"order-4711","initiator":"cardholder","threeds":{"version":"2.2.0","eci":"05",` +
	`"cavv":"AAABBEg0VhI0VniQEjRWAAAAAAA=","ds_transaction_id":"f25084f0-5b16-4c0a-ae5d-b24808a95e4b"}}`

func TestDecodeRequest(t *testing.T) {
	var r api.Request
	if err := wire.DecodeRequest([]byte(authorizeLine), &r); err != nil {
		t.Fatal(err)
	}
	want := api.Request{
		ID: "7f3a", Op: api.OpAuthorize,
		Present: api.Fields(
			api.FieldKey, api.FieldMerchant, api.FieldTerminal, api.FieldAmount, api.FieldCurrency, api.FieldCard,
			api.FieldEntry, api.FieldReference, api.FieldInitiator, api.FieldThreeDS),
		Key: "order-4711/1", Merchant: "M100000001", Terminal: "T0000001", Amount: 12345, Currency: "EUR",
		Card:      api.Card{Number: "4000000000000002", Expiry: "2812", CVC: "123"},
		Reference: "order-4711",
		ThreeDS: api.ThreeDS{Version: "2.2.0", ECI: "05", CAVV: "AAABBEg0VhI0VniQEjRWAAAAAAA=",
			DSTransactionID: "f25084f0-5b16-4c0a-ae5d-b24808a95e4b"},
	}
	if r != want {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
	if err := r.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
}

// faultLines are lines with a fault, and the answer: code, field, and the id that could still be read.
var faultLines = []struct{ line, code, field, id string }{
	{``, "invalid_request", "", ""},
	{`   `, "invalid_request", "", ""},
	{`hello`, "invalid_request", "", ""},
	{`[]`, "invalid_request", "", ""},
	{`"ping"`, "invalid_request", "", ""},
	{`null`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping"`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping",}`, "invalid_request", "", ""},
	{`{"id":"1" "op":"ping"}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping"} {}`, "invalid_request", "", ""},
	{`{"id":"1","op":"pi` + "\x01" + `ng"}`, "invalid_request", "", ""},
	{`{"id":"1","op":"pi\q"}`, "invalid_request", "", ""},
	{`{"id":"1","op":"pi\u12"}`, "invalid_request", "", ""},
	{`{"id":"1","op":"` + "\xff" + `"}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping","amount":01}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping","amount":-}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping","amount":1.}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping","amount":1e}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping","amount":+1}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping","final":tru}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping","x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, "invalid_request", "", ""},
	{`{"id":"1","op":"ping","x":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`, "invalid_field", "x", "1"},
	{`{"id":"1","op":"pay"}`, "unknown_op", "op", "1"},
	{`{"op":"pay","id":"1"}`, "unknown_op", "op", "1"},
	{`{"op":7,"id":"1"}`, "invalid_field", "op", "1"},
	{`{"id":7,"op":"ping"}`, "invalid_field", "id", ""},
	{`{"id":"","op":"ping"}`, "invalid_field", "id", ""},
	{`{"id":"é","op":"ping"}`, "invalid_field", "id", ""},
	{`{"id":"` + strings.Repeat("x", 65) + `","op":"ping"}`, "invalid_field", "id", ""},
	{`{"id":"1","id":"2","op":"ping"}`, "invalid_field", "id", "1"},
	{`{"id":"1","op":"ping","op":"ping"}`, "invalid_field", "op", "1"},
	{`{"id":"1","op":"ping","colour":"red"}`, "invalid_field", "colour", "1"},
	{`{"id":"1","op":"ping","4000000000000002":"red"}`, "invalid_field", "400000**********", "1"},
	{`{"id":"1","op":"ping","caf\u00e9\u0000":1}`, "invalid_field", "caf??", "1"},
	{`{"id":"1","key":"a","key":"b"}`, "invalid_field", "key", "1"},
	{`{"id":"1","key":null,"k\u0065y":"b"}`, "invalid_field", "key", "1"},
	{`{"id":"1","key":5}`, "invalid_field", "key", "1"},
	{`{"id":"1","amount":"5"}`, "invalid_field", "amount", "1"},
	{`{"id":"1","amount":5.0}`, "invalid_field", "amount", "1"},
	{`{"id":"1","amount":5e2}`, "invalid_field", "amount", "1"},
	{`{"id":"1","amount":true}`, "invalid_field", "amount", "1"},
	{`{"id":"1","amount":99999999999999999999999}`, "invalid_field", "amount", "1"},
	{`{"id":"1","partial":"true"}`, "invalid_field", "partial", "1"},
	{`{"id":"1","final":1}`, "invalid_field", "final", "1"},
	{`{"id":"1","entry":"card"}`, "invalid_field", "entry", "1"},
	{`{"id":"1","entry":""}`, "invalid_field", "entry", "1"},
	{`{"id":"1","initiator":"me"}`, "invalid_field", "initiator", "1"},
	{`{"id":"1","card":"4000000000000002"}`, "invalid_field", "card", "1"},
	{`{"id":"1","card":{"number":4000000000000002}}`, "invalid_field", "card.number", "1"},
	{`{"id":"1","card":{"cvc":""}}`, "invalid_field", "card.cvc", "1"},
	{`{"id":"1","card":{"pin":"1234"}}`, "invalid_field", "card.pin", "1"},
	{`{"id":"1","card":{"expiry":"2812","expiry":"2812"}}`, "invalid_field", "card.expiry", "1"},
	{`{"id":"1","threeds":[]}`, "invalid_field", "threeds", "1"},
	{`{"id":"1","threeds":{"eci":5}}`, "invalid_field", "threeds.eci", "1"},
	{`{"id":"1","address":{"street":{"name":"x"}}}`, "invalid_field", "address.street", "1"},
}

func TestDecodeRequestFaults(t *testing.T) {
	for _, c := range faultLines {
		var r api.Request
		err := wire.DecodeRequest([]byte(c.line), &r)
		if err == nil || string(err.Code) != c.code || err.Field != c.field || r.ID != c.id {
			t.Errorf("%q: got %+v, id %q; want %s of %q, id %q", c.line, err, r.ID, c.code, c.field, c.id)
		}
		if err != nil && err.Message == "" {
			t.Errorf("%q: the error says nothing", c.line)
		}
	}
}

// Null is absent, escapes name the same field, and white space is free.
func TestDecodeRequestLeniencies(t *testing.T) {
	for _, line := range []string{
		`{"id":"1","op":"void","key":"k","payment":"P1","capture":null}`,
		"\t{ \"id\" :\"1\" , \"op\": \"void\",\r\n\"key\":\"k\",\"payment\":\"P1\"\n} \r",
		`{"\u0069d":"\u0031","op":"v\u006fid","key":"k","payment":"P1","card":null,"threeds":null,"amount":null,` +
			`"final":null}`,
	} {
		var r api.Request
		if err := wire.DecodeRequest([]byte(line), &r); err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if want := (api.Request{
			ID: "1", Op: api.OpVoid, Key: "k", Payment: "P1", Present: api.Fields(api.FieldKey, api.FieldPayment),
		}); r != want {
			t.Errorf("%q: got %+v, want %+v", line, r, want)
		}
	}
}

// What the line held is overwritten by the next one; the request must not change with it.
func TestDecodeRequestKeepsNothingOfTheLine(t *testing.T) {
	line := []byte(authorizeLine)
	var r api.Request
	if err := wire.DecodeRequest(line, &r); err != nil {
		t.Fatal(err)
	}
	clear(line)
	if r.ID != "7f3a" || r.Card.Number != "4000000000000002" {
		t.Errorf("the request changed with the line: %+v", r)
	}
}

func compareWithReference(t *testing.T, line []byte) {
	var l wire.Line
	err := wire.DecodeLine(line, &l)
	wantR, wantHello, wantErr := referenceDecode(line)
	if (err == nil) != (wantErr == nil) || l.ID != wantR.ID {
		t.Fatalf("%q: got %v, id %q; encoding/json says %v, id %q", line, err, l.ID, wantErr, wantR.ID)
	}
	if err == nil {
		if l.Request != wantR || l.Hello != wantHello.said ||
			l.Hello && (l.Gateway != *wantHello.gateway || l.Secret != *wantHello.secret) {
			t.Fatalf("%q:\ngot  %+v\nwant %+v %+v", line, l, wantR, wantHello)
		}
		return
	}
	unknownName := strings.HasSuffix(wantErr.Field, "?") // the reference leaves the name's masking out
	if err.Code != wantErr.Code || !unknownName && err.Field != wantErr.Field {
		t.Fatalf("%q: got %v, want %v", line, err, wantErr)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(authorizeLine))
	for _, c := range faultLines {
		f.Add([]byte(c.line))
	}
	for _, c := range helloLines {
		f.Add([]byte(c.line))
	}
	f.Add([]byte(`{"id":"\ud83d\ude00","op":"status","merchant":"M1","reference":"\ud800\u0041\\\/\b\f\n\r\t"}`))
	f.Add([]byte(`{"amount":-0,"currency":"EUR","address":{"line":"1 Main St","postal_code":"12345","country":"DE"},` +
		`"emv":"9F02"}`))
	f.Fuzz(compareWithReference)
}

// requests draws requests with any field in any state.
func requests(t *rapid.T) api.Request {
	var r api.Request
	text := rapid.OneOf(rapid.StringMatching(`[ -~]{1,20}`), rapid.StringN(1, 12, -1))
	some := func(label string) bool { return rapid.Bool().Draw(t, label) }
	r.Op = api.Op(rapid.IntRange(int(api.OpAuthorize), int(api.OpPing)).Draw(t, "op"))
	if some("id") {
		r.ID = rapid.StringMatching(`[ -~]{1,64}`).Draw(t, "id text")
	}
	for f, p := range map[api.Field]*string{
		api.FieldKey: &r.Key, api.FieldMerchant: &r.Merchant, api.FieldTerminal: &r.Terminal, api.FieldPayment: &r.Payment,
		api.FieldCurrency: &r.Currency, api.FieldReference: &r.Reference, api.FieldNetworkID: &r.NetworkID,
		api.FieldEMV: &r.EMV, api.FieldOfKey: &r.OfKey, api.FieldCapture: &r.Capture, api.FieldAuthCode: &r.AuthCode,
	} {
		if some(f.String()) {
			*p = text.Draw(t, f.String())
			r.Present = r.Present.With(f)
		}
	}
	if some("amount") {
		r.Amount = rapid.Int64Range(-999_999_999_999_999_999, 999_999_999_999_999_999).Draw(t, "minor")
		r.Present = r.Present.With(api.FieldAmount)
	}
	for f, places := range map[api.Field][]*string{
		api.FieldCard:    {&r.Card.Number, &r.Card.Expiry, &r.Card.CVC, &r.Card.Sequence, &r.Card.Track2},
		api.FieldThreeDS: {&r.ThreeDS.Version, &r.ThreeDS.ECI, &r.ThreeDS.CAVV, &r.ThreeDS.DSTransactionID},
		api.FieldAddress: {&r.Address.Line, &r.Address.PostalCode, &r.Address.Country},
	} {
		if some(f.String()) {
			r.Present = r.Present.With(f)
			for _, p := range places {
				if some("inner") {
					*p = text.Draw(t, f.String())
				}
			}
		}
	}
	if some("entry") {
		r.Entry, r.Present = api.Entry(rapid.IntRange(0, int(api.EntryMagstripe)).Draw(
			t, "entry",
		)), r.Present.With(api.FieldEntry)
	}
	if some("initiator") {
		r.Initiator, r.Present = api.InitiatorMerchant, r.Present.With(api.FieldInitiator)
	}
	if some("partial") {
		r.Partial, r.Present = some("partial flag"), r.Present.With(api.FieldPartial)
	}
	if some("final") {
		r.Final, r.Present = some("final flag"), r.Present.With(api.FieldFinal)
	}
	return r
}

func TestRequestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := requests(t)
		line := wire.AppendRequest(nil, &want)
		if !json.Valid(line) {
			t.Fatalf("no JSON: %q", line)
		}
		var got api.Request
		if err := wire.DecodeRequest(line, &got); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got != want {
			t.Fatalf("%s:\ngot  %+v\nwant %+v", line, got, want)
		}
		if reference, _, err := referenceDecode(line); err != nil || !reflect.DeepEqual(reference, want) {
			t.Fatalf("%s: encoding/json reads %+v, %v", line, reference, err)
		}
	})
}

// A caller that leaves Present alone gets every field it filled in.
func TestAppendRequestNeedsNoPresent(t *testing.T) {
	var full api.Request
	if err := wire.DecodeRequest([]byte(authorizeLine), &full); err != nil {
		t.Fatal(err)
	}
	bare := full
	bare.Present = 0
	var back api.Request
	if err := wire.DecodeRequest(wire.AppendRequest(nil, &bare), &back); err != nil {
		t.Fatal(err)
	}
	want := full
	want.Present &^= api.Fields(api.FieldEntry, api.FieldInitiator) // their defaults need not be said
	if back != want {
		t.Errorf("got  %+v\nwant %+v", back, want)
	}
}

func TestRequestAllocations(t *testing.T) {
	line := []byte(authorizeLine)
	var r api.Request
	if n := testing.AllocsPerRun(100, func() { wire.DecodeRequest(line, &r) }); n > 1 {
		t.Errorf("decoding a request allocates %v times, want the line's copy only", n)
	}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b = wire.AppendRequest(b[:0], &r) }); n > 0 {
		t.Errorf("encoding a request allocates %v times", n)
	}
}

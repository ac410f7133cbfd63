package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// A misspelt field is told with the one that was meant, wherever that stands; what resembles none is told alone.
func TestUnknownFieldSuggestsOne(t *testing.T) {
	for line, want := range map[string]string{
		`{"amont":1}`:                               "amount",
		`{"Amount":1}`:                              "amount",
		`{"merchant_id":"M1"}`:                      "merchant",
		`{"curency":"EUR"}`:                         "currency",
		`{"networkId":"1"}`:                         "network_id",
		`{"authcode":"1"}`:                          "auth_code",
		`{"kee":"1"}`:                               "key",
		`{"oper":"1"}`:                              "op",
		`{"gatewy":"shop"}`:                         "gateway",
		`{"sekret":"s"}`:                            "secret",
		`{"number":"1"}`:                            "card.number",
		`{"expiry":"2912"}`:                         "card.expiry",
		`{"card_number":"1"}`:                       "card.number",
		`{"card.cvc":"1"}`:                          "card.cvc",
		`{"card":{"nummer":"1"}}`:                   "card.number",
		`{"card":{"expiry_date":"1"}}`:              "card.expiry",
		`{"card":{"cvv":"1"}}`:                      "card.cvc",
		`{"card":{"amount":1}}`:                     "amount",
		`{"card":{"eci":"05"}}`:                     "threeds.eci",
		`{"threeds":{"cav":"1"}}`:                   "threeds.cavv",
		`{"address":{"zip":"1"}}`:                   "",
		`{"address":{"postcode":"1"}}`:              "address.postal_code",
		`{"capture":{"afer":"PT1H"}}`:               "capture.after",
		`{"colour":"red"}`:                          "",
		`{"x":"red"}`:                               "",
		`{"` + strings.Repeat("amount", 6) + `":1}`: "",
	} {
		var l wire.Line
		fault := wire.DecodeLine([]byte(line), &l)
		message := "no such field"
		if want != "" {
			message += "; did you mean " + want + "?"
		}
		if fault == nil || fault.Message != message {
			t.Errorf("%s: got %v, want %s", line, fault, message)
		}
	}
}

// What is suggested is a field: the line with it in place of the misspelt one is not told that there is no such field.
func TestSuggestedFieldsAreFields(t *testing.T) {
	objects := map[string][]string{
		"":        append(api.FieldNames(), "id", "op", "gateway", "secret"),
		"card":    {"number", "expiry", "cvc", "sequence", "track2"},
		"threeds": {"version", "eci", "cavv", "ds_transaction_id"},
		"address": {"line", "postal_code", "country"},
		"capture": {"after"},
	}
	for object, names := range objects {
		for _, name := range names {
			full := strings.TrimPrefix(object+"."+name, ".")
			for given, known := range map[string]bool{name: true, name + "z": false} {
				of := map[string]any{given: nil}
				if object != "" {
					of = map[string]any{object: of}
				}
				line, err := json.Marshal(of)
				if err != nil {
					t.Fatal(err)
				}
				var l wire.Line
				fault := wire.DecodeLine(line, &l)
				switch unknown := fault != nil && strings.HasPrefix(fault.Message, "no such field"); {
				case unknown == known:
					t.Errorf("%s: got %v", line, fault)
				case unknown && len(name) > 2 && !strings.HasSuffix(fault.Message, "did you mean "+full+"?"):
					t.Errorf("%s: got %v, want %s", line, fault, full)
				}
			}
		}
	}
}

// An operation that there is not is told with all that there are, and hello where one is expected.
func TestUnknownOpListsThem(t *testing.T) {
	const ops = "no such operation; expected authorize, sale, verify, increment, capture, reverse, void, refund, " +
		"status, ping"
	line := []byte(`{"op":"pay"}`)
	var l wire.Line
	if fault := wire.DecodeLine(line, &l); fault == nil || fault.Message != ops+", credit or hello" {
		t.Errorf("got %v", fault)
	}
	var r api.Request
	if fault := wire.DecodeRequest(line, &r); fault == nil || fault.Message != ops+" or credit" {
		t.Errorf("got %v", fault)
	}
}

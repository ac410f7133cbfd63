package wire_test

import (
	"strings"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// helloLines are lines with what only a hello takes, and the answer: the error's field and message, "" where there is
// none.
var helloLines = []struct{ line, field, message string }{
	{`{"id":"1","op":"hello","gateway":"shop","secret":"s"}`, "", ""},
	{`{"secret":"s","gateway":"shop","op":"h\u0065llo"}`, "", ""},
	{`{"id":"1","op":"hello","gateway":"shop","secret":"s","key":null}`, "", ""},
	{`{"id":"1","op":"hello"}`, "gateway", "missing; hello needs it"},
	{`{"id":"1","op":"hello","gateway":null,"secret":"s"}`, "gateway", "missing; hello needs it"},
	{`{"id":"1","op":"hello","gateway":"shop"}`, "secret", "missing; hello needs it"},
	{`{"id":"1","op":"hello","gateway":"","secret":"s"}`, "gateway", "expected 1 to 64 characters"},
	{`{"id":"1","op":"hello","gateway":"é","secret":"s"}`, "gateway", "expected printable ASCII"},
	{`{"id":"1","op":"hello","gateway":"` + strings.Repeat("x", 65) + `","secret":"s"}`,
		"gateway", "expected 1 to 64 characters"},
	{`{"id":"1","op":"hello","gateway":"g","secret":"` + strings.Repeat("x", 129) + `"}`,
		"secret", "expected 1 to 128 characters"},
	{`{"id":"1","op":"hello","gateway":5,"secret":"s"}`, "gateway", "expected a string"},
	{`{"id":"1","op":"hello","secret":"s","secret":"s","gateway":"g"}`, "secret", "given twice"},
	{`{"id":"1","op":"hello","gateway":"g","secret":"s","amount":1,"key":"k"}`,
		"key", "hello does not take this field here"},
	{`{"id":"1","op":"ping","gateway":"g","secret":"s"}`, "gateway", "ping does not take this field here"},
	{`{"id":"1","secret":"s","op":"void","payment":"P1"}`, "secret", "void does not take this field here"},
	// What Validate says first is left to it.
	{`{"id":"1","op":"ping","secret":"s","amount":1}`, "", ""},
	{`{"id":"1","secret":"s"}`, "", ""},
}

func TestDecodeHello(t *testing.T) {
	for _, c := range helloLines {
		var l wire.Line
		fault := wire.DecodeLine([]byte(c.line), &l)
		var field, message string
		if fault != nil {
			field, message = fault.Field, fault.Message
		}
		if field != c.field || message != c.message {
			t.Errorf("%s: got %v, want %s: %s", c.line, fault, c.field, c.message)
		}
		compareWithReference(t, []byte(c.line))
	}
}

// Where no hello is expected there is none.
func TestDecodeRequestKnowsNoHello(t *testing.T) {
	var r api.Request
	if err := wire.DecodeRequest([]byte(helloLines[0].line), &r); err == nil || err.Code != api.CodeUnknownOp {
		t.Errorf("a hello is read as %+v, %v", r, err)
	}
	for _, field := range []string{"gateway", "secret"} {
		err := wire.DecodeRequest([]byte(`{"id":"1","op":"ping","`+field+`":"x"}`), &r)
		if err == nil || err.Field != field || err.Message != "no such field" {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestHelloRoundTrip(t *testing.T) {
	line := wire.AppendHello(nil, "1", "shop", `a "secret"`)
	if want := `{"id":"1","op":"hello","gateway":"shop","secret":"a \"secret\""}`; string(line) != want {
		t.Errorf("got %s, want %s", line, want)
	}
	var l wire.Line
	err := wire.DecodeLine(line, &l)
	if err != nil || !l.Hello || l.ID != "1" || l.Gateway != "shop" || l.Secret != `a "secret"` {
		t.Errorf("got %+v, %v", l, err)
	}
	for gateway, want := range map[string]string{
		"shop": `{"id":"1","op":"hello","gateway":"shop"}`, "": `{"id":"1","op":"hello"}`,
	} {
		answer := wire.AppendHelloAnswer(nil, "1", gateway)
		var a api.Answer
		if err := wire.DecodeAnswer(answer, &a); string(answer) != want || err != nil || a.ID != "1" || a.Err != nil {
			t.Errorf("got %s, %+v, %v, want %s", answer, a, err, want)
		}
	}
	if answer := wire.AppendHelloAnswer(nil, "", ""); string(answer) != `{"id":null,"op":"hello"}` {
		t.Errorf("got %s", answer)
	}
}

package wire_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"switchyard/switch/api"
)

// The reference decoder: the same contract on top of encoding/json's tokens, slow and without any of wire's code.

const referenceDepth = 16

type member struct {
	name  string
	value any // nil, bool, json.Number, string, []member or arrayValue
}

type arrayValue struct{}

// referenceHello is what a line says of who connects.
type referenceHello struct {
	said            bool
	gateway, secret *string
}

func referenceDecode(line []byte) (r api.Request, hello referenceHello, fault *api.Error) {
	if !json.Valid(line) || !utf8.Valid(line) || nesting(line) > referenceDepth {
		return r, hello, &api.Error{Code: api.CodeInvalidRequest}
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	top, ok := readValue(dec).([]member)
	if !ok {
		return r, hello, &api.Error{Code: api.CodeInvalidRequest}
	}
	blame := func(code api.Code, field string) {
		if fault == nil {
			fault = &api.Error{Code: code, Field: field}
		}
	}
	seen := map[string]bool{}
	for _, m := range top {
		field, isField := referenceFields[m.name]
		if !isField && m.name != "id" && m.name != "op" && m.name != "gateway" && m.name != "secret" {
			blame(api.CodeInvalidField, "?")
			continue
		}
		if seen[m.name] {
			blame(api.CodeInvalidField, m.name)
			continue
		}
		seen[m.name] = true
		if m.value == nil {
			continue
		}
		text, isText := m.value.(string)
		switch m.name {
		case "card", "threeds", "address":
			inner, isObject := m.value.([]member)
			if !isObject {
				blame(api.CodeInvalidField, m.name)
				continue
			}
			r.Present = r.Present.With(field)
			referenceInner(&r, m.name, inner, blame)
			continue
		case "partial", "final":
			flag, isBool := m.value.(bool)
			if !isBool {
				blame(api.CodeInvalidField, m.name)
				continue
			}
			if m.name == "partial" {
				r.Partial = flag
			} else {
				r.Final = flag
			}
			r.Present = r.Present.With(field)
			continue
		case "amount":
			number, isNumber := m.value.(json.Number)
			n, err := strconv.ParseInt(string(number), 10, 64)
			if !isNumber || err != nil || n > 999_999_999_999_999_999 || n < -999_999_999_999_999_999 {
				blame(api.CodeInvalidField, m.name)
				continue
			}
			r.Amount = n
			r.Present = r.Present.With(field)
			continue
		}
		if !isText {
			blame(api.CodeInvalidField, m.name)
			continue
		}
		good := true
		switch m.name {
		case "id":
			for i := range len(text) {
				good = good && text[i] >= 0x20 && text[i] <= 0x7e
			}
			if !good || text == "" || len(text) > 64 {
				blame(api.CodeInvalidField, "id")
			} else {
				r.ID = text
			}
			continue
		case "op":
			if hello.said = text == "hello"; hello.said {
				continue
			}
			if r.Op, good = api.ParseOp(text); !good {
				blame(api.CodeUnknownOp, "op")
			}
			continue
		case "gateway":
			hello.gateway = &text
			continue
		case "secret":
			hello.secret = &text
			continue
		case "entry":
			r.Entry, good = api.ParseEntry(text)
		case "initiator":
			r.Initiator, good = api.ParseInitiator(text)
		default:
			*map[string]*string{
				"key": &r.Key, "merchant": &r.Merchant, "terminal": &r.Terminal, "payment": &r.Payment, "currency": &r.Currency,
				"reference": &r.Reference, "network_id": &r.NetworkID, "emv": &r.EMV, "of_key": &r.OfKey, "capture": &r.Capture,
				"auth_code": &r.AuthCode,
			}[m.name] = text
		}
		if !good {
			blame(api.CodeInvalidField, m.name)
			continue
		}
		r.Present = r.Present.With(field)
	}
	if fault == nil {
		fault = hello.check(&r)
	}
	return r, hello, fault
}

// referenceFields are the fields of requests by their names.
var referenceFields = func() map[string]api.Field {
	fields := map[string]api.Field{}
	for f := api.FieldKey; f <= api.FieldAuthCode; f++ {
		fields[f.String()] = f
	}
	return fields
}()

// check is what the table of the protocol says of hello: it takes these two fields and no other, and no other operation
// takes them. Of several faults the one of the operation comes first, then fields that it does not take, of which
// those of a hello are the last.
func (h referenceHello) check(r *api.Request) *api.Error {
	of := func(field string) *api.Error { return &api.Error{Code: api.CodeInvalidField, Field: field} }
	bad := func(text *string, limit int) bool {
		strange := func(c rune) bool { return c < ' ' || c > '~' }
		return *text == "" || len(*text) > limit || strings.ContainsFunc(*text, strange)
	}
	surplus := ""
	switch {
	case h.gateway != nil:
		surplus = "gateway"
	case h.secret != nil:
		surplus = "secret"
	}
	switch {
	case !h.said && surplus == "":
		return nil
	case !h.said:
		before := r.Validate()
		if before != nil && (before.Field == "op" || strings.Contains(before.Message, "does not take this field here")) {
			return nil // for Validate to say
		}
		return of(surplus)
	case r.Present != 0:
		for f := api.FieldKey; ; f++ {
			if r.Present.Has(f) {
				return of(f.String())
			}
		}
	case h.gateway == nil || h.secret != nil && bad(h.gateway, 64):
		return of("gateway")
	case h.secret == nil || bad(h.secret, 128):
		return of("secret")
	}
	return nil
}

func referenceInner(r *api.Request, name string, inner []member, blame func(api.Code, string)) {
	places := map[string]map[string]*string{
		"card": {
			"number": &r.Card.Number, "expiry": &r.Card.Expiry, "cvc": &r.Card.CVC, "sequence": &r.Card.Sequence,
			"track2": &r.Card.Track2,
		},
		"threeds": {"version": &r.ThreeDS.Version, "eci": &r.ThreeDS.ECI, "cavv": &r.ThreeDS.CAVV,
			"ds_transaction_id": &r.ThreeDS.DSTransactionID},
		"address": {"line": &r.Address.Line, "postal_code": &r.Address.PostalCode, "country": &r.Address.Country},
	}[name]
	seen := map[string]bool{}
	for _, m := range inner {
		into := places[m.name]
		if into == nil {
			blame(api.CodeInvalidField, name+".?")
			continue
		}
		field := name + "." + m.name
		if seen[m.name] {
			blame(api.CodeInvalidField, field)
			continue
		}
		seen[m.name] = true
		if m.value == nil {
			continue
		}
		text, isText := m.value.(string)
		if !isText || text == "" {
			blame(api.CodeInvalidField, field)
			continue
		}
		*into = text
	}
}

// readValue reads one value that json.Valid has passed.
func readValue(dec *json.Decoder) any {
	token, err := dec.Token()
	if err != nil {
		panic(err)
	}
	switch token {
	case json.Delim('{'):
		members := []member{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				panic(err)
			}
			members = append(members, member{name.(string), readValue(dec)})
		}
		dec.Token()
		return members
	case json.Delim('['):
		for dec.More() {
			readValue(dec)
		}
		dec.Token()
		return arrayValue{}
	}
	return token
}

// nesting is the number of objects and arrays that the deepest value of a valid text stands in, itself included.
func nesting(line []byte) int {
	depth, deepest := 0, 0
	inString := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

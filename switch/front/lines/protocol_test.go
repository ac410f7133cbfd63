package lines_test

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// docs/gateway-protocol.md is held against the code: what it shows is sent to a whole system and what it lists is
// there.

func protocolText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/gateway-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tableRows returns the cells of every row of the tables in a section, header and rule left out.
func tableRows(t *testing.T, heading string) [][]string {
	t.Helper()
	_, section, found := strings.Cut(protocolText(t), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows [][]string
	previous := ""
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---") {
			var cells []string
			for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
				cells = append(cells, strings.TrimSpace(cell))
			}
			if strings.HasPrefix(previous, "|") {
				rows = append(rows, cells)
			}
		}
		previous = line
	}
	return rows
}

var spanPattern = regexp.MustCompile("`([^`]+)`")

// spans returns the code spans of a cell.
func spans(cell string) []string {
	var all []string
	for _, m := range spanPattern.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

// changing are the values of an answer that another run draws anew.
var changing = regexp.MustCompile(`"(payment|rrn|stan|auth_code|network_id|created|at|business_date)":"[^"]*"`)

func TestSessionOfTheDocument(t *testing.T) {
	text := protocolText(t)
	requests := regexp.MustCompile("(?s)```request\n(.*?)\n```").FindAllStringSubmatch(text, -1)
	answers := regexp.MustCompile("(?s)```answer\n(.*?)\n```").FindAllStringSubmatch(text, -1)
	if len(requests) == 0 || len(requests) != len(answers) {
		t.Fatalf("%d requests and %d answers", len(requests), len(answers))
	}
	system := switchtest.Start(t, switchtest.Options{})
	nc, err := net.Dial("tcp", system.GatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, nc)
	for i := range requests {
		p.send(requests[i][1] + "\n")
		got := p.line()
		if changing.ReplaceAllString(got, `"$1":…`) != changing.ReplaceAllString(answers[i][1], `"$1":…`) {
			t.Errorf("%s\ngot  %s\nwant %s", requests[i][1], got, answers[i][1])
		}
	}
}

func TestListsOfTheDocument(t *testing.T) {
	retry := map[bool]string{true: "yes", false: "no"}
	var codes []string
	for _, row := range tableRows(t, "Errors") {
		code := spans(row[0])[0]
		codes = append(codes, code)
		if e := (&api.Error{Code: api.Code(code)}); row[2] != retry[e.Retry()] {
			t.Errorf("%s: retry is %s", code, row[2])
		}
	}
	for _, code := range []api.Code{
		api.CodeInvalidRequest, api.CodeInvalidField, api.CodeUnknownOp, api.CodeUnknownPayment,
		api.CodeUnauthorized, api.CodeConflict, api.CodeInvalidState, api.CodeAmountExceeds, api.CodeNoRoute, api.CodeBusy,
		api.CodeIssuerUnavailable, api.CodeTooLarge, api.CodeInternal} {
		if !slices.Contains(codes, string(code)) {
			t.Errorf("the code %s is not listed", code)
		}
	}
	var answered []string
	for _, row := range tableRows(t, "Answers") {
		answered = append(answered, spans(row[0])...)
	}
	for _, status := range []api.Status{
		api.StatusPending, api.StatusReversing, api.StatusDeclined, api.StatusFailed, api.StatusVerified,
		api.StatusCredited, api.StatusReversed, api.StatusExpired, api.StatusChargedBack, api.StatusRefunded,
		api.StatusPartiallyRefunded, api.StatusCaptured,
		api.StatusPartiallyCaptured, api.StatusAuthorized} {
		if !slices.Contains(answered, string(status)) {
			t.Errorf("the status %s is not listed", status)
		}
	}
	testFieldsOfTheDocument(t)
}

// sample gives each field a good value.
var sample = map[string]string{
	"key": `"k"`, "merchant": `"M1"`, "terminal": `"T1"`, "payment": `"P1"`, "amount": `100`, "currency": `"EUR"`,
	"card": `{"number":"4000000000000002","expiry":"2912"}`, "entry": `"moto"`, "reference": `"r"`, "partial": `true`,
	"initiator": `"merchant"`, "network_id": `"1"`, "threeds": `{"eci":"05"}`, "address": `{"line":"x"}`,
	"emv": `"9F0206"`, "final": `true`, "of_key": `"o"`, "capture": `"immediate"`,
	"auth_code": `"123456"`, "gateway": `"g"`,
	"secret": `"s"`,
}

// testFieldsOfTheDocument sends each row of the table of operations: with all its fields it is taken, without one that
// is not optional it is not, and with any other it is not.
func testFieldsOfTheDocument(t *testing.T) {
	var full []string // the row of authorize, which others refer to
	for _, row := range tableRows(t, "Requests") {
		if len(row) != 3 {
			continue // the table of the fields' forms
		}
		op, fields := spans(row[0])[0], spans(row[1])
		switch {
		case op == "authorize":
			full = fields
		case strings.HasPrefix(row[1], "as "):
			less := fields[1:]
			fields = slices.DeleteFunc(slices.Clone(full), func(f string) bool { return slices.Contains(less, f) })
		}
		if fault := validate(op, fields, ""); fault != nil {
			t.Errorf("%s with %v: %v", op, fields, fault)
		}
		for _, f := range fields {
			if !strings.HasSuffix(f, "?") && validate(op, fields, f) == nil {
				t.Errorf("%s without %s is taken", op, f)
			}
		}
		for other := range sample {
			if !slices.Contains(fields, other) && !slices.Contains(fields, other+"?") &&
				validate(op, append(slices.Clone(fields), other), "") == nil {
				t.Errorf("%s with %s is taken", op, other)
			}
		}
	}
}

func validate(op string, fields []string, without string) *api.Error {
	var b strings.Builder
	fmt.Fprintf(&b, `{"op":%q`, op)
	for _, f := range fields {
		if f != without {
			name := strings.TrimSuffix(f, "?")
			fmt.Fprintf(&b, `,%q:%s`, name, sample[name])
		}
	}
	return decodeAndValidate(b.String() + "}")
}

// badCase produces what a row of the table of bad input says: the code spans of its third column, and its fourth.
type badCase func(t *testing.T) (answer []string, connection string)

func TestBadInput(t *testing.T) {
	system := switchtest.Start(t, switchtest.Options{})
	cases := map[string]badCase{}
	for name, line := range badLines {
		cases[name] = func(t *testing.T) ([]string, string) { return sendBadLine(t, system, line) }
	}
	for name, c := range badConnections {
		cases[name] = c
	}
	for name, c := range badPayments(system) {
		cases[name] = c
	}
	for name, c := range badIssuers {
		cases[name] = c
	}
	listed := map[string]bool{}
	for _, row := range tableRows(t, "Bad input") {
		name := row[0]
		listed[name] = true
		run := cases[name]
		if run == nil {
			t.Errorf("nothing tries the case %s", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			answer, connection := run(t)
			if !slices.Equal(answer, spans(row[2])) || connection != row[3] {
				t.Errorf("got %q, %s; the document says %q, %s", answer, connection, spans(row[2]), row[3])
			}
		})
	}
	for name := range cases {
		if !listed[name] {
			t.Errorf("the document does not list the case %s", name)
		}
	}
}

// verdict is an answer as the table writes it: code and field of an error, or the payment's status.
func verdict(a api.Answer) []string {
	switch {
	case a.Err == nil:
		return []string{string(a.Status)}
	case a.Err.Field == "":
		return []string{string(a.Err.Code)}
	}
	return []string{string(a.Err.Code), a.Err.Field}
}

func connectTo(t *testing.T, address string) *peer {
	t.Helper()
	nc, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, nc)
}

// sendBadLine sends a line to the whole system and looks whether the connection still serves.
func sendBadLine(t *testing.T, system *switchtest.System, line string) ([]string, string) {
	p := connectTo(t, system.GatewayAddr)
	p.send(line + "\n")
	answer := verdict(p.answer())
	p.alive()
	return answer, "kept"
}

const goodFields = `"merchant":"M1","terminal":"T1","amount":1000,"currency":"EUR",` +
	`"card":{"number":"4000000000000002","expiry":"2912"}`

// bad is an authorization with a piece of it exchanged.
func bad(old, new string) string {
	line := `{"id":"1","op":"authorize","key":"bad",` + goodFields + `}`
	if !strings.Contains(line, old) {
		panic("no " + old)
	}
	return strings.Replace(line, old, new, 1)
}

var badLines = map[string]string{
	"no_json":              "pay 10 EUR",
	"empty_line":           "",
	"json_array":           `[{"op":"ping"}]`,
	"broken_json":          `{"id":"1","op":"ping"`,
	"deep_nesting":         `{"id":"1","op":"ping","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
	"invalid_utf8":         "{\"id\":\"1\",\"op\":\"\xff\"}",
	"unknown_op":           `{"id":"1","op":"pay"}`,
	"missing_op":           `{"id":"1"}`,
	"id_number":            `{"id":1,"op":"ping"}`,
	"unknown_field":        bad(`"amount":1000`, `"amount":1000,"colour":"red"`),
	"unknown_nested_field": bad(`"expiry"`, `"pin":"1234","expiry"`),
	"doubled_field":        bad(`"amount":1000`, `"amount":1000,"amount":1000`),
	"field_not_taken":      bad(`"amount":1000`, `"amount":1000,"payment":"P10000000001"`),
	"missing_field":        bad(`"terminal":"T1",`, ``),
	"wrong_type":           bad(`1000`, `"1000"`),
	"text_not_ascii":       bad(`"M1"`, `"Bär"`),
	"text_too_long":        bad(`"T1"`, `"T12345678"`),
	"reserved_key":         bad(`"bad"`, `"~bad"`),
	"unknown_currency":     bad(`"EUR"`, `"EUX"`),
	"amount_zero":          bad(`1000`, `0`),
	"amount_negative":      bad(`1000`, `-100`),
	"amount_fraction":      bad(`1000`, `10.5`),
	"amount_exponent":      bad(`1000`, `1e3`),
	"amount_of_13_digits":  bad(`1000`, `1000000000000`),
	"amount_of_100_digits": bad(`1000`, strings.Repeat("9", 100)),
	"pan_luhn":             bad(`0002`, `0003`),
	"pan_letters":          bad(`0002`, `000X`),
	"expiry_malformed":     bad(`2912`, `2913`),
	"expiry_past":          bad(`2912`, `1912`),
}

// badPayments are requests that are well-formed and not possible.
func badPayments(system *switchtest.System) map[string]badCase {
	on := func(change func(*api.Request)) badCase {
		return func(t *testing.T) ([]string, string) {
			authorized := system.Do(switchtest.Authorize(t.Name(), 1000))
			req := switchtest.On(api.OpCapture, t.Name()+"/c", authorized.Payment, 600)
			req.Key = req.Key[max(0, len(req.Key)-api.MaxKey):]
			change(&req)
			answer := verdict(system.Do(req))
			if a := system.Do(api.Request{Op: api.OpPing}); a.Err != nil {
				t.Error(a.Err)
			}
			return answer, "kept"
		}
	}
	return map[string]badCase{
		"capture_of_unknown_payment": on(func(r *api.Request) { r.Payment = "P1ZZZZZZZZZZ" }),
		"capture_of_more_than_left":  on(func(r *api.Request) { r.Amount = 1001 }),
		"capture_in_another_currency": on(func(r *api.Request) {
			r.Currency, r.Present = "USD", r.Present.With(api.FieldCurrency)
		}),
		"key_with_another_body": on(func(r *api.Request) { *r = switchtest.Authorize(r.Key[:len(r.Key)-2], 999) }),
	}
}

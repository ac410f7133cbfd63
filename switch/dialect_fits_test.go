package txswitch_test

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/spec"
	txswitch "switchyard/switch"
)

// A dialect in which the switch cannot pack what it sends is refused with the configuration, by the names of the DEs:
// with it every payment would fail. This one has eight digits in DE12, which is no form of it, and no DE48.
func TestDialectThatDoesNotFit(t *testing.T) {
	const field = `"%d": {"type": "String", "length": %d, "enc": "ASCII", "prefix": "ASCII.%s"}`
	fields := []string{
		`"0": {"type": "String", "length": 4, "enc": "ASCII", "prefix": "ASCII.Fixed"}`,
		`"1": {"type": "Bitmap", "length": 8, "enc": "HexToASCII", "prefix": "Hex.Fixed"}`,
	}
	lengths := map[int]int{
		3: 6, 4: 12, 7: 10, 11: 6, 12: 8, 13: 4, 14: 4, 15: 4, 18: 4, 22: 3, 23: 3, 25: 2, 37: 12, 38: 6, 39: 2, 41: 8,
		42: 15, 43: 40, 49: 3, 70: 3, 90: 42, 95: 42,
	}
	variable := map[int]int{2: 19, 32: 11, 33: 11, 35: 37}
	for de := 2; de <= spec.MaxDE; de++ {
		if n := lengths[de]; n != 0 {
			one := fmt.Sprintf(field, de, n, "Fixed")
			if de == 41 || de == 42 { // a gateway's may be shorter
				one = strings.TrimSuffix(one, "}") + `, "padding": {"type": "Right", "pad": " "}}`
			}
			fields = append(fields, one)
		}
		if n := variable[de]; n != 0 {
			fields = append(fields, fmt.Sprintf(field, de, n, "LL"))
		}
	}
	fields = append(fields, fmt.Sprintf(field, 55, 510, "LLL"))
	file := func(more ...string) func(string) ([]byte, error) {
		return func(string) ([]byte, error) {
			return []byte(`{"name": "acme", "fields": {` + strings.Join(append(fields, more...), ",\n") + `}}`), nil
		}
	}
	const text = "issuers: [{name: a, address: '127.0.0.1:1', spec_file: acme.json}]"
	_, err := txswitch.ParseConfig("f.yaml", []byte(text), file())
	want := `f.yaml: issuers[0]: spec_file "acme" cannot carry all that the switch sends: ` +
		`0100 (authorize): DE 12 (Time, Local Transaction): want a length of 8, not 6; ` +
		`0100 (authorize): DE 48 (Additional Data, Private): want a DE that the spec defines`
	if err == nil || err.Error() != want {
		t.Errorf("error %v\n want %s", err, want)
	}
	fields[7] = strings.Replace(fields[7], `"length": 8`, `"length": 6`, 1) // DE12
	private := fmt.Sprintf(field, 48, 999, "LLL")
	if _, err := txswitch.ParseConfig("f.yaml", []byte(text), file(private)); err != nil {
		t.Errorf("with DE12 of 6 and a DE48: %v", err)
	}
	fields[7] = strings.Replace(fields[7], `"length": 6`, `"length": 12`, 1)
	if _, err := txswitch.ParseConfig("f.yaml", []byte(text), file(private)); err != nil {
		t.Errorf("with the date in DE12: %v", err)
	}
	const without = "issuers: [{name: a, address: '127.0.0.1:1', spec_file: acme.json, mapping: {private: 'off'}}]"
	if _, err := txswitch.ParseConfig("f.yaml", []byte(without), file()); err != nil {
		t.Errorf("without DE48, which is off: %v", err)
	}
	const framed = "issuers: [{name: a, address: '127.0.0.1:1', framing: none+trailer:03, dialect: %s}]"
	if _, err := txswitch.ParseConfig("f.yaml", fmt.Appendf(nil, framed, "iso87ascii"), nil); err != nil {
		t.Errorf("characters and then a trailer: %v", err)
	}
	digit := []byte(strings.Replace(fmt.Sprintf(framed, "iso87ascii"), "trailer:03", "trailer:30", 1))
	_, err = txswitch.ParseConfig("f.yaml", digit, nil)
	if err == nil || !strings.Contains(err.Error(), "control character") {
		t.Errorf("a digit as the trailer: %v", err)
	}
	for dialect, de := range map[string]string{"iso87bcd": "DE 0 (", "iso87ebcdic": "DE 1 (", "iso87binary": "DE 1 ("} {
		_, err := txswitch.ParseConfig("f.yaml", fmt.Appendf(nil, framed, dialect), nil)
		if err == nil || !strings.Contains(err.Error(), `issuers[0]: framing none+trailer:03: `) ||
			!strings.Contains(err.Error(), de) {
			t.Errorf("%s and then a trailer: %v, want %s", dialect, err, de)
		}
	}
	const two = "issuers: [{name: a, address: '127.0.0.1:1', mapping: {codes: {'76': 'Q9'}}}]"
	if _, err := txswitch.ParseConfig("f.yaml", []byte(two), file()); err == nil ||
		!strings.Contains(err.Error(), `mapping.codes: 76: "Q9": expected a response code that the switch knows`) {
		t.Errorf("a code that nobody knows: %v", err)
	}
	const three = "issuers: [{name: a, address: '127.0.0.1:1', mapping: {templates: [{de: 62, value: '{order}'}]}}]"
	if _, err := txswitch.ParseConfig("f.yaml", []byte(three), file()); err == nil ||
		!strings.Contains(err.Error(), `issuers[0]: mapping.templates[0].value: "{order}": {order}: expected one of`) {
		t.Errorf("a datum that there is none of: %v", err)
	}
}

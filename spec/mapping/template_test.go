package mapping_test

import (
	"strings"
	"testing"

	"switchyard/spec"
	"switchyard/spec/mapping"
)

// capture is what is known of the first capture of a payment.
func capture() *mapping.Data {
	d := &mapping.Data{
		Reference: "order 7", RRN: "633000000002", FirstRRN: "633000000001", STAN: 41, Date: 20261126, Merchant: "M1",
		Terminal: "T1", Category: "5732", Entry: "810", ECI: "05", Number: 1, ARN: "74000016325000000000014",
	}
	copy(d.Payment[:], "P10000000001")
	return d
}

// Each datum stands where a template names it; without one of them the element is as it is without the template, of a
// constant too.
func TestTemplates(t *testing.T) {
	full := capture()
	none := &mapping.Data{RRN: full.RRN, FirstRRN: full.FirstRRN, STAN: 41}
	for _, c := range []struct{ value, full, none string }{
		{"{payment}", "P10000000001", ""},
		{"ORD={reference};", "ORD=order 7;", ""},
		{"{rrn}{first_rrn}", "633000000002633000000001", "633000000002633000000001"},
		{"{stan}", "000041", "000041"},
		{"{date}", "20261126", ""},
		{"{merchant}/{terminal}/{mcc}", "M1/T1/5732", ""},
		{"{entry}{eci}", "81005", ""},
		{"{number} {arn}", "1 74000016325000000000014", ""},
		{"{rrn}-{reference}", "633000000002-order 7", ""},
	} {
		to := compile(t, "iso87ascii", mapping.Config{Templates: []mapping.Constant{{DE: 62, Value: c.value}}})
		if !to.Templates() {
			t.Errorf("%s: needs no data", c.value)
		}
		for _, one := range []struct {
			of   *mapping.Data
			want string
		}{{full, c.full}, {none, c.none}, {nil, ""}} {
			m := say("0220", map[int]string{4: "000000000100"})
			if err := to.SendOf(m, at, one.of); err != nil || m.String(62) != one.want || m.Has(62) != (one.want != "") {
				t.Errorf("%s: %q, %v; want %q", c.value, m.String(62), err, one.want)
			}
		}
	}
	to := compile(t, "iso93ascii", mapping.Config{
		Constants: []mapping.Constant{{DE: 62, Value: "NO ORDER"}},
		Templates: []mapping.Constant{{DE: 62, Value: "{reference}", MTI: []string{"0100", "0220"}}},
	})
	for _, c := range []struct {
		mti  string
		of   *mapping.Data
		want string
	}{
		{"0220", full, "order 7"}, {"0221", full, "order 7"}, {"0220", none, "NO ORDER"}, {"0420", full, "NO ORDER"},
		{"0230", full, ""}, {"0800", nil, ""},
	} {
		m := say(c.mti, map[int]string{11: "000041"})
		if err := to.SendOf(m, at, c.of); err != nil || m.String(62) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.mti, m.String(62), err, c.want)
		}
	}
}

// What no template can be is refused with its key, also one that is only at times too long, or no number, for where it
// stands.
func TestTemplatesThatAreNone(t *testing.T) {
	s, err := spec.Load("iso87ascii")
	if err != nil {
		t.Fatal(err)
	}
	s.Fields[63].Spec().Length = 20
	s.Fields[62].Spec().Description = "Number [n..999]"
	codec, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		de           int
		value, error string
	}{
		{61, "{payment", `templates[0].value: "{payment": a { without a }`},
		{61, "payment}", `templates[0].value: "payment}": a } without a {`},
		{61, "{pan}", `templates[0].value: "{pan}": {pan}: expected one of payment, reference, rrn, first_rrn, stan, date, `},
		{61, "ORDER", "names no datum such as {reference}"},
		{61, "", "templates[0].value: missing; expected that of DE61"},
		{61, "{reference}{reference}{reference}{reference}", "expected at most 255 characters, and this may be 256"},
		{37, "{payment}", "templates[0].de: 37: expected another one"},
		{54, "{payment}", "templates[0].de: 54: expected one for national or private use"},
		{48, "{payment}", "templates[0].de: 48: expected another one"},
		{63, "{payment}/{stan}/{date}", "templates[0].value: of 28 characters: DE 63"},
		{63, "{reference}", "templates[0].value: of 64 characters: DE 63"},
		{62, "{payment}", "templates[0].value: of 12 characters: DE 62"},
	} {
		_, err := mapping.Compile(mapping.Config{Templates: []mapping.Constant{{DE: c.de, Value: c.value}}}, codec)
		if err == nil || !strings.Contains(err.Error(), c.error) {
			t.Errorf("DE%d %q: error %v, want %s", c.de, c.value, err, c.error)
		}
	}
	long := []mapping.Constant{{DE: 63, Value: strings.Repeat("A", 21)}}
	_, err = mapping.Compile(mapping.Config{Constants: long}, codec)
	if want := "constants[0].value: of 21 characters: DE 63"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a constant that is too long: error %v, want %s", err, want)
	}
}

// A template allocates nothing.
func TestTemplatesAllocateNothing(t *testing.T) {
	to := compile(t, "iso87ascii", mapping.Config{
		Templates: []mapping.Constant{{DE: 62, Value: "{payment}{reference}{rrn}{stan}{date}{number}{arn}"}},
	})
	of, m := capture(), say("0220", map[int]string{62: strings.Repeat(" ", 255)})
	if n := testing.AllocsPerRun(100, func() {
		if err := to.SendOf(m, at, of); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

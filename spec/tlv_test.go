package spec_test

import (
	"errors"
	"strings"
	"testing"

	"switchyard/spec"
)

func TestTLV(t *testing.T) {
	data := spec.AppendTLV(nil, spec.TagInitiator, "M")
	data = spec.AppendTLV(data, spec.TagECI, "05")
	data = spec.AppendTLV(data, spec.TagAddressLine, strings.Repeat("x", spec.MaxTLVValue))
	data = spec.AppendTLV(data, spec.TagPostalCode, "")
	if want := "0201M" + "010205" + "1299" + strings.Repeat("x", 99) + "1300"; string(data) != want {
		t.Fatalf("data %q\nwant %q", data, want)
	}
	if err := spec.CheckTLV(data); err != nil {
		t.Error(err)
	}
	var seen []string
	for tag, value := range spec.TLVs(data) {
		found, ok := spec.FindTLV(data, tag)
		if !ok || string(found) != string(value) {
			t.Errorf("FindTLV(%s) is %q, %t; the iterator says %q", tag, found, ok, value)
		}
		seen = append(seen, tag)
	}
	if got := strings.Join(seen, " "); got != "02 01 12 13" {
		t.Errorf("tags %s, want them in their order", got)
	}
	if value, ok := spec.FindTLV(data, spec.TagPostalCode); !ok || value == nil || len(value) != 0 {
		t.Errorf("an empty value is %v, %t", value, ok)
	}
	if _, ok := spec.FindTLV(data, spec.TagCVC); ok {
		t.Error("found a tag that is not there")
	}
	for tag := range spec.TLVs(data) {
		if tag == spec.TagECI {
			break // must stop there
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		for range spec.TLVs(data) {
		}
		spec.FindTLV(data, spec.TagPostalCode)
	}); n != 0 && !raceEnabled {
		t.Errorf("reading allocates %v times", n)
	}
}

func TestCheckTLVRefuses(t *testing.T) {
	for _, test := range []struct {
		data   string
		offset int
		want   string
	}{
		{"0", 0, "a tag of two digits and a length of two"},
		{"0102051", 6, "a tag of two digits and a length of two"},
		{"A10205", 0, "a tag of two digits"},
		{"01+205", 0, "a length of two digits"},
		{"010305", 0, "a value as long as its length says"},
		{"010205010206", 6, "tag 01 only once"},
		{"0102050201\n", 10, "printable ASCII"},
		{"0102050201\xff", 10, "printable ASCII"},
	} {
		err := spec.CheckTLV([]byte(test.data))
		var got *spec.FieldError
		if !errors.As(err, &got) || got.DE != 48 || got.Offset != test.offset || got.Want != test.want {
			t.Errorf("%q: %v, want DE 48 at byte %d: %s", test.data, err, test.offset, test.want)
		}
	}
	if err := spec.CheckTLV(nil); err != nil {
		t.Errorf("no data: %v", err)
	}
	if _, ok := spec.FindTLV([]byte("0102050x"), "02"); ok {
		t.Error("found a tag behind malformed data")
	}
}

func TestAppendTLVPanics(t *testing.T) {
	for _, c := range [][2]string{{"1", "x"}, {"A1", "x"}, {"011", "x"}, {"11", strings.Repeat("1", 100)}} {
		func() {
			defer func() {
				r := recover()
				if r == nil || strings.Contains(r.(string), "111") {
					t.Errorf("tag %q with %d bytes: panic %v, want one without the value", c[0], len(c[1]), r)
				}
			}()
			spec.AppendTLV(nil, c[0], c[1])
		}()
	}
}

func FuzzTLV(f *testing.F) {
	f.Add([]byte("010205"))
	f.Add([]byte("0201M0102051300"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var again []byte
		for tag, value := range spec.TLVs(data) {
			again = spec.AppendTLV(again, tag, string(value))
		}
		if spec.CheckTLV(data) == nil && string(again) != string(data) {
			t.Errorf("%q is checked but read as %q", data, again)
		}
	})
}

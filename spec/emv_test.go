package spec_test

import (
	"errors"
	"strings"
	"testing"

	"switchyard/spec"
)

func TestFilterEMV(t *testing.T) {
	for _, test := range []struct{ name, data, want string }{
		{"nothing", "", ""},
		{"amount and cryptogram", "9F02060000000123459F26081122334455667788", "9F02060000000123459F26081122334455667788"},
		{"lower case", "9f0206000000012345", "9F0206000000012345"},
		{"PAN", "5A0841111111111111119A03261121", "9A03261121"},
		{"track 2 equivalent", "57114111111111111111D3012201123456789F9A03261121", "9A03261121"},
		{"track 1", "56024142" + "9A03261121", "9A03261121"},
		{"what is left of the tracks", "9F6B0241119F1F0231329F200231329C0100", "9C0100"},
		{"name and expiry", "5F20024A4F5F24033012319C0100", "9C0100"},
		{"tag that nobody knows", "DF8129024142" + "9C0100", "9C0100"},
		{"template with a PAN inside", "700A5A0841111111111111119C0100", "9C0100"},
		{"allowed tag in a template", "70039C01009C0101", "9C0101"},
		{"zero bytes between", "00009C0100009F270180", "9C01009F270180"},
		{"long form of the length", "9F108101AA" + "9F10820001BB", "9F108101AA9F10820001BB"},
		{"no value", "9F1000", "9F1000"},
		{"tag of three bytes", "9F810202AAAA9C0100", "9C0100"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := spec.FilterEMV(test.data)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v\nwant %q", got, err, test.want)
			}
		})
	}
}

func TestFilterEMVRefuses(t *testing.T) {
	for _, test := range []struct {
		name, data string
		offset     int
		want       string
	}{
		{"no hex", "9C01G0", 4, "a hex digit"},
		{"odd", "9C010", 5, "an even number of hex digits"},
		{"tag cut", "9C01009F", 6, "a tag that ends within four bytes"},
		{"tag too long", "9FFFFFFF01", 0, "a tag that ends within four bytes"},
		{"no length", "9C01009A", 8, "a length"},
		{"length cut", "9C82FF", 2, "a length of one, two or three bytes"},
		{"length without an end", "9C80", 2, "a length of one, two or three bytes"},
		{"length too long", "9C83000001AA", 2, "a length of one, two or three bytes"},
		{"value cut", "5A0841111111", 2, "a value as long as its length says"},
		{"card number in a country", "9C01009F1A084111111111111111", 12, "2 bytes of digits in tag 9F1A"},
		{"in a serial number", "9F1E084111111111111111", 6, "8 bytes of text in tag 9F1E"},
		{"letters in an amount", "9F02060000000A2345", 6, "6 bytes of digits in tag 9F02"},
		{"long issuer data", "9F1021" + strings.Repeat("00", 33), 6, "0 to 32 bytes in tag 9F10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := spec.FilterEMV(test.data)
			var fault *spec.FieldError
			if !errors.As(err, &fault) || fault.DE != 55 || fault.Offset != test.offset || fault.Want != test.want {
				t.Errorf("error %v, want DE 55 at %d: %s", err, test.offset, test.want)
			}
			if got != "" {
				t.Errorf("%q comes with the error", got)
			}
		})
	}
}

// FuzzFilterEMV: what was kept is kept again, and none of the tags of I12 begins an element of it.
func FuzzFilterEMV(f *testing.F) {
	f.Add("9F02060000000123455A084111111111111111")
	f.Add("00570241119C0100")
	f.Fuzz(func(t *testing.T, data string) {
		kept, err := spec.FilterEMV(data)
		if err != nil {
			return
		}
		if again, err := spec.FilterEMV(kept); err != nil || again != kept {
			t.Errorf("%q is kept as %q, and that as %q, %v", data, kept, again, err)
		}
		for _, tag := range []string{"57", "5A", "56", "9F6B", "9F1F", "9F20"} {
			if strings.HasPrefix(kept, tag) {
				t.Errorf("%q keeps tag %s", data, tag)
			}
		}
	})
}

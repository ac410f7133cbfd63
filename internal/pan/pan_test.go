package pan_test

import (
	"testing"

	"switchyard/internal/pan"
)

// The scheme's published test numbers, so the digits were computed by others.
var valid = []string{
	"4111111111111111", "4012888888881881", "4222222222222", "5555555555554444", "2223003122003222",
	"378282246310005", "3530111333300000", "6011111111111117", "00",
}

func TestLuhn(t *testing.T) {
	for _, number := range valid {
		if !pan.Luhn(number) {
			t.Errorf("Luhn(%q) = false", number)
		}
		last := len(number) - 1
		if got := pan.LuhnDigit(number[:last]); got != number[last] {
			t.Errorf("LuhnDigit(%q) = %q, want %q", number[:last], got, number[last])
		}
		// Every single wrong digit is caught, wherever it stands.
		for i := range number {
			for d := byte('0'); d <= '9'; d++ {
				if d == number[i] {
					continue
				}
				wrong := number[:i] + string(d) + number[i+1:]
				if pan.Luhn(wrong) {
					t.Errorf("Luhn(%q) = true, digit %d of %q was changed", wrong, i, number)
				}
			}
		}
	}
	for _, s := range []string{"", "0", "411111111111111x", " 4111111111111111", "4111 1111 1111 1111", "-1", "0\x00"} {
		if pan.Luhn(s) {
			t.Errorf("Luhn(%q) = true", s)
		}
	}
	for _, s := range []string{"", "x", "12 4", "１"} {
		if got := pan.LuhnDigit(s); got != 0 {
			t.Errorf("LuhnDigit(%q) = %q, want none", s, got)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"1":                   "*",
		"1234":                "****",
		"12345":               "*2345",
		"123456789012":        "********9012",
		"1234567890123":       "123456***0123",
		"4111111111111111":    "411111******1111",
		"1234567890123456789": "123456*********6789",
	} {
		if got := pan.Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestBrand(t *testing.T) {
	for in, want := range map[string]string{
		"4111111111111111": "visa", "4000000000000000000": "visa",
		"5099999999999999": "other", "5100000000000000": "mastercard", "5599999999999999": "mastercard",
		"5600000000000000": "other", "2220999999999999": "other", "2221000000000000": "mastercard",
		"2720999999999999": "mastercard", "2721000000000000": "other",
		"340000000000000": "amex", "370000000000000": "amex", "350000000000000": "other",
		"3527999999999999": "other", "3528000000000000": "jcb", "3589999999999999": "jcb", "3590000000000000": "other",
		"6011111111111117": "other", "": "other", "411": "other", "4x11": "other",
	} {
		if got := pan.Brand(in); got != want {
			t.Errorf("Brand(%q) = %q, want %q", in, got, want)
		}
	}
}

// What could be a card number in a text is masked, and nothing else.
func TestMaskIn(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"4111111111111111":                 "411111******1111",
		"of 4111111111111111, 5 of 5":      "of 411111******1111, 5 of 5",
		"4111111111111112":                 "4111111111111112",     // another check digit
		"411111111111":                     "411111111111",         // too short
		"41111111111111111111":             "41111111111111111111", // too long
		"host=a&seq=12 P10000000001 ärger": "host=a&seq=12 P10000000001 ärger",
	} {
		if got := pan.MaskIn(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

package pan_test

import (
	"testing"

	"switchyard/internal/pan"
)

// What counts as a card number in free text, and how it is hidden.
func TestIn(t *testing.T) {
	for text, hidden := range map[string]string{
		"4111111111111111":                     "411111******1111",
		"order 4111 1111 1111 1111, paid":      "order 4111 11** **** 1111, paid",
		"4111-1111-1111-1111":                  "4111-11**-****-1111",
		"4111 - 1111":                          "",
		"4111--1111  1111-1111":                "4111--11**  ****-1111",
		"4111---1111-1111-1111":                "",
		"ref4111111111111111x":                 "ref411111******1111x",
		"12 4111 1111 1111 1111":               "12 4111 11** **** 1111",
		"4111 1111 1111 1111 12":               "4111 11** **** 1111 12",
		"3714 496353 98431":                    "3714 49**** *8431",
		"5555555555554444 and 371449635398431": "555555******4444 and 371449*****8431",
		"4222222222222":                        "422222***2222",
		"6759649826438453":                     "675964******8453",
		"500000000009":                         "********0009", // 12 digits
		"5000 0000 0009":                       "**** **** 0009",
		"4111111111111112":                     "", // the Luhn digit
		"411111111111116":                      "", // no Visa has 15 digits
		"9999999999999995":                     "", // an order number that passes Luhn
		"1234567890123452":                     "",
		"41111111111111110000":                 "", // more digits in a piece than a card has
		"0000000000000000":                     "",
		"":                                     "",
		"order-77":                             "",
		"5000000000":                           "",
		// UUIDs and hashes in which one stands by chance.
		"41111111-1111-4111-8abc-0123456789ab":  "",
		"a4111111111111111bcdef0123456789abcde": "",
		// 31 hexadecimal digits are no identifier.
		"a4111111111111111bcdef012345678": "a411111******1111bcdef012345678",
	} {
		if got, want := pan.In(text), hidden != ""; got != want {
			t.Errorf("in %q: %t, want %t", text, got, want)
		}
		if hidden == "" {
			hidden = text
		}
		if got := pan.Hide(text); got != hidden {
			t.Errorf("%q hidden is %q, want %q", text, got, hidden)
		}
		if got := pan.Hide(hidden); got != hidden {
			t.Errorf("%q hidden twice is %q", hidden, got)
		}
	}
}

// The card that a request is about is found whatever stands between its digits, of a scheme or not.
func TestNames(t *testing.T) {
	for text, want := range map[string]bool{
		"9999999999999995": true, "x99/99.9999 9999-9999_95y": true, "009999999999999995": true, "9999999999999996": false,
		"999999999999999": false, "": false,
	} {
		if got := pan.Names(text, "9999999999999995"); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
	if pan.Names("anything", "") {
		t.Error("no number stands in a text")
	}
}

package money_test

import (
	"math"
	"testing"

	"github.com/bojanz/currency"

	"switchyard/internal/money"
)

func TestLookup(t *testing.T) {
	for _, want := range []money.Currency{
		{Alpha: "EUR", Numeric: "978", Exponent: 2},
		{Alpha: "USD", Numeric: "840", Exponent: 2},
		{Alpha: "JPY", Numeric: "392", Exponent: 0},
		{Alpha: "KWD", Numeric: "414", Exponent: 3},
		{Alpha: "ALL", Numeric: "008", Exponent: 2}, // leading zeros stay
		{Alpha: "IQD", Numeric: "368", Exponent: 3}, // ISO 4217's exponent, not the 0 of everyday use
		{Alpha: "ZWG", Numeric: "924", Exponent: 2}, // the last of the list
		{Alpha: "XCG", Numeric: "532", Exponent: 2},
		{Alpha: "XAD", Numeric: "396", Exponent: 2},
		{Alpha: "BGN", Numeric: "975", Exponent: 2, Withdrawn: true},
	} {
		if got, ok := money.Lookup(want.Alpha); !ok || got != want {
			t.Errorf("Lookup(%q) = %+v, %v; want %+v", want.Alpha, got, ok, want)
		}
		if got, ok := money.ByNumeric(want.Numeric); !ok || got != want {
			t.Errorf("ByNumeric(%q) = %+v, %v; want %+v", want.Numeric, got, ok, want)
		}
	}
	for _, code := range []string{"", "EU", "EURO", "eur", "ZZZ", "E R", "978", "E\xffR"} {
		if got, ok := money.Lookup(code); ok {
			t.Errorf("Lookup(%q) = %+v, want none", code, got)
		}
	}
	for _, code := range []string{"", "97", "0978", "000", "EUR", "-78", "+78"} {
		if got, ok := money.ByNumeric(code); ok {
			t.Errorf("ByNumeric(%q) = %+v, want none", code, got)
		}
	}
}

// What was accepted in a currency that is no more is cleared with its digits, which may be a successor's by now.
func TestWithdrawn(t *testing.T) {
	was, ok := money.Lookup("ANG")
	if !ok || !was.Withdrawn || was.Numeric != "532" || was.Exponent != 2 {
		t.Errorf("ANG is %+v", was)
	}
	if is, _ := money.ByNumeric(was.Numeric); is.Alpha != "XCG" || is.Withdrawn {
		t.Errorf("532 is %+v", is)
	}
	for alpha, want := range map[string]string{"ANG": "XCG", "BGN": "BGN", "EUR": "EUR", "ZZZ": "ZZZ", "": ""} {
		if is := money.Current(alpha); is != want {
			t.Errorf("%s is %s, want %s", alpha, is, want)
		}
	}
}

// Two currencies that shared letters or digits would shadow each other in the index.
func TestEveryCurrencyIsFoundBothWays(t *testing.T) {
	for _, code := range currency.GetCurrencyCodes() {
		c, ok := money.Lookup(code)
		if !ok || c.Alpha != code {
			t.Errorf("Lookup(%q) = %+v, %v", code, c, ok)
		}
		if back, ok := money.ByNumeric(c.Numeric); !ok || back != c {
			t.Errorf("ByNumeric(%q) = %+v, %v; want %+v", c.Numeric, back, ok, c)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		money.Lookup("KWD")
		money.ByNumeric("414")
	}); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		minor int64
		alpha string
		want  string
	}{
		{1234, "EUR", "12.34 EUR"},
		{0, "EUR", "0.00 EUR"},
		{5, "EUR", "0.05 EUR"},
		{-5, "EUR", "-0.05 EUR"},
		{-1234, "EUR", "-12.34 EUR"},
		{100, "EUR", "1.00 EUR"},
		{1234, "JPY", "1234 JPY"},
		{0, "JPY", "0 JPY"},
		{1, "KWD", "0.001 KWD"},
		{-12345, "KWD", "-12.345 KWD"},
		{math.MaxInt64, "KWD", "9223372036854775.807 KWD"},
		{math.MinInt64, "KWD", "-9223372036854775.808 KWD"},
		{1234, "ZZZ", "1234 minor units of ZZZ"},
	} {
		if got := money.Format(c.minor, c.alpha); got != c.want {
			t.Errorf("Format(%d, %q) = %q, want %q", c.minor, c.alpha, got, c.want)
		}
	}
}

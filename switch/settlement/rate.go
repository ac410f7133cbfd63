package settlement

import (
	"fmt"
	"math/bits"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Rate is a part of an amount, in millionths: 1.45 % is 14,500.
type Rate int64

const (
	wholeRate    = 1_000_000 // of the whole amount
	rateDecimals = 4         // of a percent
)

// Of is the rate's part of an amount, rounded to the minor unit: half a unit and more is one. That of a negative amount
// is that of the positive one, taken back.
func (r Rate) Of(amountMinor int64) int64 {
	if amountMinor < 0 {
		return -r.Of(-amountMinor)
	}
	high, low := bits.Mul64(uint64(amountMinor), uint64(r))
	low, carry := bits.Add64(low, wholeRate/2, 0)
	part, _ := bits.Div64(high+carry, low, wholeRate) // a rate is at most the whole: it fits
	return int64(part)
}

// String is the rate in percent, without zeros at its end.
func (r Rate) String() string {
	const percent = wholeRate / 100
	text := fmt.Sprintf("%d.%0*d", r/percent, rateDecimals, r%percent)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
}

// UnmarshalYAML implements yaml.Unmarshaler: a number of percent such as 1.45.
func (r *Rate) UnmarshalYAML(node *yaml.Node) error {
	whole, part, point := strings.Cut(node.Value, ".")
	digits := whole + part + strings.Repeat("0", max(0, rateDecimals-len(part)))
	n := Rate(0)
	good := node.Kind == yaml.ScalarNode && whole != "" && (part != "") == point && len(part) <= rateDecimals &&
		len(whole) <= 3
	for _, c := range digits {
		good = good && c >= '0' && c <= '9'
		n = n*10 + Rate(c-'0')
	}
	if !good || n > wholeRate {
		return fmt.Errorf("line %d: %q is no rate: expected 0 to 100 percent with at most %d decimals, such as 1.45",
			node.Line, node.Value, rateDecimals)
	}
	*r = n
	return nil
}

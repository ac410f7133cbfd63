package clearing

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"switchyard/internal/money"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
)

// A FeeRate is a row of the table of fees: what it is for, and how much. The member pays it for what debits
// cardholders, and has it back for what credits them.
type FeeRate struct {
	Type        string   // PDS0146, two characters. Default 00
	Currencies  []string // that it is for; empty: all
	BINs        []string // what card numbers begin with; empty: all
	BasisPoints int64    // hundredths of a percent of the amount
	Fixed       int64    // minor units of its currency, beside
}

// maxAmount is the most that an element of twelve digits holds.
const maxAmount = 999_999_999_999

// A rate is what one unit of a currency is in another: digits with so many decimals.
type rate struct {
	digits   uint64
	decimals int
}

// Rates have at most seven digits, up to nine of which are decimals: what DE9 holds.
const (
	maxRateDigits   = 9_999_999
	maxRateDecimals = 9
)

func parseRate(text string) (rate, error) {
	whole, part, _ := strings.Cut(text, ".")
	digits, ok := message.ParseAmount([]byte(whole + part))
	if !ok || whole == "" || strings.HasSuffix(text, ".") || digits == 0 || digits > maxRateDigits ||
		len(part) > maxRateDecimals {
		return rate{}, fmt.Errorf("%q: expected a number above 0 of at most seven digits, such as \"0.9231\"", text)
	}
	return rate{digits, len(part)}, nil
}

// number is the rate as DE9 has it.
func (r rate) number() uint32 { return uint32(r.decimals)*10_000_000 + uint32(r.digits) }

// convert rounds half up; false if the result has more than twelve digits.
func (r rate) convert(amountMinor int64, from, to int) (int64, bool) {
	high, low := bits.Mul64(uint64(amountMinor)*r.digits, power(to)) // 10^12 times 10^7 fits one word
	divisor := power(r.decimals + from)
	low, carry := bits.Add64(low, divisor/2, 0)
	high += carry
	if high >= divisor {
		return 0, false
	}
	result, _ := bits.Div64(high, low, divisor)
	return int64(result), result <= maxAmount
}

func power(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// terms is what the clearing system adds, ready to be used.
type terms struct {
	rates            map[uint16]rate // of what is converted
	settlement       money.Currency
	settlementNumber uint16
	fees             []feeRate
	agent            string
	account          string
}

type feeRate struct {
	FeeRate
	currencies []uint16
	bins       []message.Digits
}

func newTerms(o *Options) (terms, error) {
	t := terms{rates: map[uint16]rate{}, agent: o.TransferAgent, account: o.Account}
	if len(t.agent) > agentDigits || !allDigits(t.agent) || len(t.account) > accountWidth || !printable(t.account) {
		return t, fmt.Errorf("transfer_agent, account: expected up to %d digits and %d characters", agentDigits, accountWidth)
	}
	if o.Settlement != "" {
		var err error
		if t.settlementNumber, err = currencyNumber(o.Settlement); err != nil {
			return t, fmt.Errorf("settlement: %w", err)
		}
		t.settlement, _ = message.CurrencyOf(t.settlementNumber)
	} else if len(o.Rates) > 0 {
		return t, errors.New("rates: expected settlement beside them, the currency that they lead to")
	}
	for currency, text := range o.Rates {
		number, err := currencyNumber(currency)
		if err != nil {
			return t, fmt.Errorf("rates: %w", err)
		}
		if number == t.settlementNumber {
			return t, fmt.Errorf("rates, %s: expected none of what is settled in", currency)
		}
		if t.rates[number], err = parseRate(text); err != nil {
			return t, fmt.Errorf("rates, %s: %w", currency, err)
		}
	}
	for n := range o.Fees {
		compiled, err := o.Fees[n].compile()
		if err != nil {
			return t, fmt.Errorf("fees, number %d: %w", n+1, err)
		}
		t.fees = append(t.fees, compiled)
	}
	return t, nil
}

func currencyNumber(letters string) (uint16, error) {
	c, ok := money.Lookup(letters)
	if !ok {
		return 0, fmt.Errorf("%q: expected the letters of a currency, such as EUR", letters)
	}
	number, _ := message.ParseNumber([]byte(c.Numeric))
	return uint16(number), nil
}

// maxBasisPoints is a fee of the whole amount.
const maxBasisPoints = 10_000

func (f *FeeRate) compile() (feeRate, error) {
	c := feeRate{FeeRate: *f}
	switch {
	case c.Type == "":
		c.Type = "00"
	case len(c.Type) != 2 || !allDigits(c.Type):
		return c, fmt.Errorf("type: %q: expected two digits, in quotes", c.Type)
	}
	if f.BasisPoints < 0 || f.BasisPoints > maxBasisPoints || f.Fixed < 0 || f.Fixed > maxAmount/2 {
		return c, fmt.Errorf("basis_points, fixed: expected 0 to %d, and minor units", maxBasisPoints)
	}
	for _, letters := range f.Currencies {
		number, err := currencyNumber(letters)
		if err != nil {
			return c, fmt.Errorf("currencies: %w", err)
		}
		c.currencies = append(c.currencies, number)
	}
	for _, bin := range f.BINs {
		digits, ok := message.ParseDigits([]byte(bin))
		if !ok || bin == "" {
			return c, fmt.Errorf("bins: %q: expected digits, in quotes", bin)
		}
		c.bins = append(c.bins, digits)
	}
	return c, nil
}

// converted says what an amount of a currency is in the one that is settled in; false if that has more than twelve
// digits. A currency without a rate is settled in itself.
func (t *terms) converted(currency uint16, amountMinor int64) (out book.Terms, ok bool) {
	out, ok = book.Terms{Currency: currency, Amount: amountMinor, Rate: 1}, true
	if to, by := t.leads(currency); to != currency {
		out.Currency, out.Rate = to, by.number()
		out.Amount, ok = t.convert(currency, amountMinor)
	}
	return out, ok
}

// of says beside what the fee is. A part of what was presented has no fixed part of it.
func (t *terms) of(card message.Digits, currency uint16, amountMinor int64, part bool) (out book.Terms, ok bool) {
	out, ok = t.converted(currency, amountMinor)
	for n := range t.fees {
		f := &t.fees[n]
		if !f.fits(card, currency) {
			continue
		}
		copy(out.FeeKind[:], f.Type+processingInterchange)
		out.Fee = (amountMinor*f.BasisPoints + maxBasisPoints/2) / maxBasisPoints
		if !part {
			out.Fee += f.Fixed
		}
		in, fits := t.convert(currency, out.Fee)
		out.FeeIn = in
		return out, ok && fits && out.Fee <= maxAmount
	}
	return out, ok
}

// leads is what a currency is settled in, and its rate.
func (t *terms) leads(currency uint16) (to uint16, by rate) {
	if own, known := t.rates[currency]; known {
		return t.settlementNumber, own
	}
	return currency, rate{1, 0}
}

func (t *terms) convert(currency uint16, amountMinor int64) (int64, bool) {
	to, by := t.leads(currency)
	if to == currency {
		return amountMinor, true
	}
	from, _ := message.CurrencyOf(currency)
	return by.convert(amountMinor, from.Exponent, t.settlement.Exponent)
}

// processingInterchange is PDS0146's second subfield: what the fee is for.
const processingInterchange = "00"

func (f *feeRate) fits(card message.Digits, currency uint16) bool {
	return (len(f.currencies) == 0 || slices.Contains(f.currencies, currency)) &&
		(len(f.bins) == 0 || slices.ContainsFunc(f.bins, card.HasPrefix))
}

// fee is PDS0146: type 2, processing 2, settlement indicator 2, currency 3, amount 12, currency that is settled in 3,
// amount 12; empty without a fee.
func fee(t *book.Terms, currency uint16) string {
	if t.FeeKind == [4]byte{} {
		return ""
	}
	return fmt.Sprintf("%s01%03d%012d%03d%012d", t.FeeKind[:], currency, t.Fee, t.Currency, t.FeeIn)
}

// Widths of PDS0159.
const (
	agentDigits  = 11
	accountWidth = 28
)

// service is PDS0159: transfer agent 11, account 28, level 1, service 10, FX class 1, reconciliation date 6 and cycle
// 2, settlement date 6 and cycle 2. What is presented today is settled tomorrow.
func (t *terms) service(date time.Time, cycle int, converted bool) string {
	class := "N"
	if converted {
		class = "Y"
	}
	return fmt.Sprintf("%s%-28s1%-10s%s%s%02d%s%02d", padded(t.agent), t.account, "CLEARING", class,
		date.Format(fileIDDateLayout), cycle, date.AddDate(0, 0, 1).Format(fileIDDateLayout), cycle)
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

package clearing

import (
	"strings"
	"time"

	"switchyard/internal/money"
	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/switch/clearing"
)

// functions are those of DE24 that are presentments.
var functions = map[string]book.Function{
	"200": book.FirstPresentment, "205": book.SecondFull, "282": book.SecondPartial,
}

// judge reads a presentment as the books take it, or says what refuses it whatever stands in them. The date is the
// file's, MMDD.
func judge(r *clearing.Record, format *clearing.FormatError, date uint16) (p book.Presentment, why *fault) {
	if format != nil {
		return p, findingFault(codeFormat, &format.Finding)
	}
	if r.MTI != "1240" {
		return p, &fault{elementOf(0, 0), codeKind, "members send presentments, 1240, and no " + r.MTI}
	}
	function, known := functions[r.FunctionCode()]
	if !known {
		return p, &fault{"D0024", codeKind, "its function code is none of a presentment's"}
	}
	if found := r.Check(); len(found) > 0 {
		code := codeFormat
		if strings.HasPrefix(found[0].Message, "is missing") {
			code = codeMissing
		}
		return p, findingFault(code, &found[0])
	}
	amount, ok := r.AmountMinor()
	if !ok || amount == 0 {
		return p, &fault{"D0004", codeFormat, "it is of no amount"}
	}
	if _, ok := money.ByNumeric(string(r.Get(49))); !ok {
		return p, &fault{"D0049", codeFormat, "it is in no currency of ISO 4217"}
	}
	if exponents, ok := r.PDS(148); ok && !lists(exponents, string(r.Get(49))) {
		return p, &fault{"P0148", codeFormat, "it has no exponent of the currency in DE49"}
	}
	currency, _ := message.ParseNumber(r.Get(49))
	if p.Card, ok = message.ParseDigits(r.Get(2)); !ok {
		return p, &fault{"D0002", codeNoCard, book.SettledNoCard.Reason()}
	}
	if p.Acquirer, ok = message.ParseDigits(r.Get(32)); !ok {
		return p, &fault{"D0032", codeFormat, "it is no acquirer's id"}
	}
	message.Fill(p.RRN[:], message.TrimBlanks(r.Get(37)))
	message.Fill(p.Merchant[:], message.TrimBlanks(r.Get(42)))
	if code := message.TrimBlanks(r.Get(38)); len(code) > 0 {
		message.Fill(p.AuthCode[:], code)
	}
	p.ARN, _ = message.ParseARN(r.Get(31))
	p.Amount, p.Currency, p.Date = amount, uint16(currency), date
	p.Local, p.Record, p.Function = localTime(r.Text(12)), uint32(r.Number), function
	if p.Function != book.FirstPresentment && r.Has(95) {
		if p.Reference, ok = book.ParseReference(strings.TrimRight(r.Text(95), " ")); !ok {
			return p, &fault{"D0095", codeDispute, "no chargeback has this reference"}
		}
	}
	p.Reversal = r.Reversal()
	// DE3 is the original's, so the side of what is taken back is found by turning a reversal round.
	p.Credit = r.Debits() == p.Reversal
	return p, nil
}

// lists tells whether PDS0148, entries of four digits, has a currency.
func lists(exponents, currency string) bool {
	for ; len(exponents) >= 4; exponents = exponents[4:] {
		if exponents[:3] == currency {
			return true
		}
	}
	return false
}

// DE12 as a number: seconds since 2000, where the card was used.
const de12Layout = "20060102150405"

var localEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func localTime(de12 string) uint32 {
	t, err := time.Parse(de12Layout, "20"+de12)
	if err != nil {
		return 0
	}
	return uint32(t.Sub(localEpoch) / time.Second)
}

// localText is what localTime was made from; the beginning of the source file's day where that is not known.
func localText(i *book.Item) string {
	if i.Local != 0 {
		return localEpoch.Add(time.Duration(i.Local) * time.Second).Format(de12Layout)[2:]
	}
	if len(i.Source) != fileIDDigits {
		return "000101000000"
	}
	return i.Source[3:9] + "000000"
}

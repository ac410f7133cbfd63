package ipmtool

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/switch/clearing"
)

// A Selection says which records of a file are meant: those that fit all of what is given.
type Selection struct {
	Records  string // "17", or "10-20", "10-", "-20", from 1
	RRN      string // DE37
	ARN      string // DE31
	PAN      string // DE2: first six and last four digits with anything else between, or the last four
	Merchant string // DE42, or a part of the name and place in DE43, whatever its case
	Amount   string // DE4: minor units, or "12.34", "12.34 EUR"
}

// selector is a Selection that was understood.
type selector struct {
	Selection
	first, last       int // 0: open
	cardHead, cardEnd string
	minor             int64 // of Amount in minor units, else -1
}

var (
	maskedPAN = regexp.MustCompile(`^(\d{6})[^0-9]+(\d{4})$`)
	lastFour  = regexp.MustCompile(`^[^0-9]*(\d{4})$`)
	amounts   = regexp.MustCompile(`^\d+(\.\d+)?( [A-Z]{3})?$`)
)

func (s Selection) compile() (*selector, error) {
	out := &selector{Selection: s, minor: -1}
	var err error
	if s.Records != "" {
		if out.first, out.last, err = parseRange(s.Records); err != nil {
			return nil, err
		}
	}
	if s.PAN != "" {
		if m := maskedPAN.FindStringSubmatch(s.PAN); m != nil {
			out.cardHead, out.cardEnd = m[1], m[2]
		} else if m := lastFour.FindStringSubmatch(s.PAN); m != nil {
			out.cardEnd = m[1]
		} else {
			return nil, fmt.Errorf("a card is looked for by its first six and last four digits, such as 411111******1111, " +
				"or by its last four: a whole number does not belong on a command line")
		}
	}
	if s.Amount != "" {
		if !amounts.MatchString(s.Amount) {
			return nil, fmt.Errorf("amount %q: expected minor units such as 1234, or 12.34, or %q", s.Amount, "12.34 EUR")
		}
		if n, err := strconv.ParseInt(s.Amount, 10, 64); err == nil {
			out.minor = n
		}
	}
	return out, nil
}

// parseRange reads "17", "10-20", "10-" and "-20".
func parseRange(s string) (first, last int, err error) {
	from, to, isRange := strings.Cut(s, "-")
	wrong := fmt.Errorf("records %q: expected one from 1, such as 17, or a range such as 10-20", s)
	number := func(text string, to *int) bool {
		if text == "" && isRange {
			return true
		}
		n, err := strconv.Atoi(text)
		*to = n
		return err == nil && n >= 1
	}
	if !number(from, &first) || isRange && !number(to, &last) || s == "-" {
		return 0, 0, wrong
	}
	if !isRange {
		last = first
	}
	if last > 0 && last < first {
		return 0, 0, wrong
	}
	return first, last, nil
}

// searches tells whether records are looked for by what they hold.
func (s *selector) searches() bool {
	return s.RRN != "" || s.ARN != "" || s.PAN != "" || s.Merchant != "" || s.Amount != ""
}

func (s *selector) inRange(number int) bool {
	return number >= s.first && (s.last == 0 || number <= s.last)
}

func (s *selector) past(number int) bool { return s.last > 0 && number > s.last }

// matches tells whether a record that could be read is meant.
func (s *selector) matches(r *clearing.Record) bool {
	return s.inRange(r.Number) && (!s.searches() ||
		is(s.RRN, r, 37) && is(s.ARN, r, 31) && s.isCard(r) && s.isMerchant(r) && s.isAmount(r))
}

func is(want string, r *clearing.Record, de int) bool {
	return want == "" || strings.TrimRight(r.Text(de), " ") == strings.TrimRight(want, " ")
}

func (s *selector) isCard(r *clearing.Record) bool {
	if s.PAN == "" {
		return true
	}
	mask := pan.Mask(r.Text(2))
	return r.Has(2) && strings.HasPrefix(mask, s.cardHead) && strings.HasSuffix(mask, s.cardEnd)
}

func (s *selector) isMerchant(r *clearing.Record) bool {
	return s.Merchant == "" || r.Has(42) && is(s.Merchant, r, 42) ||
		strings.Contains(strings.ToLower(r.Text(43)), strings.ToLower(s.Merchant))
}

func (s *selector) isAmount(r *clearing.Record) bool {
	if s.Amount == "" {
		return true
	}
	minor, ok := r.AmountMinor()
	if !ok || s.minor >= 0 {
		return ok && minor == s.minor
	}
	shown := money.Format(minor, r.Currency())
	return shown == s.Amount || strings.HasPrefix(shown, s.Amount+" ")
}

package clearing

import (
	"strings"
	"time"

	"switchyard/internal/money"
)

// A messageRule is what one kind of message must hold; without any element it is known by name only, and is held to the
// general rules.
type messageRule struct {
	name string
	de   []int
	pds  []int
}

// A messageKind is what tells the kinds apart: the MTI and DE24.
type messageKind struct{ mti, function string }

var (
	kindHeader  = messageKind{"1644", "697"}
	kindTrailer = messageKind{"1644", "695"}
)

// messages holds the kinds of the layout. Any other is read too and held to the general rules only.
//
// The names are those that public programs agree on.
var messages = map[messageKind]messageRule{
	kindHeader:      {"file header", []int{24, 48, 71}, []int{pdsFileID, pdsMode}},
	kindTrailer:     {"file trailer", []int{24, 48, 71}, []int{pdsFileID, pdsSum, pdsCount}},
	{"1240", "200"}: {"first presentment", []int{2, 3, 4, 12, 22, 24, 26, 31, 33, 43, 48, 49, 71, 94}, nil},
	{"1240", "205"}: {"second presentment, full", secondPresentment, nil},
	{"1240", "282"}: {"second presentment, partial", secondPresentment, nil},
	{"1442", "450"}: {"first chargeback, full", chargeback, nil},
	{"1442", "453"}: {"first chargeback, partial", chargeback, nil},
	{"1644", "691"}: {"message exception", []int{24, 48, 71}, []int{pdsErrors, pdsFailing, pdsSourceFile}},
	{"1644", "699"}: {"file reject", []int{24, 48, 71}, []int{pdsErrors, pdsSourceFile}},
	{"1740", "700"}: {"fee collection", []int{3, 4, 24, 49, 71, 94}, nil},

	{"1442", "451"}: {name: "arbitration chargeback, full"},
	{"1442", "454"}: {name: "arbitration chargeback, partial"},
	{"1644", "603"}: {name: "retrieval request"},
	{"1644", "605"}: {name: "retrieval request acknowledgement"},
	{"1644", "640"}: {name: "currency update"},
	{"1644", "680"}: {name: "file currency summary"},
	{"1644", "685"}: {name: "financial position detail"},
	{"1644", "688"}: {name: "settlement position detail"},
	{"1644", "693"}: {name: "text message"},
	{"1644", "696"}: {name: "addendum"},
	{"1740", "780"}: {name: "fee return"},
	{"1740", "781"}: {name: "fee resubmission"},
	{"1740", "782"}: {name: "fee arbitration return"},
	{"1740", "783"}: {name: "fee collection by the clearing system"},
	{"1740", "790"}: {name: "funds transfer"},
}

// Both repeat the first presentment's card, amount, time and reference, with a reason and the original amounts.
var (
	secondPresentment = []int{2, 3, 4, 12, 24, 25, 30, 31, 33, 49, 71, 94}
	chargeback        = []int{2, 3, 4, 12, 24, 25, 30, 31, 49, 71, 94}
)

// anyMessage is what every message has.
var anyMessage = messageRule{"message of another kind", []int{24, 71}, nil}

// elementRules say what is wrong with a value whose length and characters are right.
var elementRules = map[int]func(value string) string{
	12: func(v string) string {
		if _, err := time.Parse("20"+de12Layout, "20"+v); err != nil {
			return "is no date and time, YYMMDDhhmmss expected"
		}
		return ""
	},
	14: func(v string) string {
		if v[2:] < "01" || v[2:] > "12" {
			return "month is not 01 to 12, YYMM expected"
		}
		return ""
	},
	22: func(v string) string {
		if strings.Contains(v, " ") {
			return "holds a blank"
		}
		return ""
	},
	31: arnFault,
	43: acceptorFault,
	73: func(v string) string {
		if !isDate(v) {
			return "is no date, YYMMDD expected"
		}
		return ""
	},
}

// acceptorFault holds DE43 against name\street\city\, postal code 10, state 3, country 3.
func acceptorFault(v string) string {
	parts := strings.Split(v, `\`)
	if len(parts) != 4 || len([]rune(parts[3])) != acceptorTail || strings.TrimSpace(parts[0]) == "" {
		return `is not name\street\city\ with 16 characters of postal code, state and country`
	}
	if !isAlpha3(parts[3][len(parts[3])-acceptorCountry:]) {
		return "country is not three capital letters"
	}
	return ""
}

// pdsRules say what is wrong with a subelement's value.
var pdsRules = map[int]func(value string) string{
	23: exactly(3),
	pdsReversal: func(v string) string {
		if len(v) != 7 || v[0] != 'R' || !isDate(v[1:]) {
			return "is not R and a date, YYMMDD"
		}
		return ""
	},
	52: exactly(3),
	pdsFileID: func(v string) string {
		if _, err := ParseFileID(v); err != nil {
			return "is not 25 digits: type 3, YYMMDD, processor 11, sequence 5"
		}
		return ""
	},
	pdsMode: func(v string) string {
		if v != "P" && v != "T" {
			return "is neither P nor T"
		}
		return ""
	},
	pdsExponents: func(v string) string {
		if len(v)%4 != 0 || !allDigits(v) {
			return "is not entries of four digits: currency 3, exponent 1"
		}
		return ""
	},
	pdsSum:   digits(sumDigits),
	pdsCount: digits(8),
	pdsErrors: func(v string) string {
		if len(v) == 0 || len(v)%14 != 0 {
			return "is not entries of 14 characters"
		}
		return ""
	},
	pdsFailing:    digits(8),
	pdsSourceFile: digits(fileIDLength),
}

func exactly(n int) func(string) string {
	return func(v string) string {
		if len(v) != n {
			return "is " + plural(len(v), "character") + " long, " + plural(n, "character") + " expected"
		}
		return ""
	}
}

func digits(n int) func(string) string {
	return func(v string) string {
		if len(v) != n || !allDigits(v) {
			return "is not " + plural(n, "digit")
		}
		return ""
	}
}

func isDate(yymmdd string) bool {
	_, err := time.Parse("20"+fileIDDateLayout, "20"+yymmdd)
	return err == nil
}

// exponentFault holds PDS0148 against DE49: the record's own currency must be among its entries, with the exponent that
// the currency has, where that is known.
func exponentFault(exponents, numeric string) string {
	c, known := money.ByNumeric(numeric)
	among := numeric == ""
	for ; len(exponents) >= 4; exponents = exponents[4:] {
		if exponents[:3] != numeric {
			continue
		}
		among = true
		if known && exponents[3] != byte('0'+c.Exponent) {
			return "gives currency " + numeric + " the exponent " + exponents[3:4] + ", " + c.Alpha + " has " + string(rune('0'+
				c.Exponent))
		}
	}
	if !among {
		return "has no entry of the currency in DE49, " + numeric
	}
	return ""
}

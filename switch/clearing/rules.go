package clearing

import (
	"bytes"

	"switchyard/internal/money"
	"switchyard/internal/words"
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

// elementFault says what is wrong with a value whose length and characters are right. It is no table of functions: what
// is called through one is allocated, for each value of each record.
func elementFault(de int, v []byte) string {
	switch de {
	case 12:
		if !isTime(v) {
			return "is no date and time, YYMMDDhhmmss expected"
		}
	case 14:
		if month := string(v[2:]); month < "01" || month > "12" {
			return "month is not 01 to 12, YYMM expected"
		}
	case 22:
		if bytes.IndexByte(v, ' ') >= 0 {
			return "holds a blank"
		}
	case 31:
		return arnFault(string(v))
	case 43:
		return acceptorFault(v)
	case 73:
		if !isDate(string(v)) {
			return "is no date, YYMMDD expected"
		}
	}
	return ""
}

// isTime tells whether twelve digits are YYMMDDhhmmss.
func isTime(v []byte) bool {
	return isDate(string(v[:6])) && string(v[6:8]) < "24" && string(v[8:10]) < "60" && string(v[10:]) < "60"
}

// acceptorFault holds DE43 against name\street\city\, postal code 10, state 3, country 3.
func acceptorFault(v []byte) string {
	name := bytes.IndexByte(v, '\\')
	last := bytes.LastIndexByte(v, '\\')
	if bytes.Count(v, []byte{'\\'}) != 3 || len(v)-last-1 != acceptorTail || isBlank(v[:name]) {
		return `is not name\street\city\ with 16 characters of postal code, state and country`
	}
	if !isAlpha3(string(v[len(v)-acceptorCountry:])) {
		return "country is not three capital letters"
	}
	return ""
}

// isBlank tells whether a text is nothing but blanks, those that break no line among them.
func isBlank(latin1 []byte) bool {
	for _, c := range latin1 {
		if c != ' ' && c != 0xA0 {
			return false
		}
	}
	return true
}

// pdsFault says what is wrong with a subelement's value. known is false for those that anything may stand in.
func pdsFault(tag int, v string) (fault string, known bool) {
	switch tag {
	case 23, 52:
		fault = notLong(v, 3)
	case pdsReversal:
		if len(v) != 7 || v[0] != 'R' || !isDate(v[1:]) {
			fault = "is not R and a date, YYMMDD"
		}
	case pdsFileID:
		if _, err := ParseFileID(v); err != nil {
			fault = "is not 25 digits: type 3, YYMMDD, processor 11, sequence 5"
		}
	case pdsMode:
		if v != "P" && v != "T" {
			fault = "is neither P nor T"
		}
	case pdsExponents:
		fault = exponentsFault(v)
	case pdsSum:
		fault = notDigits(v, sumDigits)
	case pdsCount, pdsFailing:
		fault = notDigits(v, 8)
	case pdsErrors:
		if len(v) == 0 || len(v)%14 != 0 {
			fault = "is not entries of 14 characters"
		}
	case pdsSourceFile:
		fault = notDigits(v, fileIDLength)
	default:
		return "", false
	}
	return fault, true
}

func exponentsFault(v string) string {
	if len(v)%4 != 0 || !allDigits(v) {
		return "is not entries of four digits: currency 3, exponent 1"
	}
	return ""
}

func notLong(v string, n int) string {
	if len(v) != n {
		return "is " + words.Count(len(v), "character") + " long, " + words.Count(n, "character") + " expected"
	}
	return ""
}

func notDigits(v string, n int) string {
	if len(v) != n || !allDigits(v) {
		return "is not " + words.Count(n, "digit")
	}
	return ""
}

// isDate tells whether a text is YYMMDD, of this century.
func isDate(yymmdd string) bool {
	if len(yymmdd) != len(fileIDDateLayout) || !allDigits(yymmdd) {
		return false
	}
	two := func(i int) int { return int(yymmdd[i]-'0')*10 + int(yymmdd[i+1]-'0') }
	year, month, day := two(0), two(2), two(4)
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	days := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && year%4 == 0 { // 2000 too
		days = 29
	}
	return day <= days
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

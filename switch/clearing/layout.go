package clearing

import "strconv"

// kind is what the characters of an element may be.
type kind uint8

const (
	kindN   kind = iota + 1 // digits
	kindAN                  // letters and digits; blanks where a value is shorter than its element
	kindANS                 // any printable character
	kindB                   // raw bytes in every code page
)

// An element is one row of the layout: a data element's name, what it may hold and how its length is told.
type element struct {
	name         string
	kind         kind
	lengthDigits int // 0 fixed, 2 LLVAR, 3 LLLVAR
	min, max     int // of the value, in characters; equal where the element is fixed
}

// The limits of the layout.
const (
	maxDE        = 128
	maxRecord    = 6000 // bytes of a record without its length
	minRecord    = mtiLength + bitmapLength
	mtiLength    = 4
	bitmapLength = 16
	deChip       = 55 // the one binary element
	maxVar       = 999
	maxPDSValue  = maxVar - pdsPrefix // one PDS never stands in two elements
	pdsPrefix    = 7                  // tag n4, length n3
)

// layout holds every element that we write or take. A record that sets a bit without a row here cannot be read: the
// element's length is not known.
var layout = [maxDE + 1]element{
	2:   {"card number", kindN, 2, 1, 19},
	3:   {"processing code", kindN, 0, 6, 6},
	4:   {"amount", kindN, 0, 12, 12},
	5:   {"amount, reconciliation", kindN, 0, 12, 12},
	6:   {"amount, cardholder billing", kindN, 0, 12, 12},
	9:   {"conversion rate, reconciliation", kindN, 0, 8, 8},
	10:  {"conversion rate, cardholder billing", kindN, 0, 8, 8},
	12:  {"local date and time", kindN, 0, 12, 12},
	14:  {"expiry", kindN, 0, 4, 4},
	16:  {"conversion date", kindN, 0, 4, 4},
	22:  {"point of service data code", kindAN, 0, 12, 12},
	23:  {"card sequence", kindN, 0, 3, 3},
	24:  {"function code", kindN, 0, 3, 3},
	25:  {"message reason", kindN, 0, 4, 4},
	26:  {"merchant category", kindN, 0, 4, 4},
	28:  {"reconciliation date", kindN, 0, 6, 6},
	30:  {"original amounts", kindN, 0, 24, 24},
	31:  {"acquirer reference", kindN, 2, 23, 23},
	32:  {"acquirer", kindN, 2, 6, 11},
	33:  {"forwarding institution", kindN, 2, 6, 11},
	37:  {"retrieval reference (RRN)", kindAN, 0, 12, 12},
	38:  {"authorization code", kindAN, 0, 6, 6},
	40:  {"service code", kindN, 0, 3, 3},
	41:  {"terminal", kindANS, 0, 8, 8},
	42:  {"merchant", kindANS, 0, 15, 15},
	43:  {"merchant name and location", kindANS, 2, 1, 99},
	46:  {"fees", kindANS, 3, 1, 204},
	48:  {"additional data", kindANS, 3, 1, maxVar},
	49:  {"currency", kindN, 0, 3, 3},
	50:  {"currency, reconciliation", kindN, 0, 3, 3},
	51:  {"currency, cardholder billing", kindN, 0, 3, 3},
	54:  {"additional amounts", kindANS, 3, 1, maxVar},
	55:  {"chip data", kindB, 3, 1, 255},
	62:  {"additional data 2", kindANS, 3, 1, maxVar},
	63:  {"network id", kindANS, 3, 16, 16},
	71:  {"message number", kindN, 0, 8, 8},
	72:  {"data record", kindANS, 3, 1, maxVar},
	73:  {"action date", kindN, 0, 6, 6},
	93:  {"destination institution", kindN, 2, 1, 11},
	94:  {"originator", kindN, 2, 6, 11},
	95:  {"issuer reference", kindANS, 2, 1, 10},
	100: {"receiving institution", kindN, 2, 1, 11},
	105: {"transaction link data", kindANS, 3, 1, maxVar},
	111: {"currency conversion amounts", kindANS, 3, 1, maxVar},
	123: {"additional data 3", kindANS, 3, 1, maxVar},
	124: {"additional data 4", kindANS, 3, 1, maxVar},
	125: {"additional data 5", kindANS, 3, 1, maxVar},
	127: {"network data", kindANS, 3, 1, maxVar},
}

// pdsCarriers are the elements that hold private data subelements, in the order in which they fill.
var pdsCarriers = [...]int{48, 62, 123, 124, 125}

func isPDSCarrier(de int) bool {
	for _, carrier := range pdsCarriers {
		if de == carrier {
			return true
		}
	}
	return false
}

// pdsNames names the subelements for people.
var pdsNames = map[int]string{
	5:   "errors",
	23:  "terminal type",
	25:  "reversal",
	26:  "file reversal",
	52:  "e-commerce level",
	105: "file id",
	122: "processing mode",
	138: "failing message number",
	146: "fees",
	148: "currency exponents",
	158: "business activity",
	159: "settlement",
	164: "conversion rates",
	165: "settlement indicator",
	280: "source file id",
	300: "reconciled file",
	301: "sum of amounts",
	302: "reconciled member",
	306: "number of messages",
	359: "settlement activity",
	367: "reconciled card program",
	370: "reconciled account range",
	372: "reconciled function",
	374: "reconciled processing code",
	378: "original or reversal totals",
	380: "debits",
	381: "credits",
	384: "net amount",
	390: "debits, reconciliation",
	391: "credits, reconciliation",
	394: "net amount, reconciliation",
	395: "net fee, reconciliation",
	396: "net total, reconciliation",
	400: "number of debits",
	401: "number of credits",
	402: "number of both",
}

// check says what is wrong with a value, without quoting it: what stands in the wrong place may be a card number.
// The empty string means that nothing is.
func check[T string | []byte](el *element, value T) string {
	if len(value) < el.min || len(value) > el.max {
		return "is " + strconv.Itoa(len(value)) + " long, " + el.lengths() + " expected"
	}
	may := uint8(1) << el.kind
	for i := range len(value) {
		if characters[value[i]]&may == 0 {
			return "character " + strconv.Itoa(i+1) + [...]string{
				kindN: " is not a digit", kindAN: " is neither letter, digit nor blank", kindANS: " is not printable", kindB: "",
			}[el.kind]
		}
	}
	return ""
}

// characters says of each character of ISO 8859-1 in values of which kinds it may stand, a bit each, and whether it is
// portable. Every character of every record is looked up here.
var characters = func() (table [256]uint8) {
	for i := range table {
		c := byte(i)
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		digit := c >= '0' && c <= '9'
		for _, is := range []struct {
			bit bool
			of  uint8
		}{
			{digit, 1 << kindN},
			{digit || letter || c == ' ', 1 << kindAN},
			{c >= ' ' && (c < 0x7F || c >= 0xA0), 1 << kindANS},
			{true, 1 << kindB},
			{c >= ' ' && c <= '~' && c != '!' && c != '[' && c != ']' && c != '^' && c != '|', portableBit},
		} {
			if is.bit {
				table[c] |= is.of
			}
		}
	}
	return table
}()

// portableBit stands apart from those of the kinds.
const portableBit = 1 << 7

func (el *element) lengths() string {
	if el.min == el.max {
		return strconv.Itoa(el.min)
	}
	return strconv.Itoa(el.min) + " to " + strconv.Itoa(el.max)
}

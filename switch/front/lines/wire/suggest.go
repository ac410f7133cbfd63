package wire

import (
	"strings"

	"switchyard/switch/api"
)

// topNames are the fields of a request, innerNames those of the objects within it.
var (
	topNames   = append([]string{"id", "op"}, api.FieldNames()...)
	helloNames = append([]string{"gateway", "secret"}, topNames...)
	innerNames = []string{
		"card.number", "card.expiry", "card.cvc", "card.sequence", "card.track2",
		"threeds.version", "threeds.eci", "threeds.cavv", "threeds.ds_transaction_id",
		"address.line", "address.postal_code", "address.country",
		"capture.after",
	}
)

// noSuchField says that an object has no such field, and which one was most likely meant. prefix is of the object:
// "card.", or "" for the request itself. Of what was sent the message holds nothing (I12).
func (d *requestDecoder) noSuchField(prefix, name string) string {
	const message = "no such field"
	if meant := d.meant(prefix, name); meant != "" {
		return message + "; did you mean " + meant + "?"
	}
	return message
}

// meant is the field that a name most likely stands for, or "": one that stands elsewhere under that very name, or one
// of the same object that is written nearly so, or that the name begins with.
func (d *requestDecoder) meant(prefix, name string) string {
	const shortest, longest = 3, 32
	if len(name) < shortest || len(name) > longest {
		return ""
	}
	name = folded(name)
	beside, elsewhere := d.names(prefix)
	for _, full := range elsewhere {
		if folded(lastPart(full)) == name || folded(full) == name {
			return full
		}
	}
	best, within := "", 2
	if len(name) <= shortest {
		within = 1
	}
	for _, full := range beside {
		if n := distance(name, folded(lastPart(full))); n <= within {
			best, within = full, n-1
		}
	}
	if best != "" {
		return best
	}
	for _, full := range beside {
		if own := folded(lastPart(full)); len(own) > shortest && strings.HasPrefix(name, own) {
			return full
		}
	}
	return ""
}

// names are the fields of an object, and those of the others.
func (d *requestDecoder) names(prefix string) (beside, elsewhere []string) {
	top := topNames
	if d.line != nil {
		top = helloNames
	}
	if prefix == "" {
		return top, innerNames
	}
	elsewhere = append(elsewhere, top...)
	for _, full := range innerNames {
		if strings.HasPrefix(full, prefix) {
			beside = append(beside, full)
		} else {
			elsewhere = append(elsewhere, full)
		}
	}
	return beside, elsewhere
}

func lastPart(full string) string { return full[strings.LastIndexByte(full, '.')+1:] }

// spelling is what spellings of a name differ in, beside capital letters.
var spelling = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

// folded is a name without what spellings differ in: networkId and network-id are network_id, card_number card.number.
func folded(name string) string { return spelling.Replace(strings.ToLower(name)) }

// distance is how many bytes of a have to be put in, taken out or replaced for b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // of the bytes of a so far, to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

package mapping

import "switchyard/spec"

// DE22 of canonical messages says in three digits how the card's number was read and whether a PIN can be entered, DE25
// in two under which condition. Dialects may have DE22 in four digits, with a zero in front, or as twelve characters,
// each a subject of its own, which say what DE25 says, too.

const (
	plainEntry = 3
	fourEntry  = 4
	codeEntry  = 12
)

// entries are what the switch sends. The twelve characters are those of clearing records: in the fifth place whether
// the cardholder was there, in the sixth whether the card was, in the seventh how it was read. Reversals say nothing of
// how the card was read.
var entries = [...]struct{ entry, condition, code string }{
	{"810", "59", "000050S00000"}, // e-commerce
	{"100", "59", "000040700000"}, // stored
	{"010", "08", "000020100000"}, // mail or telephone
	{"010", "00", "000001100000"}, // typed
	{"051", "00", "500001500001"}, // chip
	{"071", "00", "500001M00001"}, // contactless
	{"021", "00", "200001200001"}, // magnetic stripe
	{"", "59", "000050000000"},
	{"", "08", "000020000000"},
	{"", "00", "000000000000"},
}

// codeOf returns the twelve characters for DE22 and DE25; "" if there are none.
func codeOf(entry, condition []byte) string {
	for i := range entries {
		if e := &entries[i]; e.entry == string(entry) && e.condition == string(condition) {
			return e.code
		}
	}
	return ""
}

// entryOf returns DE22 and DE25 for twelve characters: those of the table, or by the fifth and seventh of them.
func entryOf(code []byte) (entry, condition string) {
	for i := range entries {
		if e := &entries[i]; e.code == string(code) {
			return e.entry, e.condition
		}
	}
	switch condition = "00"; code[4] {
	case '2', '3':
		condition = "08"
	case '4', '5':
		condition = "59"
	}
	switch code[6] {
	case '1', '6':
		entry = "010"
	case '2', 'B':
		entry = "021"
	case '5', 'C':
		entry = "051"
	case 'A', 'M':
		entry = "071"
	case 'S', '9':
		entry = "810"
	case '7':
		entry = "100"
	}
	return entry, condition
}

// plainEntry gives DE22 the length that the dialect has.
func (m *Mapping) plainEntry(msg *spec.Message) error {
	entry := msg.Bytes(deEntry)
	if entry == nil {
		return nil
	}
	switch {
	case m.entry == fourEntry && len(entry) == plainEntry:
		var room [fourEntry]byte
		room[0] = '0'
		copy(room[1:], entry)
		msg.SetBytes(deEntry, room[:])
	case m.entry == codeEntry && len(entry) == plainEntry:
		code := codeOf(entry, msg.Bytes(deCondition))
		if code == "" {
			return refuse(deEntry, "an entry mode and condition that has a form of twelve characters")
		}
		msg.Set(deEntry, code)
	}
	return nil
}

// unplainEntry makes the canonical DE22.
func (m *Mapping) unplainEntry(msg *spec.Message) {
	switch entry := msg.Bytes(deEntry); {
	case m.entry == fourEntry && len(entry) == fourEntry:
		var room [plainEntry]byte
		copy(room[:], entry[1:])
		msg.SetBytes(deEntry, room[:])
	case m.entry == codeEntry && len(entry) == codeEntry:
		plain, _ := entryOf(entry)
		if plain == "" {
			plain = "000"
		}
		msg.Set(deEntry, plain)
	}
}

package mapping

import (
	"switchyard/internal/mutant"
	"switchyard/spec"
)

// Response codes of 1987 and action codes of 1993 (DE39). What approves is told apart by what is answered: 000 a
// request, 400 a reversal, 500 a reconciliation, 800 network management. Codes from 80 to 99 of each hundred are for
// private use: they stand for what 1993 has no code for.

const (
	approved     = "00"
	declined     = "05"
	balanced     = "1" // DE66
	outOfBalance = "2"
)

// actions are our codes with the action that stands for each, and others that mean it.
var actions = [...]struct {
	ours, action string
	also         []string
}{
	{"00", "000", nil},
	{"01", "107", nil},
	{"02", "108", nil},
	{"03", "109", nil},
	{"04", "200", []string{"203", "204", "206", "207"}},
	{"05", "100", nil},
	{"07", "202", []string{"210"}},
	{"08", "001", nil},
	{"09", "923", nil},
	{"10", "002", nil},
	{"11", "003", nil},
	{"12", "902", []string{"115"}},
	{"13", "110", nil},
	{"14", "111", []string{"118"}},
	{"15", "905", nil},
	{"21", "981", nil},
	{"25", "914", nil},
	{"30", "904", nil},
	{"41", "208", nil},
	{"43", "209", nil},
	{"51", "116", nil},
	{"54", "101", []string{"201"}},
	{"57", "119", nil},
	{"58", "120", nil},
	{"59", "102", []string{"129"}},
	{"61", "121", nil},
	{"62", "104", nil},
	{"63", "122", nil},
	{"65", "123", nil},
	{"85", "085", nil},
	{"91", "912", []string{"907", "910", "911"}},
	{"92", "908", nil},
	{"93", "124", nil},
	{"94", "913", nil},
	{"96", "909", []string{"906"}},
	{"N7", "182", nil},
}

// actionOf and codeOfAction are the table, each way.
var actionOf, codeOfAction = func() (map[string]string, [1000]string) {
	out := make(map[string]string, len(actions))
	var in [1000]string
	for _, a := range actions {
		out[a.ours] = a.action
		for _, action := range append([]string{a.action}, a.also...) {
			in[int(action[0]-'0')*100+two([]byte(action[1:]))] = a.ours
		}
	}
	return out, in
}()

// code93 makes an action code of a response code. One that has none is a decline, do not honour; where DE66 says so, a
// reconciliation is out of balance.
func code93(msg *spec.Message, class byte) {
	code := msg.Bytes(deCode)
	if code == nil {
		return
	}
	ok := string(code) == approved
	action, known := actionOf[string(code)]
	switch {
	case !known:
		action = actionOf[declined]
	case ok && class == '4':
		action = "400"
	case ok && class == '5' && string(msg.Bytes(deBalanced)) == outOfBalance:
		action = "501"
	case ok && class == '5':
		action = "500"
	case ok && class == '8':
		action = "800"
	}
	msg.Set(deCode, action)
}

// code87 makes a response code of an action code. An unknown one of those that approve, or one that answers something
// else than was asked, leaves none: what it means nobody knows. Other unknown ones decline, and park an advice.
func (m *Mapping) code87(msg *spec.Message, class byte, advice bool) {
	if m.code(msg) {
		return
	}
	action := msg.Bytes(deCode)
	if len(action) != 3 || !digits(action) {
		msg.Unset(deCode)
		return
	}
	n := int(action[0]-'0')*100 + two(action[1:])
	if ours := codeOfAction[n]; ours != "" {
		msg.Set(deCode, ours)
		return
	}
	switch {
	case n >= 300 && mutant.On(mutant.OtherClassDeclines) && (class == '1' || class == '2'):
		msg.Set(deCode, declined)
	case n == 400 && class == '4', n == 800 && class == '8', n == 901 && advice:
		msg.Set(deCode, approved)
	case (n == 500 || n == 501) && class == '5':
		msg.Set(deCode, approved)
		msg.Set(deBalanced, [2]string{balanced, outOfBalance}[n-500])
	case n < 100, n >= 300 && n < 900, !advice && (n == 900 || n == 901):
		msg.Unset(deCode)
	default:
		msg.Set(deCode, declined)
	}
}

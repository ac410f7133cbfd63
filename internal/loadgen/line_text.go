package loadgen

import (
	"bytes"
	"strconv"
)

// lineTexts are the parts of lines that are the same for all requests of a run.
type lineTexts struct {
	head      string // from behind the id to the key
	keys      keys
	merchants [len(loadMerchants)]string // from behind the key to the terminal
	amounts   string
	cards     [len(loadMerchants)]string // from behind the amount to the card's number
	tail      string                     // from behind the number to the CVC
	approved  string                     // what stands behind the id of an answer, up to the payment's id
}

func (p *Payments) lineTexts() (t lineTexts) {
	op := p.Op.String()
	t.head = `","op":"` + op + `","key":"`
	t.keys = newKeys(p.Run, p.RandomKeys)
	for i, m := range loadMerchants {
		t.merchants[i] = `","merchant":"` + m.id + `","terminal":"`
		t.cards[i] = `,"currency":"` + m.currency + `","card":{"number":"`
	}
	t.amounts = `","amount":`
	t.tail = `","expiry":"` + p.Cards.expiry + `","cvc":"`
	t.approved = `","op":"` + op + `","payment":"`
	return t
}

// lineID begins every line, request and answer.
const lineID = `{"id":"`

// appendLine appends the line of request n, as wire.AppendRequest writes what Fill makes.
func (p *Payments) appendLine(b []byte, t *lineTexts, id, n uint64) []byte {
	d := p.draw(n)
	b = append(b, lineID...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, t.head...)
	b = t.keys.append(b, n)
	b = append(b, t.merchants[d.merchant]...)
	b = append(b, loadTerminalIDs[d.terminal]...)
	b = append(b, t.amounts...)
	b = strconv.AppendInt(b, d.amount, 10)
	b = append(b, t.cards[d.merchant]...)
	b = appendCard(b, d.card)
	b = append(b, t.tail...)
	b = appendCVC(b, d.card)
	return append(b, `"}}`+"\n"...)
}

// approval reads the id of an answer that approves and has its members in the switch's own order; false for any other,
// and for what is none. A quote in a text is escaped, so what is looked for here stands in no text.
func (t *lineTexts) approval(line []byte) (id uint64, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(lineID))
	if !ok {
		return 0, false
	}
	digits := 0
	for ; digits < len(rest) && digits < maxIDDigits && '0' <= rest[digits] && rest[digits] <= '9'; digits++ {
		id = id*10 + uint64(rest[digits]-'0')
	}
	if rest, ok = bytes.CutPrefix(rest[digits:], []byte(t.approved)); !ok || digits == 0 {
		return 0, false
	}
	if rest, ok = behindText(rest, `","status":"`); !ok {
		return 0, false
	}
	if rest, ok = behindText(rest, `","approved":true,`); !ok || rest[len(rest)-1] != '}' {
		return 0, false
	}
	return id, true
}

// maxIDDigits is as many as an id may have without going beyond its type.
const maxIDDigits = 18

// behindText passes over a text without escapes, and over what must follow it; something must be left.
func behindText(b []byte, next string) (rest []byte, ok bool) {
	end := bytes.IndexByte(b, '"')
	if end < 0 || bytes.IndexByte(b[:end], '\\') >= 0 {
		return nil, false
	}
	rest, ok = bytes.CutPrefix(b[end:], []byte(next))
	return rest, ok && len(rest) > 0
}

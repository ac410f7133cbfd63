package ipmtool

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"switchyard/internal/pan"
	"switchyard/spec"
	"switchyard/switch/clearing"
)

// AnonymizeOptions say how a file is anonymized.
type AnonymizeOptions struct {
	// Key makes the same of the same: with it cards, merchants and references of several files fit together. Empty: a
	// random one, which is kept nowhere.
	Key   []byte
	Force bool // write over what is there
}

// An Anonymization is what Anonymize did.
type Anonymization struct {
	Records int    `json:"records"`
	Cards   int    `json:"cards"` // records with a card number
	Form    string `json:"form"`
}

// Anonymize writes a clearing file again with other cards, merchants, names and references, so that it can be given
// away: amounts, currencies, dates, codes and totals, its form and its errors stay. With ctx it ends, and nothing is
// left.
func Anonymize(ctx context.Context, in, out string, o AnonymizeOptions) (*Anonymization, error) {
	d := disguise{key: sha256.Sum256(o.Key)}
	if len(o.Key) == 0 {
		_, _ = rand.Read(d.key[:]) // never fails
	}
	from, err := openSource(ctx, in)
	if err != nil {
		return nil, err
	}
	defer from.file.Close()
	if from.format != FormatIPM {
		return nil, fmt.Errorf("%s: is no clearing file", in)
	}
	a := &Anonymization{}
	err = from.each(func(m *message) error {
		a.Records++
		if m.values[cardNumber] != nil {
			a.Cards++
		}
		return nil
	})
	if err == nil && a.Records == 0 {
		err = errors.New("it has no records")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	target, err := create(out, o.Force, nil, from.file)
	if err != nil {
		return nil, err
	}
	defer target.discard()
	w := newIPMWriter(target, from.form)
	err = from.each(func(m *message) error {
		d.message(&m.values)
		return w.write(m)
	})
	if err == nil {
		err = w.end()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	a.Form = from.form.String()
	return a, target.commit(true)
}

// A disguise puts other values in the place of those that tell of whom a record is. With the same key the same value
// always becomes the same other.
type disguise struct{ key [sha256.Size]byte }

// message disguises the elements of a record.
func (d *disguise) message(v *clearing.Values) {
	for de, value := range v {
		if value == nil {
			continue
		}
		text := string(value)
		switch {
		case de == cardNumber:
			text = d.card(text)
		case de == 31:
			text = d.arn(text)
		case de == chip:
			if v[de] = clearing.FilterChip(value, tellsNobody); v[de] != nil {
				v[de] = []byte(d.cardsIn(string(v[de])))
			}
			continue
		case de == 43:
			text = d.acceptor(text)
		case de == 63 && len(text) > 1:
			text = text[:1] + d.alike("network id", text[1:])
		case references[de] != "":
			text = d.alike(references[de], text)
		case clearing.CarriesPDS(de):
			v[de] = rewritePDS(value, d.pds)
			continue
		default:
			text = d.cardsIn(text)
		}
		v[de] = []byte(text)
	}
}

// tellsNobody tells whether a tag of DE55 may stay: what clearing needs, without the terminal's serial number. Others
// name the merchant, the terminal or the cardholder's account.
func tellsNobody(tag string) bool { return spec.StoresEMV(tag) && tag != "9F1E" }

// references are the elements whose characters are put into others of their kind, by what they are.
var references = map[int]string{
	37: "rrn", 38: "authorization code", 41: "terminal", 42: "merchant", 72: "text", 95: "issuer reference",
	105: "network id",
}

// pds disguises a subelement.
func (d *disguise) pds(sub clearing.PDS) string {
	switch {
	case sub.Tag == 122 && sub.Value == "P":
		return "T" // nobody should take it for a file of production
	case (sub.Tag == 159 || sub.Tag == 359) && len(sub.Value) == 67:
		return sub.Value[:11] + d.alike("account", sub.Value[11:39]) + sub.Value[39:]
	case sub.Tag == 159, sub.Tag == 359, clearing.SubelementName(sub.Tag) == "": // nobody knows what it holds
		return d.alike("pds", sub.Value)
	case string(clearing.MaskElement(0, sub.Tag, []byte(sub.Value))) == sub.Value:
		return sub.Value
	}
	return d.cardsIn(sub.Value)
}

// card is another card number of the same length and first six digits, and with a right check digit where it had one.
// No two cards become the same, and none stays what it is.
func (d *disguise) card(number string) string {
	const keep = 6
	if len(number) < keep+4 || !isDigits(number) {
		return d.alike("card", number)
	}
	head, middle := number[:keep], number[keep:len(number)-1]
	out := head + d.other("card "+head+strconv.Itoa(len(number)), middle)
	return out + checkDigitLike(number, out)
}

// arn is another acquirer reference of the same kind, acquirer and day.
func (d *disguise) arn(number string) string {
	const keep = 11
	if len(number) != 23 || !isDigits(number) {
		return d.alike("arn", number)
	}
	out := number[:keep] + d.other("arn "+number[:keep], number[keep:22])
	return out + checkDigitLike(number, out)
}

// checkDigitLike is the Luhn digit of the digits, or a wrong one where the number has a wrong one.
func checkDigitLike(number, digits string) string {
	last := len(number) - 1
	off := (number[last] - pan.LuhnDigit(number[:last]) + 10) % 10
	return string(rune('0' + (pan.LuhnDigit(digits)-'0'+off)%10))
}

// acceptor is another merchant's name and place in the same country: name\street\city\, and 16 characters of postal
// code, state and country.
func (d *disguise) acceptor(text string) string {
	parts := strings.Split(text, `\`)
	if len(parts) != 4 || len(parts[3]) != 16 {
		return d.alike("name", text)
	}
	number := fmt.Sprintf("%06d", d.number("name", parts[0])%1_000_000)
	named := func(name, was string) string { // as long as it was, since a record is full
		if len(was) < len(name)+len(number) {
			return d.alike(name, was)
		}
		return (name + number + strings.Repeat(" ", 99))[:min(len(was), 99)]
	}
	tail := parts[3]
	return named("Shop ", parts[0]) + `\` + named("Street ", parts[1]) + `\` + named("City ", parts[2]) +
		`\` + d.alike("postal code", tail[:10]) + tail[10:]
}

// cardsIn puts other cards in the place of what could be card numbers: runs of 13 to 19 digits with a right Luhn digit.
func (d *disguise) cardsIn(text string) string {
	masked := pan.MaskIn(text)
	if masked == text {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] >= '0' && text[n] <= '9' {
			n++
		}
		switch run := text[:n]; {
		case n == 0:
			n = 1
			b.WriteByte(text[0])
		case pan.MaskIn(run) != run:
			b.WriteString(d.card(run))
		default:
			b.WriteString(run)
		}
		text = text[n:]
	}
	return b.String()
}

// alike puts another character of its kind in the place of each letter and digit; blanks and signs stay. What is all
// digits becomes another number that no other becomes.
func (d *disguise) alike(what, text string) string {
	trimmed := strings.TrimRight(text, " ")
	if isDigits(trimmed) && len(trimmed) > 1 && len(trimmed) <= 18 {
		return d.other(what, trimmed) + text[len(trimmed):]
	}
	b := []byte(text)
	var stream []byte
	for i, c := range b {
		if i%sha256.Size == 0 {
			stream = d.mac(what+" "+strconv.Itoa(i), trimmed)
		}
		r := stream[i%sha256.Size]
		switch {
		case c >= '0' && c <= '9':
			b[i] = '0' + r%10
		case c >= 'A' && c <= 'Z':
			b[i] = 'A' + r%26
		case c >= 'a' && c <= 'z', c >= 0xA0:
			b[i] = 'a' + r%26
		}
	}
	return string(b)
}

func (d *disguise) mac(what, text string) []byte {
	m := hmac.New(sha256.New, d.key[:])
	fmt.Fprintf(m, "%d %s%s", len(what), what, text)
	return m.Sum(nil)
}

func (d *disguise) number(what, text string) uint64 {
	return binary.BigEndian.Uint64(d.mac(what, text))
}

// other is another number of as many digits. It is a permutation without a fixed point: the number's place in a
// shuffled order, one further.
func (d *disguise) other(what, digits string) string {
	if len(digits) == 1 {
		return string(rune('0' + (uint64(digits[0]-'0')+1+d.number(what, "")%9)%10))
	}
	at := d.shuffle(what, digits, false)
	next := []byte(at)
	for i := len(next) - 1; i >= 0; i-- { // plus one, round the end
		if next[i]++; next[i] <= '9' {
			break
		}
		next[i] = '0'
	}
	return d.shuffle(what, string(next), true)
}

// shuffleRounds are those of the Feistel network, as many as NIST SP 800-38G takes.
const shuffleRounds = 10

// shuffle is a permutation of the numbers of as many digits, at least two, and its inverse: a Feistel network in
// decimal.
func (d *disguise) shuffle(what, digits string, inverse bool) string {
	u := len(digits) / 2
	v := len(digits) - u
	a, _ := strconv.ParseUint(digits[:u], 10, 64) // digits, up to 18 of them
	b, _ := strconv.ParseUint(digits[u:], 10, 64)
	round := func(i int, b uint64, width int) uint64 {
		return d.number(fmt.Sprintf("%s %d %d", what, len(digits), i), strconv.FormatUint(b, 10)) % power10(width)
	}
	for n := range shuffleRounds {
		i := n
		if inverse {
			i = shuffleRounds - 1 - n
		}
		width := u // of what the round changes
		if i%2 == 1 {
			width = v
		}
		if inverse {
			m := power10(width)
			a, b = (b+m-round(i, a, width))%m, a
		} else {
			a, b = b, (a+round(i, b, width))%power10(width)
		}
	}
	return fmt.Sprintf("%0*d%0*d", u, a, v, b)
}

func power10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

package issuersim_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	issuersim "switchyard/issuer-sim"

	"switchyard/internal/vfs"
)

// TestModel sends random messages and holds each answer, the books and the holds against a model of its own: the rules
// of money at the issuer, written down once more and differently, as sums over what was approved.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: rt, stan: 100_000, options: issuersim.Options{FS: vfs.NewMem(), DataDir: "data", Seed: 3}}
		m.sim = start(t, m.options)
		defer func() { m.sim.stop() }()
		rt.Repeat(map[string]func(*rapid.T){
			"authorize":       m.authorize,
			"increment":       m.increment,
			"capture":         m.capture,
			"sale":            m.sale,
			"refund":          m.refund,
			"voice":           m.voice,
			"release":         m.release,
			"reverse":         m.reverse,
			"reverse part":    m.reversePart,
			"repeat":          m.repeat,
			"overtake":        m.overtake,
			"arrive too late": m.late,
			"restart": func(*rapid.T) {
				m.sim.stop()
				m.sim = start(t, m.options)
			},
			"": m.check,
		})
	})
}

var modelCards = []string{goodCard, "5555555555554444", "378282246310005"}
var modelCurrencies = []string{"978", "392"}

const modelOpening = 100_000_000 // EUR; of JPY a hundredth

type modelPart struct {
	stan   int
	mti    string
	amount int64
	credit bool
	undone bool
	whole  bool // of an increment: what stays of the whole was told behind it
}

type modelPayment struct {
	card, currency string
	stan           int
	mti            string
	authorization  bool
	first          int64 // what the first message was granted
	extra          []modelPart
	reversed       bool
	authorized     int64
	posts          []modelPart
}

func (p *modelPayment) captured() (sum int64) {
	for _, one := range p.posts {
		if !one.undone && !one.credit {
			sum += one.amount
		}
	}
	return sum
}

func (p *modelPayment) credited() (sum int64) {
	for _, one := range p.posts {
		if !one.undone && one.credit {
			sum += one.amount
		}
	}
	return sum
}

func (p *modelPayment) hold() int64 {
	if !p.authorization {
		return 0
	}
	return max(0, p.authorized-p.captured())
}

func (p *modelPayment) rrn() string { return fmt.Sprintf("R%d", p.stan) }

type model struct {
	t        *rapid.T
	sim      *sim
	options  issuersim.Options
	stan     int // six digits from the start, so that no RRN begins another
	payments []*modelPayment
	sent     []sentMessage
	awaited  []awaitedMessage
	checks   int
}

type sentMessage struct{ line, answer string }

// awaitedMessage is one whose reversal came first.
type awaitedMessage struct{ line, code string }

func (m *model) next() int {
	m.stan++
	return m.stan
}

// send sends a line, expects a code, and remembers both for a repeat, unless it is a reversal that could not be its
// original's: a repeat of that is judged anew.
func (m *model) send(want, line string) {
	m.t.Helper()
	answer := m.exchange(line)
	if got := answer[5:7]; got != want {
		m.t.Fatalf("%s: %s, want %s", line, got, want)
	}
	if reversal := line[:2] == "04"; !reversal || want != "12" && want != "13" {
		m.sent = append(m.sent, sentMessage{line, answer})
	}
}

func (m *model) exchange(line string) string {
	m.t.Helper()
	request, err := message(line)
	if err != nil {
		m.t.Fatal(err)
	}
	return show(m.sim.exchange(request))
}

func (m *model) spendable(card, currency string) int64 {
	left := opening(currency)
	for _, p := range m.payments {
		if p.card == card && p.currency == currency {
			left -= p.hold() + p.captured() - p.credited()
		}
	}
	return left
}

func opening(currency string) int64 {
	if currency == "392" {
		return modelOpening / 100
	}
	return modelOpening
}

func (m *model) amount(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(1, 1000), rapid.Int64Range(1, 60_000_000)).Draw(t, "amount")
}

func (m *model) newPayment(t *rapid.T, mti string) *modelPayment {
	return &modelPayment{
		card: rapid.SampledFrom(modelCards).Draw(t, "card"), currency: rapid.SampledFrom(modelCurrencies).Draw(t, "currency"),
		stan: m.next(), mti: mti,
	}
}

func (m *model) authorize(t *rapid.T) {
	p := m.newPayment(t, "0100")
	p.authorization, p.first = true, m.amount(t)
	want := "00"
	if p.first > m.spendable(p.card, p.currency) {
		want = "51"
	}
	m.send(want, fmt.Sprintf("0100 pan=%s cur=%s stan=%d amount=%d", p.card, p.currency, p.stan, p.first))
	if want == "00" {
		p.authorized = p.first
		m.payments = append(m.payments, p)
	}
}

// pick takes a payment; the test goes on without one if there is none that fits.
func (m *model) pick(t *rapid.T, fits func(*modelPayment) bool) *modelPayment {
	var some []*modelPayment
	for _, p := range m.payments {
		if fits(p) {
			some = append(some, p)
		}
	}
	if len(some) == 0 {
		t.Skip("none")
	}
	return rapid.SampledFrom(some).Draw(t, "payment")
}

func isAuthorization(p *modelPayment) bool { return p.authorization }

func (m *model) increment(t *rapid.T) {
	p := m.pick(t, isAuthorization)
	part := modelPart{stan: m.next(), mti: "0100", amount: m.amount(t)}
	want := "00"
	switch {
	case p.reversed:
		want = "25"
	case part.amount > m.spendable(p.card, p.currency):
		want = "51"
	}
	m.send(want, fmt.Sprintf(
		"0100 pan=%s cur=%s stan=%d amount=%d first=%s", p.card, p.currency, part.stan, part.amount, p.rrn(),
	))
	if want == "00" {
		p.authorized += part.amount
		p.extra = append(p.extra, part)
	}
}

func (m *model) capture(t *rapid.T) {
	p := m.pick(t, isAuthorization)
	part := modelPart{stan: m.next(), mti: "0220", amount: m.amount(t)}
	m.send("00", fmt.Sprintf("0220 pan=%s cur=%s stan=%d amount=%d rrn=%s orig=0100:%d num=%d",
		p.card, p.currency, part.stan, part.amount, p.rrn(), p.stan, len(p.posts)+1))
	p.posts = append(p.posts, part)
}

func (m *model) alone(t *rapid.T, mti, extra string, credit, asks bool) {
	p := m.newPayment(t, mti)
	part := modelPart{stan: p.stan, mti: mti, amount: m.amount(t), credit: credit}
	want := "00"
	if asks && part.amount > m.spendable(p.card, p.currency) {
		want = "51"
	}
	m.send(want, fmt.Sprintf("%s pan=%s cur=%s stan=%d amount=%d %s", mti, p.card, p.currency, p.stan, part.amount, extra))
	if want == "00" {
		p.posts = append(p.posts, part)
		m.payments = append(m.payments, p)
	}
}

func (m *model) sale(t *rapid.T)   { m.alone(t, "0200", "", false, true) }
func (m *model) refund(t *rapid.T) { m.alone(t, "0200", "de3=200000", true, false) }
func (m *model) voice(t *rapid.T)  { m.alone(t, "0220", "code=VOICE1", false, false) }

func (m *model) release(t *rapid.T) {
	p := m.pick(t, isAuthorization)
	stays := rapid.Int64Range(0, p.authorized+10).Draw(t, "stays")
	want := "00"
	if stays > p.authorized {
		want = "12"
	}
	m.send(want, fmt.Sprintf("0420 pan=%s cur=%s stan=%d amount=%d rrn=%s orig=0100:%d stays=%d",
		p.card, p.currency, m.next(), p.authorized, p.rrn(), p.stan, stays))
	if want == "00" {
		p.authorized = stays
		for i := range p.extra {
			p.extra[i].whole = true
		}
	}
}

// reverse takes the first message of a payment back, again if it was already.
func (m *model) reverse(t *rapid.T) {
	p := m.pick(t, func(*modelPayment) bool { return true })
	// A first 0100 is reversed for any total with its increments; everything else for what it asked for.
	amount := p.first
	if !p.authorization {
		amount = p.posts[0].amount
	}
	for _, part := range p.extra {
		if rapid.Bool().Draw(t, "known") {
			amount += part.amount
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "wrong") == 0 {
		m.refuseWrong(t, p, amount)
	}
	m.send("00", fmt.Sprintf("0400 pan=%s cur=%s stan=%d amount=%d rrn=%s orig=%s:%d",
		p.card, p.currency, m.next(), amount, p.rrn(), p.mti, p.stan))
	if !p.authorization {
		p.posts[0].undone = true
		return
	}
	p.authorized, p.reversed = min(p.authorized, p.captured()), true
	for i := range p.extra {
		p.extra[i].undone = true
	}
}

// refuseWrong sends a reversal that cannot be its original's: of another currency, or of more than was ever asked for.
func (m *model) refuseWrong(t *rapid.T, p *modelPayment, amount int64) {
	line := "0400 pan=%s cur=%s stan=%d amount=%d rrn=%s orig=%s:%d"
	if rapid.Bool().Draw(t, "currency") {
		other := modelCurrencies[0]
		if other == p.currency {
			other = modelCurrencies[1]
		}
		m.send("12", fmt.Sprintf(line, p.card, other, m.next(), amount, p.rrn(), p.mti, p.stan))
		return
	}
	for _, part := range p.extra {
		amount += part.amount
	}
	m.send("13", fmt.Sprintf(line, p.card, p.currency, m.next(), amount+1, p.rrn(), p.mti, p.stan))
}

// reversePart takes an increment or a capture back.
func (m *model) reversePart(t *rapid.T) {
	p := m.pick(t, func(p *modelPayment) bool { return p.authorization && len(p.extra)+len(p.posts) > 0 })
	i := rapid.IntRange(0, len(p.extra)+len(p.posts)-1).Draw(t, "part")
	var part *modelPart
	rrn := p.rrn()
	if i < len(p.extra) {
		part = &p.extra[i]
		rrn = fmt.Sprintf("R%d", part.stan)
	} else {
		part = &p.posts[i-len(p.extra)]
	}
	m.send("00", fmt.Sprintf(
		"0420 pan=%s cur=%s stan=%d amount=%d rrn=%s orig=%s:%d", p.card, p.currency, m.next(), part.amount, rrn, part.mti,
		part.stan,
	))
	if !part.undone && !part.whole && part.mti == "0100" {
		p.authorized = max(0, p.authorized-part.amount)
	}
	part.undone = true
}

var repeats = map[string]string{"0100": "0101", "0200": "0201", "0220": "0221", "0400": "0401", "0420": "0421"}

// repeat sends any earlier message again: the answer is the first one, and nothing changes.
func (m *model) repeat(t *rapid.T) {
	if len(m.sent) == 0 {
		t.Skip("none")
	}
	s := rapid.SampledFrom(m.sent).Draw(t, "message")
	if got := m.exchange(repeats[s.line[:4]] + s.line[4:]); got != s.answer {
		t.Fatalf("repeat of %s: %s\nfirst answered %s", s.line, got, s.answer)
	}
}

// overtake sends a reversal before its original.
func (m *model) overtake(t *rapid.T) {
	p := m.newPayment(t, rapid.SampledFrom([]string{"0100", "0200", "0220"}).Draw(t, "mti"))
	code := rapid.SampledFrom([]string{"0400", "0420"}).Draw(t, "reversal")
	m.send("25", fmt.Sprintf(
		"%s pan=%s cur=%s stan=%d rrn=%s orig=%s:%d", code, p.card, p.currency, m.next(), p.rrn(), p.mti, p.stan,
	))
	m.awaited = append(
		m.awaited, awaitedMessage{fmt.Sprintf("%s pan=%s cur=%s stan=%d", p.mti, p.card, p.currency, p.stan), "21"},
	)
}

func (m *model) late(t *rapid.T) {
	if len(m.awaited) == 0 {
		t.Skip("none")
	}
	i := rapid.IntRange(0, len(m.awaited)-1).Draw(t, "message")
	m.send(m.awaited[i].code, m.awaited[i].line)
	m.awaited = slices.Delete(m.awaited, i, i+1)
}

// check holds the issuer's books and authorizations against the model's.
func (m *model) check(t *rapid.T) {
	m.sim.audit()
	ledger := m.sim.server.Ledger()
	if !ledger.Balanced {
		t.Fatalf("the books do not balance: %+v", ledger)
	}
	for _, currency := range modelCurrencies {
		var holds, spent int64
		for _, p := range m.payments {
			if p.currency == currency {
				holds += p.hold()
				spent += p.captured() - p.credited()
			}
		}
		b := ledger.Currencies[map[string]string{"978": "EUR", "392": "JPY"}[currency]]
		if b.Holds != holds || b.Unsettled != spent || b.Cardholders != -b.Capital-spent {
			t.Fatalf("currency %s: %+v, want holds %d, unsettled %d", currency, b, holds, spent)
		}
	}
	if m.checks++; m.checks%4 != 0 {
		return // reading them all is what takes the time
	}
	for _, a := range m.sim.authorizations() {
		i := slices.IndexFunc(m.payments, func(p *modelPayment) bool { return pad(p.rrn(), 12) == a["rrn"] })
		if i < 0 {
			t.Fatalf("the issuer has %v, the model has not", a["rrn"])
		}
		p := m.payments[i]
		if a["hold"] != float64(p.hold()) || a["captured"] != float64(p.captured()) || p.authorization &&
			a["authorized"] != float64(p.authorized) {
			t.Fatalf(
				"%v: authorized %v captured %v hold %v, the model has %d, %d, %d", a["rrn"], a["authorized"], a["captured"],
				a["hold"], p.authorized, p.captured(), p.hold(),
			)
		}
	}
}

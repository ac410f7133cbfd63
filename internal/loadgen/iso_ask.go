package loadgen

import (
	"context"
	"errors"
	"time"

	"switchyard/spec"
)

const base36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// isoSteps are the MTI and the processing code of the steps that a host can be asked for.
var isoSteps = [stepCount]struct{ mti, processing string }{
	StepAuthorize: {"0100", "000000"},
	StepSale:      {"0200", "000000"},
	StepVerify:    {"0100", "000000"},
	StepBad:       {"0100", "000000"},
	StepIncrement: {"0100", "000000"},
	StepCapture:   {"0220", "000000"},
	StepReverse:   {"0400", "000000"},
	StepVoid:      {"0400", "000000"},
	StepRefund:    {"0200", "200000"},
}

// OverISO tells whether a message of ISO 8583 asks for the step.
func (s Step) OverISO() bool {
	return isoSteps[s].mti != "" || s == StepRepeat // which has those of the request before
}

// acquirer is DE32 of each request.
const acquirer = "400001"

var errTwice = errors.New("the request cannot be told from one in flight")

// ask appends a slot's next request to what waits to be written. The lock is held.
func (l *isoLane) ask(slot int, seq uint64) error {
	t, s := l.target, &l.target.slots[slot]
	if s.message == nil {
		s.message = new(spec.Message)
	}
	j := &s.journey
	switch {
	case t.traffic.Recorded != nil && j.tries == 0:
		if err := l.fillRecorded(s, seq); err != nil {
			return err
		}
	case j.tries > 0 || j.at() == StepRepeat:
		mti := [4]byte(s.message.MTIBytes())
		mti[3] = '1'
		s.message.SetMTI(string(mti[:]))
	default:
		l.fill(s, seq)
	}
	if s.mti = [4]byte(s.message.MTIBytes()); t.mapping != nil {
		s.mti = [4]byte([]byte(t.mapping.MTI(string(s.mti[:]))))
	}
	s.near, s.nearCode = 0, ""
	hash, values := t.found(s.message, s.values)
	first, twice := l.index[hash]
	if twice && t.traffic.Recorded == nil {
		return errTwice
	}
	if err := l.pack(s.message, s.sent.at); err != nil {
		return err
	}
	if twice { // it was repeated before it was answered: from now on what answers it answers this one
		l.repeated, l.ends = &t.slots[first], l.over(&t.slots[first])
	}
	s.before, s.hash, s.values = s.hash, hash, values
	return nil
}

// pack appends a message, of a moment, to what waits to be written. The lock is held.
func (l *isoLane) pack(m *spec.Message, at time.Time) error {
	if l.target.mapping != nil {
		l.theirs.CopyFrom(m)
		m = &l.theirs
		if err := l.target.mapping.Send(m, at); err != nil {
			return err
		}
	}
	start := len(l.pending)
	out, err := l.target.Codec.Pack(l.target.Framing.Begin(l.pending, nil), m)
	if err == nil {
		out, err = l.target.Framing.End(out, start)
	}
	if err == nil {
		l.pending = out
	}
	return err
}

// now is this second, and its DE7. The lock is held.
func (l *isoLane) now() (at time.Time, de7 string) {
	if now := time.Now().UTC(); now.Unix() != l.clock.Unix() {
		l.clock, l.de7 = now.Truncate(time.Second), now.Format("0102150405")
	}
	return l.clock, l.de7
}

// found lists what a message is found by and held against, in place of a list of before, and the hash of the first
// part.
func (t *ISOTarget) found(m *spec.Message, list [][]byte) (hash uint64, values [][]byte) {
	if list == nil {
		list = make([][]byte, len(t.identity)+len(t.others))
	}
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	hash = offset
	for i, de := range t.identity {
		list[i] = append(list[i][:0], m.Bytes(de)...)
		for _, c := range list[i] {
			hash = (hash ^ uint64(c)) * prime
		}
		hash = (hash ^ 0xff) * prime
	}
	for i, de := range t.others {
		at := len(t.identity) + i
		list[at] = append(list[at][:0], m.Bytes(de)...)
	}
	return hash, list
}

// fill makes the message of a step.
func (l *isoLane) fill(s *isoSlot, seq uint64) {
	t, j, m := l.target, &s.journey, s.message
	step := j.at()
	kind := isoSteps[step]
	merchant := &t.traffic.Merchants[j.merchant]
	l.name(s, seq)
	s.sent.mti = [4]byte([]byte(kind.mti))
	follows := step == StepCapture || step == StepReverse || step == StepVoid
	if follows {
		s.sent.rrn = s.root.rrn
	}
	var card [maxCard]byte
	m.Reset()
	m.SetMTI(kind.mti)
	m.SetBytes(2, appendCard(card[:0], j.card))
	m.Set(3, kind.processing)
	s.sent.amount = s.amountOf(step)
	m.SetUint(4, uint64(s.sent.amount), 12)
	m.Set(7, s.sent.de7)
	m.SetUint(11, s.sent.stan, 6)
	m.Set(12, s.sent.de7[4:])
	m.Set(13, s.sent.de7[:4])
	if step != StepReverse && step != StepVoid {
		m.Set(14, t.traffic.Cards.expiry)
		m.Set(18, "5999")
		m.Set(22, "810")
		m.Set(43, `Load Test\1 Nowhere\Nowhere\`)
	}
	m.Set(25, "59")
	m.Set(32, acquirer)
	m.SetBytes(37, s.sent.rrn[:])
	m.Set(41, terminalID(j.terminal))
	m.Set(42, merchant.ID)
	m.Set(49, t.traffic.currencies[j.merchant])
	if follows {
		if len(s.authCode) > 0 {
			m.SetBytes(38, s.authCode)
		}
		original := &s.root
		if step == StepVoid {
			original = &s.cleared
		}
		m.SetBytes(90, original.original())
	}
	switch step {
	case StepIncrement:
		var of [16]byte
		m.SetBytes(48, append(append(of[:0], spec.TagFirstRRN+"12"...), s.root.rrn[:]...))
	case StepBad:
		spoilMessage(m, j.n)
	default:
	}
	if step.makes() {
		s.root, s.cleared, s.authCode = s.sent, s.sent, s.authCode[:0]
		j.capturable, j.refundable = j.amount, 0
		if step == StepSale {
			j.capturable, j.refundable = 0, j.amount
		}
	}
}

// name gives a request its STAN, RRN and time. The lock is held.
func (l *isoLane) name(s *isoSlot, seq uint64) {
	t := l.target
	s.sent = isoSent{stan: (t.stan+seq)%(stans-networkSTANs) + 1}
	s.sent.at, s.sent.de7 = l.now()
	copy(s.sent.rrn[:], t.run[:])
	for i, rest := len(s.sent.rrn)-1, seq; i >= len(t.run); i-- {
		s.sent.rrn[i] = base36[rest%36]
		rest /= 36
	}
}

// amountOf is DE4 of a step.
func (s *isoSlot) amountOf(step Step) (amount int64) {
	j := &s.journey
	switch step {
	case StepVerify:
		return 0
	case StepIncrement:
		return max(j.amount/10, 1)
	case StepCapture:
		amount = part(j.capturable, j.left(StepCapture))
		j.capturable -= amount
	case StepRefund:
		amount = part(j.refundable, j.left(StepRefund))
		j.refundable -= amount
	case StepVoid:
		return s.cleared.amount
	default:
		return j.amount
	}
	return amount
}

// spoilMessage makes a message one that a host must decline, in one of several ways: its card's check digit is wrong,
// the card has expired, or its currency is none.
func spoilMessage(m *spec.Message, n uint64) {
	switch mix(n) % 3 {
	case 0:
		var card [maxCard]byte
		number := card[:copy(card[:], m.Bytes(2))]
		last := len(number) - 1
		number[last] = '0' + (number[last]-'0'+1)%10
		m.SetBytes(2, number)
	case 1:
		m.Set(14, "1412")
	default:
		m.Set(49, "000")
	}
}

// original is DE90 that names a request.
func (o *isoSent) original() []byte {
	b := append(make([]byte, 0, 42), o.mti[:]...)
	b = appendDigits(b, o.stan, 6)
	b = append(b, o.de7...)
	b = append(b, "00000"+acquirer...)
	return append(b, "00000000000"...)
}

// appendDigits appends a number with zeros in front.
func appendDigits(b []byte, v uint64, width int) []byte {
	at := len(b)
	for range width {
		b = append(b, '0')
	}
	for i := len(b) - 1; i >= at; i-- {
		b[i] = '0' + byte(v%10)
		v /= 10
	}
	return b
}

// What DE70 asks for.
const (
	signOn   = "001"
	echoTest = "301"
)

// errNoNetworkAnswer is a host that does not answer a network message.
var errNoNetworkAnswer = errors.New("no answer in time")

// errNoConnection is a host that ended the connection in place of an answer.
var errNoConnection = errors.New("the host ended the connection")

// network sends a network message and waits for DE39 of its answer.
func (l *isoLane) network(ctx context.Context, code string) (string, error) {
	stan := uint64(stans-networkSTANs) + 1 + uint64(l.target.networks.Add(1))%(networkSTANs-1)
	answered := make(chan string, 1)
	l.mu.Lock()
	var m spec.Message
	at, de7 := l.now()
	m.SetMTI("0800")
	m.Set(7, de7)
	m.SetUint(11, stan, 6)
	m.Set(70, code)
	err, ended := l.err, l.ended
	if err == nil {
		err = l.pack(&m, at)
	}
	if err == nil {
		l.networks[stan] = answered
	}
	l.mu.Unlock()
	if err != nil {
		return "", err
	}
	l.signal()
	defer func() {
		l.mu.Lock()
		delete(l.networks, stan)
		l.mu.Unlock()
	}()
	select {
	case said := <-answered:
		return said, nil
	case <-ended:
		return "", errNoConnection
	case <-ctx.Done():
		return "", errNoNetworkAnswer
	}
}

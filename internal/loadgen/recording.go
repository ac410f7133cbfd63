package loadgen

import (
	"bytes"
	"fmt"
	"sync"

	"switchyard/spec"
	"switchyard/spec/mapping"
)

// Recording is requests that were asked once, to be asked again of an ISO 8583 host: with STANs, RRNs and times of this
// run, so that they are no repeats of what they were, and with its cards. What was one card is one card again. What
// named an earlier request of the recording, by DE90 or its RRN, names what that has become, and what was a repeat is
// one again. MACs are left out; so are tracks, PINs and chip data, where the cards are others.
type Recording struct {
	codec     *spec.Codec
	mapping   *mapping.Mapping
	keepCards bool
	list      []recorded

	mu   sync.Mutex
	sent []isoSent // what each has become; without an MTI it was not sent
	code [][]byte  // DE38 of their answers
}

// recorded is one request.
type recorded struct {
	frame []byte
	step  Step
	// The numbers of the request that it repeats, and of the one that it is about; none where there is none.
	again, about int
	rrn          string // as it was
}

const none = -1

// NewRecording reads messages of a dialect, in their order.
func NewRecording(codec *spec.Codec, messages [][]byte, keepCards bool) (*Recording, error) {
	m, err := mapping.Compile(mapping.Config{}, codec)
	if err != nil {
		return nil, fmt.Errorf("dialect %s: %w", codec.Name(), err)
	}
	r := &Recording{
		codec: codec, mapping: m, keepCards: keepCards, sent: make([]isoSent, len(messages)),
		code: make([][]byte, len(messages)),
	}
	byMoment, byRRN := map[string]int{}, map[string]int{}
	var msg spec.Message
	for n, frame := range messages {
		if err := r.read(frame, &msg); err != nil {
			return nil, fmt.Errorf("request %d of the recording: %w", n+1, err)
		}
		one := recorded{frame: frame, step: stepOf(&msg), again: none, about: none, rrn: msg.String(37)}
		moment := msg.String(11) + msg.String(7)
		if first, known := byMoment[moment]; known && msg.MTIBytes()[3] != '0' {
			one.again, one.step = first, StepRepeat
		}
		original := msg.Bytes(90)
		of, _ := spec.FindTLV(msg.Bytes(48), spec.TagFirstRRN)
		switch {
		case len(original) >= 20 && known(byMoment, string(original[4:20])):
			one.about = byMoment[string(original[4:20])]
		case known(byRRN, string(of)):
			one.about = byRRN[string(of)]
		case known(byRRN, one.rrn):
			one.about = byRRN[one.rrn]
		}
		if one.again == none {
			byMoment[moment] = n
			if one.rrn != "" && !known(byRRN, one.rrn) {
				byRRN[one.rrn] = n
			}
		}
		r.list = append(r.list, one)
	}
	return r, nil
}

func known(m map[string]int, key string) bool {
	_, ok := m[key]
	return ok
}

// Len is how many requests there are.
func (r *Recording) Len() int { return len(r.list) }

// read reads a message, as ISO 8583:1987 has it.
func (r *Recording) read(frame []byte, m *spec.Message) error {
	if err := r.codec.Unpack(frame, m); err != nil {
		return err
	}
	return r.mapping.Receive(m)
}

// stepOf is what a message of 1987 asks for.
func stepOf(m *spec.Message) Step {
	mti, amount := m.MTIBytes(), uint64(1)
	if m.Has(4) {
		amount, _ = m.Uint(4)
	}
	_, increment := spec.FindTLV(m.Bytes(48), spec.TagFirstRRN)
	credit := bytes.HasPrefix(m.Bytes(3), []byte("2"))
	switch {
	case mti[1] == '4':
		return StepReverse
	case credit:
		return StepRefund
	case mti[1] == '2' && mti[2] == '2':
		return StepCapture
	case mti[1] == '2':
		return StepSale
	case amount == 0:
		return StepVerify
	case increment:
		return StepIncrement
	}
	return StepAuthorize
}

// fillRecorded makes the message of a recorded request. The lock is held.
func (l *isoLane) fillRecorded(s *isoSlot, seq uint64) error {
	t, m := l.target, s.message
	r, n := t.traffic.Recorded, int(s.journey.n)
	one := &r.list[n]
	if err := r.read(one.frame, m); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if one.again >= 0 && r.sent[one.again].mti[0] != 0 {
		s.sent = r.sent[one.again]
	} else {
		l.name(s, seq)
	}
	copy(s.sent.mti[:], m.MTIBytes())
	amount, _ := m.Uint(4)
	s.sent.amount = int64(amount)
	if one.about >= 0 && r.sent[one.about].mti[0] != 0 {
		r.refer(m, one, s)
	}
	r.sent[n] = s.sent
	m.Set(7, s.sent.de7)
	m.SetUint(11, s.sent.stan, 6)
	if m.Has(12) {
		m.Set(12, s.sent.de7[4:])
	}
	if m.Has(13) {
		m.Set(13, s.sent.de7[:4])
	}
	if m.Has(37) {
		m.SetBytes(37, s.sent.rrn[:])
	}
	m.Unset(64)
	m.Unset(128)
	if !r.keepCards {
		t.changeCard(m)
	}
	return nil
}

// refer makes what names an earlier request name what that has become.
func (r *Recording) refer(m *spec.Message, one *recorded, s *isoSlot) {
	was, is := &r.list[one.about], &r.sent[one.about]
	if one.again < 0 && one.rrn == was.rrn {
		s.sent.rrn = is.rrn
	}
	if original := bytes.Clone(m.Bytes(90)); len(original) >= 20 {
		now := is.original()
		copy(original[4:20], now[4:20])
		m.SetBytes(90, original)
	}
	if private := m.Bytes(48); len(was.rrn) == len(is.rrn) && bytes.Contains(private, []byte(was.rrn)) {
		m.SetBytes(48, bytes.ReplaceAll(private, []byte(was.rrn), is.rrn[:]))
	}
	if code := r.code[one.about]; code != nil && m.Has(38) {
		m.SetBytes(38, code)
	}
}

// approved keeps the code of an approval, for what is about it.
func (r *Recording) approved(n uint64, code []byte) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.code[n] = bytes.Clone(code)
	if first := r.list[n].again; first >= 0 {
		r.code[first] = r.code[n]
	}
}

// changeCard puts a card of this run in the place of another; the same one whenever that comes.
func (t *ISOTarget) changeCard(m *spec.Message) {
	number := m.Bytes(2)
	if track := m.Bytes(35); number == nil {
		if end := bytes.IndexAny(track, "=D"); end > 0 {
			number = track[:end]
		}
	}
	h := t.traffic.Seed
	for _, c := range number {
		h = mix(h ^ uint64(c))
	}
	for _, de := range [...]int{35, 36, 45, 52, 53, 55} { // number may have been of one of them
		m.Unset(de)
	}
	if number == nil {
		return
	}
	var card [maxCard]byte
	m.SetBytes(2, appendCard(card[:0], t.traffic.Pool.draw(h)))
	m.Set(14, t.traffic.Cards.expiry)
}

package link

import (
	"time"

	"go.uber.org/zap"

	"switchyard/spec"
)

// Bounds of what is kept about responses that complete nothing.
const (
	// strayQueue is how many of them may wait for the callbacks, announcedCutovers how many cutovers.
	strayQueue        = 1024
	announcedCutovers = 100
	// rememberedAnswered is for how many requests that were answered a second answer is known as a duplicate: the newest
	// ones. A duplicate that comes later counts as stray.
	rememberedAnswered = 1 << 14
	// rememberedExpired is how many requests that were given up are remembered, so that a late response can be reported
	// with the identity of its request (I6): the newest ones, several windows full.
	rememberedExpired = 1 << 14
	// explainedPerSecond is how many responses a second are looked into for the nearest request, and logged; all are
	// counted. Looking means going through the requests in flight.
	explainedPerSecond = 10
)

// Kind is what a response that completed no request is.
type Kind uint8

// The kinds. Their names are label values of a metric.
const (
	// KindStray answers nothing that is known.
	KindStray Kind = iota
	// KindLate answers a request that was given up before: its time was over, its link was lost, or it was answered for
	// another card.
	KindLate
	// KindDuplicate answers a request that was answered before.
	KindDuplicate
	// KindMismatch has the STAN of a request in flight and differs from it in another field. Two answers that a host
	// swapped are two of these.
	KindMismatch
	// KindUnsolicited is no response but a request, and none that a host may make.
	KindUnsolicited
	// KindInProgress says of a request in flight that the host works on it still (DE39 09): the request waits on.
	KindInProgress
	kindCount
)

var kindNames = [kindCount]string{"stray", "late", "duplicate", "mismatch", "unsolicited", "in_progress"}

// String returns the kind's name in logs and metrics.
func (k Kind) String() string { return kindNames[k] }

// Stray is a response that completed no request; its kind says why.
type Stray struct {
	Kind       Kind
	Host, Link string // what it came over
	At         time.Time
	// Request is the request that a late response answers and, if Nearest is set, else the request in flight that the
	// response comes nearest to, which it did not complete. Sent is when that request was sent.
	Request Match
	Sent    time.Time
	// Nearest tells that Request is only like the response, in all but the DE Differs (0: MTI) at the least; -1 if no DE
	// differs but the link that it was sent over. Of a late one Differs is 2 or 3 where it names another card, or another
	// processing code, and else -1.
	Nearest bool
	Differs int
	// Response is a copy. It may carry card data, if the host sends any.
	Response *spec.Message

	sentOver string // the link of Request
	log      bool
	unlogged int // how many were not logged since the last that was
}

// classify says what a response is that does not complete p, which has its STAN or is nil. wrong tells that it
// answers p, but for another card: it is no duplicate, although p may be the repeat of what was answered before. h.mu
// is held.
func (h *Host) classify(msg *spec.Message, p *pending, wrong bool, now time.Time) (l Stray) {
	l.log, l.unlogged = h.explain.take(now)
	l.Differs = deNone
	stan, _ := msg.Uint(deSTAN)
	if !wrong && h.answered.has(stan, msg, h.cfg.Echoes) {
		l.Kind = KindDuplicate
		return l
	}
	if e := h.expired.get(stan); e != nil && !(h.cfg.Echoes.STANAlone() && now.Sub(e.sent) > h.cfg.LatestAnswer) {
		if d := e.want.differs(msg); d == deNone || misread(d, msg) {
			l.Kind, l.Request, l.Sent, l.sentOver, l.Differs = KindLate, e.want, e.sent, e.link, d
			return l
		}
	}
	switch {
	case p != nil:
		l.Kind = KindMismatch
	default:
		l.Kind = KindStray
		if l.log {
			p = h.nearest(msg)
		}
	}
	if p != nil {
		l.Nearest, l.Request, l.Sent, l.sentOver = true, p.want, p.sent, p.s.l.name
		l.Differs = p.want.differs(msg)
	}
	return l
}

// inProgress is what an answer is that says of p that it has none yet. h.mu is held.
func (h *Host) inProgress(p *pending, now time.Time) (l Stray) {
	l.log, l.unlogged = h.explain.take(now)
	l.Kind, l.Request, l.Sent, l.sentOver, l.Differs = KindInProgress, p.want, p.sent, p.s.l.name, deNone
	return l
}

// nearest returns the request in flight that has the most fields in common with a response, nil if none has any. h.mu
// is held.
func (h *Host) nearest(msg *spec.Message) (best *pending) {
	most := 0
	for _, p := range h.pending {
		// The lower STAN of two alike, so that the answer does not hang on the order of a map.
		if n := p.want.likeness(msg); n > most || n == most && best != nil && p.want.STAN < best.want.STAN {
			best, most = p, n
		}
	}
	return best
}

// stray counts, logs and reports a response that completed nothing, or a request that is not answered.
func (h *Host) stray(l *link, stray *Stray, msg *spec.Message) {
	stray.Host, stray.Link, stray.At = h.cfg.Host, l.name, h.cfg.Clock.Now()
	l.m.strays[stray.Kind].Inc()
	level, text := zap.WarnLevel, "message completes no request"
	if stray.Kind != KindStray && misread(stray.Differs, msg) {
		l.m.misread[stray.Differs].Inc()
		level, text = zap.ErrorLevel, misreadText
	}
	if stray.log {
		l.log.Log(level, text, stray.fields(msg)...)
	}
	if h.cfg.OnStray == nil {
		return
	}
	stray.Response = new(spec.Message)
	stray.Response.CopyFrom(msg)
	h.notify(event{stray: stray})
}

// misreadText is the alarm of an answer that fits in all but the card or the processing code.
const misreadText = "the host answers for another card or processing code: it seems to read another request than " +
	"was packed; is its dialect, the padding of BCD above all, the host's?"

// oddity is a difference of an answer that completes its request all the same.
type oddity struct {
	de       int
	log      bool
	unlogged int
}

// oddity looks for a difference that is only told of. h.mu is held.
func (h *Host) oddity(p *pending, msg *spec.Message, now time.Time) (o oddity) {
	if o.de = p.want.odd(msg); o.de != deNone {
		o.log, o.unlogged = h.explain.take(now)
	}
	return o
}

// tellOdd counts and logs it.
func (l *link) tellOdd(o *oddity, msg *spec.Message) {
	l.m.misread[o.de].Inc()
	if o.log {
		l.log.Warn("an answer differs from its request and completes it", zap.String("differs", spec.FieldName(o.de)),
			zap.String("mti", msg.MTI()), zap.String("stan", msg.String(deSTAN)), zap.String("de7", msg.String(deDateTime)),
			zap.String("rrn", msg.String(deRRN)), zap.Int("unlogged", o.unlogged))
	}
}

// fields explains a message in the log. The values are of fields that hold no card data (I12).
func (l *Stray) fields(msg *spec.Message) []zap.Field {
	fields := []zap.Field{
		zap.Stringer("kind", l.Kind),
		zap.String("mti", msg.MTI()),
		zap.String("stan", msg.String(deSTAN)),
		zap.String("de7", msg.String(deDateTime)),
		zap.String("rrn", msg.String(deRRN)),
		zap.String("de39", msg.String(deResponseCode)),
		zap.Int("unlogged", l.unlogged),
	}
	if l.Kind == KindLate {
		fields = append(fields, zap.Duration("after", l.At.Sub(l.Sent)))
	}
	if l.sentOver != "" {
		fields = append(fields, zap.String("sent_over", l.sentOver))
	}
	differs := "link"
	if l.Differs != deNone {
		differs = spec.FieldName(l.Differs)
	}
	if l.Kind == KindLate && l.Differs != deNone {
		return append(fields, zap.String("differs", differs))
	}
	if !l.Nearest {
		return fields
	}
	return append(fields,
		zap.String("nearest_mti", l.Request.MTI),
		zap.Uint32("nearest_stan", l.Request.STAN),
		zap.String("nearest_de7", l.Request.DE7),
		zap.String("nearest_rrn", l.Request.RRN),
		zap.String("differs", differs),
	)
}

// event is for one of the callbacks.
type event struct {
	stray     *Stray
	malformed *Malformed
}

// Malformed is a frame that is no message. Why names the field and the byte, and no value (I12).
type Malformed struct {
	Host, Link string
	// At is when it was refused. What waited for its end until the connection's came at some time from Since on; of
	// others Since is zero.
	Since, At time.Time
	Bytes     int // its length, as the frame says; of one whose end never came, what came
	Why       string
}

// notify hands an event to the callbacks' goroutine, unless that is too far behind.
func (h *Host) notify(e event) {
	select {
	case h.events <- e:
	default:
		h.m.dropped.Inc()
	}
}

// announce hands a cutover to the callbacks' goroutine. Cutovers do not queue up behind strays, of which a host that
// stalls at its cutover makes many. Should a hundred announcements wait, one more says nothing new.
func (h *Host) announce(l *link) {
	select {
	case h.cutovers <- l:
	default:
	}
}

// dispatch calls the callbacks until the host is closed.
func (h *Host) dispatch() {
	defer close(h.dispatched)
	for {
		select {
		case l := <-h.cutovers:
			h.cutover(l)
			continue
		default:
		}
		select {
		case l := <-h.cutovers:
			h.cutover(l)
		case e, open := <-h.events:
			switch {
			case !open:
				return
			case e.stray != nil:
				h.cfg.OnStray(*e.stray)
			case e.malformed != nil:
				h.cfg.OnMalformed(*e.malformed)
			}
		}
	}
}

func (h *Host) cutover(l *link) {
	l.log.Info("the host announced its cutover")
	if h.cfg.OnCutover != nil {
		h.cfg.OnCutover(h.cfg.Host, l.name)
	}
}

// expiredTable remembers requests that were given up, one for each residue of the STAN: STANs are given in turn, so
// that these are the newest.
type expiredTable struct {
	rows []expiredRow // allocated when first needed
}

type expiredRow struct {
	want Match
	link string
	sent time.Time
}

func (t *expiredTable) put(want *Match, link string, sent time.Time) {
	if t.rows == nil {
		t.rows = make([]expiredRow, rememberedExpired)
	}
	t.rows[want.STAN%rememberedExpired] = expiredRow{*want, link, sent}
}

func (t *expiredTable) get(stan uint64) *expiredRow {
	if t.rows == nil || stan == 0 {
		return nil
	}
	return &t.rows[stan%rememberedExpired]
}

// answeredTable remembers requests that were answered, as expiredTable does, in 32 bytes each.
type answeredTable struct {
	rows []answeredRow // allocated when first needed
}

type answeredRow struct {
	stan uint32
	de7  [10]byte
	mti  [4]byte
	rrn  [12]byte // zeros where it has none
}

func (t *answeredTable) put(want *Match) {
	if t.rows == nil {
		t.rows = make([]answeredRow, rememberedAnswered)
	}
	row := &t.rows[want.STAN%rememberedAnswered]
	row.stan = want.STAN
	copy(row.de7[:], want.DE7)
	copy(row.mti[:], want.MTI)
	row.rrn = [12]byte{}
	copy(row.rrn[:], want.RRN)
}

func (t *answeredTable) has(stan uint64, r *spec.Message, echoes Echoes) bool {
	if t.rows == nil || stan == 0 {
		return false
	}
	row := &t.rows[stan%rememberedAnswered]
	if uint64(row.stan) != stan {
		return false
	}
	m := Match{MTI: string(row.mti[:]), STAN: row.stan, DE7: string(row.de7[:]), echoes: echoes}
	if echoes.without(deDateTime) && row.rrn[0] != 0 { // what tells its answers from those of another round
		m.RRN = string(row.rrn[:])
	}
	return m.differs(r) == deNone
}

// budget lets so many lines a second into the log.
type budget struct {
	perSecond int
	since     time.Time
	used      int
	withheld  int
}

// take tells whether one more may be logged and, if so, how many were not since the last one. Host.mu is held.
func (b *budget) take(now time.Time) (ok bool, withheld int) {
	if now.Sub(b.since) >= time.Second {
		b.since, b.used = now, 0
	}
	if b.used >= b.perSecond {
		b.withheld++
		return false, 0
	}
	b.used++
	withheld, b.withheld = b.withheld, 0
	return true, withheld
}

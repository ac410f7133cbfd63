package operator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/internal/slowlock"
	"switchyard/spec"
	"switchyard/switch/issuer/link"
	"switchyard/switch/journal"
)

// maxStrays bounds the log of responses that completed no request: the newest ones are kept.
const maxStrays = 4096

// malformed is the kind of a frame that is no message. Of it the log has its length, bytesLong, and why it is none.
const (
	malformed = "malformed"
	bytesLong = " bytes: "
)

// Stray is a response that completed no request, as the log keeps it: its identity and what it was taken for, no card
// data.
type Stray struct {
	N            uint64    `json:"n"` // counts up
	At           time.Time `json:"at"`
	Since        time.Time `json:"since,omitzero"` // of a frame whose end never came: it began at some time from then on
	Kind         string    `json:"kind"`           // late, duplicate, mismatch, stray, unsolicited, in_progress, malformed
	Host         string    `json:"host"`
	Link         string    `json:"link"`
	MTI          string    `json:"mti"`
	STAN         string    `json:"stan,omitempty"`
	DE7          string    `json:"de7,omitempty"`
	RRN          string    `json:"rrn,omitempty"`
	ResponseCode string    `json:"response_code,omitempty"`
	Payment      string    `json:"payment,omitempty"`   // whose late answer it is
	Nearest      string    `json:"nearest,omitempty"`   // the request in flight that it comes nearest to, and what differs
	OfRRN        string    `json:"of_rrn,omitempty"`    // RRN of the request that it belongs to or comes nearest to
	Answered     string    `json:"answered,omitempty"`  // how long after the request
	Malformed    string    `json:"malformed,omitempty"` // why a frame is no message
}

// StrayLog is a ring of Strays in the journal's small named values. Safe for concurrent use.
type StrayLog struct {
	journal Values
	logger  *zap.Logger

	mu   slowlock.Mutex
	next uint64
}

// strayPrefix begins the names of the values, which go on with the place in the ring.
const strayPrefix = "stray/"

func strayName(n uint64) string { return fmt.Sprintf(strayPrefix+"%04d", n%maxStrays) }

// NewStrayLog makes the log of a journal, with what it holds.
func NewStrayLog(j Values, logger *zap.Logger) (*StrayLog, error) {
	l := &StrayLog{journal: j, logger: logger}
	all, err := l.list(context.Background())
	if len(all) > 0 {
		l.next = all[len(all)-1].N + 1
	}
	return l, err
}

// list returns what the log holds, oldest first.
func (l *StrayLog) list(ctx context.Context) (all []Stray, err error) {
	var unread error
	err = l.journal.Metas(ctx, strayPrefix, func(name string, text []byte) bool {
		var s Stray
		if err := json.Unmarshal(text, &s); err != nil {
			unread = fmt.Errorf("%s: %w", name, err)
			return false
		}
		all = append(all, s)
		return true
	})
	if err = cmp.Or(err, unread); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Stray) int { return cmp.Compare(a.N, b.N) })
	return all, nil
}

// put stores one; a failure is logged, since nothing depends on it.
func (l *StrayLog) put(s Stray) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.N = l.next
	l.next++
	text, err := json.Marshal(s)
	if err == nil {
		err = l.journal.PutMeta(context.Background(), strayName(s.N), text)
	}
	if err != nil && !errors.Is(err, journal.ErrClosed) {
		l.logger.Error("a stray response was not recorded", zap.Error(err))
	}
}

// Response records a response that completed no request: of is the payment whose late answer it is, or "".
func (l *StrayLog) Response(stray link.Stray, of string) {
	r := Stray{
		At: stray.At.UTC(), Kind: stray.Kind.String(), Host: stray.Host, Link: stray.Link, MTI: stray.Response.MTI(),
		STAN: stray.Response.String(11), DE7: stray.Response.String(7), RRN: stray.Response.String(37),
		ResponseCode: stray.Response.String(39), OfRRN: stray.Request.RRN, Payment: of,
	}
	if !stray.Sent.IsZero() && !stray.Nearest {
		r.Answered = stray.At.Sub(stray.Sent).Round(time.Millisecond).String()
	}
	if stray.Nearest {
		r.Nearest = fmt.Sprintf("%s STAN %06d RRN %s: %s differs", stray.Request.MTI, stray.Request.STAN, stray.Request.RRN,
			differing(stray.Differs))
	}
	l.put(r)
}

// Malformed records a frame that is no message.
func (l *StrayLog) Malformed(m link.Malformed) {
	l.put(Stray{
		At: m.At.UTC(), Since: m.Since.UTC(), Kind: malformed, Host: m.Host, Link: m.Link,
		Malformed: fmt.Sprint(m.Bytes, bytesLong, m.Why),
	})
}

// differing names what keeps a response from being the nearest request's.
func differing(de int) string {
	switch de {
	case -1:
		return "only the link"
	case 0:
		return "the MTI"
	}
	return fmt.Sprintf("DE%d (%s)", de, spec.FieldName(de))
}

// Package told writes down what a gateway was told: a JSON object a line for each request, with its answer as it came
// or with null where none did. It is a book that the switch has no hand in, so `switchctl audit --told` can hold the
// journal, the issuer and the clearing files against it: all of those may agree on what a gateway was told otherwise.
//
//	{"at":"2026-11-21T21:03:48.623Z","request":{"op":"capture","key":"c-1","payment":"P10000000001"},"answer":{…}}
//
// Of a request it keeps what names it (I12: no card, chip data, address or authentication), of an answer everything but
// a payment's history, of which it keeps what is under way under the request's key: nothing else of an answer says that
// an operation on an existing payment has no outcome yet. What asks for nothing that a key or payment could name is
// left out: ping, and status by reference.
package told

import (
	"bufio"
	"io"
	"sync"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// bufferBytes is how much waits to be written.
const bufferBytes = 256 << 10

// Log writes lines. Safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	out  *bufio.Writer
	line []byte
	err  error
}

// NewLog makes a log. What it writes is whole after Flush.
func NewLog(w io.Writer) *Log { return &Log{out: bufio.NewWriterSize(w, bufferBytes)} }

// Write adds a request with its answer, nil where none came. An error of writing is kept for Flush.
func (l *Log) Write(at time.Time, req *api.Request, a *api.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	if l.line = AppendLine(l.line[:0], at, req, a); len(l.line) > 0 {
		_, l.err = l.out.Write(l.line)
	}
}

// Flush writes what waits and returns the first error.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = l.out.Flush()
	}
	return l.err
}

// AppendLine appends a line with its end, or nothing for what is left out.
func AppendLine(b []byte, at time.Time, req *api.Request, a *api.Answer) []byte {
	if req.Key == "" && req.Payment == "" {
		return b
	}
	b = append(b, `{"at":"`...)
	b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","request":`...)
	b = wire.AppendRequest(b, &api.Request{
		Op: req.Op, Key: req.Key, Merchant: req.Merchant, Terminal: req.Terminal, Payment: req.Payment, Amount: req.Amount,
		Currency: req.Currency, Reference: req.Reference, Partial: req.Partial, Final: req.Final, OfKey: req.OfKey,
		Capture: req.Capture,
	})
	b = append(b, `,"answer":`...)
	if a == nil {
		b = append(b, "null"...)
	} else {
		short := *a
		short.History = underWay(a.History, req.Key)
		b = wire.AppendAnswer(b, &short)
	}
	return append(b, "}\n"...)
}

// underWay is what of a history has the request's key and no outcome yet.
func underWay(history []api.HistoryItem, key string) (items []api.HistoryItem) {
	for i := range history {
		if h := &history[i]; key != "" && h.Key == key && h.State == pending {
			items = append(items, *h)
		}
	}
	return items
}

// pending is the state of an operation that is at the issuer.
const pending = "pending"

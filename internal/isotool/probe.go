package isotool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/guess"
)

// ProbeFramings are the framings that a host is tried with, the most usual first.
var ProbeFramings = []string{
	"binary2", "ascii4", "binary2+tpdu:6000000000", "bcd2", "binary2+inclusive", "binary4", "bcd2+tpdu:6000000000",
	"ascii4+inclusive", "ascii4+tpdu:6000000000", "binary2+text:ISO006000000", "none", "binary2+header:0000+visa",
	"none+visa", "binary2+visa", "none+trailer:03",
}

// ProbeOptions are how a host is asked.
type ProbeOptions struct {
	Dial     func(context.Context) (net.Conn, error)
	Codecs   []*spec.Codec
	Framings []string
	// Wait is how long a host may think about each message, Pause how long it is left alone between two connections.
	Wait, Pause time.Duration
	// Most is how many connections are made at the most.
	Most int
	// Told is told of each connection when it is over.
	Told func(Try)
	Now  func() time.Time
}

// Try is one connection to the host.
type Try struct {
	Framing string `json:"framing,omitempty"` // of what was sent; empty where nothing was
	Dialect string `json:"dialect,omitempty"`
	Sent    string `json:"sent,omitempty"`
	// What came of it: silence, closed, or what the bytes look like.
	What string `json:"what"`
}

// ErrNothingFits is a host that answered in no way that was tried.
var ErrNothingFits = errors.New("the host answered in no way that was tried")

// Probe finds out how a host is to be spoken to. It listens on one connection first, since some hosts speak first, then
// makes a connection for each framing and dialect, one after the other, and sends an echo and a sign-on. It ends with
// the first answer that can be read, whatever it says, and returns how: best first. Where the host cannot be reached it
// ends at once.
func Probe(ctx context.Context, o ProbeOptions) ([]guess.Hypothesis, error) {
	for _, text := range o.Framings {
		if _, err := framing.Parse(text); err != nil {
			return nil, err
		}
	}
	for n := range o.Most {
		if n > 0 && !pause(ctx, o.Pause) {
			return nil, ctx.Err()
		}
		if n > len(o.Framings)*len(o.Codecs) {
			break
		}
		t := Try{}
		var codec *spec.Codec
		if n > 0 {
			codec = o.Codecs[(n-1)%len(o.Codecs)]
			t.Framing, t.Dialect = o.Framings[(n-1)/len(o.Codecs)], codec.Name()
		}
		came, err := o.try(ctx, &t, codec)
		if err != nil {
			return nil, err
		}
		ranked := guess.Rank(came, guess.Options{Codecs: o.Codecs})
		found := len(ranked) > 0 && ranked[0].Dialect != "" && ranked[0].Read > 0
		if len(came) > 0 {
			t.What = "answered: " + guess.Say(came, guess.Options{Codecs: o.Codecs})
		}
		switch same := asSent(came, t, codec); {
		case found:
			ranked = preferred(ranked, t, same)
		case same:
			found, ranked = true, preferred(nil, t, same)
			t.What = fmt.Sprintf("answered: %d bytes in the framing and dialect of what was sent", len(came))
		}
		o.Told(t)
		if found {
			return ranked, nil
		}
	}
	return nil, ErrNothingFits
}

// asSent tells whether what came is all answers in the framing and dialect of what was sent. Who sends back what he got
// understands none of it.
func asSent(came []byte, t Try, codec *spec.Codec) bool {
	format, err := framing.Parse(t.Framing)
	if err != nil || codec == nil {
		return false
	}
	format = format.Measuring(codec.Measure)
	var m spec.Message
	read := false
	for len(came) > 0 {
		frame, need, err := format.Cut(came, spec.MaxMessage)
		if err != nil || need > 0 || codec.Unpack(frame.Message, &m) != nil ||
			spec.MTIName(m.MTI()) == "message" || m.MTI()[2]%2 == 0 {
			return false
		}
		came, read = came[frame.Size:], true
	}
	return read
}

// preferred puts what was sent first among what reads the answer as well, or in front of all where the answer, which is
// the same then, has a header whose parts cannot be told from its bytes: the host has read it.
func preferred(ranked []guess.Hypothesis, t Try, same bool) []guess.Hypothesis {
	for i, h := range ranked {
		if sameFraming(h.Framing, t.Framing) && h.Dialect == t.Dialect && h.Read == ranked[0].Read {
			copy(ranked[1:i+1], ranked[:i])
			ranked[0] = h
			return ranked
		}
	}
	if !same {
		return ranked
	}
	return slices.Insert(ranked, 0, guess.Hypothesis{
		Framing: t.Framing, Dialect: t.Dialect, Confidence: guess.Likely, Frames: 1, Read: 1, Complete: true,
		Reasons: []string{"the host answers in the framing and dialect in which it is asked"},
	})
}

func sameFraming(a, b string) bool {
	left, err := framing.Parse(a)
	if err != nil || b == "" {
		return false
	}
	right, err := framing.Parse(b)
	return err == nil && left.String() == right.String()
}

// try makes one connection and returns what came over it. An error is that the host cannot be reached.
func (o *ProbeOptions) try(ctx context.Context, t *Try, codec *spec.Codec) (came []byte, err error) {
	conn, err := o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	messages := []*spec.Message{nil}
	if codec != nil {
		messages = hello(codec, o.Now())
	}
	for _, m := range messages {
		if m != nil {
			format, err := framing.Parse(t.Framing)
			if err != nil {
				return nil, err
			}
			frame, err := Append(nil, codec, format, m)
			if err != nil {
				t.What = "not sent: " + err.Error()
				return nil, nil
			}
			t.Sent = strings.TrimPrefix(t.Sent+", "+spec.MTIName(m.MTI())+" "+m.MTI(), ", ")
			if _, err := conn.Write(frame); err != nil {
				t.What = "closed"
				return nil, nil
			}
		}
		var closed bool
		if came, closed = o.listen(conn); len(came) > 0 {
			return came, nil
		}
		if t.What = "silence"; closed {
			t.What = "closed"
			return nil, nil
		}
	}
	return nil, ctx.Err()
}

// listen takes what comes within Wait, up to the first pause.
func (o *ProbeOptions) listen(conn net.Conn) (came []byte, closed bool) {
	_ = conn.SetReadDeadline(time.Now().Add(o.Wait))
	buf := make([]byte, guess.MaxBytes)
	n, err := conn.Read(buf)
	for n > 0 && err == nil && n < len(buf) {
		_ = conn.SetReadDeadline(time.Now().Add(o.Wait / 10))
		var more int
		more, err = conn.Read(buf[n:])
		n += more
	}
	var timeout net.Error
	timedOut := errors.As(err, &timeout) && timeout.Timeout()
	return buf[:n], errors.Is(err, io.EOF) || err != nil && !timedOut
}

// hello are the messages that ask a host for nothing but a sign of life.
func hello(codec *spec.Codec, now time.Time) []*spec.Message {
	var messages []*spec.Message
	for i, code := range []string{"301", "001"} {
		m := new(spec.Message)
		m.SetMTI("0800")
		m.Set(7, now.UTC().Format("0102150405"))
		m.SetUint(11, uint64(i+1), 6)
		if codec.Version() == spec.ISO1993 {
			m.SetMTI("1804")
			m.Set(12, now.UTC().Format("060102150405"))
			m.Set(24, []string{"831", "801"}[i])
		} else {
			m.Set(70, code)
		}
		messages = append(messages, m)
	}
	return messages
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Config is the configuration of an issuer that fits a hypothesis. files are the files of dialects of one's own, by the
// dialects' names.
func Config(name, address string, h *guess.Hypothesis, files map[string]string) string {
	dialect := "dialect: " + h.Dialect
	if h.Dialect == "" {
		dialect = "spec_file: your-own.json # no dialect that was tried reads it"
	} else if file := files[h.Dialect]; file != "" {
		dialect = "spec_file: " + scalar(file)
	}
	return fmt.Sprintf("issuers:\n  - name: %s\n    address: %s\n    %s\n    framing: %s\n",
		name, scalar(address), dialect, scalar(h.Framing))
}

// scalar is a text as YAML, in quotes where it might be taken for something else.
func scalar(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	if strings.Trim(text, plain+"+:./_-") != "" || !strings.ContainsAny(text[:1], plain) || strings.HasSuffix(text, ":") {
		return strconv.Quote(text)
	}
	return text
}

package isotool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/guess"
)

// Talk is a conversation with a host over a connection. It is for one goroutine.
type Talk struct {
	conn   net.Conn
	format framing.Format
	codec  *spec.Codec
	reader *bufio.Reader
	wait   time.Duration
	// Other is told of messages that answer nothing that was sent.
	other func(m *spec.Message)
}

// NewTalk makes a conversation. An answer is waited for as long as wait; other is told of messages that are none.
func NewTalk(
	conn net.Conn, format framing.Format, codec *spec.Codec, wait time.Duration, other func(*spec.Message),
) *Talk {
	format = format.Measuring(codec.Measure)
	reader := bufio.NewReaderSize(conn, spec.MaxMessage+framing.MaxOverhead)
	return &Talk{conn, format, codec, reader, wait, other}
}

// ErrNoAnswer is a host that did not answer in time.
var ErrNoAnswer = errors.New("no answer in time")

// Exchange sends a message and returns its answer: the first message of the MTI that answers it with the same STAN
// (DE11). What else comes meanwhile other is told of. An error of the connection, of a frame that is none or of a
// message that cannot be read ends it; what the bytes look like is in it.
func (t *Talk) Exchange(ctx context.Context, d *Draft) (*spec.Message, error) {
	frame, err := Append(nil, t.codec, t.format, &d.Message)
	if err != nil {
		return nil, err
	}
	wait := t.wait
	if d.Wait > 0 {
		wait = d.Wait
	}
	if err := t.conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = t.conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := t.conn.Write(frame); err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	for {
		m, err := t.receive()
		if err != nil {
			return nil, err
		}
		if answers(m, &d.Message) {
			return m, nil
		}
		t.other(m)
	}
}

// receive reads one message.
func (t *Talk) receive() (*spec.Message, error) {
	frame, err := t.format.Peek(t.reader, spec.MaxMessage)
	var short *framing.CutShort
	var timeout net.Error
	switch {
	case errors.As(err, &short) && errors.As(err, &timeout) && timeout.Timeout() && t.reader.Buffered() == 0:
		return nil, ErrNoAnswer
	case err != nil:
		return nil, t.strange(err)
	}
	m := new(spec.Message)
	if err := t.codec.Unpack(frame.Message, m); err != nil {
		return nil, t.strange(err)
	}
	_, _ = t.reader.Discard(frame.Size) // it was peeked
	return m, nil
}

// strange adds to an error what the bytes that came look like.
func (t *Talk) strange(err error) error {
	came, _ := t.reader.Peek(t.reader.Buffered())
	if len(came) == 0 {
		return fmt.Errorf("the host: %w", err)
	}
	said := guess.Say(came, guess.Options{Framing: t.format.String(), Codec: t.codec})
	if said == "" {
		return fmt.Errorf("what came cannot be read: %w", err)
	}
	return fmt.Errorf("what came cannot be read: %w; it %s", err, said)
}

// answers tells whether a message answers another.
func answers(m, sent *spec.Message) bool {
	got, asked := m.MTI(), sent.MTI()
	return got[:2] == asked[:2] && got[2] == asked[2]+1 && m.String(11) == sent.String(11)
}

// SignOn is the message by which an acquirer signs on, with what its answer must have: that it is approved.
func SignOn(codec *spec.Codec, now time.Time) *Draft {
	const approved, accepted = "00", "800|000" // of 1993; 800 is that of network management
	d := &Draft{Expect: []Expectation{{text: "39=" + approved, de: 39, value: approved}}}
	if codec.Version() == spec.ISO1993 {
		d.Expect = []Expectation{{text: "39=" + accepted, de: 39, value: accepted}}
	}
	d.Message.CopyFrom(hello(codec, now)[1])
	return d
}

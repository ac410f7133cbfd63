package link_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// inbox notes what comes to the receivers of its requests, in order.
type inbox struct{ came []string }

// Flush implements link.Flusher.
func (b *inbox) Flush() { b.came = append(b.came, "flush") }

// letter is the receiver of one request.
type letter struct {
	to   *inbox
	name string
}

// Received implements link.Receiver.
func (l *letter) Received(resp *spec.Message, err error) link.Flusher {
	what := l.name
	if err == nil {
		what += " " + resp.String(39)
	}
	for _, kind := range []error{link.ErrNoAnswer, link.ErrLinkLost, link.ErrNotSent} {
		if errors.Is(err, kind) {
			what = l.name + " " + kind.Error()
		}
	}
	l.to.came = append(l.to.came, what)
	return l.to
}

// start starts a request with a deadline.
func (f *fixture) start(t *testing.T, to *inbox, name string, stan int) error {
	slot, err := f.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	frame, want := request(stan)
	want.Deadline = time.Now().Add(time.Second)
	return slot.Start(frame, &want, &letter{to: to, name: name})
}

// What was started goes out together, and what is answered together is flushed once; what has no answer in time, or
// whose link is lost, is told so and its slot is free.
func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		var asked []*spec.Message
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() != "0100" {
				return false
			}
			copied := new(spec.Message)
			copied.CopyFrom(m)
			asked = append(asked, copied)
			if len(asked) == 2 {
				var both []byte
				for _, one := range asked {
					frame, err := codec.PackFrame(nil, response(one, "00"))
					if err != nil {
						t.Error(err)
					}
					both = append(both, frame...)
				}
				c.sendRaw(both)
			}
			return true
		}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		box := &inbox{}
		for stan, name := range []string{"a", "b"} {
			if err := f.start(t, box, name, stan+1); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(asked) > 0 {
			t.Error("a frame was sent before the flush")
		}
		f.Flush()
		synctest.Wait()
		if want := []string{"a 00", "b 00", "flush"}; !slices.Equal(box.came, want) {
			t.Errorf("came %q, want %q", box.came, want)
		}

		box.came = nil
		for stan, name := range []string{"late", "later"} {
			if err := f.start(t, box, name, stan+3); err != nil {
				t.Fatal(err)
			}
			f.Flush()
		}
		if err := f.start(t, box, "twice", 3); !errors.Is(err, link.ErrNotSent) {
			t.Errorf("a STAN in flight: %v, want %v", err, link.ErrNotSent)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		slices.Sort(box.came[:2]) // of a sweep in any order
		want := []string{"late " + link.ErrNoAnswer.Error(), "later " + link.ErrNoAnswer.Error(), "flush"}
		if !slices.Equal(box.came, want) {
			t.Errorf("came %q, want %q", box.came, want)
		}

		box.came = nil
		if err := f.start(t, box, "sent", 5); err != nil {
			t.Fatal(err)
		}
		f.Flush()
		synctest.Wait()
		if err := f.start(t, box, "kept", 6); err != nil {
			t.Fatal(err)
		}
		i.conn().Close()
		synctest.Wait()
		slices.Sort(box.came[:2])
		want = []string{"kept " + link.ErrNotSent.Error(), "sent " + link.ErrLinkLost.Error(), "flush"}
		if !slices.Equal(box.came, want) {
			t.Errorf("came %q, want %q", box.came, want)
		}
		for _, l := range f.Links() {
			if l.InUse != 0 {
				t.Errorf("link %s keeps %d slots", l.Link, l.InUse)
			}
		}
	})
}

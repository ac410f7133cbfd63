package link_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// holdPayments makes an issuer keep the connection and each payment message, unanswered.
func holdPayments() (*issuer, func() []*spec.Message) {
	i := &issuer{}
	var held []*spec.Message
	i.on = func(c *hostConn, m *spec.Message) bool {
		if m.MTI()[:2] == "08" {
			return false
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		held = append(held, m)
		return true
	}
	return i, func() []*spec.Message {
		i.mu.Lock()
		defer i.mu.Unlock()
		return held
	}
}

// TestResponseThatDiffersCompletesNothing is I10, a field at a time: each response is refused with its reason, and the
// right one still completes the request.
func TestResponseThatDiffersCompletesNothing(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(r *spec.Message)
		differs int // -2: completes the request
		kind    link.Kind
	}{
		{"nothing", func(r *spec.Message) {}, -2, 0},
		{"declined", func(r *spec.Message) { r.Set(39, "51") }, -2, 0},
		{"lower amount with 10", func(r *spec.Message) { r.Set(39, "10"); r.Set(4, "000000012344") }, -2, 0},
		{"lower amount with 00", func(r *spec.Message) { r.Set(4, "000000012344") }, 4, link.KindMismatch},
		{"higher amount with 10", func(r *spec.Message) { r.Set(39, "10"); r.Set(4, "000000012346") }, 4, link.KindMismatch},
		{"no amount", func(r *spec.Message) { r.Unset(4) }, 4, link.KindMismatch},
		{"MTI of a sale", func(r *spec.Message) { r.SetMTI("0210") }, 0, link.KindMismatch},
		{"MTI of an advice", func(r *spec.Message) { r.SetMTI("0130") }, 0, link.KindMismatch},
		{"other STAN", func(r *spec.Message) { r.Set(11, "000008") }, 11, link.KindStray},
		{"no STAN", func(r *spec.Message) { r.Unset(11) }, 11, link.KindStray},
		{"other DE7", func(r *spec.Message) { r.Set(7, "1121202502") }, 7, link.KindMismatch},
		{"no DE7", func(r *spec.Message) { r.Unset(7) }, 7, link.KindMismatch},
		{"other RRN", func(r *spec.Message) { r.Set(37, "632500000008") }, 37, link.KindMismatch},
		{"no RRN", func(r *spec.Message) { r.Unset(37) }, 37, link.KindMismatch},
		{"other terminal", func(r *spec.Message) { r.Set(41, "TERM0002") }, 41, link.KindMismatch},
		{"other currency", func(r *spec.Message) { r.Set(49, "840") }, 49, link.KindMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, f, request, _, sent := answering(t, 0, tc.change)
				select {
				case err := <-sent:
					if tc.differs != -2 || err != nil {
						t.Fatalf("the request was completed, error %v", err)
					}
					return
				default:
					if tc.differs == -2 {
						t.Fatal("the request was not completed")
					}
				}
				got := f.reported()
				if len(got) != 1 || got[0].Kind != tc.kind || !got[0].Nearest || got[0].Differs != tc.differs ||
					got[0].Request.STAN != 7 {
					t.Fatalf("reported %+v, want one %v that differs from STAN 7 in DE %d", got, tc.kind, tc.differs)
				}
				lines := f.logs.FilterMessage("message completes no request").All()
				if len(lines) != 1 || lines[0].ContextMap()["differs"] != spec.FieldName(tc.differs) {
					t.Errorf("log %v, want the field %s", lines, spec.FieldName(tc.differs))
				}
				i.conn().answer(request, "00")
				if err := <-sent; err != nil {
					t.Errorf("the right response: %v", err)
				}
			})
		})
	}
}

func TestResponseOverAnotherLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var over *hostConn
		var asked *spec.Message
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
			if m.MTI() != "0100" {
				return false
			}
			over, asked = c, m
			return true
		}}
		f := newFixture(t, i, func(c *link.Config) { c.Links = 2 })
		defer f.close()
		synctest.Wait()
		sent := f.sending(7)
		synctest.Wait()
		other := i.conns[0]
		if other == over {
			other = i.conns[1]
		}
		other.answer(asked, "00")
		synctest.Wait()
		if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindMismatch || got[0].Differs != -1 ||
			got[0].Request.STAN != 7 {
			t.Errorf("reported %+v, want one mismatch with STAN 7 in the link alone", got)
		}
		over.answer(asked, "00")
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

func TestSwappedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, held := holdPayments()
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		a, b := f.sending(1), f.sending(2)
		synctest.Wait()
		first, second := held()[0], held()[1]
		// The host puts each one's STAN on the other's answer.
		for _, pair := range [][2]*spec.Message{{first, second}, {second, first}} {
			r := response(pair[0], "00")
			r.Set(11, pair[1].String(11))
			i.conn().send(r)
		}
		mustBe(t, <-a, link.ErrNoAnswer)
		mustBe(t, <-b, link.ErrNoAnswer)
		got := f.reported()
		if len(got) != 2 {
			t.Fatalf("reported %d responses, want 2", len(got))
		}
		for _, l := range got {
			if l.Kind != link.KindMismatch || l.Differs != 37 {
				t.Errorf("reported %v that differs in DE %d, want a mismatch in DE 37", l.Kind, l.Differs)
			}
		}
	})
}

func TestDuplicateAndStray(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0100" {
				for range 3 {
					c.answer(m, "00")
				}
				stranger := response(m, "00")
				stranger.Set(7, "0101000000")
				stranger.Set(11, "123456")
				stranger.Set(37, "999999999999")
				stranger.Set(41, "ELSEWHER")
				stranger.Set(4, "000000000001")
				c.send(stranger)
				return true
			}
			return false
		}}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		if _, err := f.send(1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := f.reported()
		if len(got) != 3 || got[0].Kind != link.KindDuplicate || got[1].Kind != link.KindDuplicate ||
			got[2].Kind != link.KindStray || got[2].Nearest {
			t.Errorf("reported %+v, want two duplicates and a stray that is near nothing", got)
		}
		if in := f.Links()[0].InUse; in != 0 {
			t.Errorf("%d slots are taken after three answers to one request, want none", in)
		}
	})
}

// TestLateApproval is I6 as far as it is the link's: the approval comes after its request was given up, completes
// nothing, and is handed over with the identity of its request.
func TestLateApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, held := holdPayments()
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		start := time.Now()
		_, err := f.send(7)
		mustBe(t, err, link.ErrNoAnswer)
		mustBe(t, err, context.DeadlineExceeded)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("given up after %v, want 10 s", d)
		}
		if in := f.Links()[0].InUse; in != 0 {
			t.Errorf("%d slots are taken by a request that was given up", in)
		}
		time.Sleep(time.Second)
		i.conn().answer(held()[0], "00")
		synctest.Wait()
		got := f.reported()
		if len(got) != 1 || got[0].Kind != link.KindLate || got[0].Request.RRN != "632500000007" ||
			got[0].At.Sub(got[0].Sent) != 11*time.Second {
			t.Fatalf("reported %+v, want one late response to RRN 632500000007, 11 s after it was sent", got)
		}
		if got[0].Response.String(39) != "00" {
			t.Error("the response was not handed over")
		}
		// The same STAN, in use again with another identity, is not touched by it.
		sent := f.sending(7)
		synctest.Wait()
		other := response(held()[0], "00")
		other.Set(37, "000000000000")
		i.conn().send(other)
		synctest.Wait()
		if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindMismatch {
			t.Errorf("reported %+v, want a mismatch", got)
		}
		i.conn().answer(held()[1], "00")
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

// TestDeadlineOfAMatch is Send with a context that never ends.
func TestDeadlineOfAMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := holdPayments()
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		start := time.Now()
		results := make(chan time.Duration, 8)
		// The later deadline is armed first, so that the earlier one must move the sweep forward.
		for n, after := range []time.Duration{9 * time.Second, 3 * time.Second, 3*time.Second +
			2*time.Millisecond, 12 * time.Second} {
			go func() {
				slot, err := f.Acquire(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				frame, want := request(n + 1)
				want.Deadline = start.Add(after)
				mustBe(t, slot.Send(context.Background(), frame, want, new(spec.Message)), link.ErrNoAnswer)
				results <- time.Since(start) - after
			}()
			synctest.Wait()
		}
		for range 4 {
			if late := <-results; late < 0 || late > 10*time.Millisecond {
				t.Errorf("given up %v after its deadline, want 0 to 10ms", late)
			}
		}
		slot, err := f.Acquire(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		frame, want := request(9)
		want.Deadline = time.Now()
		mustBe(t, slot.Send(context.Background(), frame, want, new(spec.Message)), link.ErrNotSent)
	})
}

func TestNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := holdPayments()
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		i.messages()
		first := f.sending(1)
		synctest.Wait()
		frame, want := request(1)
		try := func(name string, ctx context.Context, frame []byte, want link.Match) {
			t.Helper()
			slot, err := f.Acquire(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if err := slot.Send(ctx, frame, want, new(spec.Message)); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got error %v, want one about %s", err, name)
			} else {
				mustBe(t, err, link.ErrNotSent)
			}
			mustBe(t, slot.Send(ctx, frame, want, new(spec.Message)), link.ErrNotSent)
			slot.Free()
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		try("STAN 000001 is in flight", t.Context(), frame, want) // I9
		try("canceled", ended, frame, want)
		try("frame of", t.Context(), frame[:20], want)
		want.STAN = 1000000
		try("want 1 to 999999", t.Context(), frame, want)
		if got := i.messages(); len(got) != 1 {
			t.Errorf("the host got %v, want the first request only", got)
		}
		if in := f.Links()[0].InUse; in != 1 {
			t.Errorf("%d slots are taken, want 1", in)
		}

		// A slot of a link that is lost before it is used.
		slot, err := f.Acquire(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		i.conn().Close()
		mustBe(t, <-first, link.ErrLinkLost)
		frame, want = request(2)
		mustBe(t, slot.Send(t.Context(), frame, want, new(spec.Message)), link.ErrNotSent)
	})
}

// TestStalledWrite is a host that stops reading: the write's deadline ends the link; what was written, or stands in the
// failed write, is unknown, and what waited behind it was not sent.
func TestStalledWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0100" {
				<-stall
			}
			return m.MTI() == "0100"
		}
		f := newFixture(t, i, func(c *link.Config) { c.WindowPerLink = 4096 })
		defer f.close()
		synctest.Wait()
		// One after the other, so that each has a write of its own. The host takes the first, the socket as many as it has
		// room for, the next is stuck in its write, and the others wait for that.
		frame, _ := request(1)
		started := 1 + socketBuffer/len(frame) + 1
		var sent []<-chan error
		for stan := 1; stan <= started+100; stan++ {
			sent = append(sent, f.sending(stan))
			synctest.Wait()
		}
		start := time.Now()
		for n, s := range sent {
			err := <-s
			want := link.ErrLinkLost
			if n >= started {
				want = link.ErrNotSent
			}
			mustBe(t, err, want)
			if !strings.Contains(err.Error(), "writing: i/o timeout") {
				t.Errorf("got %v, want it to say that the write took too long", err)
			}
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("the link was lost after %v, want WriteTimeout, 5s", d)
		}
		close(stall)
	})
}

func TestBadFrames(t *testing.T) {
	garbage := append([]byte{0, 30}, "this is no ISO 8583 message...."[:30]...)
	badField, _ := request(3)
	badField[len(badField)-1] = 'x' // a currency that is not three digits
	for _, tc := range []struct {
		name   string
		bytes  []byte
		reason string
	}{
		{"empty", []byte{0, 0}, "empty"},
		{"65,535 bytes", append([]byte{0xff, 0xff}, make([]byte, 65535)...), "too_long"},
		{"garbage", garbage, "format"},
		{"a field that is wrong", badField, "format"},
		{"one byte", []byte{0, 1, '0'}, "format"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, held := holdPayments()
				f := newFixture(t, i, nil)
				defer f.close()
				synctest.Wait()
				sent := f.sending(1)
				synctest.Wait()
				i.conn().sendRaw(tc.bytes)
				synctest.Wait()
				lines := f.logs.FilterMessage("frame refused").All()
				if len(lines) != 1 || lines[0].ContextMap()["reason"] != tc.reason {
					t.Errorf("log %v, want one line with reason %s", lines, tc.reason)
				}
				// The link stays, and so does what is in flight.
				i.conn().answer(held()[0], "00")
				if err := <-sent; err != nil {
					t.Error(err)
				}
				if d := len(i.dialled()); d != 1 {
					t.Errorf("dialled %d times: the link was lost", d)
				}
			})
		})
	}
}

func TestNoCardDataInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pan = "4000001234567899"
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
			if m.MTI() != "0100" {
				return false
			}
			r := response(m, "00")
			r.Set(2, pan)
			r.Set(35, pan+"=29122010000000000")
			r.Set(11, "000099")
			c.send(r)
			frame, err := codec.PackFrame(nil, r)
			if err != nil {
				panic(err)
			}
			frame[len(frame)-1] = 'x'
			c.sendRaw(frame)
			c.sendRaw(append([]byte{0, 48}, []byte(pan+pan+pan)...))
			c.Close()
			return true
		}}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		if _, err := f.send(1); err == nil || strings.Contains(err.Error(), pan) {
			t.Errorf("got error %v, want one without the PAN", err)
		}
		synctest.Wait()
		if f.logs.Len() < 4 {
			t.Errorf("%d lines are logged, want one for each bad message", f.logs.Len())
		}
		for _, line := range f.logs.All() {
			for key, value := range line.ContextMap() {
				if s, ok := value.(string); ok && strings.Contains(s, pan[6:12]) {
					t.Errorf("%q: field %s shows the card", line.Message, key)
				}
			}
		}
	})
}

func TestFramingLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, _ := holdPayments()
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		sent := f.sending(1)
		synctest.Wait()
		junk := func(n int) {
			for range n {
				i.conn().sendRaw([]byte{0, 4, 'j', 'u', 'n', 'k'})
			}
		}
		junk(15)
		i.conn().send(echoRequest(1)) // one message shows that framing is well
		junk(15)
		synctest.Wait()
		if !f.Ready() {
			t.Fatal("the link was lost by fewer than 16 bad frames in a row")
		}
		junk(1)
		err := <-sent
		mustBe(t, err, link.ErrLinkLost)
		if !strings.Contains(err.Error(), "framing is lost") {
			t.Errorf("got %v, want it to say that framing is lost", err)
		}
		time.Sleep(time.Second)
		if !f.Ready() {
			t.Error("the link was not made again")
		}
		if n := f.logs.FilterMessage("frame refused").Len(); n != 10 {
			t.Errorf("%d refused frames were logged in a second, want 10 of 31", n)
		}
	})
}

func TestCloseInTheMiddleOfAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, held := holdPayments()
		cuts := make(chan link.Malformed, 8)
		f := newFixture(t, i, func(c *link.Config) { c.OnMalformed = func(m link.Malformed) { cuts <- m } })
		defer f.close()
		synctest.Wait()
		signedOn := time.Now()
		one, two := f.sending(1), f.sending(2)
		synctest.Wait()
		whole, err := codec.PackFrame(nil, response(held()[0], "00"))
		if err != nil {
			t.Fatal(err)
		}
		half, err := codec.PackFrame(nil, response(held()[1], "00"))
		if err != nil {
			t.Fatal(err)
		}
		completed, cut := one, two
		if held()[0].String(11) == "000002" {
			completed, cut = two, one
		}
		i.conn().sendRaw(append(whole, half[:len(half)/2]...))
		i.conn().Close()
		if err := <-completed; err != nil {
			t.Errorf("a response that came whole: %v", err)
		}
		err = <-cut
		mustBe(t, err, link.ErrLinkLost)
		if !strings.Contains(err.Error(), "in the middle of a frame") {
			t.Errorf("got %v, want it to say where the host closed", err)
		}
		synctest.Wait()
		if len(cuts) != 1 {
			t.Fatalf("%d frames were reported as cut, want 1", len(cuts))
		}
		if m := <-cuts; m.Bytes != len(half)/2 || m.Since.Before(signedOn) || m.At.Before(m.Since) ||
			m.Why != fmt.Sprintf("cut: %d of at least %d bytes came, in framing binary2, before the connection ended",
				len(half)/2, len(half)) {
			t.Errorf("reported as cut: %+v", m)
		}
		// The host reconnects to us in spirit only: its late answer over the new link is known by its request.
		time.Sleep(time.Second)
		i.conn().answer(held()[1], "00")
		synctest.Wait()
		if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindLate {
			t.Errorf("reported %+v, want one late response", got)
		}
	})
}

// TestHostAsksAndDoesNotRead is a host that must not fill our memory with answers that it does not take.
func TestHostAsksAndDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0810" && c.n == 1 {
				<-stall
			}
			return m.MTI() == "0810"
		}}
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		const asked = 10_000
		for n := range asked {
			i.conn().send(echoRequest(n + 1))
		}
		synctest.Wait()
		answer, err := codec.PackFrame(nil, response(echoRequest(1), "00"))
		if err != nil {
			t.Fatal(err)
		}
		// What is not answered is reported, as far as the queue to the callback goes.
		if atMost, got := socketBuffer/len(answer)+2*1024, len(f.reported()); got < min(asked-atMost, 1024) {
			t.Errorf("%d requests are reported as unanswered, want %d at the least", got, min(asked-atMost, 1024))
		}
		time.Sleep(6 * time.Second)
		close(stall)
		if _, err := f.send(1); err != nil {
			t.Errorf("over the next link: %v", err)
		}
	})
}

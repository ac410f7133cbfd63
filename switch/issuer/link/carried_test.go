package link_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/prometheus/client_golang/prometheus"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// padsRight is the dialect of a host that packs DE2 in BCD with the filler on the right, and how it reads: as the
// library does and many others, without a look at the filler.
func padsRight(t *testing.T) (*spec.Codec, func([]byte, *spec.Message) error) {
	t.Helper()
	s, err := spec.Load(spec.BCDDialect)
	if err != nil {
		t.Fatal(err)
	}
	s.Fields[2].Spec().Enc = encoding.LBCD
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return c, func(frame []byte, m *spec.Message) error {
		read := iso8583.NewMessage(s)
		if err := read.Unpack(frame); err != nil {
			return err
		}
		mti, err := read.GetMTI()
		if err != nil {
			return err
		}
		m.SetMTI(mti)
		for de := range read.GetFields() {
			if value, err := read.GetString(de); err == nil && de > 1 {
				m.Set(de, value)
			}
		}
		return nil
	}
}

// deliver sends a message as its own codec packs it.
func (f *fixture) deliver(codec *spec.Codec, m *spec.Message, want link.Match) <-chan error {
	f.t.Helper()
	frame, err := codec.PackFrame(nil, m)
	if err != nil {
		f.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		slot, err := f.Acquire(ctx)
		if err == nil {
			err = slot.Send(ctx, frame, want, new(spec.Message))
		}
		done <- err
	}()
	return done
}

// counted is the value of a counter with a label of a value.
func counted(t *testing.T, registry *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == name && l.GetValue() == label {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	t.Fatalf("%s has no %s", name, label)
	return 0
}

// A card of fifteen digits is sent in BCD to a host that pads on the other side. It reads another card, approves, and
// says for which: the request is unknown at once, and nobody takes it for approved.
func TestHostThatPadsOnTheOtherSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours := spec.MustCodec(spec.BCDDialect)
		var charged string
		i := &issuer{}
		i.speaks, i.unpack = padsRight(t)
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() != "0100" {
				return false
			}
			charged = m.String(2)
			r := response(m, "00")
			r.Set(2, charged)
			c.send(r)
			return true
		}
		f := newFixture(t, i, func(c *link.Config) { c.Codec = ours })
		defer f.close()
		synctest.Wait()
		m, want := asked(7)
		m.Set(2, "378282246310005")
		want.Carries(m)
		sent := time.Now()
		err := <-f.deliver(ours, m, want)
		var misread *link.MisreadError
		if !errors.As(err, &misread) || misread.DE != 2 || misread.Code != "00" {
			t.Fatalf("%v, want that DE2 differs and the answer was 00 (the host charged %s)", err, charged)
		}
		if errors.Is(err, link.ErrNotSent) {
			t.Error("it counts as not sent")
		}
		if waited := time.Since(sent); waited > time.Second {
			t.Errorf("it was waited for %v", waited)
		}
		if charged == "378282246310005" {
			t.Error("the host has read the card that was sent; the test is none")
		}
		synctest.Wait()
		if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindMismatch || got[0].Differs != 2 {
			t.Errorf("reported %+v, want one mismatch in DE2", got)
		}
		lines := f.logs.FilterMessageSnippet("answers for another card").All()
		if len(lines) != 1 || lines[0].Level.String() != "error" {
			t.Errorf("log %v, want one alarm", lines)
		}
		for _, l := range f.logs.All() {
			for _, v := range l.ContextMap() {
				if s, ok := v.(string); ok && strings.Contains(s, "3782822463") {
					t.Errorf("a card number in the log: %v", l.ContextMap())
				}
			}
		}
	})
}

// What an answer says of the card and of what was asked: refused where it is another one, taken where it does not tell.
func TestAnswerForAnotherCard(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(r *spec.Message)
		differs int // -1: completes the request
		counted string
	}{
		{"without DE2", func(r *spec.Message) {}, -1, ""},
		{"the card", func(r *spec.Message) { r.Set(2, "4000001234567899") }, -1, ""},
		{"its first six and last four with zeros", func(r *spec.Message) { r.Set(2, "4000000000007899") }, -1, ""},
		{"its last four", func(r *spec.Message) { r.Set(2, "7899") }, -1, ""},
		{"another card", func(r *spec.Message) { r.Set(2, "4000001234567881") }, 2, "card"},
		{"the number shifted", func(r *spec.Message) { r.Set(2, "400000123456789") }, 2, "card"},
		{"another card with zeros", func(r *spec.Message) { r.Set(2, "4000000000007881") }, 2, "card"},
		{"another account type", func(r *spec.Message) { r.Set(3, "002000") }, -1, ""},
		{"no processing code", func(r *spec.Message) { r.Unset(3) }, -1, ""},
		{"a refund", func(r *spec.Message) { r.Set(3, "200000") }, 3, "processing_code"},
		{"the expiry", func(r *spec.Message) { r.Set(14, "3012") }, -1, ""},
		{"another expiry", func(r *spec.Message) { r.Set(14, "3112") }, -1, "expiry"},
		{"track 2 with the other separator", func(r *spec.Message) { r.Set(35, "4000001234567899D30121010000") }, -1, ""},
		{"another track 2", func(r *spec.Message) { r.Set(35, "4000001234567899=30121010001") }, -1, "track2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, held := holdPayments()
				registry := prometheus.NewRegistry()
				f := newFixture(t, i, func(c *link.Config) { c.Registerer = registry })
				defer f.close()
				synctest.Wait()
				m, want := asked(7)
				m.Set(14, "3012")
				m.Set(35, "4000001234567899=30121010000")
				want.Carries(m)
				sent := f.deliver(codec, m, want)
				synctest.Wait()
				r := response(held()[0], "00")
				tc.change(r)
				i.conn().send(r)
				err := <-sent
				var misread *link.MisreadError
				if got := errors.As(err, &misread); got != (tc.differs > 0) || got && misread.DE != tc.differs ||
					!got && err != nil {
					t.Errorf("%v, want a difference in DE%d", err, tc.differs)
				}
				synctest.Wait()
				for _, field := range []string{"card", "processing_code", "expiry", "track2"} {
					want := 0.0
					if field == tc.counted {
						want = 1
					}
					if got := counted(t, registry, "switchyard_link_misread_total", field); got != want {
						t.Errorf("counted as %s: %v, want %v", field, got, want)
					}
				}
				if tc.differs < 0 {
					return
				}
				// The answer that was meant comes yet: it is late, and completes nothing.
				f.reported()
				i.conn().answer(held()[0], "00")
				synctest.Wait()
				if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindLate || got[0].Differs != -1 {
					t.Errorf("reported %+v, want one late answer", got)
				}
				// And the wrong one once more, which is no less an approval.
				i.conn().send(r)
				synctest.Wait()
				if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindLate || got[0].Differs != tc.differs {
					t.Errorf("reported %+v, want one late answer that differs in DE%d", got, tc.differs)
				}
			})
		})
	}
}

// A repeat that is answered for another card is misread, although what it repeats was answered before: it is no second
// answer to that.
func TestRepeatThatIsMisread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, held := holdPayments()
		f := newFixture(t, i, nil)
		defer f.close()
		synctest.Wait()
		first := f.sending(7)
		synctest.Wait()
		i.conn().answer(held()[0], "96")
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		repeat := f.sending(7)
		synctest.Wait()
		r := response(held()[1], "00")
		r.Set(2, "4000001234567881")
		i.conn().send(r)
		misread, is := errors.AsType[*link.MisreadError](<-repeat)
		if !is || misread.DE != 2 {
			t.Errorf("%v, want a difference in DE2", misread)
		}
		synctest.Wait()
		if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindMismatch || got[0].Differs != 2 {
			t.Errorf("reported %+v, want one mismatch in DE2", got)
		}
		if lines := f.logs.FilterMessageSnippet("answers for another card").All(); len(lines) != 1 {
			t.Errorf("log %v, want one alarm", lines)
		}
	})
}

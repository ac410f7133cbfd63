package link_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// fromInfo are the lines of a message at info and above: what is in the log by default.
func (f *fixture) fromInfo(message string) []observer.LoggedEntry {
	return f.logs.Filter(func(e observer.LoggedEntry) bool {
		return e.Level >= zapcore.InfoLevel &&
			e.Message == message
	}).All()
}

// An outage of three hours is warned of when the link is lost and every five minutes, whatever the number of attempts.
// The next one is warned of again.
func TestOutageIsLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		i := &issuer{}
		i.onDial = func(int) error { // i.mu is held
			if down {
				return errors.New("connection refused")
			}
			return nil
		}
		f := newFixture(t, i, nil)
		defer f.close()
		setDown := func(to bool) {
			i.mu.Lock()
			defer i.mu.Unlock()
			down = to
		}
		time.Sleep(time.Minute)
		setDown(true)
		lost := time.Now()
		i.conn().Close()
		time.Sleep(3 * time.Hour)
		setDown(false)
		failed := len(i.dialled()) - 1
		time.Sleep(10 * time.Second)

		if n := len(f.fromInfo("link down")); n != 1 {
			t.Errorf("the loss is logged %d times, want once", n)
		}
		still := f.fromInfo("link still down")
		if n := len(still); n < 34 || n > 36 {
			t.Errorf("%d lines say that the link is still down, want one in five minutes", n)
		}
		attempts := int64(0)
		for _, line := range still {
			fields := line.ContextMap()
			if now := fields["attempts"].(int64); now <= attempts || now > int64(failed) {
				t.Errorf("%d attempts after %d, of %d", now, attempts, failed)
			}
			attempts = fields["attempts"].(int64)
			if since := fields["since"].(time.Time); !since.Equal(lost) {
				t.Errorf("down since %v, want %v", since, lost)
			}
			if line.Level != zapcore.WarnLevel || fields["error"] != "dialling: connection refused" {
				t.Errorf("%v %v", line.Level, fields)
			}
		}
		if n := f.logs.FilterMessage("link still down").FilterLevelExact(zapcore.DebugLevel).Len(); n+len(still) != failed {
			t.Errorf("%d attempts failed, %d at debug and %d at warn", failed, n, len(still))
		}
		up := f.fromInfo("link up")
		if len(up) != 2 {
			t.Fatalf("the link is up %d times, want twice", len(up))
		}
		if fields := up[1].ContextMap(); fields["attempts"] != int64(failed+1) ||
			fields["down_for"].(time.Duration) < 3*time.Hour {
			t.Errorf("up after %v", fields)
		}

		time.Sleep(time.Minute)
		i.conn().Close()
		time.Sleep(time.Second)
		if downs, ups := len(f.fromInfo("link down")), len(f.fromInfo("link up")); downs != 2 || ups != 3 {
			t.Errorf("after another loss %d lines say down and %d up, want 2 and 3", downs, ups)
		}
	})
}

// A host that takes each sign-on and closes does not fill the log with ups and downs; it is up once it stays.
func TestHostThatClosesAfterEachSignOnIsLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closes := true
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			i.mu.Lock()
			closing := closes
			i.mu.Unlock()
			if closing {
				c.answer(m, "00")
				c.Close()
			}
			return closing
		}
		f := newFixture(t, i, nil)
		defer f.close()
		time.Sleep(time.Hour)
		if downs, ups := len(f.fromInfo("link down")), len(f.fromInfo("link up")); downs != 1 || ups != 1 {
			t.Errorf("%d lines say down and %d up, want one of each", downs, ups)
		}
		if n := len(f.fromInfo("link still down")); n < 10 || n > 12 {
			t.Errorf("%d lines say that the link is still down, want one in five minutes", n)
		}
		i.mu.Lock()
		closes = false
		i.mu.Unlock()
		time.Sleep(10 * time.Second)
		if n := len(f.fromInfo("link up")); n != 2 || !f.Ready() {
			t.Errorf("the link is up %d times, want twice; ready: %v", n, f.Ready())
		}
	})
}

// A link that comes back and is lost again at once loses requests each time; the log tells of all of them.
func TestRequestsLostInAFlappingLinkAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.on = func(c *hostConn, m *spec.Message) bool {
			if m.MTI() == "0100" {
				c.Close()
			}
			return m.MTI() == "0100"
		}
		f := newFixture(t, i, nil)
		defer f.close()
		time.Sleep(time.Minute)
		i.conn().Close()
		time.Sleep(200 * time.Millisecond)
		for stan := 1; stan <= 3; stan++ {
			_, err := f.send(stan)
			mustBe(t, err, link.ErrLinkLost)
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		told := int64(0)
		for _, l := range f.logs.All() {
			if n, ok := l.ContextMap()["unknown"].(int64); ok && l.Level >= zapcore.WarnLevel {
				told += n
			}
		}
		if told != 3 {
			t.Errorf("the log tells of %d of 3 requests with an unknown outcome", told)
		}
	})
}

package link_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/spec/mapping"
	"switchyard/switch/issuer/link"
)

// 09, and 923 of 1993, says that the host works on a request still: the request waits on, for its answer or its
// deadline, and what comes after that is late.
func TestRequestInProgress(t *testing.T) {
	for _, answer := range []string{"00", "51", ""} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			i, f, request, r, sent := answering(t, 0, func(r *spec.Message) { r.Set(39, "09") })
			i.conn().send(r)
			synctest.Wait()
			select {
			case err := <-sent:
				t.Fatalf("09 has completed the request: %v", err)
			default:
			}
			strays := f.reported()
			if len(strays) != 2 || strays[0].Kind != link.KindInProgress || strays[0].Request.STAN != 7 {
				t.Errorf("reported %+v, want two that say that STAN 7 is in progress", strays)
			}
			if answer != "" {
				i.conn().send(response(request, answer))
				if err := <-sent; err != nil {
					t.Errorf("the answer: %v", err)
				}
				return
			}
			if err := <-sent; !errors.Is(err, link.ErrNoAnswer) || time.Since(begin) < 10*time.Second {
				t.Errorf("after %s: %v, want no answer in ten seconds", time.Since(begin), err)
			}
			i.conn().send(response(request, "00"))
			synctest.Wait()
			if got := f.reported(); got[len(got)-1].Kind != link.KindLate {
				t.Errorf("the answer after that is %s, want late", got[len(got)-1].Kind)
			}
		})
	}
}

// Messages of 1993 that are none of ours are recorded as what nobody asked for, however many come, and the link stays.
func TestMessagesThatNobodyAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs := spec.MustCodec("iso93ascii")
		to, err := mapping.Compile(mapping.Config{}, theirs)
		if err != nil {
			t.Fatal(err)
		}
		i := &issuer{speaks: theirs, on: func(*hostConn, *spec.Message) bool { return true }}
		f := newFixture(t, i, func(c *link.Config) {
			c.Codec, c.Mapping, c.SignOn, c.NoEcho = theirs, to, link.SignOnNone, true
		})
		defer f.close()
		synctest.Wait()
		kinds := map[string]link.Kind{
			"1304": link.KindUnsolicited, "1644": link.KindUnsolicited, "1604": link.KindUnsolicited,
			"1740": link.KindUnsolicited, "1240": link.KindUnsolicited, "1650": link.KindStray, "1410": link.KindStray,
		}
		for n := range 5 {
			for mti := range kinds {
				var m spec.Message
				m.SetMTI(mti)
				m.SetUint(11, uint64(n+1), 6)
				m.Set(24, "650")
				i.conn().send(&m)
			}
		}
		synctest.Wait()
		if !f.Ready() {
			t.Error("the link was lost")
		}
		strays := f.reported()
		if len(strays) != 5*len(kinds) {
			t.Errorf("%d were reported, want %d", len(strays), 5*len(kinds))
		}
		for _, s := range strays {
			if s.Kind != kinds[s.Response.MTI()] {
				t.Errorf("%s is %s, want %s", s.Response.MTI(), s.Kind, kinds[s.Response.MTI()])
			}
		}
	})
}

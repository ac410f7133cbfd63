package link_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// misreads ends a request: the answer is to another one than was sent.
const misreads = -2

// Hosts whose answers repeat less than ours do.
func TestEchoes(t *testing.T) {
	for _, tc := range []struct {
		name    string
		match   []int
		change  func(r *spec.Message)
		differs int // -1: completes the request; or misreads
	}{
		{"the least", []int{37}, func(r *spec.Message) {
			for _, de := range []int{3, 4, 7, 12, 13, 32, 41, 42, 49} {
				r.Unset(de)
			}
		}, -1},
		{"the host's own DE7", []int{37}, func(r *spec.Message) { r.Set(7, "0101000000") }, -1},
		{"the host's own terminal", []int{7}, func(r *spec.Message) { r.Set(41, "X") }, -1},
		{"the host's own RRN", []int{7}, func(r *spec.Message) { r.Set(37, "000000000001") }, -1},
		{"another RRN", []int{37}, func(r *spec.Message) { r.Set(37, "632500000008") }, 37},
		{"no RRN", []int{37}, func(r *spec.Message) { r.Unset(37) }, 37},
		{"another amount", []int{37}, func(r *spec.Message) { r.Set(4, "000000000001") }, 4},
		{"another currency", []int{37}, func(r *spec.Message) { r.Set(49, "840") }, 49},
		{"no amount where one is wanted", []int{4, 37}, func(r *spec.Message) { r.Unset(4) }, 4},
		{"no currency where one is wanted", []int{49, 37}, func(r *spec.Message) { r.Unset(49) }, 49},
		{"no card where one is wanted", []int{2, 37}, func(r *spec.Message) {}, 2},
		{"the card where one is wanted", []int{2, 37}, func(r *spec.Message) { r.Set(2, "4000001234567899") }, -1},
		{"no processing code where one is wanted", []int{3, 37}, func(r *spec.Message) { r.Unset(3) }, 3},
		{"no time", []int{37}, func(r *spec.Message) { r.Unset(12) }, -1},
		{"the host's own time", []int{37}, func(r *spec.Message) { r.Set(12, "000000") }, -1},
		{"the time where it is wanted", []int{37, 12}, func(r *spec.Message) {}, -1},
		{"no time where it is wanted", []int{37, 12}, func(r *spec.Message) { r.Unset(12) }, 12},
		{"another time where it is wanted", []int{37, 12}, func(r *spec.Message) { r.Set(12, "000000") }, 12},
		{"another terminal where it is wanted", []int{37, 41}, func(r *spec.Message) { r.Set(41, "X") }, 41},
		{"another card", []int{37}, func(r *spec.Message) { r.Set(2, "4000001234567881") }, misreads},
		{"another processing code", []int{37}, func(r *spec.Message) { r.Set(3, "200000") }, misreads},
		{"a masked card where one is wanted", []int{2, 37}, func(r *spec.Message) { r.Set(2, "4000000000007899") }, -1},
		{"another MTI", []int{37}, func(r *spec.Message) { r.SetMTI("0210") }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, f, request, _, sent := answering(t, parses(t, tc.match...), tc.change)
				select {
				case err := <-sent:
					if tc.differs == misreads {
						if _, misread := errors.AsType[*link.MisreadError](err); !misread {
							t.Fatalf("error %v, want one of a request that was misread", err)
						}
						return
					}
					if tc.differs != -1 || err != nil {
						t.Fatalf("the request was completed, error %v", err)
					}
					return
				default:
					if tc.differs == -1 {
						t.Fatal("the request was not completed")
					}
				}
				if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindMismatch || got[0].Differs != tc.differs {
					t.Fatalf("reported %+v, want one that differs in DE %d", got, tc.differs)
				}
				whole := response(request, "00")
				whole.Set(2, "4000001234567899")
				i.conn().send(whole)
				if err := <-sent; err != nil {
					t.Errorf("the whole response: %v", err)
				}
			})
		})
	}
}

func TestEchoesThatCannotBe(t *testing.T) {
	for _, tc := range []struct {
		match []int
		want  string
	}{
		{[]int{7, 39}, "39: expected some of 2 3 4 7 12 37 41 49"}, {[]int{7, 7}, "7: expected some of"},
	} {
		if _, err := link.ParseEchoes(tc.match); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %s", tc.match, err, tc.want)
		}
	}
}

// A host that refuses the sign-on, or never answers it, and takes requests; and one that is not asked.
func TestSignOnThatIsNotTaken(t *testing.T) {
	for _, tc := range []struct {
		name   string
		signOn link.SignOn
		answer string // DE39 of network messages, "" for none
		up     time.Duration
		asked  bool
	}{
		{"refused", link.SignOnOptional, "12", 0, true},
		{"not answered", link.SignOnOptional, "", 5 * time.Second, true},
		{"none", link.SignOnNone, "", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{on: func(c *hostConn, m *spec.Message) bool {
					if m.MTI() != "0800" {
						return false
					}
					if tc.answer != "" {
						c.answer(m, tc.answer)
					}
					return true
				}}
				f := newFixture(t, i, func(c *link.Config) { c.SignOn, c.NoEcho = tc.signOn, true })
				defer f.close()
				synctest.Wait()
				if ready := f.Ready(); ready != (tc.up == 0) {
					t.Errorf("ready at once: %t", ready)
				}
				time.Sleep(tc.up)
				synctest.Wait()
				if _, err := f.send(7); err != nil {
					t.Errorf("a request: %v", err)
				}
				time.Sleep(time.Minute) // twice the time after which an echo is due
				if asked := strings.Contains(strings.Join(i.messages(), ", "), "0800"); asked != tc.asked {
					t.Errorf("the host was sent network messages: %t, want %t", asked, tc.asked)
				}
				if !f.Ready() {
					t.Error("the link is gone")
				}
			})
		})
	}
}

// A second answer is known as one by what the host must repeat: its own DE7 hides nothing, and another RRN is no
// second answer.
func TestSecondAnswerWithoutDE7(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, f, _, r, sent := answering(t, parses(t, 37), func(r *spec.Message) { r.Set(7, "0101000000") })
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		i.conn().send(r)
		r.Set(37, "632500000008")
		i.conn().send(r)
		synctest.Wait()
		got := f.reported()
		if len(got) != 2 || got[0].Kind != link.KindDuplicate || got[1].Kind != link.KindStray {
			t.Errorf("reported %+v, want a duplicate and a stray", got)
		}
	})
}

// A late answer is known by what the host must repeat.
func TestLateAnswerWithoutDE7(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, held := holdPayments()
		f := newFixture(t, i, func(c *link.Config) { c.Echoes = parses(t, 37) })
		defer f.close()
		synctest.Wait()
		mustBe(t, <-f.sending(7), link.ErrNoAnswer)
		r := response(held()[0], "00")
		r.Set(7, "0101000000")
		r.Set(37, "632500000008")
		i.conn().send(r)
		synctest.Wait()
		if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindStray {
			t.Errorf("reported %+v, want a stray", got)
		}
		r.Set(37, "632500000007")
		i.conn().send(r)
		synctest.Wait()
		if got := f.reported(); len(got) != 1 || got[0].Kind != link.KindLate || got[0].Request.DE7 != de7 {
			t.Errorf("reported %+v, want a late one, of the request", got)
		}
	})
}

// A link that asks for no echo is given up once nothing came in for so long and requests were not answered, and not
// while there were none.
func TestNoEchoOverADeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, held := holdPayments()
		f := newFixture(t, i, func(c *link.Config) { c.NoEcho, c.SignOn = true, link.SignOnNone })
		defer f.close()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(i.dialled()); n != 1 {
			t.Fatalf("dialed %d times while nothing was asked", n)
		}
		mustBe(t, <-f.sending(6), link.ErrNoAnswer)
		answered := f.sending(7)
		synctest.Wait()
		i.conn().answer(held()[1], "00")
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(i.dialled()); n != 1 {
			t.Fatalf("dialed %d times after the host has answered again", n)
		}
		mustBe(t, <-f.sending(8), link.ErrNoAnswer)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(i.dialled()); n != 2 {
			t.Errorf("dialed %d times, want 2: the first connection is dead", n)
		}
		if got := strings.Join(i.messages(), ", "); strings.Contains(got, "0800") {
			t.Errorf("the host was sent %s", got)
		}
	})
}

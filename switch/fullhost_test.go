package txswitch_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"switchyard/internal/config"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// A host that is full is passed over like one that is down: with two hosts by weight, one of which answers nothing
// for the time being and has its window full, all requests go to the other one, which has room.
func TestFullHostIsPassedOver(t *testing.T) {
	for _, weights := range []string{"by weight", "a standby"} {
		t.Run(weights, func(t *testing.T) {
			taken, released := make(chan struct{}), make(chan struct{})
			release := sync.OnceFunc(func() { close(released) })
			var once sync.Once
			full := startScripted(t, func(request, _ *spec.Message) bool {
				once.Do(func() { close(taken) })
				<-released
				return true
			})
			free := startScripted(t, func(*spec.Message, *spec.Message) bool { return true })
			s := switchtest.Start(t, switchtest.Options{IssuerAddr: full, Configure: func(c *txswitch.Config) {
				c.Issuers[0].Links, c.Issuers[0].Window, c.Issuers[0].Deadline = 1, 1, config.Duration(time.Hour)
				other := c.Issuers[0]
				other.Name, other.Address, other.Window = "other", free, 64
				c.Issuers = append(c.Issuers, other)
				weight := 1
				if weights == "a standby" {
					weight = 0
				}
				c.Routes.Rules = []txswitch.RouteRule{{Route: "r", Host: c.Issuers[0].Name}, {Route: "r", Host: "other",
					Weight: &weight}}
			}})
			s.Await("both hosts have their link", func() bool {
				links := s.Switch.Stats().Links
				return links[s.Config.Issuers[0].Name][0].State == "up" && links["other"][0].State == "up"
			})
			defer release()
			held := make(chan api.Answer, 100)
			for n, done := 0, false; !done; n++ { // until one of them has come to the host that holds it
				go func() { held <- s.Do(switchtest.Authorize(fmt.Sprint("h", n), 1000)) }()
				select {
				case <-taken:
					done = true
				case a := <-held:
					wantApproved(t, a, "00")
				}
			}
			for i := range 40 {
				wantApproved(t, s.Do(switchtest.Authorize(fmt.Sprint("k", i), 1000)), "00")
			}
			release()
			wantApproved(t, <-held, "00")
		})
	}
}

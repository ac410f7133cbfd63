package txswitch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/internal/config"
	"switchyard/spec"
	"switchyard/spec/mapping"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// said is what a host was sent, message by message.
type said struct {
	mu   sync.Mutex
	list []*spec.Message
}

func (s *said) add(m *spec.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := new(spec.Message)
	c.CopyFrom(m)
	s.list = append(s.list, c)
}

// of are the messages of a payment's amount with one of some types.
func (s *said) of(amount string, mtis ...string) (found []*spec.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.list {
		if m.String(4) == amount && slices.Contains(mtis, m.MTI()) {
			found = append(found, m)
		}
	}
	return found
}

// elements tells what a message has, but for some.
func elements(m *spec.Message, but ...int) string {
	var b strings.Builder
	for de, v := range m.Fields {
		if !slices.Contains(but, de) {
			fmt.Fprintf(&b, " %d=%s", de, v)
		}
	}
	return b.String()
}

// Another mapping while a capture is queued and a request has no outcome: their repeats and reversals go out by the new
// one, and all that it does not change is what the record says, as it was when they were sent first. Repeats under one
// mapping have the same bytes.
func TestMappingChanged(t *testing.T) {
	mappings := []mapping.Config{
		{},
		{
			Private: "off", Acceptor: "omit", Constants: []mapping.Constant{{DE: 60, Value: "0001"}},
			Templates: []mapping.Constant{{DE: 62, Value: "{payment}/{number}/{date}/{rrn}"}},
		},
		{
			Original: "short", Constants: []mapping.Constant{{DE: 60, Value: "0002"}},
			Templates: []mapping.Constant{{DE: 62, Value: "{payment}/{number}/{date}/{rrn}"}},
		},
	}
	const captured, reversed = "000000000400", "000000000777"
	changed := []int{43, 48, 60, 62, 90}
	var heard said
	var use int
	arrived := make(chan struct{}, 1)
	var mu sync.Mutex
	answers := false
	address := startScripted(t, func(m, _ *spec.Message) bool {
		heard.add(m)
		mu.Lock()
		defer mu.Unlock()
		if m.MTI() == "0100" && m.String(4) == reversed {
			arrived <- struct{}{}
			return false
		}
		return answers || m.MTI() == "0100"
	})
	s := switchtest.Start(t, switchtest.Options{
		IssuerAddr: address, Deadline: time.Minute, Configure: func(c *txswitch.Config) {
			c.Issuers[0].Mapping = mappings[use]
			if use > 0 {
				c.Issuers[0].Deadline = config.Duration(time.Second) // until what is not answered is repeated
			}
		},
	})
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 400)), "")
	s.Await("the capture is sent", func() bool { return len(heard.of(captured, "0220")) == 1 })
	client, unanswered := s.Client, switchtest.Authorize("k3", 777)
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		_, _ = client.Do(context.Background(), &unanswered)
	}()
	<-arrived
	s.CrashSwitch() // the request has no outcome
	<-cut
	first := heard.of(captured, "0220")[0]
	for use = 1; use < len(mappings); use++ {
		before := len(heard.of(captured, "0221"))
		mu.Lock()
		answers = use == len(mappings)-1
		mu.Unlock()
		s.StartSwitch()
		atLeast := 2
		if answers {
			atLeast = 1
		}
		s.Await("the capture is repeated and the request reversed", func() bool {
			return len(heard.of(captured, "0221")) >= before+atLeast && len(heard.of(reversed, "0420", "0421")) >= use
		})
		again := heard.of(captured, "0221")[before:]
		for _, m := range again {
			if got, want := elements(m, changed...), elements(first, changed...); got != want {
				t.Errorf("mapping %d: the repeat has%s, the capture%s", use, got, want)
			}
			if elements(m) != elements(again[0]) {
				t.Errorf("mapping %d: repeats differ:%s and%s", use, elements(m), elements(again[0]))
			}
			if m.String(60) != mappings[use].Constants[0].Value || m.Has(43) != (use == 2) || m.Has(48) != (use == 2) {
				t.Errorf("mapping %d: the repeat is not by it:%s", use, elements(m))
			}
			day, _, _ := strings.Cut(strings.TrimPrefix(m.String(62), a.Payment+"/1/"), "/")
			want := a.Payment + "/1/" + day + "/" + first.String(37)
			if m.String(62) != want || !strings.HasSuffix(day, m.String(15)) {
				t.Errorf("mapping %d: DE62 is %s, want %s", use, m.String(62), want)
			}
		}
		if answers {
			s.AwaitDrained()
		} else {
			s.StopSwitch()
		}
	}
	request, reversals := heard.of(reversed, "0100")[0], heard.of(reversed, "0420", "0421")
	for _, m := range reversals {
		if got, want := elements(m, changed...), elements(reversals[0], changed...); got != want {
			t.Errorf("reversals differ:%s and%s", got, want)
		}
		original := m.String(90)
		if want := "0100" + request.String(11) + request.String(7); !strings.HasPrefix(original, want) {
			t.Errorf("the reversal names %s, want %s", original, want)
		}
	}
	wantSums(t, s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)),
		"partially_captured authorized 1000 released 0 captured 400 refunded 0")
}

// Another edition of ISO 8583 while a capture and a timeout reversal are queued and a request has no outcome: the
// issuer, which knows them by what both editions say, ends them all, and the books agree.
func TestEditionChanged(t *testing.T) {
	for _, to := range []string{"iso93ascii", "iso93bcd"} {
		s := switchtest.Start(t, switchtest.Options{IssuerData: true, Deadline: time.Minute})
		silent := func(key string, amount int64) api.Request {
			r := switchtest.Authorize(key, amount)
			r.Card.Number = "4000000000000986" // applied, and never answered
			return r
		}
		a := s.Do(switchtest.Authorize("k1", 1000))
		wantApproved(t, a, "00")
		var b api.Answer
		var done sync.WaitGroup
		done.Go(func() { b = s.Do(silent("k2", 888)) })
		s.Await("the issuer holds it", func() bool { return len(issuerBooks(t, s)) == 2 })
		s.StopIssuer()
		done.Wait()
		if b.Err != nil || b.Status != api.StatusReversing {
			t.Fatalf("no answer: %+v, error %v", b, b.Err)
		}
		wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k3", a.Payment, 400)), "")
		s.StartIssuer()
		s.AwaitReady()
		client, open := s.Client, silent("k4", 999)
		done.Go(func() { _, _ = client.Do(context.Background(), &open) })
		s.Await("the issuer holds the next", func() bool { return len(issuerBooks(t, s)) == 3 })
		s.CrashSwitch()
		done.Wait()
		s.StopIssuer()
		s.Speak(to)
		s.StartIssuer()
		s.StartSwitch()
		s.AwaitDrained()
		wantSums(t, s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)),
			"partially_captured authorized 1000 released 0 captured 400 refunded 0")
		s.Audit()
	}
}

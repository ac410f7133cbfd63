package txswitch_test

import (
	"fmt"
	"testing"

	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// What issuer-sim repeats can all be asked for, in either edition: a day's payments go through.
func TestMatchOfAllThatIsRepeated(t *testing.T) {
	for _, dialect := range []string{"iso87bcd", "iso93ascii"} {
		t.Run(dialect, func(t *testing.T) {
			playDay(t, switchtest.Options{Dialect: dialect, Configure: func(c *txswitch.Config) {
				c.Issuers[0].Match = []int{3, 4, 7, 12, 37, 41, 49}
			}})
		})
	}
}

// A host whose answers have STAN, RRN and code alone, and of DE38 what an approval has, is spoken to with match: [37].
// What it approves in part without saying how much is undone, also where less was asked for.
func TestHostThatAnswersWithTheLeast(t *testing.T) {
	var sent wireTrace
	address := startScripted(t, func(m, response *spec.Message) bool {
		sent.add(m)
		for _, de := range []int{3, 4, 7, 12, 13, 32, 41, 42, 49} {
			response.Unset(de)
		}
		if amount, _ := m.Uint(4); m.MTI() == "0100" && amount == 777 {
			response.Set(39, "10")
		}
		return true
	})
	s := switchtest.Start(t, switchtest.Options{IssuerAddr: address, Configure: func(c *txswitch.Config) {
		c.Issuers[0].Match, c.Issuers[0].SignOn, c.Issuers[0].NoEcho = []int{37}, "none", true
	}})
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 400)), "")
	s.AwaitDrained()
	wantSums(t, s.Do(switchtest.On(api.OpStatus, "", a.Payment, 0)),
		"partially_captured authorized 1000 released 0 captured 400 refunded 0")
	part := switchtest.Authorize("k3", 777)
	part.Partial, part.Present = true, part.Present.With(api.FieldPartial)
	if r := s.Do(part); r.Err != nil || r.Approved || r.Status != api.StatusDeclined {
		t.Errorf("a part of which nobody says how much: %+v, error %v", r, r.Err)
	}
	s.AwaitDrained()
	if got, want := fmt.Sprint(sent.list()), "[0100 0220 0100 0420]"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// A host is tried with as little as it is said to repeat, and with codes of its own: a day's payments go through. The
// codes are ours in other places, so that one that is translated twice, or the wrong way, would be seen.
func TestMatchOfWhatIsRepeated(t *testing.T) {
	for _, c := range []struct {
		dialect string
		repeats []int
		answers map[string]string // in place of what issuer-sim would answer
		codes   map[string]string // theirs and ours
	}{
		{"iso87ascii", []int{4, 37}, nil, nil},
		{"iso87ascii", []int{7, 2, 3, 4}, map[string]string{"00": "05", "05": "51", "51": "00"},
			map[string]string{"05": "00", "51": "05", "00": "51"}},
		{"iso93bcd", []int{37, 12, 4}, map[string]string{"000": "100", "100": "116", "116": "000", "400": "401"},
			map[string]string{"100": "00", "116": "05", "000": "51", "401": "00"}},
		{"iso93ascii", []int{7, 4, 49}, nil, nil},
	} {
		t.Run(fmt.Sprint(c.dialect, c.repeats), func(t *testing.T) {
			playDay(t, switchtest.Options{
				Dialect: c.dialect, Repeats: c.repeats, Codes: c.answers,
				Configure: func(x *txswitch.Config) {
					x.Issuers[0].Match, x.Issuers[0].Mapping.Codes = c.repeats, c.codes
				},
			})
		})
	}
}

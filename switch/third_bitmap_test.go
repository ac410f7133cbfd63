package txswitch_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"switchyard/spec"
	"switchyard/spec/mapping"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/switchtest"
)

// wide is a dialect with a third bitmap, a DE12 with its date and a DE22 of four digits.
const wide = "../configs/dialects/iso87ascii-wide.json"

// withThird has the switch send what stands behind a third bitmap.
func withThird(c *txswitch.Config) {
	c.Issuers[0].Mapping.Constants = []mapping.Constant{
		{DE: 129, Value: "NORTH 7"}, {DE: 130, Value: "000042", MTI: []string{"0100"}},
	}
}

// A host is sent the elements behind a third bitmap, and answers with one.
func TestThirdBitmap(t *testing.T) {
	text, err := os.ReadFile(wide)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := spec.OpenFile(wide, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var sent wireTrace
	x := newScriptedIn(t, codec, func(m, response *spec.Message) bool {
		sent.add(m)
		want := map[string]string{"0100": "000042"}[m.MTI()]
		if m.String(129) != "NORTH 7" || m.String(130) != want || len(m.String(12)) != 12 || m.Has(13) {
			t.Errorf("%s has DE129 %q, DE130 %q and DE12 %q", m.MTI(), m.String(129), m.String(130), m.String(12))
		}
		if m.Has(22) && m.String(22) != "0810" {
			t.Errorf("%s has DE22 %q", m.MTI(), m.String(22))
		}
		response.Set(129, "SOUTH 8")
		return true
	})
	s := switchtest.Start(t, switchtest.Options{
		IssuerAddr: x.listener.Addr().String(), SpecFile: wide, Configure: withThird,
	})
	s.AwaitReady()
	a := s.Do(switchtest.Authorize("k1", 1000))
	wantApproved(t, a, "00")
	wantApproved(t, s.Do(switchtest.On(api.OpCapture, "k2", a.Payment, 400)), "")
	s.AwaitDrained()
	if got, want := fmt.Sprint(sent.list()), "[0100 0220]"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// A day's payments go through with issuer-sim in that dialect, whatever else says where a message ends.
func TestDayWithAThirdBitmap(t *testing.T) {
	for _, framing := range []string{"ascii4", "none"} {
		t.Run(framing, func(t *testing.T) {
			playDay(t, switchtest.Options{SpecFile: wide, Framing: framing, Configure: withThird})
		})
	}
}

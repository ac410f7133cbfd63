package link_test

import (
	"testing"
	"testing/synctest"

	"switchyard/spec"
	"switchyard/switch/issuer/link"
)

// TestMessages holds Messages to what a link sends: no DE goes out that a dialect is not tried with.
func TestMessages(t *testing.T) {
	tried := map[string]*spec.Message{}
	for _, m := range link.Messages() {
		tried[m.MTI()] = m
	}
	synctest.Test(t, func(t *testing.T) {
		sent := map[string]bool{}
		i := &issuer{on: func(_ *hostConn, m *spec.Message) bool {
			sent[m.MTI()] = true
			for de, value := range m.Fields {
				if sample := tried[m.MTI()]; sample == nil || len(sample.Bytes(de)) < len(value) {
					t.Errorf("a link sends %s with DE%d of %d, which Messages does not have", m.MTI(), de, len(value))
				}
			}
			return m.MTI() == "0810"
		}}
		f := newFixture(t, i, nil)
		synctest.Wait()
		ask := echoRequest(1)
		ask.Set(32, "12345678901")
		ask.Set(33, "12345678901")
		i.conn().send(ask)
		synctest.Wait()
		f.close()
		for mti := range tried {
			if !sent[mti] {
				t.Errorf("no %s was sent", mti)
			}
		}
	})
}

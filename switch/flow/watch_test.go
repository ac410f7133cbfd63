package flow_test

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/switch/api"
	"switchyard/switch/merchant"
)

// What the value windows/watched takes: eight bytes a node, and while the first walk has not ended when it began.
const watchedBytes = 36 * 8

// A first walk over a journal goes on from where it was broken off, and by when it began: a window that has ended
// meanwhile is given up. One that had ended before is left alone, and a switch that takes no new work begins none.
func TestFirstWalkOverWindows(t *testing.T) {
	for name, c := range map[string]struct {
		begun  time.Duration // of the walk before, behind the authorization; 0: there was none
		closed bool
		gone   bool // its hold is given up
		left   int  // bytes of the value then
	}{
		"begun before its end": {begun: 25 * time.Hour, gone: true, left: watchedBytes},
		"begun behind its end": {begun: 49 * time.Hour, left: watchedBytes},
		"none before":          {left: watchedBytes},
		"closed":               {begun: 25 * time.Hour, closed: true, left: watchedBytes + 8},
		"closed, none before":  {closed: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, settings{windows: merchant.Profile{CaptureWindowDays: 2}})
				defer w.end()
				begin := time.Now()
				answer := w.do(api.Request{
					Op: api.OpAuthorize, Key: "k", Merchant: "M1", Terminal: "T1", Currency: "EUR", Amount: 1000,
					Present: api.Fields(api.FieldKey, api.FieldAmount, api.FieldCurrency),
					Card:    api.Card{Number: goodCard, Expiry: "3012", CVC: "123"},
				}, 0)
				if !answer.Approved {
					t.Fatalf("%+v", answer)
				}
				ctx := context.Background()
				time.Sleep(50 * time.Hour)
				if c.begun != 0 {
					value := binary.BigEndian.AppendUint64(make([]byte, watchedBytes), uint64(begin.Add(c.begun).UnixNano()))
					w.must(w.journal.PutMeta(ctx, "windows/watched", value))
				}
				if c.closed {
					w.flow.CloseFor("the disk is nearly full")
				}
				w.must(w.flow.WatchWindows(ctx))
				w.must(w.flow.ServeDue(ctx))
				w.drained()
				if gone := strings.Contains(w.seen(), "0420"); gone != c.gone {
					t.Errorf("the hold is given up: %t, want %t", gone, c.gone)
				}
				value, _ := w.journal.Meta(ctx, "windows/watched")
				if len(value) != c.left {
					t.Errorf("windows/watched has %d bytes, want %d", len(value), c.left)
				}
			})
		})
	}
}

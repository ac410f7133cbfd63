package cutover_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"

	"switchyard/internal/vfs"
	"switchyard/switch/journal"
	"switchyard/switch/presentment"
)

// I12: a card number in a reference or a key of before is masked in detail files, and stays as it was in those that
// were planned before (I8). Of chip data what is known is shown, and of the rest its length.
func TestCardNumbersInReferencesOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at(t, "UTC", "2026-11-21 12:00:00")
		b := openBook(t, vfs.NewMem())
		defer b.close()
		b.must(b.j.Cutover(t.Context(), 0, 20261121))
		captured := func() {
			p := b.authorized("visa", 700)
			p.Reference, p.EMV = "4000 0000 0000 0002", "9F270180DF010241425F2403301231"
			b.must(b.present(p, capture(700, 1), presentment.Snapshot{}))
		}
		captured()
		data, err := json.Marshal(map[string]any{"windows": []map[string]any{{
			"destination": "visa", "window": 1, "format": 3, "sealed_at": "2026-11-21T11:00:00Z", "acquirer_id": "400001",
			"processor_id": "400002", "code_page": "cp500", "blocked": true, "location": "UTC",
		}}})
		b.must(err)
		b.must(b.j.SetDay(t.Context(), journal.Day{Date: 20261121, State: journal.DayOpen, Data: data}))
		e, stop := b.run(settings())
		defer stop()
		captured()
		_, err = e.Cutover(t.Context(), false)
		b.must(err)
		files := tree(t, b.fs, "clearing")
		for i, want := range []string{"4000 0000 0000 0002", "4000 00** **** 0002"} {
			name := "clearing/2026-11-21/002261121000004000020000" + string(rune('1'+i))
			if text := files[name+".detail.csv"]; !strings.Contains(text, ","+want+",") {
				t.Errorf("%s has %q, want the reference %s", name, text, want)
			}
			if text := shown(t, files[name+".ipm"]); !strings.Contains(text, " 9F27=80 DF01=(2 bytes) 5F24=(3 bytes)\n") {
				t.Errorf("%s shows %s", name, text)
			}
		}
		if checked, err := e.Check(t.Context(), 20261121); err != nil || len(checked.Differences) > 0 {
			t.Errorf("made again: %+v, %v", checked, err)
		}
	})
}

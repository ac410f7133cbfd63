package cutover_test

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/internal/vfs"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
	"switchyard/switch/presentment"
)

// What takes a record back, or presents it again or a second time, has its DE12 to the second, whatever time zone is
// configured by then: in the zone of the date's files, or of the window's that it stood in. A date that was sealed by a
// program of before has its own zone for all, as it may have been written.
func TestRepeatedInTheZoneOfItsOriginal(t *testing.T) {
	for name, c := range map[string]struct {
		format int // of the plan; 0: as it is made now
		want   map[string]int
	}{
		"now":    {0, map[string]int{"261120210000": 1, "261120130000": 3}},
		"before": {2, map[string]int{"261120120000": 4}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				berlin := at(t, "Europe/Berlin", "2026-11-20 13:00:00")
				b := openBook(t, vfs.NewMem())
				defer b.close()
				repeatAll(t, b, berlin)
				b.must(b.j.Cutover(t.Context(), 20261121, 20261122))
				if c.format > 0 {
					data, err := json.Marshal(map[string]any{
						"sealed_at": "2026-11-21T12:00:00Z", "acquirer_id": "400001", "processor_id": "400002", "code_page": "cp500",
						"blocked": true, "location": "UTC", "format": c.format,
						"files": []map[string]any{{"destination": "visa", "sequence": 1, "records": 4}},
					})
					b.must(err)
					b.must(b.j.SetDay(context.Background(), journal.Day{Date: 20261121, State: journal.DaySealed, Data: data}))
				}
				_, stop := b.run(settings())
				stop()
				found := map[string]int{}
				for name, text := range tree(t, b.fs, "clearing/2026-11-21") {
					if !strings.HasSuffix(name, ".ipm") {
						continue
					}
					for _, line := range strings.Split(shown(t, text), "\n") {
						if strings.HasPrefix(line, "DE12 ") {
							found[line[strings.LastIndex(line, " ")+1:]]++
						}
					}
				}
				if !maps.Equal(found, c.want) {
					t.Errorf("the records have DE12 %v, want %v", found, c.want)
				}
			})
		})
	}
}

// repeatAll clears four captures of noon UTC, one with a window in Tokyo's time and three with their date in another
// zone, and accepts on the next date, by each of the ways that there are, what repeats them.
func repeatAll(t *testing.T, b *book, zone *time.Location) {
	t.Helper()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	b.must(err)
	late := func(o *cutover.Options) { o.At = 23 * time.Hour }
	b.must(b.j.Cutover(t.Context(), 0, 20261120))
	e, stop := b.run(settings(late, func(o *cutover.Options) { o.Location = tokyo }))
	inWindow := b.captured("visa", 1)
	_, err = e.Window(t.Context(), "visa")
	b.must(err)
	stop()
	taken, again, charged := b.captured("visa", 1), b.captured("visa", 1), b.captured("visa", 1)
	b.must(b.j.Cutover(t.Context(), 20261120, 20261121))
	_, stop = b.run(settings(late, func(o *cutover.Options) { o.Location = zone }))
	stop()

	b.takenBack(b.stored(inWindow.ID), 1)
	b.takenBack(taken, 1)
	amount := again.Ops[1].Amount
	b.must(b.present(again, payment.Op{
		Kind: payment.KindResubmit, State: payment.StateApproved, Amount: amount, Granted: amount, Target: 1, Source: "anna",
		ARN: again.Ops[1].ARN,
	}, presentment.Snapshot{}))
	charged.Ops = append(charged.Ops, payment.Op{
		Kind: payment.KindChargeback, State: payment.StateApproved, Amount: amount, Granted: amount, Target: 1, Source: "1/A",
		At: time.Now(), DoneAt: time.Now(),
	})
	b.must(b.present(charged, payment.Op{
		Kind: payment.KindRepresent, State: payment.StateApproved, Amount: amount, Granted: amount, Target: 2,
		Source: "anna", Reason: "2700", ARN: charged.Ops[1].ARN,
	}, presentment.Snapshot{Reason: "2700"}))
}

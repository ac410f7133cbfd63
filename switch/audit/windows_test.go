package audit_test

import (
	"slices"
	"testing"
	"time"

	"switchyard/switch/audit"
)

// What is due for a payment although nobody asks for it is held against the times that are fixed with it: all
// operations of the world are of one moment, and windows are set around it.
func TestWindows(t *testing.T) {
	const age = audit.DefaultWindowAge
	at := newTown().open.Ops[0].At
	ends := func(p *payment, after time.Duration) { p.Expires = at.Add(after) }
	asked := func(p *payment, after time.Duration) { p.Ops[0].CaptureAt = at.Add(after) }
	for name, c := range map[string]struct {
		spoil func(*town)
		now   time.Duration // since the moment
		want  []audit.Kind
	}{
		"a window that has not ended":     {func(w *town) { ends(w.open, time.Hour) }, time.Hour, nil},
		"one that ended a while ago":      {func(w *town) { ends(w.open, 0) }, age, nil},
		"one that ended long ago":         {func(w *town) { ends(w.open, 0) }, age + 1, kinds(audit.WindowOverdue)},
		"of a part":                       {func(w *town) { ends(w.captured, 0) }, age + 1, kinds(audit.WindowOverdue)},
		"of nothing that is left":         {func(w *town) { ends(w.final, 0); ends(w.settled, 0) }, age + 1, nil},
		"of a sale":                       {func(w *town) { ends(w.sale, 0) }, age + 1, nil},
		"of an authorization that failed": {func(w *town) { ends(w.failed, 0); ends(w.undone, 0) }, age + 1, nil},
		"captured by force if at all":     {func(w *town) { ends(w.open, 0); w.open.Ops[0].ForcePost = true }, age + 1, nil},
		"which something on its way keeps": {func(w *town) {
			ends(w.uncleared, 0)
			w.uncleared.add("increment", "pending", 5).At = at.Add(age)
		}, age + 1, nil},
		"given up in time": {func(w *town) {
			ends(w.open, -time.Second)
			w.open.reverse("expire", 1000)
		}, age + 1, nil},
		"given up at its end": {func(w *town) {
			ends(w.open, 0)
			w.open.reverse("expire", 1000)
		}, 0, kinds(audit.CaptureTime)},
		"a capture by the switch that is not due": {func(w *town) {
			ends(w.open, 24*time.Hour)
			asked(w.open, time.Hour)
		}, time.Hour + age, nil},
		"one that is overdue": {func(w *town) {
			ends(w.open, 24*time.Hour)
			asked(w.open, time.Hour)
		}, time.Hour + age + 1, kinds(audit.CaptureOverdue)},
		"one that is overdue past its window": {func(w *town) {
			ends(w.open, 2*time.Hour)
			asked(w.open, time.Hour)
		}, 3*time.Hour + age, kinds(audit.WindowOverdue)},
		"one that is overdue, and made by force": {func(w *town) {
			ends(w.open, 2*time.Hour)
			asked(w.open, time.Hour)
			w.open.Ops[0].ForcePost = true
		}, 3*time.Hour + age, kinds(audit.CaptureOverdue)},
		"one that is made": {func(w *town) {
			ends(w.captured, 24*time.Hour)
			asked(w.captured, 0)
			w.captured.Ops[2].Automatic = true
		}, age + time.Hour, nil},
		"one that was made too early": {func(w *town) {
			ends(w.captured, 24*time.Hour)
			asked(w.captured, 1)
			w.captured.Ops[2].Automatic = true
		}, 0, kinds(audit.CaptureTime)},
		"one that was made twice": {func(w *town) {
			ends(w.captured, 24*time.Hour)
			asked(w.captured, 0)
			w.captured.Ops[1].Automatic, w.captured.Ops[2].Automatic = true, true
		}, 0, kinds(audit.CaptureTime)},
		"a capture past its window": {func(w *town) { ends(w.settled, -1) }, 0, kinds(audit.CaptureTime)},
		"one that says so": {func(w *town) {
			ends(w.uncleared, -1)
			w.uncleared.Ops[1].PastWindow = true
		}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown()
			c.spoil(w)
			w.now = at.Add(c.now)
			report := w.run(t)
			var got []audit.Kind
			for _, d := range report.Differences {
				got = append(got, d.Kind)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("differences %+v, want %v", report.Differences, c.want)
			}
		})
	}
}

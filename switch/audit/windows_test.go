package audit_test

import (
	"slices"
	"strings"
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

// A capture may be presented, refused and presented again within one date, in the files of its windows; and so may what
// is presented a second time. Each record is held against its own operation.
func TestRefusedAndPresentedAgainWithinADate(t *testing.T) {
	resubmit := func(p *payment, of *op, city string) *op {
		again := p.came("resubmit", "anna", of, of.Amount, of.Amount)
		again.RRN, again.ARN, again.BusinessDate = of.RRN, of.ARN, of.BusinessDate
		fixed, record := *of.Clearing, *of.in
		fixed.City, record.Acceptor.City = city, city
		again.Clearing = &fixed
		record.of, record.Key, record.AcceptedAt = again, "", again.At
		again.in = &record
		p.w.presentments = append(p.w.presentments, again.in)
		return again
	}
	second := func(p *payment, back *op, amount int64, window int) *op {
		o := p.represent(back, amount, monday)
		o.in.window = window
		return o
	}
	for name, c := range map[string]struct {
		play func(p *payment, capture *op)
		want audit.Kind
	}{
		"corrected": {func(p *payment, capture *op) {
			p.came("reject", "f/2", capture, 700, 700)
			resubmit(p, capture, "Berlin").in.window = 2
		}, ""},
		"corrected, under another processor id": {func(p *payment, capture *op) {
			p.came("reject", "f/2", capture, 700, 700)
			resubmit(p, capture, "Berlin").in.window = 2
			p.w.processors = map[int]string{1: "999999"}
			capture.in.ForwarderID = "999999"
		}, ""},
		"corrected in the file before its own": {func(p *payment, capture *op) {
			p.came("reject", "f/2", capture, 700, 700)
			resubmit(p, capture, "Berlin").in.window = 1
			capture.in.window = 2
		}, audit.PresentmentData},
		"twice": {func(p *payment, capture *op) {
			p.came("reject", "f/2", capture, 700, 700)
			resubmit(p, capture, "Berlin").in.window = 2
			p.came("reject", "f/3", capture, 700, 700)
			resubmit(p, capture, "Hamburg").in.window = 3
		}, ""},
		"a second presentment": {func(p *payment, capture *op) {
			back := p.came("chargeback", "f/2", capture, 400, 400)
			p.came("reject", "f/3", second(p, back, 300, 2), 300, 300)
			second(p, back, 200, 3)
		}, ""},
		"a second presentment, the later one first": {func(p *payment, capture *op) {
			back := p.came("chargeback", "f/2", capture, 400, 400)
			p.came("reject", "f/3", second(p, back, 300, 3), 300, 300)
			second(p, back, 200, 2)
		}, audit.PresentmentAmount},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.windows = map[string]int{monday: 3}
			p := w.authorize(700, "EUR")
			c.play(p, p.capture(700, monday))
			report := w.run(t)
			if c.want == "" && !report.Clean() || c.want != "" && report.ByKind[c.want] == 0 {
				t.Errorf("%d differences %+v, want %q", report.DifferenceCount, report.Differences, c.want)
			}
		})
	}
}

// The file of a window is missed while its date is open.
func TestFileOfAWindowIsMissing(t *testing.T) {
	w := newWorld()
	w.days = w.listedDays()
	open := w.days[len(w.days)-1]
	window := daySettings{
		SealedAt: sealedAt(tuesday), AcquirerID: acquirer, ProcessorID: processor, CodePage: "ascii",
		Location: location.String(),
		Result:   dayResult{Files: []dayFile{{destination, fileID(open.Date).String()}}},
	}
	open.Data = &daySettings{Windows: []*daySettings{&window}}
	report := w.run(t)
	if report.DifferenceCount != 1 || report.ByKind[audit.FileMissing] != 1 ||
		!strings.Contains(report.Differences[0].Detail, fileID(open.Date).String()) {
		t.Errorf("differences %+v", report.Differences)
	}
}

// What is carried out of a date that has no files, since people refused them, waits for the next one; what was put
// aside when the date was sealed is told of, as no record of it could be built.
func TestAsideOfARefusedDate(t *testing.T) {
	for _, aside := range []bool{false, true} {
		w := newWorld()
		w.written = []string{monday}
		p := w.authorize(700, "EUR")
		o := p.capture(700, tuesday)
		o.CarriedTo, o.Clearing = wednesday, &note{Destination: destination}
		w.days = w.listedDays()
		refused := &daySettings{
			SealedAt: sealedAt(tuesday), AcquirerID: acquirer, ProcessorID: processor, CodePage: "ascii",
			Location: location.String(), Held: []string{destination},
			Result: dayResult{Files: []dayFile{}},
		}
		if aside {
			refused.Aside = &dayAside{[]asideRecord{{"P00000000000", o.N}, {p.ID, o.N}}}
		}
		w.days[1].State, w.days[1].Data = "written", refused
		report := w.run(t)
		if aside && (report.DifferenceCount != 1 || report.ByKind[audit.PresentmentAside] != 1) ||
			!aside && !report.Clean() {
			t.Errorf("put aside %t: differences %+v", aside, report.Differences)
		}
	}
}

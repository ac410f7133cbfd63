package audit_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/switch/audit"
	"switchyard/switch/clearing"
)

// TestEachFieldOfARecord changes one element of one record, and of its row with it: each is seen, and named.
func TestEachFieldOfARecord(t *testing.T) {
	for element, spoil := range map[string]func(*clearing.Presentment){
		"DE12":                 func(p *clearing.Presentment) { p.LocalTime = p.LocalTime.UTC() },
		"DE22":                 func(p *clearing.Presentment) { p.POSDataCode = "000020100000" },
		"DE23":                 func(p *clearing.Presentment) { p.CardSequence = "" },
		"DE25":                 func(p *clearing.Presentment) { p.MessageReason = "1403" },
		"DE26":                 func(p *clearing.Presentment) { p.MCC = "5411" },
		"DE32":                 func(p *clearing.Presentment) { p.AcquirerID = "400002" },
		"DE33":                 func(p *clearing.Presentment) { p.ForwarderID = "400002" },
		"DE94":                 func(p *clearing.Presentment) { p.ForwarderID = "400002" },
		"DE41":                 func(p *clearing.Presentment) { p.Terminal = "T2" },
		"DE43":                 func(p *clearing.Presentment) { p.Acceptor.City = "Galway" },
		"DE55":                 func(p *clearing.Presentment) { p.ChipData = []byte{0x9f, 0x27, 0x02} },
		"DE63 or DE105":        func(p *clearing.Presentment) { p.NetworkID = "N0" },
		"PDS0023":              func(p *clearing.Presentment) { p.TerminalType = "CT1" },
		"PDS0052":              func(p *clearing.Presentment) { p.ECommerceLevel = "210" },
		" DE40":                func(p *clearing.Presentment) { p.ServiceCode = "201" },
		" PDS0158":             func(p *clearing.Presentment) { p.PDS = []clearing.PDS{{Tag: 158, Value: "X"}} },
		"CSV payment":          func(p *clearing.Presentment) { p.PaymentID, p.CaptureID = "P1ZZZZZZZZZZ", "P1ZZZZZZZZZZ-2" },
		"CSV capture":          func(p *clearing.Presentment) { p.CaptureID = p.PaymentID + "-9" },
		"CSV reference":        func(p *clearing.Presentment) { p.Reference = "another order" },
		"CSV key":              func(p *clearing.Presentment) { p.Key = "another key" },
		"CSV sequence":         func(p *clearing.Presentment) { p.Count++ },
		"CSV accepted_at":      func(p *clearing.Presentment) { p.AcceptedAt = p.AcceptedAt.Add(time.Millisecond) },
		"CSV merchant_name of": func(p *clearing.Presentment) { p.MerchantName = "Another" },
		"CSV fee_plan of":      func(p *clearing.Presentment) { p.FeePlan = "another" },
	} {
		t.Run(element, func(t *testing.T) {
			town := newTown()
			spoil(&town.captured.Ops[2].in.Presentment)
			report := town.run(t)
			if got := report.ByKind; len(got) != 1 || got[audit.PresentmentData] == 0 {
				t.Fatalf("kinds %v, want %s alone\n%+v", got, audit.PresentmentData, report.Differences)
			}
			if !slices.ContainsFunc(report.Differences, func(d audit.Difference) bool {
				return strings.Contains(d.Detail, element) && d.Payment == town.captured.ID
			}) {
				t.Errorf("no difference names %s: %+v", element, report.Differences)
			}
		})
	}
}

// What a payment was made with stands before what its date was sealed with.
func TestRecordedAcquirer(t *testing.T) {
	town := newTown()
	town.captured.Acquirer = "500002"
	town.captured.Ops[1].in.AcquirerID = "500002"
	report := town.run(t)
	if report.DifferenceCount != 1 || !strings.Contains(report.Differences[0].Detail,
		`DE32 of capture 2: switch "500002"`) {
		t.Errorf("differences %+v, want one of the other capture's DE32", report.Differences)
	}
}

// Of a reversal presentment too, which repeats its original.
func TestFieldOfAReversal(t *testing.T) {
	town := newTown()
	town.takenBack.Ops[2].in.Terminal = "T2"
	if report := town.run(t); report.ByKind[audit.PresentmentData] != 1 || report.DifferenceCount != 1 {
		t.Errorf("differences %+v, want one of DE41", report.Differences)
	}
}

// A record of more than one capture says whether more may come; the journal's own note must fit that, too.
func TestReasonAgainstSequence(t *testing.T) {
	town := newTown()
	o := town.captured.Ops[1]
	o.Clearing.Reason, o.in.MessageReason = "1404", "1404"
	if report := town.run(t); report.ByKind[audit.PresentmentData] != 1 || report.DifferenceCount != 1 {
		t.Errorf("differences %+v, want one of DE25", report.Differences)
	}
}

// TestEachFileBesideTheRecords spoils what belongs to tuesday's file.
func TestEachFileBesideTheRecords(t *testing.T) {
	replaced := func(ending, what, with string) func(*town) {
		return func(w *town) {
			w.spoil = func(name string, file []byte) []byte {
				if !strings.HasSuffix(name, ending) || !strings.HasPrefix(name, fileID(tuesday).String()) {
					return file
				}
				changed := bytes.Replace(file, []byte(what), []byte(with), 1)
				if bytes.Equal(changed, file) {
					panic(ending + " does not hold " + what)
				}
				return changed
			}
		}
	}
	const detail, summary, manifest = ".detail.csv", ".summary.csv", ".manifest.json"
	for name, c := range map[string]struct {
		spoil func(*town)
		want  []audit.Kind
	}{
		// A file that changed after its manifest was written differs from it by its hash, too.
		"a row's amount": {replaced(detail, ",debit,500,", ",debit,501,"), kinds(audit.DetailCSV, audit.Manifest)},
		"a row's direction": {replaced(detail, ",debit,500,", ",credit,500,"), kinds(audit.DetailCSV,
			audit.Manifest)},
		"a row's terminal":          {replaced(detail, ",T1,", ",T9,"), kinds(audit.DetailCSV, audit.Manifest)},
		"a row's sequence":          {replaced(detail, ",1,1,", ",x,1,"), kinds(audit.DetailCSV, audit.Manifest)},
		"a row missing":             {withoutRow(detail), kinds(audit.DetailCSV, audit.Manifest)},
		"no header row":             {replaced(detail, "acquirer_reference", "arn"), kinds(audit.DetailCSV, audit.Manifest)},
		"a merchant's sum":          {replaced(summary, ",EUR,5,", ",EUR,7,"), kinds(audit.SummaryCSV, audit.Manifest)},
		"a merchant missing":        {withoutRow(summary), kinds(audit.SummaryCSV, audit.Manifest)},
		"a merchant more":           {replaced(summary, "SHOP-7", "SHOP-8"), kinds(audit.SummaryCSV, audit.Manifest)},
		"another sum":               {replaced(manifest, `"sum_minor": `, `"sum_minor": 1`), kinds(audit.Manifest)},
		"another count":             {replaced(manifest, `"messages": `, `"messages": 1`), kinds(audit.Manifest)},
		"a currency's debits":       {replaced(manifest, `"debit_minor": `, `"debit_minor": 1`), kinds(audit.Manifest)},
		"a currency missing":        {replaced(manifest, `"EUR"`, `"USD"`), kinds(audit.Manifest)},
		"another hash":              {replaced(manifest, `"sha256": "`, `"sha256": "0`), kinds(audit.Manifest)},
		"another length":            {replaced(manifest, `"bytes": `, `"bytes": 1`), kinds(audit.Manifest)},
		"another date":              {replaced(manifest, tuesday, monday), kinds(audit.Manifest)},
		"another destination":       {replaced(manifest, `"visa"`, `"amex"`), kinds(audit.Manifest)},
		"another time of sealing":   {replaced(manifest, "T00:00:01Z", "T00:00:02Z"), kinds(audit.Manifest)},
		"production":                {replaced(manifest, `"mode": "T"`, `"mode": "P"`), kinds(audit.Manifest)},
		"another code page":         {replaced(manifest, `"ascii"`, `"cp500"`), kinds(audit.Manifest)},
		"another framing":           {replaced(manifest, `"blocked": `, `"rdw": true, "blocked": `), kinds(audit.Manifest)},
		"a file that it leaves out": {replaced(manifest, ".summary.csv", ".other.csv"), kinds(audit.Manifest)},
		"no manifest at all":        {replaced(manifest, "{", "?"), kinds(audit.Manifest)},
		"a byte behind the trailer": {replaced(".ipm", "\x00\x00\x00\x00", "\x00\x00\x00\x00 "), kinds(audit.FileUnreadable)},
	} {
		t.Run(name, func(t *testing.T) {
			town := newTown()
			c.spoil(town)
			report := town.run(t)
			for _, kind := range c.want {
				if report.ByKind[kind] == 0 {
					t.Errorf("kinds %v, want %v\n%+v", report.ByKind, c.want, report.Differences)
				}
			}
			if c.want[0] != audit.FileUnreadable && len(report.ByKind) != len(c.want) {
				t.Errorf("kinds %v, want %v\n%+v", report.ByKind, c.want, report.Differences)
			}
		})
	}
}

// withoutRow takes the last row of tuesday's file away.
func withoutRow(ending string) func(*town) {
	return func(w *town) {
		w.spoil = func(name string, file []byte) []byte {
			if !strings.HasSuffix(name, ending) || !strings.HasPrefix(name, fileID(tuesday).String()) {
				return file
			}
			return file[:bytes.LastIndexByte(file[:len(file)-1], '\n')+1]
		}
	}
}

// TestOneLineForAMissingFile: however many records would stand in it.
func TestOneLineForAMissingFile(t *testing.T) {
	without := func(w *town, endings ...string) {
		w.spoil = func(name string, file []byte) []byte {
			for _, ending := range endings {
				if strings.HasPrefix(name, fileID(tuesday).String()) && strings.HasSuffix(name, ending) {
					return nil
				}
			}
			return file
		}
	}
	for name, c := range map[string]struct {
		spoil func(*town)
		want  string
	}{
		"all four": {func(w *town) { without(w, "") },
			"file " + fileID(tuesday).String() + " of business date " + tuesday +
				" to visa: the switch wrote it, it is not in the folder; " +
				"what the journal has in it and no other file has: 8 records of 300 JPY, 31.10 EUR"},
		"all but the IPM's companions": {func(w *town) { without(w, ".csv", ".json") },
			"its .detail.csv, .summary.csv, .manifest.json is not there"},
		"no list of files in the journal": {func(w *town) {
			without(w, "")
			w.days = w.listedDays()
			w.days[1].Data = nil
		}, "the files of business date " + tuesday},
	} {
		t.Run(name, func(t *testing.T) {
			town := newTown()
			c.spoil(town)
			report := town.run(t)
			if report.DifferenceCount != 1 || report.ByKind[audit.FileMissing] != 1 ||
				!strings.Contains(report.Differences[0].Detail, c.want) {
				t.Errorf("differences %+v, want one %s: %s", report.Differences, audit.FileMissing, c.want)
			}
		})
	}
}

// Several files of a destination and date are as good as one, and one of them missing is one line.
func TestSeveralFilesOfADestination(t *testing.T) {
	town := newTown()
	days := town.listedDays()
	days[1].Data.Result.Files = append(days[1].Data.Result.Files, dayFile{destination, "0022611170000012345600002"})
	town.days = days
	town.withdraw(town.sale.Ops[0].in)
	report := town.run(t)
	if report.DifferenceCount != 1 || report.ByKind[audit.FileMissing] != 1 ||
		!strings.Contains(report.Differences[0].Detail, "1 records of 3.33 EUR") {
		t.Errorf("differences %+v, want one %s of one record", report.Differences, audit.FileMissing)
	}
}

func TestFileThatTheSwitchDidNotWrite(t *testing.T) {
	town := newTown()
	town.days = town.listedDays()
	town.days[1].Data.Result.Files = []dayFile{{destination, "0022611170000012345600002"}}
	report := town.run(t)
	if report.ByKind[audit.FileUnknown] != 1 || report.ByKind[audit.FileMissing] != 1 || report.DifferenceCount != 2 {
		t.Errorf("differences %+v, want one %s and one %s", report.Differences, audit.FileUnknown, audit.FileMissing)
	}
}

// TestAges: what has no outcome is a difference once it is older than may be, by the switch's clock.
func TestAges(t *testing.T) {
	queued := func(w *town) { // the advice of a capture
		w.uncleared.Ops[1].State = "queued"
		h := w.uncleared.held
		h.Postings, h.Captured, h.Hold = nil, 0, 50
	}
	pending := func(w *town) { w.begin("authorize", "pending", 900, "EUR") }
	voiding := func(state string) func(w *town) {
		return func(w *town) {
			o := w.captured.add("void", state, 500)
			o.Target = 1
		}
	}
	for name, c := range map[string]struct {
		spoil func(*town)
		bound time.Duration
		want  audit.Kind
	}{
		"a request":           {pending, audit.DefaultIntentAge, audit.IntentOverdue},
		"an advice":           {queued, audit.DefaultAdviceAge, audit.AdviceOverdue},
		"a void at the host":  {voiding("pending"), audit.DefaultVoidAge, audit.VoidOverdue},
		"a void in the queue": {voiding("queued"), audit.DefaultVoidAge, audit.VoidOverdue},
	} {
		t.Run(name, func(t *testing.T) {
			begun := newTown().open.Ops[0].At
			for _, at := range []struct {
				now  time.Time
				want int
			}{
				{begun, 0}, {begun.Add(c.bound), 0}, {begun.Add(c.bound + time.Second), 1},
				{begun.Add(-time.Second), 0}, {begun.Add(-time.Hour), 1}, // a clock that was put back: no age can be told
				{time.Time{}, 0},
			} {
				town := newTown()
				c.spoil(town)
				town.now = at.now
				report := town.run(t)
				delete(report.ByKind, audit.PresentmentVoided) // a void that is queued has taken its record out of its file
				if got := report.ByKind[c.want]; got != at.want || len(report.ByKind) != at.want {
					t.Errorf("at %s: %v, want %d of %s", at.now, report.ByKind, at.want, c.want)
				}
			}
		})
	}
}

func TestAgeOfADate(t *testing.T) {
	for name, c := range map[string]struct {
		state string
		data  *daySettings
		now   time.Time
		want  int
	}{
		"open, a day after its end": {"open", nil, dayOf(wednesday).Add(48 * time.Hour), 0},
		"open for longer":           {"open", nil, dayOf(wednesday).Add(48*time.Hour + time.Second), 1},
		"closing":                   {"closing", nil, dayOf(wednesday).Add(49 * time.Hour), 1},
		"sealed ahead of its time": {"sealed", &daySettings{SealedAt: dayOf(wednesday).Add(-time.Hour)},
			dayOf(wednesday).Add(24 * time.Hour), 1},
	} {
		t.Run(name, func(t *testing.T) {
			town := newTown()
			town.now, town.days = c.now, town.listedDays()
			town.days[2].State, town.days[2].Data = c.state, c.data
			report := town.run(t)
			if report.ByKind[audit.DateOverdue] != c.want || report.DifferenceCount != c.want {
				t.Errorf("differences %+v, want %d of %s", report.Differences, c.want, audit.DateOverdue)
			}
		})
	}
}

// A window that is not written long after it was sealed is told of, though its date is young.
func TestAgeOfAWindow(t *testing.T) {
	sealed := dayOf(wednesday).Add(6 * time.Hour)
	for name, c := range map[string]struct {
		is    daySettings
		after time.Duration
		says  string // of the difference; "": there is none
	}{
		"written":          {daySettings{Result: dayResult{[]dayFile{}}}, 30 * time.Hour, ""},
		"young":            {daySettings{}, 24 * time.Hour, ""},
		"not written":      {daySettings{}, 25 * time.Hour, " is not written 25h0m0s after it was sealed"},
		"released":         {daySettings{Release: &dayRelease{"ann and bob"}}, 25 * time.Hour, "25h0m0s after it was sealed"},
		"waits for people": {daySettings{Release: &dayRelease{}}, 25 * time.Hour, "; it waits for its release"},
	} {
		t.Run(name, func(t *testing.T) {
			town := newTown()
			c.is.Location, c.is.Destination, c.is.Window, c.is.SealedAt = "UTC", "visa", 3, sealed
			town.now, town.days = sealed.Add(c.after), town.listedDays()
			town.days[2].State, town.days[2].Data = "open", &daySettings{Location: "UTC", Windows: []*daySettings{&c.is}}
			report := town.run(t)
			switch {
			case c.says == "" && report.DifferenceCount > 0:
				t.Errorf("differences %+v", report.Differences)
			case c.says != "" && (report.DifferenceCount != 1 || report.Differences[0].Kind != audit.DateOverdue ||
				!strings.HasPrefix(report.Differences[0].Detail, "window 3 of visa of business date ") ||
				!strings.HasSuffix(report.Differences[0].Detail, c.says)):
				t.Errorf("differences %+v, want %q", report.Differences, c.says)
			}
		})
	}
}

// What takes a record back has its DE12 in the zone of that one's file; in files of before, in that of its own.
func TestTakenBackInAnotherZone(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		format int // of the plan that takes back
		zone   *time.Location
		unread bool // the file whose record is taken back, whose date has windows of several zones
		want   int
	}{
		"now":                              {3, location, false, 0},
		"now, not repeated":                {3, tokyo, false, 1},
		"before":                           {2, tokyo, false, 0},
		"before, repeated":                 {2, location, false, 1},
		"its window is not read":           {3, tokyo, true, 0},
		"its window is not read, repeated": {3, location, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			town := newTown()
			days := town.listedDays()
			days[1].Data.Location, days[1].Data.Format = tokyo.String(), c.format
			town.days = days
			for _, p := range town.presentments {
				if p.date == tuesday {
					p.LocalTime = p.LocalTime.In(tokyo)
				}
			}
			town.takenBack.Ops[2].in.LocalTime = town.takenBack.Ops[2].in.LocalTime.In(c.zone)
			options := audit.Options{Acquirer: acquirer}
			if c.unread {
				options.From, options.To = tuesday, tuesday
				days[0].Data.Windows = []*daySettings{{Location: tokyo.String()}}
			}
			report, err := audit.Run(t.Context(), town.sources(), options)
			if err != nil {
				t.Fatal(err)
			}
			if report.ByKind[audit.PresentmentData] != c.want || report.DifferenceCount != c.want {
				t.Errorf("differences %+v, want %d of DE12", report.Differences, c.want)
			}
		})
	}
}

// What was accepted while a clock stood days ahead is listed apart, and is no difference.
func TestBusinessDateAheadOfTheClock(t *testing.T) {
	town := newTown()
	town.now = dayOf(monday).AddDate(0, 0, -2)
	town.open.Ops[0].At = town.now
	report := town.run(t)
	if !report.Clean() || report.Ahead.Count != 8 { // of wednesday's one and tuesday's seven
		t.Errorf("%d ahead, differences %+v; want 8 and none", report.Ahead.Count, report.Differences)
	}
}

// I8: a file that the journal makes otherwise today is told of, whichever of the four it is, and so is a date of which
// none can be made. A file that is not in the folder is said to be missing alone.
func TestFilesMadeAgain(t *testing.T) {
	asked := 0
	for name, c := range map[string]struct {
		rebuilt func(date string, sums map[string]*fileSum) error
		want    string // "": nothing
	}{
		"the same": {func(string, map[string]*fileSum) error { asked++; return nil }, ""},
		"other bytes": {func(date string, sums map[string]*fileSum) error {
			if date == tuesday {
				sums[fileID(tuesday).String()+".summary.csv"].SHA256 = "00ff"
			}
			return nil
		}, "file " + fileID(tuesday).String() + ".summary.csv: made again from the journal it has "},
		"another length": {func(date string, sums map[string]*fileSum) error {
			if date == monday {
				sums[fileID(monday).String()+".manifest.json"].Bytes++
			}
			return nil
		}, "file " + fileID(monday).String() + ".manifest.json: made again from the journal it has "},
		"cannot be made": {func(date string, _ map[string]*fileSum) error {
			if date == monday {
				return errors.New("payment P1: no key opens its card")
			}
			return nil
		}, "business date " + monday + ": its files cannot be made again: payment P1: no key opens its card"},
	} {
		town := newTown()
		town.rebuilt = c.rebuilt
		report := town.run(t)
		switch {
		case c.want == "" && report.DifferenceCount > 0:
			t.Errorf("%s: differences %+v", name, report.Differences)
		case c.want != "" && (report.DifferenceCount != 1 || report.ByKind[audit.FileRebuilt] != 1 ||
			!strings.HasPrefix(report.Differences[0].Detail, c.want)):
			t.Errorf("%s: differences %+v, want one %s: %s", name, report.Differences, audit.FileRebuilt, c.want)
		}
	}
	if asked != 2 {
		t.Errorf("%d dates were made again, want the two that are written", asked)
	}
}

// Files of before have card numbers in references and keys that the journal's export masks.
func TestMaskedReferences(t *testing.T) {
	town := newTown()
	town.captured.Reference = "400000******0002"
	for _, o := range town.captured.Ops {
		o.Key, o.KeyHidden = "400000******0002", true // each had its own number
		if o.in != nil {
			o.in.Reference, o.in.Key = "4000000000000002", "4000000000000002"
		}
	}
	if report := town.run(t); report.DifferenceCount > 0 {
		t.Errorf("differences %+v, want none", report.Differences)
	}
}

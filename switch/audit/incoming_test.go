package audit_test

import (
	"strings"
	"testing"

	"switchyard/switch/audit"
)

// came books what a record of a clearing file says of an operation's presentment.
func (p *payment) came(kind, record string, about *op, amount, counts int64) *op {
	o := p.add(kind, "approved", amount)
	o.Target, o.Granted, o.Source = about.N, counts, record
	o.Key, o.Host, o.STAN, o.DE7 = "", "", "000000", ""
	return o
}

// A record of a file that came back is booked once, whichever payment has it; what a person decides is no record.
func TestRecordsAreBookedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		kinds   [2]string
		records [2]string
		want    int
	}{
		"two chargebacks":              {[2]string{"chargeback", "chargeback"}, [2]string{"f/2", "f/3"}, 0},
		"one for two payments":         {[2]string{"chargeback", "chargeback"}, [2]string{"f/2", "f/2"}, 1},
		"a settlement of two":          {[2]string{"settle", "settle"}, [2]string{"f/2", "f/2"}, 0},
		"a settlement and chargeback":  {[2]string{"settle", "chargeback"}, [2]string{"f/2", "f/2"}, 1},
		"a chargeback and settlement":  {[2]string{"chargeback", "settle"}, [2]string{"f/2", "f/2"}, 1},
		"a reject of a file's records": {[2]string{"reject", "reject"}, [2]string{"f/2", "f/2"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for i, kind := range c.kinds {
				p := w.authorize(700, "EUR")
				p.came(kind, c.records[i], p.capture(700, monday), 700, 700)
			}
			report := w.run(t)
			if report.DifferenceCount != c.want || report.ByKind[audit.RecordTwice] != c.want {
				t.Errorf("%d differences %+v, want %d", report.DifferenceCount, report.Differences, c.want)
			}
		})
	}
	w := newWorld()
	for range 2 {
		p := w.authorize(700, "EUR")
		capture := p.capture(700, monday)
		p.came("reject", "f/2", capture, 700, 700)
		p.came("write_off", "alice", capture, 700, 700)
	}
	if report := w.run(t); !report.Clean() || report.Rejected.Count != 0 {
		t.Errorf("one person decided twice: %+v, apart %+v", report.Differences, report.Rejected)
	}
}

// What waits for a person, and what the issuer took beyond what was owed, is apart: the books agree about it.
func TestWhatCameBackIsApart(t *testing.T) {
	w := newWorld()
	p := w.authorize(700, "EUR")
	p.came("reject", "f/2", p.capture(700, monday), 700, 700)
	q := w.authorize(500, "EUR")
	q.came("chargeback", "f/3", q.capture(500, monday), 650, 500)
	report := w.run(t)
	if !report.Clean() {
		t.Errorf("differences %+v", report.Differences)
	}
	if r := report.Rejected; r.Count != 1 || r.Minor["EUR"] != 700 || r.Items[0].Payment != p.ID {
		t.Errorf("rejected are %+v", r)
	}
	if e := report.ChargebackExcess; e.Count != 1 || e.Minor["EUR"] != 150 || e.Items[0].Payment != q.ID {
		t.Errorf("charged back beyond what was owed are %+v", e)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nobody has decided: 1 (7.00 EUR)", "still owed: 1 (1.50 EUR)", "no differences"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, text.String())
		}
	}
}

// What a file took back before it is charged back counts for nothing: all of it is excess.
func TestChargebackOfWhatWasTakenBack(t *testing.T) {
	for _, counts := range []int64{0, 700} {
		w := newWorld()
		p := w.authorize(700, "EUR")
		capture := p.capture(700, monday)
		p.voidSealed(capture, tuesday)
		p.came("chargeback", "f/2", capture, 700, counts)
		report := w.run(t)
		if broken := report.ByKind[audit.Invariant] > 0; broken != (counts > 0) {
			t.Errorf("%d count: differences %+v", counts, report.Differences)
		}
		if report.ChargebackExcess.Minor["EUR"] != 700 {
			t.Errorf("%d count: apart %+v", counts, report.ChargebackExcess)
		}
	}
}

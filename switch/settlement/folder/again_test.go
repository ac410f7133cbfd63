package folder_test

import (
	"fmt"
	"testing"

	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
	"switchyard/switch/settlement/folder"
)

const (
	thursday = "2026-11-26"
	friday   = "2026-11-27"
	saturday = "2026-11-28"
)

// rejects is a message exception that stands before a record of a file of ours.
func rejects(file string, p *clearing.Presentment) []told {
	return []told{{message: &clearing.Message{MTI: "1644", FunctionCode: "691", PDS: []clearing.PDS{
		{Tag: 5, Value: "D0002" + "02" + "0301" + "000"}, {Tag: 138, Value: "00000002"}, {Tag: 280, Value: file},
	}}}, {presented: p}}
}

// secondOf is the second presentment of all of a first one.
func secondOf(p clearing.Presentment) clearing.Presentment {
	p.FunctionCode, p.MessageReason, p.OriginalMinor = "205", "2700", p.AmountMinor
	return p
}

// sums are what tests of one merchant look at.
func sums(t *testing.T, run *settlement.Run, err error) settlement.Sums {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Statements) != 1 || len(run.Proof) != 1 || !run.Proof[0].Holds {
		t.Fatalf("%d statements, %+v", len(run.Statements), run.Proof)
	}
	return run.Statements[0].Totals
}

// A record that two files of one date have counts once, whether a reject of the first is known or not, and of whatever
// date its file is.
func TestAgainWithinADate(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	d.write(thursday, 1, p, d.purchase("SHOP", 500))
	d.write(thursday, 2, d.purchase("SHOP", 700), p)
	run, err := d.settle(thursday, thursday)
	got := sums(t, run, err)
	if got.GrossMinor != 11_200 || got.Purchases != 3 || len(run.Exceptions) != 1 ||
		run.Exceptions[0].Kind != settlement.PresentedAgain || run.Exceptions[0].File != name(thursday, 2)+".ipm" ||
		run.Exceptions[0].Record != 3 || run.Received[0].PresentedAgainMinor != 10_000 {
		t.Errorf("without a reject: %+v\n%+v", got, run.Exceptions)
	}
	d.write(friday, 1, d.purchase("SHOP", 1, d.onFriday))
	d.receive(friday, 1, rejects(name(thursday, 1), &p)...)
	run, err = d.settle(thursday, friday, fromIncoming)
	got = sums(t, run, err)
	if days := run.Statements[0].Days; days[0].GrossMinor != 11_200 || days[1].GrossMinor != 10_001 ||
		got.RejectedMinor != 10_000 || len(run.Exceptions) != 0 {
		t.Errorf("rejected by a file of the next date: %+v\n%+v", days, run.Exceptions)
	}
	before, err := d.settle(thursday, thursday, fromIncoming)
	d.must(err)
	after, err := d.settle(friday, friday, fromIncoming, func(o *folder.Options) { o.Opening = before })
	if got := sums(t, after, err); got != run.Statements[0].Days[1].Sums || len(after.Exceptions) != 0 {
		t.Errorf("in the next period: %+v\n%+v", got, after.Exceptions)
	}
	d.must(d.fs.RemoveAll("incoming"))
	d.receive(thursday, 1, rejects(name(thursday, 1), &p)...)
	run, err = d.settle(thursday, thursday, fromIncoming)
	if got = sums(t, run, err); got.GrossMinor != 21_200 || got.RejectedMinor != 10_000 || len(run.Exceptions) != 0 {
		t.Errorf("rejected by a file of the same date: %+v\n%+v", got, run.Exceptions)
	}
}

// Of a record that was presented again and again each of the files may be refused as a whole, also the one of which it
// counts only since an earlier one was rejected.
func TestPresentedAgainAndRefused(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	d.write(thursday, 1, p)
	d.write(friday, 1, p)
	d.write(saturday, 1, d.purchase("SHOP", 1))
	d.receive(friday, 1, rejects(name(thursday, 1), &p)...)
	d.receive(saturday, 1, fileReject("D0002"+"02"+"0301"+"000", name(friday, 1)))
	run, err := d.settle(thursday, saturday, fromIncoming)
	if got := sums(t, run, err); got.GrossMinor != 20_001 || got.RejectedMinor != 20_000 || len(run.Exceptions) != 0 {
		t.Errorf("%+v\n%+v", got, run.Exceptions)
	}
}

// A second presentment of a part counts once more, too, when the file was refused as a whole in which it stood.
func TestPartPresentedAgainAndRefused(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	second := secondOf(p)
	second.AmountMinor, second.IssuerReference = 3_000, "A"
	d.write(thursday, 1, p)
	d.receive(thursday, 1, of(&p, "1442", "453", 3_000, with(95, "A")))
	d.write(friday, 1, second)
	d.receive(friday, 1, fileReject("D0002"+"02"+"0301"+"000", name(friday, 1)))
	d.write(saturday, 1, second)
	run, err := d.settle(thursday, saturday, fromIncoming)
	if got := sums(t, run, err); got.RepresentedMinor != 6_000 || got.RejectedMinor != 3_000 || len(run.Exceptions) != 0 {
		t.Errorf("%+v\n%+v", got, run.Exceptions)
	}
}

// Chargeback, second presentment, its reject and the second presentment once more stand in files of one date, which say
// nothing of the order in which they were made: whatever it is, nothing is an exception, and all comes to the same.
func TestDisputeWithinADate(t *testing.T) {
	for _, order := range [][3]int{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}} {
		d := newDesk(t)
		p := d.purchase("SHOP", 10_000)
		second := secondOf(p)
		d.write(thursday, 1, p)
		d.write(friday, 1, d.purchase("SHOP", 1, d.onFriday))
		d.write(friday, 2, second)
		d.write(friday, 3, second)
		d.receive(friday, order[0], of(&p, "1442", "450", 10_000))
		d.receive(friday, order[1], rejects(name(friday, 2), &second)...)
		run, err := d.settle(thursday, friday, fromIncoming)
		got := sums(t, run, err)
		if got.ChargebacksMinor != 10_000 || got.RepresentedMinor-got.RejectedMinor != 10_000 || len(run.Exceptions) != 0 {
			t.Errorf("in the order %v: %+v\n%+v", order, got, run.Exceptions)
		}
		d.receive(friday, order[2], of(&p, "1442", "451", 10_000)) // arbitration: of the one that stands
		run, err = d.settle(thursday, friday, fromIncoming)
		got = sums(t, run, err)
		if got.ChargebacksMinor != 20_000 || got.RepresentedMinor-got.RejectedMinor != 10_000 || len(run.Exceptions) != 0 {
			t.Errorf("in the order %v, with arbitration: %+v\n%+v", order, got, run.Exceptions)
		}
	}
}

// A second presentment asks for what was charged back: as long as no chargeback of it is known it does not count.
func TestSecondPresentmentOfNothing(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	d.write(thursday, 1, p)
	d.write(friday, 1, secondOf(p))
	for _, change := range [][]func(*folder.Options){nil, {fromIncoming}} {
		d.must(d.fs.MkdirAll("incoming", 0o700))
		run, err := d.settle(thursday, friday, change...)
		got := sums(t, run, err)
		if got.GrossMinor != 10_000 || got.RepresentedMinor != 0 || len(run.Exceptions) != 1 ||
			run.Exceptions[0].Kind != settlement.Excess || run.Exceptions[0].Date.String() != friday {
			t.Errorf("without a chargeback: %+v\n%+v", got, run.Exceptions)
		}
	}
	d.write(saturday, 1, d.purchase("SHOP", 1))
	d.receive(saturday, 1, of(&p, "1442", "453", 4_000))
	d.receive(saturday, 2, of(&p, "1442", "453", 6_000))
	run, err := d.settle(thursday, saturday, fromIncoming)
	got := sums(t, run, err)
	if days := run.Statements[0].Days; len(days) != 2 || days[1].ChargebacksMinor != 10_000 ||
		days[1].RepresentedMinor != 10_000 || len(run.Exceptions) != 0 {
		t.Errorf("charged back by files of the next date: %+v\n%+v", got, run.Exceptions)
	}
	before, err := d.settle(thursday, friday, fromIncoming)
	d.must(err)
	after, err := d.settle(saturday, saturday, fromIncoming, func(o *folder.Options) { o.Opening = before })
	if got := sums(t, after, err); got != run.Statements[0].Days[1].Sums || len(after.Exceptions) != 0 {
		t.Errorf("in the next period: %+v\n%+v", got, after.Exceptions)
	}
	// Where the first presentment is of a date before all files, nobody knows what came of it.
	d.must(d.fs.RemoveAll("clearing/" + thursday))
	d.must(d.fs.RemoveAll("incoming"))
	run, err = d.settle(friday, friday)
	if got := sums(t, run, err); got.RepresentedMinor != 10_000 || len(run.Exceptions) != 1 ||
		run.Exceptions[0].Kind != settlement.PresentedAgain {
		t.Errorf("of a first presentment that is not there: %+v\n%+v", got, run.Exceptions)
	}
	d.receive(saturday, 1, of(&p, "1442", "450", 10_000))
	after, err = d.settle(saturday, saturday, fromIncoming, func(o *folder.Options) { o.Opening = run })
	if got := sums(t, after, err); got.ChargebacksMinor != 10_000 || got.RepresentedMinor != 0 ||
		len(after.Exceptions) != 1 || after.Exceptions[0].File != name(saturday, 1)+".ipm" { // of which nobody knows
		t.Errorf("of one that is not there, charged back in the next period: %+v\n%+v", got, after.Exceptions)
	}
}

// However many records a date has, those that stand in it twice are found, and no others are taken for such.
func TestAgainAmongMany(t *testing.T) {
	d := newDesk(t)
	var many []clearing.Presentment
	for i := range 3_000 {
		many = append(many, d.purchase("SHOP", int64(i+1)))
	}
	d.write(thursday, 1, many[:2_000]...)
	d.write(thursday, 2, append(many[2_000:], many[7], many[1_999])...)
	run, err := d.settle(thursday, thursday)
	got := sums(t, run, err)
	is := fmt.Sprint(got.Purchases, got.GrossMinor, len(run.Exceptions), run.Received[0].PresentedAgainMinor)
	if want := fmt.Sprint(3_000, 3_000*3_001/2, 2, 8+2_000); is != want {
		t.Errorf("%s, want %s\n%+v", is, want, run.Exceptions)
	}
}

// After days without settlement a file has more records of earlier dates than are remembered one by one: those that
// stood in an earlier file are found all the same.
func TestManyCarried(t *testing.T) {
	d := newDesk(t)
	const carried = 1<<14 + 100
	var many []clearing.Presentment
	for range carried {
		many = append(many, d.purchase("SHOP", 1))
	}
	again, second := d.purchase("SHOP", 10_000), d.purchase("SHOP", 500)
	d.write(thursday, 1, again, second)
	d.write(friday, 1, append(many, many[7], again, secondOf(second))...)
	run, err := d.settle(thursday, friday)
	got := sums(t, run, err)
	var told []string
	for _, e := range run.Exceptions {
		told = append(told, fmt.Sprint(e.Kind, e.Record, e.AmountMinor))
	}
	want := fmt.Sprint([]string{
		fmt.Sprint(settlement.PresentedAgain, carried+2, 1), fmt.Sprint(settlement.PresentedAgain, carried+3, 10_000),
		fmt.Sprint(settlement.Excess, carried+4, 500),
	})
	if fmt.Sprint(told) != want || got.Purchases != carried+2 || got.RepresentedMinor != 0 {
		t.Errorf("%v, want %s\n%+v", told, want, got)
	}
	d.receive(friday, 1, rejects(name(thursday, 1), &again)...)
	run, err = d.settle(thursday, friday, fromIncoming)
	if got := sums(t, run, err); got.Purchases != carried+3 || got.Rejected != 1 || len(run.Exceptions) != 2 {
		t.Errorf("with a reject: %+v\n%+v", got, run.Exceptions)
	}
}

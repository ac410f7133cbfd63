package folder_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
	"switchyard/switch/settlement/folder"
)

// A told is a record of a clearing system: a message, or a presentment that it gives back.
type told struct {
	message   *clearing.Message
	presented *clearing.Presentment
}

// of is a message about a presentment.
func of(p *clearing.Presentment, mti, function string, minor int64, change ...func(m *clearing.Message)) told {
	m := &clearing.Message{MTI: mti, FunctionCode: function, Elements: []clearing.Element{
		{DE: 2, Value: p.PAN}, {DE: 3, Value: "000000"}, {DE: 4, Value: fmt.Sprintf("%012d", minor)},
		{DE: 12, Value: "261126120000"}, {DE: 25, Value: "4853"},
		{DE: 30, Value: fmt.Sprintf("%012d%012d", p.AmountMinor, 0)},
		{DE: 31, Value: p.ARN}, {DE: 33, Value: "900001"}, {DE: 49, Value: "978"}, {DE: 94, Value: "900001"},
	}}
	for _, c := range change {
		c(m)
	}
	return told{message: m}
}

// with sets an element; without a value it goes.
func with(de int, value string) func(*clearing.Message) {
	return func(m *clearing.Message) {
		m.Elements = slices.DeleteFunc(m.Elements, func(e clearing.Element) bool { return e.DE == de })
		if value != "" {
			m.Elements = append(m.Elements, clearing.Element{DE: de, Value: value})
		}
	}
}

func withPDS(tag int, value string) func(*clearing.Message) {
	return func(m *clearing.Message) { m.PDS = append(m.PDS, clearing.PDS{Tag: tag, Value: value}) }
}

// takenBack makes a message one that takes an earlier one back.
func takenBack(m *clearing.Message) { withPDS(25, "R261127")(m) }

// returned is a presentment as the clearing system gives it back, with interchange.
func returned(p clearing.Presentment, entries string) told {
	p.PDS = []clearing.PDS{{Tag: 146, Value: entries}}
	return told{presented: &p}
}

// entry is one of PDS0146.
func entry(processing, currency string, minor int64, settledIn string, settled int64) string {
	return fmt.Sprintf("00%s01%s%012d%s%012d", processing, currency, minor, settledIn, settled)
}

// receive writes a file of a clearing system, and returns its id.
func (d *desk) receive(date string, sequence int, records ...told) string {
	d.t.Helper()
	return d.receiveAs(clearing.Header{}, clearing.MadeByClearing, date, sequence, records...)
}

func (d *desk) receiveAs(h clearing.Header, kind, date string, sequence int, records ...told) string {
	d.t.Helper()
	at, err := time.Parse(time.DateOnly, date)
	d.must(err)
	h.FileID = clearing.FileID{Type: kind, Date: at, ProcessorID: "12345", Sequence: sequence}
	var b bytes.Buffer
	w, err := clearing.NewWriter(&b, h)
	d.must(err)
	for _, r := range records {
		if r.message != nil {
			d.must(w.WriteMessage(r.message))
		} else {
			d.must(w.Write(r.presented))
		}
	}
	_, err = w.Close()
	d.must(err)
	id := h.FileID.String()
	d.put("incoming/"+date+"/"+id+".ipm", b.Bytes())
	return id
}

func fromIncoming(o *folder.Options) { o.Incoming = "incoming" }

// dispute is a folder with two purchases, and all that may come of them.
func dispute(t *testing.T) *desk {
	d := newDesk(t)
	shop := d.purchase("SHOP", 10_000)
	agency := d.purchase("AGENCY", 50_000, func(p *clearing.Presentment) { p.FeePlan = "travel" })
	d.write("2026-11-26", 1, shop, agency)
	d.write("2026-11-27", 1, d.purchase("SHOP", 100, d.onFriday))
	d.receive("2026-11-26", 1, returned(shop, entry("00", "978", 25, "978", 25)),
		returned(agency, entry("00", "840", 70, "978", 60)+entry("29", "978", 5, "978", 5)))
	d.receive("2026-11-27", 1, of(&shop, "1442", "453", 4_000), of(&agency, "1442", "450", 50_000,
		withPDS(146, entry("00", "978", 60, "978", 60))), of(&shop, "1740", "700", 250, with(3, "190000")))
	d.receive("2026-11-30", 1, of(&shop, "1240", "282", 3_000), of(&agency, "1442", "450", 50_000, takenBack),
		of(&agency, "1740", "700", 90, with(3, "290000")))
	return d
}

func TestIncoming(t *testing.T) {
	run, err := dispute(t).settle("2026-11-26", "2026-11-30", fromIncoming)
	if err != nil {
		t.Fatal(err)
	}
	agency, shop := run.Statements[0], run.Statements[1]
	// Interchange is passed on where the plan says so: 0.60 less 0.05, and with the chargeback 0.60 back.
	if agency.Days[0].FeeInterchangeMinor != 55 || agency.Days[1].FeeInterchangeMinor != -60 ||
		shop.Totals.FeeInterchangeMinor != 0 || run.Received[0].KeptInterchangeMinor != 25 {
		t.Errorf("interchange: %d, %d, %d, %+v", agency.Days[0].FeeInterchangeMinor, agency.Days[1].FeeInterchangeMinor,
			shop.Totals.FeeInterchangeMinor, run.Received)
	}
	friday := shop.Days[1]
	if friday.Chargebacks != 1 || friday.ChargebacksMinor != 4_000 || friday.FeeChargebackMinor != 1_500 ||
		friday.FeePassedMinor != 250 || friday.FeeAcquirerMinor != 11 || friday.NetMinor != 100-11-4_000-1_500-250 ||
		friday.CarriedForwardMinor != friday.NetMinor {
		t.Errorf("the date of the chargeback: %+v", friday)
	}
	if monday := shop.Days[2]; monday.RepresentedMinor != 3_000 || monday.FeesMinor != 0 {
		t.Errorf("the date of the second presentment: %+v", monday)
	}
	if agency.Totals.ChargebacksMinor != 0 || agency.Totals.Chargebacks != 0 || agency.Totals.FeePassedMinor != -90 {
		t.Errorf("a chargeback that is taken back: %+v", agency.Totals)
	}
	if len(shop.Items) != 3 || shop.Items[0].AmountMinor != -4_000 || shop.Items[0].FeeMinor != 1_500 ||
		shop.Items[0].Reason != "4853" || shop.Items[0].Date.String() != "2026-11-27" || len(agency.Items) != 3 {
		t.Errorf("items: %+v\n%+v", shop.Items, agency.Items)
	}
	if !run.Proof[0].Holds || len(run.Incoming) != 3 {
		t.Errorf("%+v, %v", run.Proof, run.Incoming)
	}
	if len(run.Exceptions) != 1 || run.Exceptions[0].Kind != settlement.NoFiles { // of Monday
		t.Errorf("exceptions: %+v", run.Exceptions)
	}
	var page, table bytes.Buffer
	if err := run.WritePage(&page, "SHOP"); err != nil || !strings.Contains(page.String(), "<td>Chargeback</td>") {
		t.Errorf("%v\n%s", err, &page)
	}
	if err := run.WriteText(&table); err != nil || !strings.Contains(table.String(),
		"chargebacks 40.00 = 40.00 in incoming files − 0.00 excepted\n") {
		t.Errorf("%v\n%s", err, &table)
	}
}

// Computed from the first date, and from the statements before with the folders as context, it is the same.
func TestIncomingOpening(t *testing.T) {
	d := dispute(t)
	computed, err := d.settle("2026-11-27", "2026-11-30", fromIncoming)
	if err != nil {
		t.Fatal(err)
	}
	before, err := d.settle("2026-11-26", "2026-11-26", fromIncoming)
	if err != nil {
		t.Fatal(err)
	}
	opening, err := settlement.ReadRun(strings.NewReader(text(t, before)))
	if err != nil {
		t.Fatal(err)
	}
	given, err := d.settle("2026-11-27", "2026-11-30", fromIncoming, func(o *folder.Options) { o.Opening = opening })
	if err != nil {
		t.Fatal(err)
	}
	given.Opening = computed.Opening
	if a, b := text(t, computed), text(t, given); a != b {
		t.Errorf("computed\n%s\ngiven\n%s", a, b)
	}

	// A file of a date that was settled without it is settled with the first date behind it, and told of.
	late := d.receive("2026-11-26", 2, of(&clearing.Presentment{}, "1740", "700", 1, with(3, "190000"), with(31, ""),
		with(2, ""), with(30, "")))
	given, err = d.settle("2026-11-27", "2026-11-30", fromIncoming, func(o *folder.Options) { o.Opening = opening })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(given.Incoming, late) || len(given.Exceptions) < 2 ||
		given.Exceptions[0].Kind != settlement.LateFile || given.Exceptions[0].Date.String() != "2026-11-27" {
		t.Errorf("%+v", given.Exceptions)
	}
}

// What does not fit is an exception with its place, and counts to nobody.
func TestExceptions(t *testing.T) {
	for _, x := range []struct {
		name    string
		kind    settlement.ExceptionKind
		message string
		tell    func(d *desk, p, refunded *clearing.Presentment) []told
	}{
		{"another reference", settlement.Unmatched, "1442/450 first chargeback, full: DE31: nothing was presented",
			func(d *desk, p, _ *clearing.Presentment) []told {
				other := d.purchase("SHOP", 1)
				return []told{of(&other, "1442", "450", 1)}
			}},
		{"a fee without a reference", settlement.Unmatched, "1740/700 fee collection: DE31: it names no presentment",
			func(d *desk, p, _ *clearing.Presentment) []told {
				return []told{of(p, "1740", "700", 1, with(3, "190000"), with(31, ""))}
			}},
		{"a reference with another check digit", settlement.NotCounted, "DE31 acquirer reference: check digit is",
			func(d *desk, p, _ *clearing.Presentment) []told {
				digit := (p.ARN[22]-'0'+1)%10 + '0'
				return []told{of(p, "1442", "450", 1, with(31, p.ARN[:22]+string(digit)))}
			}},
		{"no reason", settlement.NotCounted, "DE25 message reason: is missing",
			func(d *desk, p, _ *clearing.Presentment) []told { return []told{of(p, "1442", "450", 1, with(25, ""))} }},
		{"neither collected nor paid", settlement.NotCounted, "DE3 is 000000",
			func(d *desk, p, _ *clearing.Presentment) []told { return []told{of(p, "1740", "700", 1)} }},
		{"another currency", settlement.OtherAmount, "DE49: USD: it was presented in EUR",
			func(d *desk, p, _ *clearing.Presentment) []told {
				return []told{of(p, "1442", "450", 1, with(49, "840"))}
			}},
		{"more than was presented", settlement.Excess, "of 10000 that were presented 0 are charged back already",
			func(d *desk, p, _ *clearing.Presentment) []told { return []told{of(p, "1442", "450", 10_001)} }},
		{"a refund", settlement.Excess, "a refund was presented",
			func(d *desk, _, refunded *clearing.Presentment) []told { return []told{of(refunded, "1442", "450", 1)} }},
		{"presented again for nothing", settlement.Excess, "only 0 are charged back",
			func(d *desk, p, _ *clearing.Presentment) []told { return []told{of(p, "1240", "205", 1)} }},
		{"taken back for nothing", settlement.Excess, "only 0 are charged back",
			func(d *desk, p, _ *clearing.Presentment) []told { return []told{of(p, "1442", "450", 1, takenBack)} }},
		{"a fee that is given back", settlement.NotCounted, "1740/780 fee return is not counted",
			func(d *desk, p, _ *clearing.Presentment) []told { return []told{of(p, "1740", "780", 1)} }},
		{"arbitration of more than was presented", settlement.Excess, "of 10000 that were presented 0 are charged back",
			func(d *desk, p, _ *clearing.Presentment) []told { return []told{of(p, "1442", "451", 10_001)} }},
		{"arbitration of a refund", settlement.Excess, "a refund was presented",
			func(d *desk, _, refunded *clearing.Presentment) []told { return []told{of(refunded, "1442", "454", 1)} }},
		{"another amount given back", settlement.OtherAmount, "DE4: 9999: it was presented with 10000",
			func(d *desk, p, _ *clearing.Presentment) []told {
				other := *p
				other.AmountMinor--
				return []told{returned(other, entry("00", "978", 1, "978", 1))}
			}},
		{"another record given back", settlement.Unmatched, "no such record was presented",
			func(d *desk, p, _ *clearing.Presentment) []told {
				other := *p
				other.ReversalOf = other.LocalTime
				return []told{returned(other, entry("00", "978", 1, "978", 1))}
			}},
		{"interchange in another currency", settlement.NotCounted,
			"PDS0146, entry 1: it is in USD and GBP, the record in EUR",
			func(d *desk, p, _ *clearing.Presentment) []told {
				return []told{returned(*p, entry("00", "840", 1, "826", 1))}
			}},
		{"interchange of another kind", settlement.NotCounted, `PDS0146, entry 1: processing "77"`,
			func(d *desk, p, _ *clearing.Presentment) []told {
				return []told{returned(*p, entry("77", "978", 1, "978", 1))}
			}},
		{"interchange that is cut", settlement.NotCounted, "PDS0146: it has 35 characters",
			func(d *desk, p, _ *clearing.Presentment) []told {
				return []told{returned(*p, entry("00", "978", 1, "978", 1)[1:])}
			}},
		{"a rejected record that is none of ours", settlement.RejectedRecord, "and no such record of it stands",
			func(d *desk, p, _ *clearing.Presentment) []told {
				return []told{exception(), {presented: ref(d.purchase("SHOP", 1))}}
			}},
		{"a reject without its record", settlement.RejectedRecord, "message 00000002 of file " + name("2026-11-26", 1),
			func(d *desk, p, _ *clearing.Presentment) []told { return []told{exception()} }},
		{"a file refused for its id", settlement.RejectedFile, "was refused as a whole for its id",
			func(d *desk, p, _ *clearing.Presentment) []told {
				return []told{fileReject("D0071030501000P0105030501000", name("2026-11-26", 1))}
			}},
		{"a refusal that is taken back", settlement.RejectedFile, "was refused as a whole, which is taken back",
			func(d *desk, p, _ *clearing.Presentment) []told {
				no := fileReject("P0301030501000", name("2026-11-26", 1))
				no.message.PDS = slices.Insert(no.message.PDS, 1, clearing.PDS{Tag: 25, Value: "R261126"})
				return []told{no}
			}},
		{"a refused file of others", settlement.RejectedFile, "was refused as a whole, and nothing of it stands",
			func(d *desk, p, _ *clearing.Presentment) []told {
				return []told{fileReject("P0301030501000", name("2026-11-26", 2))}
			}},
	} {
		d := newDesk(t)
		p, refunded := d.purchase("SHOP", 10_000), d.purchase("SHOP", 500, refund)
		d.write("2026-11-26", 1, p, refunded)
		want, err := d.settle("2026-11-26", "2026-11-26")
		if err != nil {
			t.Fatal(err)
		}
		d.receive("2026-11-26", 1, x.tell(d, &p, &refunded)...)
		got, err := d.settle("2026-11-26", "2026-11-26", fromIncoming)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		if len(got.Exceptions) != 1 || got.Exceptions[0].Kind != x.kind ||
			!strings.Contains(got.Exceptions[0].Message, x.message) || got.Exceptions[0].Record < 2 ||
			!strings.HasPrefix(got.Exceptions[0].File, "incoming/2026-11-26/") {
			t.Errorf("%s: %+v; want %s, %s", x.name, got.Exceptions, x.kind, x.message)
		}
		for _, p := range got.Proof {
			if !p.Holds {
				t.Errorf("%s: %+v", x.name, p)
			}
		}
		want.Incoming, want.Received, want.Exceptions, want.Proof = got.Incoming, got.Received, got.Exceptions, got.Proof
		if a, b := text(t, got), text(t, want); a != b {
			t.Errorf("%s: it counts: %s\nwant\n%s", x.name, a, b)
		}
	}
}

// exception is what stands before a rejected record.
func exception() told {
	return told{message: &clearing.Message{MTI: "1644", FunctionCode: "691", PDS: []clearing.PDS{
		{Tag: 5, Value: "D0002" + "02" + "0301" + "000"}, {Tag: 138, Value: "00000002"},
		{Tag: 280, Value: name("2026-11-26", 1)},
	}}}
}

// fileReject refuses a file as a whole.
func fileReject(entries, file string) told {
	return told{message: &clearing.Message{MTI: "1644", FunctionCode: "699", PDS: []clearing.PDS{
		{Tag: 5, Value: entries}, {Tag: 280, Value: file},
	}, Elements: []clearing.Element{{DE: 72, Value: "no"}}}}
}

// What a file presents that was refused as a whole counts no more, nor do its fees, until it is presented again.
func TestRefusedFile(t *testing.T) {
	d := newDesk(t)
	shop, other := d.purchase("SHOP", 10_000), d.purchase("SHOP", 500, refund)
	agency := d.purchase("AGENCY", 50_000, func(p *clearing.Presentment) { p.FeePlan = "travel" })
	d.write("2026-11-26", 1, shop, other, agency)
	d.write("2026-11-26", 2, d.purchase("SHOP", 700))
	d.write("2026-11-27", 1, shop)
	refused := fileReject("P0301030501000", name("2026-11-26", 1))
	d.receive("2026-11-27", 1, exception(), told{presented: &other}, refused) // the refund was rejected before
	run, err := d.settle("2026-11-26", "2026-11-27", fromIncoming)
	if err != nil {
		t.Fatal(err)
	}
	is, has := run.Statements[0].Totals, run.Statements[1].Totals
	if is.RejectedMinor != 50_000 || is.FeesMinor != 0 || is.GrossMinor != 50_000 {
		t.Errorf("the agency, of which all was refused: %+v", is)
	}
	if has.Rejected != 2 || has.RejectedMinor != 9_500 || has.GrossMinor != 20_700 || has.FeesMinor != 110+17 {
		t.Errorf("the shop, of which one was presented again: %+v", has)
	}
	if len(run.Exceptions) != 0 || !run.Proof[0].Holds {
		t.Errorf("%+v\n%+v", run.Exceptions, run.Proof)
	}
	d.receive("2026-11-27", 2, refused, of(&agency, "1442", "450", 1)) // nothing of it stands any more
	run, err = d.settle("2026-11-26", "2026-11-27", fromIncoming)
	if err != nil || len(run.Exceptions) != 2 || !run.Proof[0].Holds || run.Statements[1].Totals != has {
		t.Errorf("refused twice: %v, %+v", err, run)
	}
}

func ref(p clearing.Presentment) *clearing.Presentment { return &p }

// What was rejected counts no more, nor do its fees, until it is presented again; what is presented again without a
// reject counts once, and is told of.
func TestRejected(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	other := d.purchase("SHOP", 500, refund)
	d.write("2026-11-26", 1, p, other)
	d.write("2026-11-27", 1, p)
	for _, change := range [][]func(*folder.Options){nil, {fromIncoming}} {
		d.must(d.fs.MkdirAll("incoming", 0o700))
		run, err := d.settle("2026-11-26", "2026-11-27", change...)
		if err != nil {
			t.Fatal(err)
		}
		if len(run.Exceptions) != 1 || run.Exceptions[0].Kind != settlement.PresentedAgain ||
			run.Exceptions[0].ARN != p.ARN || run.Exceptions[0].Date.String() != "2026-11-27" {
			t.Errorf("without a reject: %+v", run.Exceptions)
		}
		if got := run.Statements[0].Totals; got.Purchases != 1 || got.NetMinor != 9_500-110 || !run.Proof[0].Holds {
			t.Errorf("without a reject it counts twice: %+v\n%+v", got, run.Proof)
		}
		before, err := d.settle("2026-11-26", "2026-11-26", change...)
		d.must(err)
		after, err := d.settle("2026-11-27", "2026-11-27", append(change, func(o *folder.Options) { o.Opening = before })...)
		d.must(err)
		if len(after.Statements) != 0 || len(after.Exceptions) != 1 || !after.Proof[0].Holds {
			t.Errorf("without a reject it counts in the next period: %+v\n%+v", after.Statements, after.Exceptions)
		}
	}
	d.receive("2026-11-27", 1, exception(), told{presented: &p}, exception(), told{presented: &other})
	run, err := d.settle("2026-11-26", "2026-11-27", fromIncoming)
	if err != nil {
		t.Fatal(err)
	}
	// 1 % of 100.00 and 0.10, once; the refund, which cost nothing, was not taken.
	if got := run.Statements[0].Totals; got.Rejected != 2 || got.RejectedMinor != 9_500 || got.FeesMinor != 110 ||
		got.NetMinor != 10_000-110 || got.GrossMinor != 20_000 || !run.Proof[0].Holds {
		t.Errorf("%+v\n%+v", got, run.Proof)
	}
	items := run.Statements[0].Items
	if len(run.Exceptions) != 0 || len(items) != 2 || items[0].AmountMinor != -10_000 || items[0].FeeMinor != -110 {
		t.Errorf("%+v\n%+v", run.Exceptions, items)
	}
	d.receive("2026-11-27", 2, exception(), told{presented: &other}) // it does not stand any more
	// The one that stands is another file's.
	d.receive("2026-11-27", 3, exception(), told{presented: &p})
	if run, err = d.settle("2026-11-26", "2026-11-27", fromIncoming); err != nil || len(run.Exceptions) != 2 ||
		!run.Proof[0].Holds || run.Statements[0].Totals.Rejected != 2 {
		t.Errorf("rejected twice: %v, %+v", err, run)
	}
}

// A reject that comes with a later date than what is presented again makes that count, with the date of the reject.
func TestLateReject(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	d.write("2026-11-26", 1, p)
	d.write("2026-11-27", 1, p)
	d.write("2026-11-28", 1, d.purchase("ZOO", 1))
	d.receive("2026-11-28", 1, exception(), told{presented: &p})
	run, err := d.settle("2026-11-26", "2026-11-28", fromIncoming)
	d.must(err)
	days := run.Statements[0].Days
	if len(days) != 2 || days[1].Date.String() != "2026-11-28" || days[1].NetMinor != 0 || days[1].Rejected != 1 ||
		days[1].GrossMinor != 10_000 || len(run.Exceptions) != 0 || !run.Proof[0].Holds {
		t.Errorf("%+v\n%+v\n%+v", days, run.Exceptions, run.Proof)
	}
	before, err := d.settle("2026-11-26", "2026-11-27", fromIncoming)
	d.must(err)
	after, err := d.settle("2026-11-28", "2026-11-28", fromIncoming, func(o *folder.Options) { o.Opening = before })
	d.must(err)
	if got := after.Statements[0].Totals; got != run.Statements[0].Days[1].Sums || !after.Proof[0].Holds ||
		len(before.Exceptions) != 1 {
		t.Errorf("in the next period: %+v\n%+v", got, before.Exceptions)
	}
}

// A record that was carried into a later date was not presented before, and is nothing to look at.
func TestCarried(t *testing.T) {
	d := newDesk(t)
	d.write("2026-11-26", 1, d.purchase("SHOP", 500))
	d.write("2026-11-27", 1, d.purchase("SHOP", 10_000))
	run, err := d.settle("2026-11-26", "2026-11-27")
	d.must(err)
	if got := run.Statements[0].Totals; got.GrossMinor != 10_500 || len(run.Exceptions) != 0 || !run.Proof[0].Holds {
		t.Errorf("%+v\n%+v", got, run.Exceptions)
	}
	// Of a date before all files nobody knows.
	if run, err = d.settle("2026-11-27", "2026-11-27"); err != nil || len(run.Exceptions) != 0 {
		t.Errorf("%v, %+v", err, run)
	}
	d.must(d.fs.RemoveAll("clearing/2026-11-26"))
	if run, err = d.settle("2026-11-27", "2026-11-27"); err != nil || len(run.Exceptions) != 1 ||
		run.Exceptions[0].Kind != settlement.PresentedAgain || run.Statements[0].Totals.GrossMinor != 10_000 {
		t.Errorf("%v, %+v", err, run)
	}
}

// What comes twice counts once: records in a file and in another, and files. What is wrong as a whole does not count.
func TestTwice(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	d.write("2026-11-26", 1, p)
	once := of(&p, "1442", "453", 4_000)
	id := d.receive("2026-11-26", 1, once, once)
	d.receive("2026-11-26", 2, once)
	d.put("incoming/again.ipm", d.read("incoming/2026-11-26/"+id+".ipm"))
	good := d.read("incoming/2026-11-26/" + id + ".ipm")
	d.put("incoming/cut.ipm", good[:len(good)-1])
	d.put("incoming/.hidden.ipm", good)
	d.put("incoming/manifest.json", good)
	d.receiveAs(clearing.Header{}, "002", "2026-11-26", 3, once)
	d.receiveAs(clearing.Header{Production: true}, "001", "2026-11-26", 4, once)
	run, err := d.settle("2026-11-26", "2026-11-26", fromIncoming)
	if err != nil {
		t.Fatal(err)
	}
	if got := run.Statements[0].Totals; got.Chargebacks != 1 || got.ChargebacksMinor != 4_000 || !run.Proof[0].Holds {
		t.Errorf("%+v\n%+v", got, run.Proof)
	}
	count := map[settlement.ExceptionKind]int{}
	for _, e := range run.Exceptions {
		count[e.Kind]++
	}
	want := map[settlement.ExceptionKind]int{settlement.Twice: 2, settlement.SameFile: 1, settlement.RefusedFile: 3}
	if !maps.Equal(count, want) {
		t.Errorf("%v, want %v\n%+v", count, want, run.Exceptions)
	}
}

// A second presentment that stands in our own files counts by them; the clearing system's copy brings interchange.
func TestOwnSecondPresentment(t *testing.T) {
	d := newDesk(t)
	travel := func(p *clearing.Presentment) { p.FeePlan = "travel" }
	p := d.purchase("AGENCY", 10_000, travel)
	second := p
	second.FunctionCode, second.MessageReason, second.OriginalMinor = "205", "2700", 10_000
	d.write("2026-11-26", 1, p)
	d.write("2026-11-27", 1, second)
	d.receive("2026-11-26", 1, of(&p, "1442", "450", 10_000))
	d.receive("2026-11-27", 1, of(&second, "1240", "205", 10_000, withPDS(146, entry("00", "978", 7, "978", 7))))
	run, err := d.settle("2026-11-26", "2026-11-27", fromIncoming)
	if err != nil {
		t.Fatal(err)
	}
	if got := run.Statements[0].Totals; got.RepresentedMinor != 10_000 || got.FeeInterchangeMinor != 7 ||
		got.ChargebacksMinor != 10_000 || !run.Proof[0].Holds || len(run.Exceptions) != 0 {
		t.Errorf("%+v\n%+v\n%+v", got, run.Proof, run.Exceptions)
	}
}

// What is charged back again after it was presented a second time is the merchant's loss once more, and costs what a
// chargeback costs; beyond what was presented it is an exception, and where it is taken back it is given back.
func TestArbitration(t *testing.T) {
	for _, x := range []struct {
		name                                  string
		then                                  func(p *clearing.Presentment) []told
		chargebacks, represented, net, excess int64
	}{
		{"none", func(*clearing.Presentment) []told { return nil }, 10_000, 10_000, 10_000, 0},
		{"all of it", func(p *clearing.Presentment) []told { return []told{of(p, "1442", "451", 10_000)} },
			20_000, 10_000, 0, 0},
		{"a part, and taken back", func(p *clearing.Presentment) []told {
			return []told{of(p, "1442", "454", 4_000), of(p, "1442", "454", 4_000, takenBack)}
		}, 10_000, 10_000, 10_000, 0},
		{"a part, and too much", func(p *clearing.Presentment) []told {
			return []told{of(p, "1442", "454", 4_000), of(p, "1442", "451", 6_001)}
		}, 14_000, 10_000, 6_000, 6_001},
	} {
		d := newDesk(t)
		p := d.purchase("SHOP", 10_000)
		second := p
		second.FunctionCode, second.MessageReason, second.OriginalMinor = "205", "2700", 10_000
		d.write("2026-11-26", 1, p)
		d.write("2026-11-27", 1, second)
		d.receive("2026-11-26", 1, of(&p, "1442", "450", 10_000))
		d.receive("2026-11-27", 1, x.then(&p)...)
		run, err := d.settle("2026-11-26", "2026-11-27", fromIncoming)
		if err != nil {
			t.Fatal(err)
		}
		got, proof := run.Statements[0].Totals, run.Proof[0]
		if got.ChargebacksMinor != x.chargebacks || got.RepresentedMinor != x.represented ||
			got.NetMinor+got.FeesMinor+got.ReserveHeldMinor-got.ReserveReleasedMinor != x.net {
			t.Errorf("%s: %+v", x.name, got)
		}
		if !proof.Holds || proof.Received.Excepted.ChargebacksMinor != x.excess {
			t.Errorf("%s: %+v\n%+v", x.name, proof, run.Exceptions)
		}
	}
}

// Several parts of a presentment may be charged back, each of an amount of its own, and each is taken back by itself;
// the same one once more came before.
func TestPartsChargedBack(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	d.write("2026-11-26", 1, p)
	first, second := of(&p, "1442", "453", 4_000), of(&p, "1442", "453", 3_000)
	d.receive("2026-11-26", 1, first, second)
	d.receive("2026-11-27", 1, second, of(&p, "1442", "453", 3_001), of(&p, "1442", "453", 3_000, takenBack),
		of(&p, "1442", "453", 4_000, takenBack), of(&p, "1442", "453", 4_000, takenBack))
	d.write("2026-11-27", 1)
	run, err := d.settle("2026-11-26", "2026-11-27", fromIncoming)
	d.must(err)
	days := run.Statements[0].Days
	if len(days) != 2 || days[0].ChargebacksMinor != 7_000 || days[0].Chargebacks != 2 ||
		days[1].ChargebacksMinor != -7_000 || !run.Proof[0].Holds {
		t.Errorf("%+v\n%+v", days, run.Proof)
	}
	var kinds []settlement.ExceptionKind
	for _, e := range run.Exceptions {
		kinds = append(kinds, e.Kind)
	}
	want := []settlement.ExceptionKind{settlement.Twice, settlement.Excess, settlement.Twice}
	if !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v\n%+v", kinds, want, run.Exceptions)
	}
}

// Parts of one amount that references of the issuer's tell apart are charged one by one, and each is paid again that is
// presented a second time, by our files or those of others. What came before, and what goes beyond the part that it is
// of, is an exception.
func TestPartsWithReferences(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	second := func(reference string) clearing.Presentment {
		s := p
		s.FunctionCode, s.MessageReason, s.OriginalMinor, s.AmountMinor = "205", "2700", 10_000, 3_000
		s.IssuerReference = reference
		return s
	}
	part := func(function, reference string, minor int64, change ...func(*clearing.Message)) told {
		return of(&p, "1442", function, minor, append(change, with(95, reference))...)
	}
	d.write("2026-11-26", 1, p)
	d.receive("2026-11-26", 1, part("453", "A", 3_000), part("453", "B", 3_000), part("453", "C", 3_000))
	d.write("2026-11-27", 1, second("A"), second("B"))
	d.receive("2026-11-27", 1, part("453", "A", 3_000), // came before, also as a whole
		part("450", "A", 500),
		part("453", "D", 1_001),                                              // with it more than was presented
		part("454", "A", 3_000),                                              // arbitration
		part("454", "B", 3_001),                                              // of more than was presented a second time
		of(&p, "1240", "282", 3_001, with(95, "C")),                          // of more than was charged back
		of(&p, "1240", "282", 2_000, with(95, "C")), part("453", "E", 1_000)) // presented by another, and the rest
	d.receive("2026-11-28", 1, part("453", "B", 3_000, takenBack), part("453", "E", 1_000, takenBack))
	run, err := d.settle("2026-11-26", "2026-11-28", fromIncoming)
	d.must(err)
	days := run.Statements[0].Days
	if days[0].ChargebacksMinor != 9_000 || days[0].Chargebacks != 3 || days[1].RepresentedMinor != 8_000 ||
		days[1].ChargebacksMinor != 4_000 || days[2].ChargebacksMinor != -1_000 || !run.Proof[0].Holds {
		t.Errorf("%+v\n%+v", days, run.Proof)
	}
	if items := run.Statements[0].Items; len(items) == 0 || items[0].IssuerReference != "A" {
		t.Errorf("items %+v", items)
	}
	var kinds []settlement.ExceptionKind
	for _, e := range run.Exceptions {
		kinds = append(kinds, e.Kind)
	}
	const twice, excess = settlement.Twice, settlement.Excess
	if want := []settlement.ExceptionKind{twice, twice, excess, excess, excess, excess}; !slices.Equal(kinds, want) {
		t.Errorf("%v, want %v\n%+v", kinds, want, run.Exceptions)
	}
}

// A chargeback whose reference of the issuer's does not print, or could not be repeated by us, is an exception that
// names DE95, as it is for the switch, and is never shown as it came. A fee is passed on: nothing of ours answers it.
func TestReferencesThatDoNotPrint(t *testing.T) {
	const letters = "\xe9\xad\xa0\xff"
	settled := func(reference, mti, function string, more ...func(*clearing.Message)) (*settlement.Run, settlement.Sums) {
		t.Helper()
		d := newDesk(t)
		p := d.purchase("SHOP", 10_000)
		d.write(thursday, 1, p)
		id := d.receiveAs(clearing.Header{CodePage: clearing.ASCII}, clearing.MadeByClearing, thursday, 1,
			of(&p, mti, function, 3_000, append(more, with(95, "QQQQ"))...))
		file := "incoming/" + thursday + "/" + id + ".ipm"
		d.put(file, bytes.Replace(d.read(file), []byte("QQQQ"), []byte(reference), 1))
		run, err := d.settle(thursday, thursday, fromIncoming)
		return run, sums(t, run, err)
	}
	for _, reference := range []string{"\x1b[2J", "\x80\x9b\x81\x85", letters} {
		run, got := settled(reference, "1442", "453")
		if got.ChargebacksMinor != 0 || len(run.Exceptions) != 1 || run.Exceptions[0].Kind != settlement.NotCounted ||
			!strings.Contains(run.Exceptions[0].Message, "DE95 issuer reference: ") {
			t.Errorf("%q: %+v\n%+v", reference, got, run.Exceptions)
		}
		var table bytes.Buffer
		if err := run.WriteText(&table); err != nil {
			t.Fatal(err)
		}
		shown := text(t, run) + table.String()
		if at := strings.IndexFunc(shown, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }); at >= 0 {
			t.Errorf("%q: it shows %q", reference, shown[at:])
		}
	}
	run, got := settled(letters, "1740", "700", with(3, "190000"))
	if len(run.Exceptions) > 0 || got.FeePassedMinor != 3_000 {
		t.Errorf("a fee: %+v\n%+v", got, run.Exceptions)
	}
}

// A second presentment without a reference of the issuer's, as those were of before it was kept, answers the only
// chargeback that it can be of. Where it can be of several it is an exception that names them: one of ours is counted,
// since the merchant has as much back whichever it is; one of others is not.
func TestSecondPresentmentWithoutAReference(t *testing.T) {
	type chargeback struct {
		reference string
		minor     int64
	}
	a, b, bare := chargeback{"A", 3_000}, chargeback{"B", 3_000}, chargeback{"", 3_000}
	for _, x := range []struct {
		name         string
		before, then []chargeback // on a date before the second presentment's, and on its own
		minor        int64        // of the second presentment
		doubt        string       // why it is an exception; "": it is none
	}{
		{"the only chargeback", []chargeback{a}, nil, 3_000, ""},
		{"the only one that is of as much", []chargeback{a, {"B", 2_999}}, nil, 3_000, ""},
		{"the only one that was there", []chargeback{a}, []chargeback{{"B", 2_999}}, 3_000, ""},
		{"the one without a reference", []chargeback{a, bare, b}, nil, 3_000, ""},
		{"two of one amount", []chargeback{a, b}, nil, 3_000, "may answer any of the chargebacks A, B"},
		{"two, and a part", []chargeback{a, {"B", 4_000}}, nil, 2_000, "may answer any of the chargebacks A, B"},
		{"two of its date", nil, []chargeback{a, b}, 3_000, "may answer any of the chargebacks A, B"},
		{"one of its date", []chargeback{b}, []chargeback{a}, 3_000, "may answer any of the chargebacks A, B"},
		{"all of two", []chargeback{a, b}, nil, 6_000, "is of more than any of the chargebacks A, B"},
	} {
		d := newDesk(t)
		p := d.purchase("SHOP", 10_000)
		second := secondOf(p)
		second.AmountMinor = x.minor
		receive := func(date string, all []chargeback) {
			var records []told
			for _, c := range all {
				records = append(records, of(&p, "1442", "453", c.minor, with(95, c.reference)))
			}
			if len(records) > 0 {
				d.receive(date, 1, records...)
			}
		}
		d.write(thursday, 1, p)
		receive(thursday, x.before)
		d.write(friday, 1, second)
		receive(friday, x.then)
		run, err := d.settle(thursday, friday, fromIncoming)
		if got := sums(t, run, err); got.RepresentedMinor != x.minor {
			t.Errorf("%s: it is not counted: %+v\n%+v", x.name, got, run.Exceptions)
		}
		if x.doubt == "" && len(run.Exceptions) == 0 {
			continue
		}
		if x.doubt == "" || len(run.Exceptions) != 1 || run.Exceptions[0].Kind != settlement.Unmatched ||
			run.Exceptions[0].File != name(friday, 1)+".ipm" || run.Exceptions[0].Record != 2 ||
			!strings.Contains(run.Exceptions[0].Message, x.doubt) {
			t.Errorf("%s: %+v; want %q", x.name, run.Exceptions, x.doubt)
		}
	}

	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	d.write(thursday, 1, p)
	d.receive(thursday, 1, of(&p, "1442", "453", 3_000, with(95, "A")), of(&p, "1442", "453", 3_000, with(95, "B")))
	d.write(friday, 1)
	d.receive(friday, 1, of(&p, "1240", "282", 3_000))
	run, err := d.settle(thursday, friday, fromIncoming)
	got := sums(t, run, err)
	if got.RepresentedMinor != 0 || len(run.Exceptions) != 1 || run.Exceptions[0].Kind != settlement.Unmatched ||
		!strings.Contains(run.Exceptions[0].Message, "1240/282") ||
		!strings.Contains(run.Exceptions[0].Message, "any of the chargebacks A, B") {
		t.Errorf("presented by others: %+v\n%+v", got, run.Exceptions)
	}
}

// Where nobody knows which chargeback a second presentment without a reference answers, those with references that come
// behind it are counted up to what is charged back in all.
func TestSecondPresentmentsBehindOneWithoutAReference(t *testing.T) {
	d := newDesk(t)
	p := d.purchase("SHOP", 10_000)
	second := func(reference string) clearing.Presentment {
		s := secondOf(p)
		s.AmountMinor, s.IssuerReference = 3_000, reference
		return s
	}
	d.write(thursday, 1, p)
	d.receive(thursday, 1, of(&p, "1442", "453", 3_000, with(95, "A")), of(&p, "1442", "453", 3_000, with(95, "B")))
	d.write(friday, 1, second(""))
	d.write(saturday, 1, second("A"), second("B"))
	run, err := d.settle(thursday, saturday, fromIncoming)
	got := sums(t, run, err)
	if got.ChargebacksMinor != 6_000 || got.RepresentedMinor != 6_000 || len(run.Exceptions) != 2 ||
		run.Exceptions[0].Kind != settlement.Unmatched || run.Exceptions[1].Kind != settlement.Excess ||
		run.Exceptions[1].File != name(saturday, 1)+".ipm" || run.Exceptions[1].Record != 3 {
		t.Errorf("%+v\n%+v", got, run.Exceptions)
	}
}

// What is charged back, presented a second time by us and charged back again, with references of the issuer's and
// without: first chargebacks come to no more than was presented, arbitrations to no more than was presented again.
func TestPartsAndArbitration(t *testing.T) {
	type chargeback struct {
		function, reference string
		minor               int64
	}
	for _, x := range []struct {
		name                 string
		first                chargeback
		reference            string // DE95 of our second presentment, of all of the first chargeback
		then                 []chargeback
		chargedMinor, excess int64 // by what came then
	}{
		{"the second one without a reference is of the only part", chargeback{"453", "A", 3_000}, "",
			[]chargeback{{"454", "A", 3_000}}, 3_000, 0},
		{"an unknown reference, and the known one", chargeback{"453", "A", 3_000}, "A",
			[]chargeback{{"454", "B", 3_000}, {"454", "A", 3_000}}, 3_000, 3_000},
		{"without a reference, and with it", chargeback{"453", "A", 3_000}, "A",
			[]chargeback{{"454", "", 3_000}, {"454", "A", 3_000}}, 3_000, 3_000},
		{"more than was presented again", chargeback{"453", "A", 3_000}, "A",
			[]chargeback{{"454", "B", 5_000}}, 0, 5_000},
		{"in parts", chargeback{"453", "A", 3_000}, "A",
			[]chargeback{{"454", "B", 1_000}, {"454", "C", 2_000}, {"454", "D", 1}}, 3_000, 1},
		{"all at first, and once more with a reference", chargeback{"450", "", 10_000}, "",
			[]chargeback{{"450", "A", 10_000}}, 0, 10_000},
		{"all at first, and in arbitration with a reference", chargeback{"450", "", 10_000}, "",
			[]chargeback{{"451", "A", 10_000}}, 10_000, 0},
		{"no references", chargeback{"453", "", 4_000}, "",
			[]chargeback{{"453", "", 6_000}, {"454", "", 4_000}}, 10_000, 0},
		{"the rest without a reference, and arbitration", chargeback{"453", "A", 3_000}, "A",
			[]chargeback{{"453", "", 7_000}, {"454", "A", 3_000}}, 10_000, 0},
	} {
		d := newDesk(t)
		p := d.purchase("SHOP", 10_000)
		told1442 := func(c chargeback) told { return of(&p, "1442", c.function, c.minor, with(95, c.reference)) }
		second := secondOf(p)
		second.AmountMinor, second.IssuerReference = x.first.minor, x.reference
		d.write(thursday, 1, p)
		d.receive(thursday, 1, told1442(x.first))
		d.write(friday, 1, second)
		var then []told
		for _, c := range x.then {
			then = append(then, told1442(c))
		}
		d.receive(saturday, 1, then...)
		d.write(saturday, 1)
		run, err := d.settle(thursday, saturday, fromIncoming)
		got := sums(t, run, err)
		if got.ChargebacksMinor != x.first.minor+x.chargedMinor || got.RepresentedMinor != x.first.minor ||
			run.Proof[0].Received.Excepted.ChargebacksMinor != x.excess {
			t.Errorf("%s: %+v\n%+v", x.name, got, run.Exceptions)
		}
	}
}

// Whatever comes, of whatever reference and amount: all adds up, every record is an item, an exception, or was given
// back, and no more is charged back than was presented.
func TestIncomingAddsUp(t *testing.T) {
	kinds := [][2]string{
		{"1442", "450"}, {"1442", "453"}, {"1442", "454"}, {"1240", "205"}, {"1240", "282"}, {"1740", "700"},
	}
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t)
		var presented []clearing.Presentment
		for i := range 3 {
			amount := rapid.Int64Range(1, 3000).Draw(rt, "amount")
			presented = append(presented, d.purchase([]string{"SHOP", "AGENCY"}[i%2], amount,
				func(p *clearing.Presentment) { p.FeePlan = []string{"", "travel"}[i%2] }))
		}
		d.write("2026-11-26", 1, presented...)
		presented = append(presented, d.purchase("SHOP", 1000)) // that never stood in a file
		var records []told
		for range rapid.IntRange(1, 12).Draw(rt, "records") {
			kind := rapid.SampledFrom(kinds).Draw(rt, "kind")
			change := []func(*clearing.Message){
				with(3, rapid.SampledFrom([]string{"000000", "190000", "290000"}).Draw(rt, "DE3")),
				with(49, rapid.SampledFrom([]string{"978", "978", "978", "840"}).Draw(rt, "DE49")),
			}
			if rapid.Bool().Draw(rt, "reversal") {
				change = append(change, takenBack)
			}
			change = append(change, with(95, rapid.SampledFrom([]string{"", "A", "B"}).Draw(rt, "DE95")))
			if rapid.Bool().Draw(rt, "interchange") {
				processing := rapid.SampledFrom([]string{"00", "19", "29", "33"}).Draw(rt, "processing")
				change = append(change, withPDS(146, entry(processing, "978", rapid.Int64Range(0, 99).Draw(rt, "fee"), "978", 0)))
			}
			p := &presented[rapid.IntRange(0, len(presented)-1).Draw(rt, "of")]
			records = append(records, of(p, kind[0], kind[1], rapid.Int64Range(0, 3000).Draw(rt, "DE4"), change...))
		}
		d.receive("2026-11-26", 1, records...)
		run, err := d.settle("2026-11-26", "2026-11-26", fromIncoming)
		if err != nil {
			rt.Fatal(err)
		}
		for _, p := range run.Proof {
			if !p.Holds {
				rt.Fatalf("%+v", p)
			}
		}
		items := 0
		for _, s := range run.Statements {
			items += len(s.Items)
			if back := s.Totals.ChargebacksMinor - s.Totals.RepresentedMinor; back < 0 || back > s.Totals.GrossMinor {
				rt.Fatalf("charged back: %+v", s.Totals)
			}
		}
		if items+len(run.Exceptions) != len(records) {
			rt.Fatalf("%d items and %d exceptions of %d records\n%+v", items, len(run.Exceptions), len(records), run.Exceptions)
		}
	})
}

// The incoming folder has to be there.
func TestNoIncomingFolder(t *testing.T) {
	d := twoDays(t)
	if _, err := d.settle("2026-11-26", "2026-11-27", fromIncoming); err == nil {
		t.Error("a folder that is not there is taken")
	}
	d.must(d.fs.MkdirAll("incoming", 0o700))
	run, err := d.settle("2026-11-26", "2026-11-27", fromIncoming)
	if err != nil || len(run.Exceptions) != 0 {
		t.Errorf("an empty folder: %v", err)
	}
}

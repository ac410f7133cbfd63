package matching_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/matching"
)

// fine is a Thursday on which all is as it should be: five presentments in two files, of which one is rejected and one
// charged back, the answers, the window's net and the bank's advice.
func fine(t *testing.T) (*world, []presented) {
	w := newWorld(t)
	all := []presented{
		w.purchase(1000, "EUR", false), w.purchase(2000, "EUR", false), w.purchase(500, "EUR", true),
		w.purchase(700, "JPY", false), w.purchase(300, "EUR", false),
	}
	one, two := w.send(thursday, 1, all[:2]...), w.send(thursday, 2, all[2:]...)
	first := w.come(thursday, 1, settlement(one, "EUR", 3000, 0))
	second := w.come(thursday, 2, reject(all[4], two), settlement(two, "EUR", 0, 500), settlement(two, "JPY", 700, 0))
	last := w.come(friday, 1, chargeback(all[0], 1000), window(3000, 1500, 20))
	w.advice = "date,currency,amount,reference,text\n2026-11-27,EUR,10.00," + last + ",first\n" +
		"2026-11-28,EUR,4.80," + last + ",rest\n2026-11-28,EUR,99.00,0012611100000001234500001,of another date\n"
	for i := range all[:4] {
		all[i].told(matching.ToldSettled, []string{first, second}[i/2]+"/00000002", all[i].booked.AmountMinor)
	}
	all[4].told(matching.ToldRejected, second+"/00000002", 300)
	all[0].told(matching.ToldChargedBack, last+"/00000002", 1000)
	return w, all
}

// fineSays is what matching it says; the yen have no 688 yet.
const fineSays = `presented matched EUR: 4 2800, 4 2800
presented matched JPY: 1 700, 1 700
rejected matched EUR: 1 300, 1 300
charged_back matched EUR: 1 -1000, 1 -1000
settled matched EUR: 3 2500, 2 2500
settled matched JPY: 1 700, 1 700
netted matched EUR: 3 1500, 1 1500
netted local_only late JPY: 1 700, 0 0
paid matched EUR: 1 1480, 2 1480
netted/0012611260000001234500002/00000005: local_only late; |  no 1644/688 in the currency has come since
`

// A date on which all fits is matched, one to many where it has to be, whatever memory there is for it.
func TestMatches(t *testing.T) {
	for _, memory := range []int{0, 1} {
		w, all := fine(t)
		w.book(thursday, all...)
		w.options.MemoryBytes, w.options.Spill = memory, spill
		var told []string
		w.options.Each = func(x *matching.Match) error {
			told = append(told, fmt.Sprintf("%s %s by %s: %d, %d", x.Relation, x.Class, strings.Join(x.By, " "), x.Ours.Count,
				x.Theirs.Count))
			return nil
		}
		if got := said(w.run()); got != fineSays {
			t.Errorf("memory %d:\n%s\nwant\n%s", memory, got, fineSays)
		}
		if got := strings.Join(told, "\n"); !strings.HasPrefix(got, "presented matched by acquirer_reference: 1, 1\n") ||
			!strings.Contains(got, "settled matched by file_id currency: 2, 1\n") ||
			!strings.Contains(got, "netted matched by window currency: 3, 1\n") ||
			!strings.Contains(got, "paid matched by reference currency: 1, 2") {
			t.Errorf("each match:\n%s", got)
		}
	}
}

// What differs in one place is told there, with both sides, and once.
func TestExceptions(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(w *world, all []presented)
		want   string // what is said beside
	}{
		{"the journal has another amount", func(_ *world, all []presented) { all[1].booked.AmountMinor = 2001 }, `
presented mismatched wrong EUR: 1 2001, 1 2000
presented/P10000000002-1: mismatched wrong; amount 20.01 EUR | 20.00 EUR`},
		{"another card, currency and side", func(_ *world, all []presented) {
			all[1].booked.Card, all[1].booked.Currency, all[1].booked.Debits = "555555******4444", "USD", false
		}, `
presented mismatched wrong USD: 1 -2000, 1 2000
presented/P10000000002-1: mismatched wrong; currency USD | EUR; direction credit | debit; card 555555******4444 | 411111******1111`},
		{"another reference", func(w *world, all []presented) { all[1].booked.ARN = w.purchase(1, "EUR", false).record.ARN }, `
presented mismatched wrong EUR: 1 2000, 1 2000
presented/P10000000002-1: mismatched wrong; acquirer_reference 12345676330000000000064 | 12345676330000000000023`},
		{"a presentment of no file", func(w *world, _ []presented) { w.book(thursday, w.purchase(9, "EUR", false)) }, `
presented local_only wrong EUR: 1 9, 0 0
presented/P10000000006-1: local_only wrong; |  no file has it`},
		{"a presentment of the next date's file", func(w *world, _ []presented) {
			p := w.purchase(9, "EUR", false)
			w.book(thursday, p)
			w.send(friday, 1, p)
		}, `
presented mismatched late EUR: 1 9, 1 9
presented/P10000000006-1: mismatched late; business_date 2026-11-26 | 2026-11-27`},
		{"a presentment of the next date's file, with another amount", func(w *world, _ []presented) {
			p := w.purchase(9, "EUR", false)
			w.book(thursday, p)
			p.record.AmountMinor = 8
			w.send(friday, 1, p)
		}, `
presented mismatched wrong EUR: 1 9, 1 8
presented/P10000000006-1: mismatched wrong; amount 0.09 EUR | 0.08 EUR`},
		{"a charged back presentment of the day before", func(w *world, _ []presented) {
			p := w.purchase(9, "EUR", false) // its reference is of the date, as it was carried over
			w.book(friday, p)
			w.come(friday, 2, chargeback(p, 9))
		}, ``},
		{"a chargeback of nothing", func(w *world, _ []presented) {
			w.come(friday, 2, chargeback(w.purchase(9, "EUR", false), 9))
		}, `
charged_back file_only wrong EUR: 0 0, 1 -9
charged_back/0012611270000001234500002/00000002: file_only wrong; |  nothing was presented under its acquirer reference`},
		{"a chargeback without a reference", func(w *world, all []presented) {
			m := chargeback(all[1], 50)
			m.Elements = append(m.Elements[:5:5], m.Elements[6:]...) // DE31
			id := w.come(friday, 2, m)
			all[1].told(matching.ToldChargedBack, id+"/00000002", 50)
		}, `
charged_back matched EUR: 2 -1050, 2 -1050`},
		{"a chargeback that is taken back", func(w *world, all []presented) {
			back := chargeback(all[0], 1000)
			back.PDS = append(back.PDS, clearing.PDS{Tag: 25, Value: "R261127"})
			w.come(friday, 2, back)
		}, `
charged_back file_only wrong EUR: 0 0, 1 1000
charged_back/0012611270000001234500002/00000002: file_only wrong; |  it takes a chargeback back (PDS0025), which nothing books`},
		{"a chargeback of another date that is taken back", func(w *world, all []presented) {
			back := chargeback(all[0], 1000)
			back.PDS = append(back.PDS, clearing.PDS{Tag: 25, Value: "R261127"})
			other, err := clearing.ARN("234567", friday.Time(), 1)
			w.must(err)
			back.Elements[5].Value = other
			w.come(friday, 2, back)
		}, ``},
		{"a chargeback that is not booked yet", func(w *world, all []presented) { w.come(friday, 2, chargeback(all[1], 50)) }, `
charged_back file_only late EUR: 0 0, 1 -50
charged_back/0012611270000001234500002/00000002: file_only late; |  the journal has not booked it`},
		{"a chargeback that was not booked", func(w *world, all []presented) {
			w.come(friday, 2, chargeback(all[1], 50))
			w.options.AsOf = friday + 2
		}, `
charged_back file_only wrong EUR: 0 0, 1 -50
netted local_only wrong JPY: 1 700, 0 0
charged_back/0012611270000001234500002/00000002: file_only wrong; |  the journal has not booked it
netted/0012611260000001234500002/00000005: local_only wrong; |  no 1644/688 in the currency has come since`},
		{"a chargeback that is booked otherwise", func(_ *world, all []presented) { all[0].booked.Told[1].AmountMinor = 999 }, `
charged_back mismatched wrong EUR: 1 -999, 1 -1000
charged_back/P10000000001-3: mismatched wrong; amount 9.99 EUR | 10.00 EUR`},
		{"a chargeback of a file that is not there", func(w *world, all []presented) {
			all[1].told(matching.ToldChargedBack, "0012611270000001234500009/00000002", 50)
			all[2].told(matching.ToldChargedBack, "0012612240000001234500009/00000002", 50) // of a day far behind
		}, `
charged_back local_only wrong EUR: 1 -50, 0 0
charged_back/P10000000002-3: local_only wrong; |  the journal has booked it by a record that stands in no file that came back`},
		{"a reject that is not booked", func(_ *world, all []presented) { all[4].booked.Told = nil }, `
rejected mismatched late EUR: 1 300, 1 300
rejected/0022611260000001234500002/00000004: mismatched late; |  the journal has not booked the reject`},
		{"a reject of what no file has", func(w *world, _ []presented) {
			w.come(friday, 2, reject(w.purchase(9, "EUR", false), "0022611260000001234500001"),
				reject(w.purchase(9, "EUR", false), "0022611250000001234500001")) // of another date
		}, `
rejected file_only wrong EUR: 0 0, 1 9
rejected/0012611270000001234500002/00000002: file_only wrong; |  the file that it names does not have it`},
		{"a settlement of another sum", func(w *world, all []presented) {
			w.come(friday, 2, settlement("0022611260000001234500001", "EUR", 10, 0))
			w.come(friday, 3, window(10, 0, 10))
		}, `
settled mismatched wrong EUR: 2 3000, 2 3010
settled/0022611260000001234500001/EUR: mismatched wrong; debits 30.00 EUR | 30.10 EUR`},
		{"a settlement that is not booked", func(_ *world, all []presented) {
			all[0].booked.Told = all[0].booked.Told[1:]
			all[1].booked.Told = nil
		}, `
settled mismatched late EUR: 2 3000, 1 3000
settled/0022611260000001234500001/EUR: mismatched late; settled 0, 0.00 EUR | 2, 30.00 EUR the journal has not booked all of its presentments as settled`},
		{"a settlement of a currency that is not there", func(w *world, _ []presented) {
			w.come(friday, 2, settlement("0022611260000001234500001", "JPY", 10, 0))
		}, `
settled file_only wrong JPY: 0 0, 1 10
netted local_only late JPY: 2 710, 0 0
settled/0012611270000001234500002/00000002: file_only wrong; |  nothing was presented in this currency in file 0022611260000001234500001`},
		{"no settlement yet", func(w *world, _ []presented) { w.send(thursday, 3, w.purchaseIn(thursday, 9)) }, `
settled local_only late EUR: 1 9, 0 0
settled/0022611260000001234500003/EUR: local_only late; |  no 1644/685 has come for it`},
		{"a file that is rejected whole", func(w *world, _ []presented) {
			p := w.purchase(9, "EUR", false)
			id := w.send(thursday, 3, p)
			p.told(matching.ToldRejected, w.come(friday, 2, wholly(id, "D0071"))+"/00000002", 9)
			w.book(thursday, p)
		}, `
rejected matched : 1 9, 1 0`},
		{"a file that is refused for its id", func(w *world, _ []presented) {
			w.come(friday, 2, wholly("0022611260000001234500001", "P0105"))
		}, `
rejected file_only wrong : 0 0, 1 0
rejected/0012611270000001234500002/00000002: file_only wrong; |  it refuses the file for its id: whether a file of that id was taken before is for a person to find out`},
		{"the bank has paid less", func(w *world, _ []presented) { w.advice = strings.Replace(w.advice, "4.80", "4.79", 1) }, `
paid mismatched wrong EUR: 1 1480, 2 1479
paid/0012611270000001234500001/00000003: mismatched wrong; amount 14.80 EUR | 14.79 EUR`},
		{"the bank has not paid yet", func(w *world, _ []presented) { w.advice = w.advice[:strings.Index(w.advice, "\n")+1] }, `
paid local_only late EUR: 1 1480, 0 0
paid/0012611270000001234500001/00000003: local_only late; |  the bank has not advised it`},
		{"the bank has paid what nobody knows", func(w *world, _ []presented) { w.advice += "2026-11-27,JPY,5,cash,\n" }, `
paid file_only wrong JPY: 0 0, 1 5
paid/advice/cash/JPY/2026-11-27: file_only wrong; |  no file that came back has its reference`},
		{"a file that is cut", func(w *world, _ []presented) {
			data := w.answer(fileID("001", friday, 2), window(1, 2, 3))
			w.in = append(w.in, file("cut.ipm", data[:len(data)-9]))
		}, `
read file_only wrong : 0 0, 1 0
read/cut.ipm: file_only wrong; |  it is not right: `},
		{"a file that takes an earlier one back", func(w *world, all []presented) {
			w.in = append(w.in, file("back.ipm", takingBack(w.answer(fileID("001", friday, 2), chargeback(all[1], 50)))))
		}, `
read file_only wrong : 0 0, 1 0
read/back.ipm: file_only wrong; |  it takes an earlier file back (PDS0026)`},
		{"a file that is there twice", func(w *world, _ []presented) { w.in = append(w.in, w.in[0]) }, ``},
		{"another file of the same id", func(w *world, _ []presented) {
			w.in = append(w.in, file("again.ipm", w.answer(fileID("001", friday, 1), window(1, 2, 3))))
		}, `
read file_only wrong : 0 0, 1 0
read/again.ipm: file_only wrong; |  its id 0012611270000001234500001 is that of 0012611270000001234500001.ipm, which has other bytes`},
		{"a file of a day far behind", func(w *world, all []presented) {
			w.come(friday+30, 1, chargeback(all[1], 50), window(1, 2, 3))
		}, ``},
	} {
		w, all := fine(t)
		x.change(w, all)
		w.book(thursday, all...)
		before := map[string]bool{}
		for _, line := range strings.Split(fineSays, "\n") {
			before[line] = true
		}
		got := "\n"
		for _, line := range strings.Split(said(w.run()), "\n") {
			class := strings.Contains(line, " matched ") && !strings.HasPrefix(x.want, "\n"+line) // that one is fewer
			if line != "" && !before[line] && !class {
				got += line + "\n"
			}
		}
		if want := strings.TrimSpace(x.want); !strings.HasPrefix(strings.TrimSpace(got), want) ||
			want == "" && strings.TrimSpace(got) != "" || strings.Count(got, "\n") > strings.Count(x.want, "\n")+1 {
			t.Errorf("%s:%swant%s", x.name, got, x.want)
		}
	}
}

// Captures of one authorization that stand as one record are one to many; what does not come to the same is alone.
func TestOneToMany(t *testing.T) {
	w := newWorld(t)
	parts := []presented{w.purchase(300, "EUR", false), w.purchase(400, "EUR", false), w.purchase(5, "EUR", false)}
	whole := w.purchase(700, "EUR", false)
	for i := range parts[:2] {
		parts[i].booked.RRN, parts[i].booked.AuthCode = whole.record.RRN, whole.record.AuthCode
	}
	w.book(thursday, parts...)
	w.send(thursday, 1, whole)
	const want = `presented local_only wrong EUR: 1 5, 0 0
presented mismatched wrong EUR: 2 700, 1 700
settled local_only late EUR: 1 700, 0 0
presented/P10000000001-1: mismatched wrong; records 2 | 1 what is presented in several parts stands otherwise; the amounts come to the same
presented/P10000000003-1: local_only wrong; |  no file has it
settled/0022611260000001234500001/EUR: local_only late; |  no 1644/685 has come for it
`
	if got := said(w.run()); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// What stands in no file of a date that is not written to its end is late, until it should be.
func TestNoFilesYet(t *testing.T) {
	for _, x := range []struct {
		asOf workday.Date
		want string
	}{
		{friday, "presented local_only late EUR: 1 100, 0 0\n" +
			"presented/P10000000001-1: local_only late; |  the files of the date are not all there yet\n"},
		{friday + 1, "presented local_only wrong EUR: 1 100, 0 0\n" +
			"presented/P10000000001-1: local_only wrong; |  no file has it\n"},
	} {
		w := newWorld(t)
		w.book(thursday, w.purchase(100, "EUR", false))
		w.options.AsOf = x.asOf
		if w.options.Unwritten = x.asOf == friday; w.options.Unwritten {
			w.send(thursday, 1) // of the first of its windows
		}
		if got := said(w.run()); got != x.want {
			t.Errorf("%s: %s", x.asOf, got)
		}
	}
}

// Records without a partner that are too many to be looked for are told all the same, and of a report only the first
// exceptions are kept.
func TestManyAlone(t *testing.T) {
	w := newWorld(t)
	w.options.MostAlone, w.options.Limit, w.options.AsOf = 1, 2, friday+1
	var all []presented
	for range 3 {
		all = append(all, w.purchase(100, "EUR", false))
	}
	w.book(thursday, all...)
	w.send(friday, 1, all...)
	r := w.run()
	const want = `presented local_only wrong EUR: 2 200, 0 0
presented mismatched late EUR: 1 100, 1 100
presented/P10000000002-1: local_only wrong; |  no file has it; |  more than 1 records have no partner: it was not looked for elsewhere
presented/P10000000003-1: local_only wrong; |  no file has it; |  more than 1 records have no partner: it was not looked for elsewhere
`
	if got := said(r); got != want || r.Wrong != 2 || r.Late != 1 {
		t.Errorf("%d wrong, %d late\n%s\nwant\n%s", r.Wrong, r.Late, got, want)
	}
}

// What is wrong with an advice is said by file, line and column.
func TestAdviceIsRead(t *testing.T) {
	const header = "date,currency,amount,reference\n"
	for text, want := range map[string]string{
		"x":                                "bank.csv: line 1: no column date",
		"date,currency,amount\n":           "bank.csv: line 1: no column reference",
		header + "26-11-2026,EUR,1.00,a\n": "line 2, column 1 (date): \"26-11-2026\" is no date",
		"reference,date,currency,amount\na,2026-11-26,EUX,1\n": "line 2, column 14 (currency): \"EUX\" is no currency",
		header + "2026-11-26,EUR,1.234,a\n":                    "line 2, column 16 (amount): \"1.234\": expected an amount",
		header + "2026-11-26,JPY,1.0,a\n":                      "with 0 decimals at the most",
		header + "2026-11-26,EUR,1e3,a\n":                      "(amount)",
		header + "2026-11-26,EUR,.5,a\n":                       "(amount)",
		header + "2026-11-26,EUR,99999999999999999999,a\n":     "(amount)",
		header + "2026-11-26,EUR,1,\n":                         "(reference): is empty",
		header + "2026-11-26,EUR\n":                            "wrong number of fields",
	} {
		w := newWorld(t)
		w.advice = text
		if _, err := w.try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// No card number comes out, and nothing that moves a terminal.
func TestNoCardNumbers(t *testing.T) {
	w, all := fine(t)
	all[0].booked.AmountMinor++
	w.book(thursday, all[:3]...)
	w.advice += "2026-11-27,EUR,1," + card + "\x1b[2J,\n"
	r := w.run()
	var b bytes.Buffer
	w.must(r.WriteText(&b))
	if s := b.String(); strings.Contains(s, card) || strings.Contains(s, "\x1b") || !strings.Contains(s, masked) {
		t.Error(s)
	}
}

// The text has the counts, both sides of each exception and why it is one.
func TestText(t *testing.T) {
	w, all := fine(t)
	all[1].booked.AmountMinor++
	w.book(thursday, all...)
	var b bytes.Buffer
	w.must(w.run().WriteText(&b))
	const want = `2026-11-26, as of 2026-11-27, late within 1 days; files out 2, files in 3
  relation      class              ours              theirs
  presented     matched            3     8.00 EUR    3  8.00 EUR
  presented     mismatched  wrong  1     20.01 EUR   1  20.00 EUR
`
	if got := b.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, `
wrong  mismatched  presented/P10000000002-1
  ours    P10000000002-1  ARN 12345676330000000000023  RRN R00000000002  card 411111******1111  20.01 EUR
  theirs  0022611260000001234500001/00000003  ARN 12345676330000000000023  RRN R00000000002  card 411111******1111  20.00 EUR
  because amount: ours 20.01 EUR, theirs 20.00 EUR
`) || !strings.HasSuffix(got, "1 wrong, 1 late\n") {
		t.Errorf("%s\nwant\n%s…", got, want)
	}
}

// An error of whoever is told ends the run, and so does one of reading.
func TestErrors(t *testing.T) {
	w, all := fine(t)
	w.book(thursday, all...)
	w.options.Each = func(*matching.Match) error { return errTaken }
	if _, err := w.try(); !errors.Is(err, errTaken) {
		t.Error(err)
	}
	w.options.Each, w.options.LateDays = nil, matching.MaxLateDays+1
	if _, err := w.try(); err == nil {
		t.Error("more days than there may be")
	}
	w, all = fine(t)
	all[0].booked.AmountMinor, all[1].booked.AmountMinor = 1<<62, 1<<62
	w.book(thursday, all...)
	if _, err := w.try(); err == nil || !strings.Contains(err.Error(), "64 bits") {
		t.Error(err)
	}
}

// A window nets what is settled in its currency: 685s as they are converted, chargebacks with the interchange that goes
// back, fees that are collected and paid.
func TestWindow(t *testing.T) {
	for fees, want := range map[int64]string{
		10 - 3 + 40 - 15: `netted matched EUR: 4 500, 1 500
`,
		33: `netted mismatched wrong EUR: 4 500, 1 500
netted/0012611270000001234500001/00000002: mismatched wrong; fees -0.32 EUR | -0.33 EUR
`,
	} {
		w := newWorld(t)
		p := w.purchaseIn(thursday, 900)
		yen := settlement(w.send(thursday, 1, p), "JPY", 150, 0)
		yen.Elements[1].Value = "978" // DE50
		yen.PDS = append(yen.PDS, clearing.PDS{Tag: 390, Value: fmt.Sprintf("%016d", 900)},
			clearing.PDS{Tag: 391, Value: fmt.Sprintf("%016d", 0)})
		back := chargeback(w.purchase(66, "EUR", false), 66)
		back.Elements[len(back.Elements)-1].Value = "392" // DE49
		back.Elements = append(back.Elements, clearing.Element{DE: 5, Value: "000000000400"},
			clearing.Element{DE: 50, Value: "978"})
		back.PDS = []clearing.PDS{{Tag: 146, Value: "0700" + "01" + "392" + "000000000001" + "978" + "000000000003"}}
		fee := func(processing string, minor int64) message {
			return message{Message: clearing.Message{MTI: "1740", FunctionCode: "700", Elements: []clearing.Element{
				{DE: 3, Value: processing}, {DE: 4, Value: fmt.Sprintf("%012d", minor)}, {DE: 49, Value: "978"},
			}}}
		}
		w.come(friday, 1, yen, back, fee("190000", 40), fee("290000", 15), window(900, 400, fees))
		var got string
		for _, line := range strings.SplitAfter(said(w.run()), "\n") {
			if strings.HasPrefix(line, "netted") {
				got += line
			}
		}
		if got != want {
			t.Errorf("fees of %d:\n%s\nwant\n%s", fees, got, want)
		}
	}
}

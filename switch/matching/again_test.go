package matching_test

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/switch/clearing"
	"switchyard/switch/matching"
)

// again is a presentment that was rejected as it is presented again.
func (p *presented) again() presented {
	p.booked.Again = true
	one := *p
	one.booked.Again, one.booked.Told = false, nil
	one.booked.Operation += 2
	return one
}

// second is what of a presentment that was charged back is presented a second time.
func (p *presented) second(minor int64) presented {
	one := *p
	one.booked.Second, one.booked.Told, one.booked.AmountMinor = true, nil, minor
	one.booked.Operation += 2
	one.record.MessageReason = "2700"
	one.record.FunctionCode, one.record.AmountMinor, one.record.OriginalMinor = "205", minor, p.record.AmountMinor
	if minor < p.record.AmountMinor {
		one.record.FunctionCode = "282"
	}
	return one
}

// secondOfTwo presents two parts of a presentment a second time in one file, of which the other, of 400, is rejected.
func (w *world) secondOfTwo(first int64, rejected func(p presented, file string) []message) {
	p := w.purchase(1000, "EUR", false)
	one, two := p.second(first), p.second(400)
	two.booked.Operation++
	two.told(matching.ToldRejected, "0012611260000001234500001/00000002", 400)
	w.book(thursday, one, two)
	w.come(thursday, 1, rejected(two, w.send(thursday, 1, one, two))...)
}

// secondOfTwo is what it comes to.
const secondOfTwo = `presented matched EUR: 2 700, 2 700
rejected matched EUR: 1 400, 1 400
settled local_only late EUR: 1 300, 0 0
settled/0022611260000001234500001/EUR: local_only late; |  no 1644/685 has come for it
`

const (
	firstWindow  = "0022611260000001234500001"
	secondWindow = "0022611260000001234500002"
)

// With windows a date may have several records of a presentment: rejected in one file and presented again in another,
// and a second time once it was charged back. What came back is held against the one that it is about.
func TestPresentedAgain(t *testing.T) {
	const answer, late = "0012611260000001234500001", "0012611270000001234500001"
	settledWindow := func(w *world, p presented) {
		w.come(thursday, 2, settlement(secondWindow, "EUR", p.record.AmountMinor, 0))
	}
	for _, x := range []struct {
		name string
		make func(w *world)
		want string
	}{
		{"rejected, presented again and charged back", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			p.told(matching.ToldRejected, answer+"/00000002", 1000)
			again := p.again()
			again.told(matching.ToldSettled, "0012611260000001234500002/00000002", 1000)
			again.told(matching.ToldChargedBack, late+"/00000002", 1000)
			w.book(thursday, p, again)
			w.come(thursday, 1, reject(p, w.send(thursday, 1, p)))
			w.send(thursday, 2, again)
			settledWindow(w, again)
			w.come(friday, 1, chargeback(p, 1000))
		}, `presented matched EUR: 2 2000, 2 2000
rejected matched EUR: 1 1000, 1 1000
charged_back matched EUR: 1 -1000, 1 -1000
settled matched EUR: 1 1000, 1 1000
`},
		{"and its first record is missing", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			p.told(matching.ToldRejected, answer+"/00000002", 1000)
			again := p.again()
			again.told(matching.ToldSettled, "0012611260000001234500002/00000002", 1000)
			w.book(thursday, p, again)
			w.come(thursday, 1, reject(p, w.send(thursday, 1)))
			w.send(thursday, 2, again)
			settledWindow(w, again)
			w.options.AsOf = friday + 1
		}, `presented local_only wrong EUR: 1 1000, 0 0
presented matched EUR: 1 1000, 1 1000
rejected file_only wrong EUR: 0 0, 1 1000
settled matched EUR: 1 1000, 1 1000
presented/P10000000001-1: local_only wrong; |  no file has it
rejected/0012611260000001234500001/00000002: file_only wrong; |  the file that it names does not have it
`},
		{"rejected twice", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			p.told(matching.ToldRejected, answer+"/00000002", 1000)
			again := p.again()
			w.book(thursday, p, again)
			w.come(thursday, 1, reject(p, w.send(thursday, 1, p)))
			w.come(thursday, 2, reject(again, w.send(thursday, 2, again)))
			w.options.AsOf = friday + 1
		}, `presented matched EUR: 2 2000, 2 2000
rejected matched EUR: 1 1000, 1 1000
rejected mismatched wrong EUR: 1 1000, 1 1000
rejected/0022611260000001234500002/00000002: mismatched wrong; |  the journal has not booked the reject
`},
		{"rejected by records without a file's id", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			p.told(matching.ToldRejected, answer+"/00000002", 1000)
			again := p.again()
			again.told(matching.ToldRejected, "0012611260000001234500002/00000002", 1000)
			w.book(thursday, p, again)
			w.send(thursday, 1, p)
			w.send(thursday, 2, again)
			for n, m := range []message{reject(p, ""), reject(again, "")} {
				m.PDS = m.PDS[:2]
				w.come(thursday, n+1, m)
			}
		}, `presented matched EUR: 2 2000, 2 2000
rejected matched EUR: 2 2000, 2 2000
`},
		{"presented again on another date, and charged back there", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			p.told(matching.ToldRejected, answer+"/00000002", 1000)
			again := p.again()
			again.told(matching.ToldChargedBack, late+"/00000002", 1000)
			w.book(thursday, p)
			w.book(friday, again)
			w.come(thursday, 1, reject(p, w.send(thursday, 1, p)))
			w.send(friday, 1, again)
			w.come(friday, 1, chargeback(p, 1000))
		}, `presented matched EUR: 1 1000, 1 1000
rejected matched EUR: 1 1000, 1 1000
`},
		{"the day of a second presentment", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			p.told(matching.ToldChargedBack, answer+"/00000002", 1000)
			second := p.second(1000)
			w.book(thursday-1, p)
			w.book(thursday, second)
			w.come(thursday, 1, chargeback(p, 1000)) // of what the day before has
			w.send(thursday, 1, second)
		}, `presented matched EUR: 1 1000, 1 1000
settled local_only late EUR: 1 1000, 0 0
settled/0022611260000001234500001/EUR: local_only late; |  no 1644/685 has come for it
`},
		{"a part of it a second time", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			bare := chargeback(p, 1000)
			bare.Elements = append(bare.Elements[:5:5], bare.Elements[6:]...) // DE31
			p.told(matching.ToldChargedBack, answer+"/00000002", 1000)
			second := p.second(400)
			second.told(matching.ToldRejected, late+"/00000002", 400)
			w.book(thursday, p, second)
			w.send(thursday, 1, p)
			two := w.send(thursday, 2, second)
			w.come(thursday, 1, bare, settlement(firstWindow, "EUR", 1000, 0))
			w.come(friday, 1, reject(second, two))
		}, `presented matched EUR: 2 1400, 2 1400
rejected matched EUR: 1 400, 1 400
charged_back matched EUR: 1 -1000, 1 -1000
settled mismatched late EUR: 1 1000, 1 1000
settled/0022611260000001234500001/EUR: mismatched late; settled 0, 0.00 EUR | 1, 10.00 EUR the journal has not booked all of its presentments as settled
`},
		{"two parts of it a second time, and one is rejected", func(w *world) {
			w.secondOfTwo(300, func(p presented, file string) []message { return []message{reject(p, file)} })
		}, secondOfTwo},
		{"two parts of it of one amount, and one is rejected", func(w *world) {
			w.secondOfTwo(400, func(p presented, file string) []message { return []message{reject(p, file)} })
		}, strings.NewReplacer("700", "800", "300", "400").Replace(secondOfTwo)},
		{"two parts of it a second time, and one is rejected without a reference", func(w *world) {
			w.secondOfTwo(300, func(p presented, file string) []message {
				about := reject(p, file)
				about.rejects = nil
				return []message{about, {Message: clearing.Message{
					MTI: "1240", FunctionCode: p.record.FunctionCode, Elements: []clearing.Element{
						{DE: 2, Value: card}, {DE: 3, Value: "000000"}, {DE: 4, Value: fmt.Sprintf("%012d", p.record.AmountMinor)},
						{DE: 37, Value: p.record.RRN}, {DE: 38, Value: "A1    "}, {DE: 49, Value: "978"},
					},
				}}}
			})
		}, secondOfTwo},
		{"one file is refused, and a record of the next", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			p.told(matching.ToldRejected, answer+"/00000002", 1000)
			again := p.again()
			again.told(matching.ToldRejected, "0012611260000001234500002/00000002", 1000)
			w.book(thursday, p, again)
			w.come(thursday, 1, wholly(w.send(thursday, 1, p), "D0071"))
			w.come(thursday, 2, reject(again, w.send(thursday, 2, again)))
		}, `presented matched EUR: 2 2000, 2 2000
rejected matched : 1 1000, 1 0
rejected matched EUR: 1 1000, 1 1000
`},
		{"both files are refused", func(w *world) {
			p := w.purchase(1000, "EUR", false)
			p.told(matching.ToldRejected, answer+"/00000002", 1000)
			again := p.again()
			again.told(matching.ToldRejected, "0012611260000001234500002/00000002", 1000)
			w.book(thursday, p, again)
			w.come(thursday, 1, wholly(w.send(thursday, 1, p), "D0071"))
			w.come(thursday, 2, wholly(w.send(thursday, 2, again), "D0071"))
		}, `presented matched EUR: 2 2000, 2 2000
rejected matched : 2 2000, 2 0
`},
		{"a record is rejected, and then the file", func(w *world) {
			p, other := w.purchase(1000, "EUR", false), w.purchase(500, "EUR", false)
			p.told(matching.ToldRejected, answer+"/00000002", 1000)
			other.told(matching.ToldRejected, "0012611260000001234500002/00000002", 500)
			w.book(thursday, p, other)
			w.send(thursday, 1, p, other)
			w.come(thursday, 1, reject(p, firstWindow))
			w.come(thursday, 2, wholly(firstWindow, "D0071"))
		}, `presented matched EUR: 2 1500, 2 1500
rejected matched : 1 500, 1 0
rejected matched EUR: 1 1000, 1 1000
`},
		{"a window's file has it not", func(w *world) {
			p, other := w.purchase(1000, "EUR", false), w.purchase(500, "EUR", false)
			p.booked.Written = true
			w.book(thursday, p, other)
			w.send(thursday, 1)
			w.options.Unwritten = true
		}, `presented local_only late EUR: 1 500, 0 0
presented local_only wrong EUR: 1 1000, 0 0
presented/P10000000001-1: local_only wrong; |  no file has it
presented/P10000000002-1: local_only late; |  the files of the date are not all there yet
`},
	} {
		w := newWorld(t)
		x.make(w)
		got := ""
		for _, line := range strings.SplitAfter(said(w.run()), "\n") {
			if !strings.HasPrefix(line, "netted") { // nothing is yet
				got += line
			}
		}
		if got != x.want {
			t.Errorf("%s:\n%s\nwant\n%s", x.name, got, x.want)
		}
	}
}

// A record that the journal has on another date is late where no file of that date has it; else it is one too many.
func TestPresentedOnTwoDates(t *testing.T) {
	const twice = "presented/0022611270000001234500001/00000002: file_only wrong; |  the journal does not have it; " +
		"|  the journal has it on 2026-11-26, and so have the files of that date\n"
	for _, x := range []struct {
		name string
		make func(w *world, p presented)
		want string
	}{
		{"a file too late", func(w *world, p presented) {
			w.book(thursday, p)
			w.send(thursday, 1)
			w.send(friday, 1, p)
		}, "presented/P10000000001-1: mismatched late; business_date 2026-11-26 | 2026-11-27\n"},
		{"two files", func(w *world, p presented) {
			w.book(thursday, p)
			w.send(thursday, 1, p)
			w.send(friday, 1, p)
		}, twice},
		{"rejected and presented again, twice", func(w *world, p presented) {
			again := p.again()
			w.book(thursday, p)
			w.book(friday, again)
			w.send(thursday, 1, p)
			w.send(friday, 1, again, again)
		}, strings.Replace(strings.Replace(twice, "/00000002", "/00000003", 1), "it; |  the",
			"it; |  another record has its acquirer reference, too; |  the", 1)},
		{"rejected and presented again, in one file too late", func(w *world, p presented) {
			again := p.again()
			w.book(thursday, p, again)
			w.send(thursday, 1, p)
			w.send(friday, 1, again)
		}, "presented/P10000000001-3: mismatched late; business_date 2026-11-26 | 2026-11-27\n"},
	} {
		w := newWorld(t)
		w.options.Date = friday
		x.make(w, w.purchase(1000, "EUR", false))
		got := ""
		for _, line := range strings.SplitAfter(said(w.run()), "\n") {
			if strings.HasPrefix(line, "presented/") {
				got += line
			}
		}
		if got != x.want {
			t.Errorf("%s:\n%s\nwant\n%s", x.name, got, x.want)
		}
	}
}

// What was rejected stood in a file of its date: that of another date has it as presented again.
func TestRejectedIsNotLate(t *testing.T) {
	w := newWorld(t)
	p := w.purchase(1000, "EUR", false)
	again := p.again()
	w.book(thursday, p)
	w.book(friday, again)
	w.send(thursday, 1)
	w.send(friday, 1, again)
	if got := said(w.run()); !strings.Contains(got, "presented/P10000000001-1: local_only wrong; |  no file has it\n") {
		t.Error(got)
	}
}

// What the file of another date has is its own: a first presentment is not taken for a second one.
func TestSecondIsNoFirst(t *testing.T) {
	w := newWorld(t)
	p := w.purchase(1000, "EUR", false)
	w.book(thursday, p)
	w.book(friday)
	w.send(thursday, 1)
	w.send(friday, 1, p.second(1000))
	w.options.AsOf = friday + 1
	if got := said(w.run()); !strings.Contains(got, "presented/P10000000001-1: local_only wrong; |  no file has it\n") {
		t.Error(got)
	}
}

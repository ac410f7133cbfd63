package matching_test

import (
	"strings"
	"testing"

	"switchyard/switch/clearing"
	"switchyard/switch/matching"
)

// answered is what presents a part of a presentment a second time, with a reference of the issuer's, in both books.
func (p *presented) answered(operation int, minor int64, reference string) presented {
	s := p.second(minor)
	s.booked.Operation, s.booked.IssuerReference, s.record.IssuerReference = operation, reference, reference
	return s
}

// part is a chargeback of a part, with a reference of the issuer's.
func part(p presented, minor int64, reference string) message {
	m := chargeback(p, minor)
	m.FunctionCode = "453"
	m.Elements = append(m.Elements, clearing.Element{DE: 95, Value: reference})
	return m
}

// Parts of one amount are matched one by one: each chargeback with the record that it is, each second presentment with
// the one of its reference, and a reject with what it rejects.
func TestPartsAreMatchedOneByOne(t *testing.T) {
	const good = `presented matched EUR: 3 1600, 3 1600
rejected matched EUR: 1 300, 1 300
charged_back matched EUR: 2 -600, 2 -600
`
	for _, x := range []struct {
		name   string
		change func(first, a, b *presented)
		want   []string // of what is said
	}{
		{"as it should be", func(*presented, *presented, *presented) {}, []string{good}},
		{"without references in the journal", func(first, _, _ *presented) {
			first.booked.Told[0].IssuerReference, first.booked.Told[1].IssuerReference = "", ""
		}, []string{good}},
		{"booked under another reference", func(first, _, _ *presented) {
			first.booked.Told[1].IssuerReference = "C"
		}, []string{
			"charged_back/P10000000001-3: mismatched wrong; issuer_reference C | B\n",
			"charged_back matched EUR: 1 -300, 1 -300\n",
		}},
		{"one of another file", func(first, _, _ *presented) {
			first.booked.Told[1].Source = "0012611270000001234500009/00000002"
		}, []string{
			"charged_back/P10000000001-3: local_only wrong; |  the journal has booked it by a record",
			"charged_back/0012611270000001234500001/00000003: file_only late; |  the journal has not booked it\n",
		}},
		{"presented under another reference", func(_, a, _ *presented) { a.record.IssuerReference = "C" }, []string{
			"presented/P10000000001-4: mismatched wrong; issuer_reference A | C\n", "presented matched EUR: 2 1300, 2 1300\n",
		}},
		{"the other is rejected", func(_, a, b *presented) { a.booked.Told, b.booked.Told = b.booked.Told, nil }, []string{
			"mismatched late; |  the journal has not booked the reject\n",
			"rejected/P10000000001-4: local_only wrong; |  the journal has it as rejected by a record",
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t)
			first := w.purchase(1000, "EUR", false)
			a, b := first.answered(4, 300, "A"), first.answered(5, 300, "B")
			back := w.come(friday, 1, part(first, 300, "A"), part(first, 300, "B"))
			for i, reference := range []string{"A", "B"} {
				first.told(matching.ToldChargedBack, back+[]string{"/00000002", "/00000003"}[i], 300)
				first.booked.Told[i].IssuerReference = reference
			}
			rejected := b
			b.told(matching.ToldRejected, fileID(clearing.MadeByClearing, friday, 2).String()+"/00000002", 300)
			x.change(&first, &a, &b)
			ours := w.send(thursday, 1, first, a, b)
			w.come(friday, 2, reject(rejected, ours))
			w.book(thursday, first, b, a)
			got := said(w.run())
			for _, want := range x.want {
				if !strings.Contains(got, want) {
					t.Errorf("it does not say\n%sbut\n%s", want, got)
				}
			}
		})
	}
}

// On the date of a second presentment its chargebacks are none of that date's: they are of the first one's.
func TestChargebacksAreOfTheFirstPresentment(t *testing.T) {
	w := newWorld(t)
	first := w.purchase(1000, "EUR", false)
	id := w.come(thursday, 1, part(first, 300, "A"))
	first.told(matching.ToldChargedBack, id+"/00000002", 300)
	first.booked.Told[0].IssuerReference = "A"
	w.book(thursday, first)
	w.send(thursday, 1, first)
	again := first.answered(3, 300, "A")
	w.book(friday, again)
	w.send(friday, 1, again)
	w.options.Date = friday
	if got := said(w.run()); !strings.Contains(got, "presented matched EUR: 1 300, 1 300\n") ||
		strings.Contains(got, "charged_back") {
		t.Errorf("it says\n%s", got)
	}
}

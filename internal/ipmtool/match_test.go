package ipmtool_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/ipmtool"
	"switchyard/switch/clearing"
)

// matched holds files against each other, and against what was booked where that is not nil.
func matched(t *testing.T, files [][]clearing.Presentment, booked []ipmtool.Booked) string {
	t.Helper()
	var said strings.Builder
	m := ipmtool.NewMatch(func(m *ipmtool.Mismatch) error {
		fmt.Fprintf(&said, "%s %s\n", m.Kind, m)
		return nil
	})
	for i, ps := range files {
		if err := m.Add(fmt.Sprintf("f%d", i), file(t, min(i, 1)+1, clearing.Header{Blocked: true}, ps)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Twice(context.Background(), booked != nil); err != nil {
		t.Fatal(err)
	}
	if booked == nil {
		return said.String()
	}
	for i := range booked {
		if err := m.Booked(&booked[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Unknown(context.Background()); err != nil {
		t.Fatal(err)
	}
	return said.String()
}

func TestMatch(t *testing.T) {
	ps := presentments(5)
	if said := matched(t, [][]clearing.Presentment{ps[:3], ps[3:]}, nil); said != "" {
		t.Error(said)
	}
	const twice = "twice error: a record stands twice, in f0, record 4 and in f1, record 2\n"
	if said := matched(t, [][]clearing.Presentment{ps[:3], ps[2:]}, nil); said != twice {
		t.Error(said)
	}
	const id = "file_id error: file id 0022611210000001234500002 is that of f1 and of f2\n"
	if said := matched(t, [][]clearing.Presentment{ps[:1], ps[1:2], ps[2:3]}, nil); said != id {
		t.Error(said)
	}

	var booked []ipmtool.Booked
	for i, p := range ps {
		booked = append(booked, ipmtool.Booked{
			Payment: fmt.Sprint("P", i), ARN: p.ARN, AmountMinor: p.AmountMinor, Currency: p.Currency,
		})
	}
	if said := matched(t, [][]clearing.Presentment{ps[:3], ps[3:]}, booked); said != "" {
		t.Error(said)
	}
	booked[1].AmountMinor++
	booked[2].Currency = "USD"
	booked[4].ARN = "12345676325000000099999"
	want := "amount error: " + ps[1].ARN +
		" of payment P1: its amount is another than the journal's 1002 JPY (f0, record 3)\n" +
		"amount error: " + ps[2].ARN + " of payment P2: its amount is another than the journal's 1002 USD (f0, record 4)\n" +
		"missing error: 12345676325000000099999 of payment P4: it is in the journal and in no file\n" +
		"unknown error: a record is not in the journal: f1, record 3\n"
	if said := matched(t, [][]clearing.Presentment{ps[:3], ps[3:]}, booked); said != want {
		t.Errorf("%s\nwant\n%s", said, want)
	}

}

// With windows a capture may be rejected in one file of a date and presented again in another: each record has one of
// the journal's, and neither hides the other.
func TestMatchPresentedAgain(t *testing.T) {
	ps := presentments(3)
	x := ipmtool.Booked{Payment: "P0", ARN: ps[0].ARN, AmountMinor: ps[0].AmountMinor, Currency: ps[0].Currency}
	other, part := x, x
	other.Payment = "P9"
	part.AmountMinor++
	more := ps[0]
	more.AmountMinor++
	of := x.ARN + " of payment P0: "
	for _, c := range []struct {
		name   string
		files  [][]clearing.Presentment
		booked []ipmtool.Booked
		want   string
	}{
		{"in both books", [][]clearing.Presentment{ps[:1], ps[:1]}, []ipmtool.Booked{x, x}, ""},
		{"missing in one file", [][]clearing.Presentment{ps[:1]}, []ipmtool.Booked{x, x},
			"missing error: " + of + "the journal has it more often than the files have\n"},
		{"presented once", [][]clearing.Presentment{ps[:1], ps[:1]}, []ipmtool.Booked{x},
			"twice error: a record stands twice, in f0, record 2 and in f1, record 2; the journal has it less often\n"},
		{"twice in a file", [][]clearing.Presentment{{ps[0], ps[0]}}, []ipmtool.Booked{x, x},
			"twice error: a record stands twice, in f0, record 2 and in f0, record 3\n" +
				"missing error: " + of + "the journal has it more often than the files have\n"},
		{"of two payments", [][]clearing.Presentment{ps[:1], ps[:1]}, []ipmtool.Booked{x, other},
			"twice error: " + x.ARN + " of payment P9: another payment of the journal has its reference, too\n"},
		{"of two payments, missing", [][]clearing.Presentment{ps[:1]}, []ipmtool.Booked{x, other},
			"twice error: " + x.ARN + " of payment P9: another payment of the journal has its reference, too\n" +
				"missing error: " + x.ARN + " of payment P9: the journal has it more often than the files have\n"},
		{"of two amounts", [][]clearing.Presentment{ps[:1], {more}}, []ipmtool.Booked{part, x}, ""},
		{"with another amount", [][]clearing.Presentment{{more}, ps[:1]}, []ipmtool.Booked{x, x},
			"amount error: " + of + "its amount is another than the journal's 1000 EUR (f0, record 2)\n"},
		{"with other amounts", [][]clearing.Presentment{{more}, {more}}, []ipmtool.Booked{x, x}, strings.Repeat(
			"amount error: "+of+"its amount is another than the journal's 1000 EUR (f%d, record 2)\n", 2)},
	} {
		want := c.want
		if strings.Contains(want, "%d") {
			want = fmt.Sprintf(want, 0, 1)
		}
		if said := matched(t, c.files, c.booked); said != want {
			t.Errorf("%s: %s\nwant\n%s", c.name, said, want)
		}
	}
	const twice = "twice error: a record stands twice, in f0, record 2 and in f1, record 2\n"
	if said := matched(t, [][]clearing.Presentment{ps[:1], ps[:1]}, nil); said != twice {
		t.Errorf("without a journal: %s", said)
	}
}

// A clearing file is compared with the detail file beside it, or with any CSV that has some of its columns.
func TestDiffDetail(t *testing.T) {
	dir := t.TempDir()
	ps := presentments(7)
	f := file(t, 1, clearing.Header{Blocked: true}, ps)
	data := make([]byte, f.Size())
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	ipm := write(t, filepath.Join(dir, "a.ipm"), data)
	detail := func(ps []clearing.Presentment) string {
		var b strings.Builder
		w := clearing.NewDetailWriter(&b)
		for i := range ps {
			if err := w.Write(&ps[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return write(t, filepath.Join(dir, "b.csv"), []byte(b.String()))
	}
	if said, s := diffDetail(t, ipm, detail(ps)); said != "" || !s.Same() || s.Alike != 7 ||
		fmt.Sprint(s.SumsA) != fmt.Sprint(s.SumsB) {
		t.Errorf("%s%+v", said, s)
	}
	is := presentments(8)
	is[1].AmountMinor++
	is[2].ARN = is[7].ARN // found by its RRN
	is[3].Merchant = "M9"
	is = append(is[:4:4], is[5:]...)
	is[6].ARN, is[6].RRN = is[2].ARN[:22]+"0", "R99999999999"
	said, s := diffDetail(t, ipm, detail(is))
	want := "differs 3 1240/200 first presentment [amount_minor: 1001 | 1002]\n" +
		"differs 5 1240/200 first presentment [merchant: M1 | M9]\n" +
		"differs 4 1240/200 first presentment [acquirer_reference: " + ps[2].ARN + " | " + is[2].ARN + "]\n" +
		"only_a 6 1240/200 first presentment\n" +
		"only_b 7 row at line 8\n"
	if said != want || s.Same() || s.Alike != 3 || s.Differing != 3 || s.OnlyA != 1 || s.OnlyB != 1 {
		t.Errorf("%s%+v\nwant\n%s", said, s, want)
	}
	if said, _ := diffDetail(t, ipm, detail(is), "amount_minor", "merchant"); strings.Contains(said, "M9") {
		t.Error(said)
	}
	some := write(t, filepath.Join(dir, "some.csv"), []byte("x,rrn,currency,amount_minor\n"+
		"1,R00000000000,EUR,1000\n2,R00000000001,JPY,5\n"))
	said, s = diffDetail(t, ipm, some)
	if !strings.HasPrefix(said, "differs 3 1240/200 first presentment [amount_minor: 1001 | 5]\n") || s.Alike != 1 ||
		s.OnlyA != 5 {
		t.Errorf("%s%+v", said, s)
	}
}

package settlement

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"switchyard/internal/money"
)

// WriteText prints the run for a person at a terminal: each statement, then that all of them add up, then what to look
// at.
func (r *Run) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for i := range r.Statements {
		s := &r.Statements[i]
		fmt.Fprintf(t, "%s  %s, %s to %s in %s\n", Printable(s.Merchant), Printable(s.MerchantName), r.From, r.To, s.Currency)
		fmt.Fprint(t, "date\topening\tgross\trefunds\tdisputes\tfees\treserve\tnet\tpaid\ton\tcarried forward\t\n")
		line := func(name string, opening int64, sums *Sums, paid int64, on string, carried int64) {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name, s.amount(opening), s.amount(sums.GrossMinor),
				s.amount(-sums.RefundsMinor), s.amount(sums.disputed()), s.amount(-sums.FeesMinor),
				s.amount(sums.ReserveReleasedMinor-sums.ReserveHeldMinor), s.amount(sums.NetMinor), s.amount(paid), on,
				s.amount(carried))
		}
		for j := range s.Days {
			d, on := &s.Days[j], "-"
			if d.PayOn != nil {
				on = d.PayOn.String()
			}
			line(d.Date.String(), d.OpeningMinor, &d.Sums, d.PayoutMinor, on, d.CarriedForwardMinor)
		}
		line("total", s.OpeningMinor, &s.Totals, s.PaidMinor, "-", s.CarriedForwardMinor)
		if err := t.Flush(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "reserve at the end: %s\n\n", money.Format(s.ReserveMinor, s.Currency)); err != nil {
			return err
		}
	}
	if r.Merchant != "" {
		return nil
	}
	for i := range r.Proof {
		if err := r.Proof[i].writeText(w); err != nil {
			return err
		}
	}
	if err := r.WriteExceptions(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d statements of %d files; opening: %s\n", len(r.Statements), len(r.Files), r.Opening)
	return err
}

// WriteExceptions prints what a person has to look at, a line each.
func (r *Run) WriteExceptions(w io.Writer) error {
	for i := range r.Exceptions {
		e := &r.Exceptions[i]
		where := ""
		if e.File != "" {
			where = Printable(e.File) + ": "
		}
		if e.Record > 0 {
			where += fmt.Sprintf("record %d: ", e.Record)
		}
		if e.ARN != "" {
			where += fmt.Sprintf("%s of %s: ", money.Format(e.AmountMinor, Printable(e.Currency)), Printable(e.ARN))
		}
		if _, err := fmt.Fprintf(w, "exception: %s %s: %s%s\n", e.Date, e.Kind, where, Printable(e.Message)); err != nil {
			return err
		}
	}
	return nil
}

// writeText prints the equations of a currency.
func (p *Proof) writeText(w io.Writer) error {
	verdict := "adds up"
	if !p.Holds {
		verdict = "DOES NOT ADD UP"
	}
	m := func(minor int64) string { return amount(minor, p.Currency) }
	t := &p.Totals
	in, out := &p.Received.Files, &p.Received.Excepted
	var b strings.Builder
	line := func(format string, minor ...int64) {
		amounts := make([]any, len(minor))
		for i, n := range minor {
			amounts[i] = m(n)
		}
		fmt.Fprintf(&b, "  "+format+"\n", amounts...)
	}
	fmt.Fprintf(&b, "%s: all statements, to the last unit: %s\n", p.Currency, verdict)
	files, sums := "our files' debits %s − credits %s", []int64{
		t.GrossMinor, t.RefundsMinor, t.RepresentedMinor, p.FilesDebitMinor, p.FilesCreditMinor,
	}
	if p.Received.PresentedAgainMinor != 0 {
		files, sums = files+" − presented again %s", append(sums, p.Received.PresentedAgainMinor)
	}
	line("gross %s − refunds %s + represented %s = "+files+" + represented by others %s",
		append(sums, in.RepresentedMinor-out.RepresentedMinor)...)
	if *in != (Moved{}) {
		line("rejected %s = %s in incoming files − %s excepted", t.RejectedMinor, in.RejectedMinor, out.RejectedMinor)
		line("chargebacks %s = %s in incoming files − %s excepted", t.ChargebacksMinor, in.ChargebacksMinor,
			out.ChargebacksMinor)
		line("fees passed on %s = %s in incoming files − %s excepted", t.FeePassedMinor, in.PassedMinor, out.PassedMinor)
		line("interchange %s = %s in incoming files − %s excepted − %s kept", t.FeeInterchangeMinor, in.InterchangeMinor,
			out.InterchangeMinor, p.Received.KeptInterchangeMinor)
	}
	line("gross %s − refunds %s − rejected %s − chargebacks %s + represented %s − fees %s − reserve (%s − %s) = net %s",
		t.GrossMinor, t.RefundsMinor, t.RejectedMinor, t.ChargebacksMinor, t.RepresentedMinor, t.FeesMinor,
		t.ReserveHeldMinor,
		t.ReserveReleasedMinor, t.NetMinor)
	line("opening %s + net %s = paid %s + carried forward %s", p.OpeningMinor, t.NetMinor, p.PaidMinor,
		p.CarriedForwardMinor)
	line("reserve before %s + held %s − released %s = reserve %s", p.ReserveOpeningMinor, t.ReserveHeldMinor,
		t.ReserveReleasedMinor, p.ReserveMinor)
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Statement) amount(minor int64) string { return amount(minor, s.Currency) }

// amount is an amount without its currency.
func amount(minor int64, currency string) string {
	text := money.Format(minor, currency)
	return text[:len(text)-len(" ")-len(currency)]
}

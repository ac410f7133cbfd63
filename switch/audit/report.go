package audit

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"switchyard/internal/money"
)

// A Report is what an audit found. It is written as JSON or, by [Report.WriteText], for a person.
type Report struct {
	From time.Time `json:"from"` // the books were read between From and To
	To   time.Time `json:"to"`
	// Dates are the business dates that alone were looked at, "2026-11-01 to 2026-11-30"; empty: everything was.
	Dates string `json:"dates,omitempty"`
	// Range are the payments that alone were looked at, "P10000000001 to P100000002S9"; empty: all, or those of Dates.
	Range string `json:"payment_range,omitempty"`

	Payments     int     `json:"payments"`     // in the journal
	Holdings     int     `json:"holdings"`     // at the issuer: authorizations, and sales, refunds, voice captures
	Files        int     `json:"files"`        // clearing files
	Presentments int     `json:"presentments"` // in them
	Told         int     `json:"told"`         // answers in gateways' own logs
	Acts         int     `json:"acts"`         // of operators, in their record
	Ledger       *Ledger `json:"ledger,omitempty"`
	// Outside is what was read beside a range; nil without one.
	Outside *Outside `json:"outside,omitempty"`

	Totals []Total `json:"totals"` // what the books add up to, side by side; without what is apart

	// DifferenceCount counts all differences, ByKind by kind; Differences holds the first of them.
	DifferenceCount int          `json:"difference_count"`
	ByKind          map[Kind]int `json:"by_kind"`
	Differences     []Difference `json:"differences"`

	InFlight   Apart `json:"in_flight"`   // a message is on its way, or the payment changed while the books were read
	Decided    Apart `json:"decided"`     // advices that were refused for good, and then closed by a person
	NotCleared Apart `json:"not_cleared"` // operations whose business date has no files yet
	Ahead      Apart `json:"ahead"`       // operations of a business date that is days ahead of the switch's clock

	// Of what came back in clearing files: presentments that were rejected and wait for a person's decision, and
	// chargebacks of more than the cardholder was still owed, each with what is beyond. The books agree about both.
	Rejected         Apart `json:"rejected"`
	ChargebackExcess Apart `json:"chargeback_excess"`

	limit int
}

// Outside counts what was read of other payments than those of a range, and dropped.
type Outside struct {
	Holdings int `json:"holdings"` // lines of the issuer's book
	Told     int `json:"told"`     // answers in gateways' own logs
}

// Apart is what was not compared, and why.
type Apart struct {
	Count int              `json:"count"`
	Minor map[string]int64 `json:"minor,omitempty"` // by currency, minor units
	Items []Item           `json:"items"`           // the first of them
}

// An Item is one operation of a payment that is apart.
type Item struct {
	Payment      string    `json:"payment"`
	Op           string    `json:"op"`
	State        string    `json:"state"`
	RRN          string    `json:"rrn,omitempty"`
	BusinessDate string    `json:"business_date,omitempty"`
	AmountMinor  int64     `json:"amount_minor"`
	Currency     string    `json:"currency"`
	Since        time.Time `json:"since"`
}

// A Total is one line of the books side by side.
type Total struct {
	Currency string `json:"currency"`
	Item     string `json:"item"`
	Switch   *Sum   `json:"switch,omitempty"` // absent where a book says nothing of it
	Issuer   *Sum   `json:"issuer,omitempty"`
	Clearing *Sum   `json:"clearing,omitempty"`
}

// A Sum is a number of things and their money in minor units.
type Sum struct {
	Count int   `json:"count"`
	Minor int64 `json:"minor"`
}

// newReport begins a report. Its lists are empty and not nil: JSON shows them as [].
func newReport(o Options) *Report {
	none := func() Apart { return Apart{Items: []Item{}} }
	r := &Report{
		From: time.Now(), ByKind: map[Kind]int{}, Differences: []Difference{}, InFlight: none(), Decided: none(),
		NotCleared: none(), Ahead: none(), Rejected: none(), ChargebackExcess: none(), limit: o.Limit,
	}
	switch {
	case o.byPayment():
		r.Range = o.First + " to " + o.Last
	case o.ranged():
		r.Dates = o.From + " to " + o.To
	}
	return r
}

// Clean tells whether nothing differs.
func (r *Report) Clean() bool { return r.DifferenceCount == 0 }

func (r *Report) differ(d Difference) {
	r.DifferenceCount++
	r.ByKind[d.Kind]++
	if len(r.Differences) < r.limit {
		r.Differences = append(r.Differences, d)
	}
}

func (r *Report) apart(a *Apart, item Item) {
	a.Count++
	if a.Minor == nil {
		a.Minor = map[string]int64{}
	}
	a.Minor[item.Currency] += item.AmountMinor
	if len(a.Items) < r.limit {
		a.Items = append(a.Items, item)
	}
}

// WriteText prints the report.
func (r *Report) WriteText(w io.Writer) error {
	out := &printer{w: w}
	books := 3
	var outside Outside
	if r.Outside != nil {
		outside = *r.Outside
	}
	told := r.Told+outside.Told > 0
	if told {
		books++
	}
	of := ""
	switch {
	case r.Range != "":
		books-- // files are of dates
		of = " of the payments " + r.Range + ","
	case r.Dates != "":
		of = " of the business dates " + r.Dates + ","
	}
	words := [...]string{2: "Two", 3: "Three", 4: "Four"}
	out.printf("%s books%s as of %s, read in %s\n\n", words[books], of, r.From.UTC().Format("2006-01-02 15:04:05 MST"),
		r.To.Sub(r.From).Round(time.Millisecond))
	ledger := "ledger not asked for"
	if r.Ledger != nil {
		ledger = "ledger balanced"
		if !r.Ledger.Balanced {
			ledger = "ledger NOT balanced"
		}
	}
	out.table(func(t io.Writer) {
		fmt.Fprintf(t, "switch\t%d payments, %d of them in flight\n", r.Payments, r.InFlight.Count)
		fmt.Fprintf(t, "issuer\t%d authorizations, sales and refunds%s; %s\n", r.Holdings, passed(outside.Holdings), ledger)
		if r.Range != "" {
			fmt.Fprintln(t, "clearing\tnot read: files are of business dates")
		} else {
			fmt.Fprintf(t, "clearing\t%d files with %d presentments; %d not yet cleared\n", r.Files, r.Presentments,
				r.NotCleared.Count)
		}
		if told {
			fmt.Fprintf(t, "gateways\t%d answers in their logs%s\n", r.Told, passed(outside.Told))
		}
	})
	if len(r.Totals) > 0 {
		out.printf("\n")
		out.columns(tabwriter.AlignRight, func(t io.Writer) {
			fmt.Fprintf(t, "\t\tSWITCH\t\tISSUER\t\tCLEARING\t\n")
			for _, total := range r.Totals {
				fmt.Fprintf(t, "%s %s\t%s\t%s\t%s\t\n", total.Currency, total.Item,
					total.cell(total.Switch), total.cell(total.Issuer), total.cell(total.Clearing))
			}
		})
	}
	out.apart("in flight", &r.InFlight)
	out.apart("refused, closed by a person", &r.Decided)
	out.apart("not yet cleared", &r.NotCleared)
	out.apart("accepted under a business date that has not come", &r.Ahead)
	out.apart("rejected by a clearing system, nobody has decided", &r.Rejected)
	out.apart("charged back beyond what was still owed", &r.ChargebackExcess)
	out.differences(r)
	return out.err
}

// passed says how much of a book was read beside a range.
func passed(outside int) string {
	if outside == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d more of other payments read and dropped)", outside)
}

// cell is a sum's count and amount, two columns.
func (t *Total) cell(s *Sum) string {
	if s == nil {
		return "\t–"
	}
	return fmt.Sprintf("%d\t%s", s.Count, amount(s.Minor, t.Currency))
}

// amount prints money without its currency, which stands at the beginning of the line.
func amount(minor int64, currency string) string {
	return strings.TrimSuffix(money.Format(minor, currency), " "+currency)
}

// printer keeps the first error of many writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) table(rows func(io.Writer)) { p.columns(0, rows) }

// columns prints rows whose cells end with tabs.
func (p *printer) columns(flags uint, rows func(io.Writer)) {
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', flags)
	rows(t)
	if err := t.Flush(); p.err == nil {
		p.err = err
	}
}

// shownApart is how many lines of a list apart a person is shown; all of the report's stand in the JSON form.
const shownApart = 5

func (p *printer) apart(title string, a *Apart) {
	if a.Count == 0 {
		return
	}
	var sums []string
	for currency, minor := range a.Minor {
		sums = append(sums, money.Format(minor, currency))
	}
	slices.Sort(sums)
	p.printf("\n%s: %d (%s)\n", title, a.Count, strings.Join(sums, ", "))
	shown := a.Items[:min(len(a.Items), shownApart)]
	p.table(func(t io.Writer) {
		for _, item := range shown {
			fmt.Fprintf(t, "  %s\t%s %s\t%s\t%s\t%s\tsince %s\n", item.Payment, item.Op, item.State, item.RRN,
				money.Format(item.AmountMinor, item.Currency), item.BusinessDate, item.Since.UTC().Format(time.RFC3339))
		}
	})
	if more := a.Count - len(shown); more > 0 {
		p.printf("  and %d more\n", more)
	}
}

func (p *printer) differences(r *Report) {
	if r.Clean() {
		p.printf("\nno differences\n")
		return
	}
	p.printf("\ndifferences: %d\n", r.DifferenceCount)
	p.table(func(t io.Writer) {
		for _, d := range r.Differences {
			at := ""
			if d.Currency != "" {
				at = money.Format(d.AmountMinor, d.Currency)
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", d.Kind, d.Payment, d.RRN, at, d.Detail)
		}
	})
	if more := r.DifferenceCount - len(r.Differences); more > 0 {
		p.printf("  and %d more\n", more)
	}
	kinds := make([]string, 0, len(r.ByKind))
	for kind, n := range r.ByKind {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(kinds)
	p.printf("by kind: %s\n", strings.Join(kinds, ", "))
}

package settlement

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageCSS string
)

var page = template.Must(template.New("statement").Parse(pageText))

// What a page shows, in words.
type (
	pageView struct {
		CSS                          template.CSS
		Acquirer, Merchant, From, To string
		Test                         bool
		Statements                   []statementView
	}
	statementView struct {
		Name, Number, Currency string
		Lines                  []lineView
		Payouts, Reserve       []datedView
		Days, Items            [][]string
	}
	lineView struct {
		Label, Count, Amount string
		Sum                  bool
	}
	datedView struct{ Date, On, Amount string }
)

// WritePage writes a merchant's statements, one a currency, as one page of HTML that needs nothing else and prints on
// A4.
func (r *Run) WritePage(w io.Writer, merchant string) error {
	v := pageView{
		CSS: template.CSS(pageCSS), Acquirer: Printable(r.Acquirer), Merchant: Printable(merchant), From: r.From.String(),
		To: r.To.String(), Test: r.Mode != "P",
	}
	for i := range r.Statements {
		if s := &r.Statements[i]; s.Merchant == merchant {
			v.Statements = append(v.Statements, s.view())
		}
	}
	return page.Execute(w, v)
}

// Merchants are those that have statements, each once.
func (r *Run) Merchants() (ids []string) {
	for i := range r.Statements {
		if id := r.Statements[i].Merchant; i == 0 || id != r.Statements[i-1].Merchant {
			ids = append(ids, id)
		}
	}
	return ids
}

// PageName is what the file of a merchant's page is called: the merchant's id, with % and its code for each character
// that not every file system has, or that would make two of a small and a capital letter one.
func PageName(merchant string) string {
	var b strings.Builder
	for _, c := range []byte(merchant) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return "statement-" + b.String() + ".html"
}

func (s *Statement) view() statementView {
	m := s.grouped
	v := statementView{Name: Printable(s.MerchantName), Number: Printable(s.Merchant), Currency: s.Currency}
	line := func(label string, count int, minor int64) {
		if count == 0 && minor == 0 {
			return
		}
		one := lineView{Label: label, Amount: m(minor)}
		if count != 0 {
			one.Count = strconv.Itoa(count)
		}
		v.Lines = append(v.Lines, one)
	}
	sum := func(label string, minor int64) {
		v.Lines = append(v.Lines, lineView{Label: label, Amount: m(minor), Sum: true})
	}
	t := &s.Totals
	line("Gross", t.Purchases, t.GrossMinor)
	line("Refunds", t.Refunds, -t.RefundsMinor)
	line("Rejected by the scheme", t.Rejected, -t.RejectedMinor)
	line("Chargebacks", t.Chargebacks, -t.ChargebacksMinor)
	line("Chargebacks presented again", t.Represented, t.RepresentedMinor)
	line("Acquirer's fees", 0, -t.FeeAcquirerMinor)
	line("Schemes' fees", 0, -t.FeeSchemeMinor)
	line("Interchange", 0, -t.FeeInterchangeMinor)
	line("Fees of chargebacks", 0, -t.FeeChargebackMinor)
	line("Schemes' fees for single payments", 0, -t.FeePassedMinor)
	line("Reserve held back", 0, -t.ReserveHeldMinor)
	line("Reserve released", 0, t.ReserveReleasedMinor)
	sum("Net", t.NetMinor)
	line("Carried forward from before", 0, s.OpeningMinor)
	line("Paid", 0, -s.PaidMinor)
	sum("Carried forward", s.CarriedForwardMinor)
	for i := range s.Days {
		d := &s.Days[i]
		v.Days = append(v.Days, []string{
			d.Date.String(), m(d.OpeningMinor), m(d.GrossMinor), m(-d.RefundsMinor),
			m(d.disputed()), m(-d.FeesMinor), m(d.ReserveReleasedMinor - d.ReserveHeldMinor), m(d.NetMinor),
			m(d.PayoutMinor), m(d.CarriedForwardMinor),
		})
		if d.PayOn != nil {
			v.Payouts = append(v.Payouts, datedView{d.Date.String(), d.PayOn.String(), m(d.PayoutMinor)})
		}
	}
	for i := range s.Items {
		one := &s.Items[i]
		v.Items = append(v.Items, []string{
			one.Date.String(), itemWords[one.Kind], one.ARN, one.Reason, m(one.AmountMinor), m(-one.FeeMinor),
		})
	}
	for _, t := range s.Reserve {
		v.Reserve = append(v.Reserve, datedView{t.Held.String(), t.Release.String(), m(t.Minor)})
	}
	return v
}

// itemWords are the kinds of items for a person.
var itemWords = map[ItemKind]string{
	Chargeback: "Chargeback", Represented: "Presented again", SchemeFee: "Scheme's fee", Rejected: "Rejected",
}

// grouped is an amount for a page: thousands apart, and a minus sign that is as wide as a digit.
func (s *Statement) grouped(minor int64) string {
	text, negative := strings.CutPrefix(s.amount(minor), "-")
	whole, part, point := strings.Cut(text, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if negative {
		whole = "−" + whole
	}
	if point {
		whole += "." + part
	}
	return whole
}

package matching

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"switchyard/internal/money"
)

// WriteText writes the report for a person: what was matched, by relation and currency, then each exception with its
// reasons.
func (r *Report) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s, as of %s, late within %d days; files out %d, files in %d\n", r.Date, r.AsOf, r.LateDays,
		len(r.Out), len(r.In))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Lines) > 0 {
		fmt.Fprintln(t, "  relation\tclass\t\tours\t\ttheirs")
	}
	for i := range r.Lines {
		l := &r.Lines[i]
		fmt.Fprintf(t, "  %s\t%s\t%s\t%d\t%s\t%d\t%s\n", words(string(l.Relation)), words(string(l.Class)), l.Cause,
			l.Ours.Count, amount(l.Ours, l.Currency), l.Theirs.Count, amount(l.Theirs, l.Currency))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range r.Exceptions {
		if err := r.Exceptions[i].writeText(w); err != nil {
			return err
		}
	}
	if more := r.Wrong + r.Late - len(r.Exceptions); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	for i := range r.ByHand {
		if err := r.ByHand[i].writeText(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d wrong, %d late\n", r.Wrong, r.Late)
	return err
}

// words are a name as it is read.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// amount is a sum of a currency; of a side without items, or of several currencies, it is none.
func amount(s Sum, currency string) string {
	if s.Count == 0 || currency == "" {
		return ""
	}
	return money.Format(s.NetMinor, currency)
}

func (x *Match) writeText(w io.Writer) error {
	head := []string{words(string(x.Class)), x.ID}
	if x.Cause != "" {
		head = append([]string{string(x.Cause)}, head...)
	}
	fmt.Fprintln(w, strings.Join(head, "  "))
	for _, of := range []struct {
		name string
		side *Side
	}{{"ours", &x.Ours}, {"theirs", &x.Theirs}} {
		for i := range of.side.Items {
			fmt.Fprintf(w, "  %-6s  %s\n", of.name, of.side.Items[i].words())
		}
		if more := of.side.Count - len(of.side.Items); more > 0 && len(of.side.Items) > 1 {
			fmt.Fprintf(w, "  %-6s  and %d more, together %s\n", of.name, more, amount(Sum{1, of.side.NetMinor}, x.Currency))
		}
	}
	for _, reason := range x.Reasons {
		fmt.Fprintf(w, "  because %s\n", reason.words())
	}
	if by := x.Manual; by != nil {
		said := by.Reason
		if by.DifferenceMinor != 0 {
			said = "difference " + money.Format(by.DifferenceMinor, by.Currency) + ": " + said
		}
		fmt.Fprintf(w, "  match %d by hand, %s: %s\n", by.Number, stamp(by.At, by.Who, by.By), said)
	}
	for i := range x.Notes {
		n := &x.Notes[i]
		if _, err := fmt.Fprintf(w, "  note, %s: %s\n", stamp(n.At, n.Who, n.By), n.Text); err != nil {
			return err
		}
	}
	return nil
}

// stamp is when something was said, and by whom.
func stamp(at time.Time, who, by string) string {
	said := at.UTC().Format(time.RFC3339)
	if who != "" {
		said += " by " + who
	}
	if by != "" {
		said += " (" + by + ")"
	}
	return said
}

func (i *Item) words() string {
	parts := []string{i.Ref}
	for _, part := range []struct{ name, value string }{{"ARN", i.ARN}, {"RRN", i.RRN}, {"card", i.Card}} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	if i.Currency != "" {
		parts = append(parts, money.Format(i.NetMinor, i.Currency))
	}
	return strings.Join(parts, "  ")
}

func (r *Reason) words() string {
	var parts []string
	if r.Field != "" {
		parts = append(parts, fmt.Sprintf("%s: ours %s, theirs %s", words(r.Field), r.Ours, r.Theirs))
	}
	if r.Why != "" {
		parts = append(parts, r.Why)
	}
	return strings.Join(parts, ": ")
}

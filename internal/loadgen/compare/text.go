package compare

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Text writes a comparison for people: what may be chance is a tilde.
func (r *Result) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\t\tA: %d runs\tB: %d runs\tchange\t\n", len(r.A), len(r.B))
	for _, op := range r.Operations {
		for i, f := range op.Figures {
			name := ""
			if i == 0 {
				name = op.Name
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", name, f.Name, f.A.text(f.Unit), f.B.text(f.Unit), f.change())
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Missing) > 0 {
		if _, err := fmt.Fprintf(w, "B lacks what A has: %s\n", strings.Join(r.Missing, ", ")); err != nil {
			return err
		}
	}
	for _, warning := range r.Warnings {
		if _, err := fmt.Fprintf(w, "note: %s\n", warning); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, legend)
	return err
}

const legend = "Medians with their 95% intervals; ~: a difference that may be chance (Mann–Whitney, p > 0.05)."

// text is a median and its interval: "1.95 ms [1.9, 2.01]".
func (m Median) text(unit string) string {
	if unit != "%" && unit != "/s" {
		unit = " " + unit
	}
	s := digits(m.Center) + unit
	if m.Lo != nil && m.Hi != nil {
		return fmt.Sprintf("%s [%s, %s]", s, digits(*m.Lo), digits(*m.Hi))
	}
	return s
}

// change is how the median changed, "~" where that may be chance.
func (f *Figure) change() string {
	p := fmt.Sprintf("(p=%.3f)", f.P)
	switch {
	case !f.Differs:
		return "~ " + p
	case f.ChangePct == nil:
		return "from 0 " + p + f.worse()
	default:
		return fmt.Sprintf("%+.1f%% %s%s", *f.ChangePct, p, f.worse())
	}
}

func (f *Figure) worse() string {
	if f.Regression {
		return " worse"
	}
	return ""
}

// digits leaves four digits.
func digits(x float64) string {
	const most = 1000
	if x >= most {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

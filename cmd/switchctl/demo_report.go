package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"switchyard/internal/demo"
	"switchyard/internal/money"
)

// printDemo shows the summary of a demo. Its last line says whether all is well.
func printDemo(w io.Writer, s *demo.Summary) error {
	var b strings.Builder
	if len(s.Operations) > 0 {
		printOperations(&b, s)
		printSpeed(&b, s)
	}
	if len(s.Clearing) > 0 {
		printClearing(&b, s)
	}
	if f := s.Settlement; f != nil {
		printSettlement(&b, f)
	}
	if a := s.Audit; a != nil {
		ledger := "balanced"
		if !a.Balanced {
			ledger = "NOT balanced"
		}
		fmt.Fprintf(&b, "\naudit: %d payments at the switch, %d authorizations, sales and refunds at the issuer, "+
			"%d presentments in files, %d answers to the driver: %d differences; issuer's ledger %s\n",
			a.Payments, a.Holdings, a.Presentments, a.Told, a.Differences, ledger)
	}
	if s.SwitchdMiB > 0 {
		fmt.Fprintf(&b, "memory: switchd %.0f MiB, issuer-sim %.0f MiB at most\n", s.SwitchdMiB, s.IssuerMiB)
	}
	printServe(&b, s)
	b.WriteByte('\n')
	for _, problem := range s.Problems {
		fmt.Fprintf(&b, "wrong: %s\n", problem)
	}
	if s.OK {
		b.WriteString("demo: OK\n")
	} else {
		b.WriteString("demo: FAILED\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printServe says how to look at what the day has left. The binaries are named as this one was called.
func printServe(b *strings.Builder, s *demo.Summary) {
	if len(s.Serve) == 0 {
		return
	}
	folder := strings.TrimSuffix(os.Args[0], filepath.Base(os.Args[0]))
	b.WriteString("\nserve what this day has left, and look at it:\n")
	for _, line := range s.Serve {
		name, _, _ := strings.Cut(line, " ")
		fmt.Fprintf(b, "  %s%s 2> %s.log &\n", folder, line, name)
	}
	for _, line := range []string{"payments --limit 5", "explain P10000000001", "days", "audit"} {
		fmt.Fprintf(b, "  %sswitchctl %s\n", folder, line)
	}
}

// printOperations is the table of counts and money by operation and outcome, a column a currency.
func printOperations(b *strings.Builder, s *demo.Summary) {
	currencies := demoCurrencies(s)
	// Numbers stand to the right; the two names in front are padded by hand, because a tabwriter aligns all or nothing.
	wide := 0
	for _, o := range s.Operations {
		wide = max(wide, len(o.Outcome))
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%-10s %-*s\tCOUNT\t%s\t\n", "OPERATION", wide, "OUTCOME", strings.Join(currencies, "\t"))
	for _, o := range s.Operations {
		fmt.Fprintf(t, "%-10s %-*s\t%d\t", o.Op, wide, o.Outcome, o.Count)
		for _, c := range currencies {
			fmt.Fprintf(t, "%s\t", amountCell(o.AmountMinor[c], c))
		}
		fmt.Fprintln(t)
	}
	t.Flush() // a strings.Builder does not fail
}

func printSpeed(b *strings.Builder, s *demo.Summary) {
	fmt.Fprintf(b, "\n%d payments in %.1f s: %.0f payments, %.0f requests a second",
		s.Payments, s.ElapsedS, s.PaymentsPerSecond, s.RequestsPerSecond)
	if s.Retries > 0 {
		fmt.Fprintf(b, "; %d requests were refused for the moment and sent again", s.Retries)
	}
	if s.Faults {
		fmt.Fprintf(b, "\n%d operations were not answered by the issuer; the outcome of each is known", s.Unanswered)
	}
	fmt.Fprintf(b, "\n\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%-10s\tP50 MS\tP99 MS\t\n", "LATENCY")
	for _, l := range s.Latency {
		fmt.Fprintf(t, "%-10s\t%.2f\t%.2f\t\n", l.Op, l.P50MS, l.P99MS)
	}
	t.Flush() // a strings.Builder does not fail
}

func printClearing(b *strings.Builder, s *demo.Summary) {
	for _, f := range s.Clearing {
		fmt.Fprintf(b, "\nclearing %s, %s: %s\n", f.Destination, f.BusinessDate, f.Path)
		settled := "taken by the issuer"
		if !f.Settled {
			settled = "not taken by the issuer"
		}
		fmt.Fprintf(b, "  %d messages, %d of them presentments; PDS0301 %d; %s\n",
			f.Messages, f.Presentments, f.SumMinor, settled)
		t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(t, "\tDEBITS\tAMOUNT\tCREDITS\tAMOUNT\t\n")
		for _, c := range f.Currencies {
			fmt.Fprintf(t, "  %s\t%d\t%s\t%d\t%s\t\n", c.Currency, c.DebitCount, amountCell(c.DebitMinor, c.Currency),
				c.CreditCount, amountCell(c.CreditMinor, c.Currency))
		}
		t.Flush() // a strings.Builder does not fail
	}
}

// printSettlement is what merchants' statements come to, a line a currency.
func printSettlement(b *strings.Builder, f *demo.SettlementFigures) {
	fmt.Fprintf(b, "\nsettlement: %d rejected, corrected and presented again; %d charged back, %d of them represented; "+
		"%d settled\n", f.Rejected, f.ChargedBack, f.Represented, f.Settled)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\tGROSS\tREFUNDS\tREJECTED\tCHARGED BACK\tREPRESENTED\tFEES\tNET\t\n")
	for _, c := range f.Currencies {
		fmt.Fprintf(t, "  %s\t", c.Currency)
		for _, minor := range []int64{
			c.GrossMinor, c.RefundsMinor, c.RejectedMinor, c.ChargebacksMinor, c.RepresentedMinor, c.FeesMinor,
			c.NetMinor,
		} {
			fmt.Fprintf(t, "%s\t", amountCell(minor, c.Currency))
		}
		fmt.Fprintln(t)
	}
	t.Flush() // a strings.Builder does not fail
}

// demoCurrencies are the columns of the table of operations.
func demoCurrencies(s *demo.Summary) []string {
	seen := map[string]bool{}
	for _, o := range s.Operations {
		for c := range o.AmountMinor {
			seen[c] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// amountCell prints money without its currency, which heads the column or the line; nothing for no money.
func amountCell(minor int64, currency string) string {
	if minor == 0 {
		return "–"
	}
	return strings.TrimSuffix(money.Format(minor, currency), " "+currency)
}

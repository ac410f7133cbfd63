package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"switchyard/internal/loadgen/day"
	"switchyard/internal/money"
	"switchyard/switch/clearing"
)

// demoSummary is what came of a demo, as summary.json has it.
type demoSummary struct {
	OK       bool     `json:"ok"`
	Problems []string `json:"problems,omitempty"`

	Seed     uint64 `json:"seed"`
	Payments int    `json:"payments"`
	InFlight int    `json:"in_flight"` // payments under way at the same time
	Faults   bool   `json:"faults"`    // the issuer answered badly now and then

	Operations []operationFigures `json:"operations"`
	Latency    []latencyFigures   `json:"latency"`

	ElapsedS          float64 `json:"elapsed_s"` // of the payments
	PaymentsPerSecond float64 `json:"payments_per_second"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	Requests          uint64  `json:"requests"`
	Retries           uint64  `json:"retries"`    // refused for the moment, then taken
	Unanswered        uint64  `json:"unanswered"` // by the issuer; each was followed until its outcome was known
	DrainS            float64 `json:"drain_s"`    // until the last capture had reached the issuer

	Clearing []clearingFile `json:"clearing"`
	Audit    *auditFigures  `json:"audit,omitempty"`

	SwitchdMiB float64 `json:"switchd_mib"` // peak resident memory
	IssuerMiB  float64 `json:"issuer_sim_mib"`
}

// operationFigures are a line of the table of operations.
type operationFigures struct {
	Op          string           `json:"op"`
	Outcome     string           `json:"outcome"`
	Count       uint64           `json:"count"`
	AmountMinor map[string]int64 `json:"amount_minor"` // by currency
}

// latencyFigures are how long the answers to one operation, or "all", took.
type latencyFigures struct {
	Op    string  `json:"op"`
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
}

// clearingFile is one of the day's files with what its records add up to.
type clearingFile struct {
	Path         string                    `json:"path"`
	Destination  string                    `json:"destination"`
	BusinessDate string                    `json:"business_date"`
	FileID       string                    `json:"file_id"`
	Messages     int                       `json:"messages"` // header and trailer counted in
	Presentments int                       `json:"presentments"`
	SumMinor     int64                     `json:"sum_minor"` // plain sum, whatever the currency, as the trailer has it
	Settled      bool                      `json:"settled"`   // the issuer took it
	Currencies   []clearing.CurrencyTotals `json:"currencies"`
}

// auditFigures are the counts of the audit.
type auditFigures struct {
	Payments     int  `json:"payments"`
	Holdings     int  `json:"holdings"`
	Presentments int  `json:"presentments"`
	Told         int  `json:"told"` // answers that the driver was given
	Differences  int  `json:"differences"`
	InFlight     int  `json:"in_flight"`
	NotCleared   int  `json:"not_cleared"`
	Balanced     bool `json:"ledger_balanced"`
}

// answers enters the driver's book.
func (s *demoSummary) answers(book *day.Book) {
	ops := []string{}
	for _, l := range book.Lines() {
		s.Operations = append(s.Operations, operationFigures{l.Op, l.Outcome.Outcome, l.Count, l.AmountMinor})
		if len(ops) == 0 || ops[len(ops)-1] != l.Op {
			ops = append(ops, l.Op)
		}
	}
	for _, op := range append(ops, "") {
		f := latencyFigures{op, milliseconds(book.Latency(op, 50)), milliseconds(book.Latency(op, 99))}
		if op == "" {
			f.Op = "all"
		}
		s.Latency = append(s.Latency, f)
	}
	s.ElapsedS = book.Elapsed.Seconds()
	s.Requests, s.Retries, s.Unanswered = book.Requests(), book.Retries(), book.Unanswered()
	s.PaymentsPerSecond = round(float64(book.Payments()) / s.ElapsedS)
	s.RequestsPerSecond = round(float64(s.Requests) / s.ElapsedS)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// write writes summary.json.
func (s *demoSummary) write(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// print shows the summary. Its last line says whether all is well.
func (s *demoSummary) print(w io.Writer) error {
	var b strings.Builder
	if len(s.Operations) > 0 {
		s.printOperations(&b)
		s.printSpeed(&b)
	}
	if len(s.Clearing) > 0 {
		s.printClearing(&b)
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

// printOperations is the table of counts and money by operation and outcome, a column a currency.
func (s *demoSummary) printOperations(b *strings.Builder) {
	currencies := s.currencies()
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

func (s *demoSummary) printSpeed(b *strings.Builder) {
	fmt.Fprintf(b, "\n%d payments in %.1f s: %.0f payments, %.0f requests a second", s.Payments, s.ElapsedS, s.PaymentsPerSecond, s.RequestsPerSecond)
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

func (s *demoSummary) printClearing(b *strings.Builder) {
	for _, f := range s.Clearing {
		fmt.Fprintf(b, "\nclearing %s, %s: %s\n", f.Destination, f.BusinessDate, f.Path)
		settled := "taken by the issuer"
		if !f.Settled {
			settled = "not taken by the issuer"
		}
		fmt.Fprintf(b, "  %d messages, %d of them presentments; PDS0301 %d; %s\n", f.Messages, f.Presentments, f.SumMinor, settled)
		t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(t, "\tDEBITS\tAMOUNT\tCREDITS\tAMOUNT\t\n")
		for _, c := range f.Currencies {
			fmt.Fprintf(t, "  %s\t%d\t%s\t%d\t%s\t\n", c.Currency, c.DebitCount, amountCell(c.DebitMinor, c.Currency),
				c.CreditCount, amountCell(c.CreditMinor, c.Currency))
		}
		t.Flush() // a strings.Builder does not fail
	}
}

// currencies are the columns of the table of operations.
func (s *demoSummary) currencies() []string {
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

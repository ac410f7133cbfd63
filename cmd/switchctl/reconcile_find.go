package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"switchyard/internal/httpcall"
	"switchyard/internal/money"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
	"switchyard/switch/reconcile"
)

// The days as they are shown: with the messages that make a difference, where the issuer is asked for its book.
type (
	shownDay struct {
		Date  string      `json:"date"`
		Hosts []shownHost `json:"hosts"`
	}
	shownHost struct {
		Host    string        `json:"host"`
		Ended   bool          `json:"ended"`
		Results []shownResult `json:"results"`
	}
	shownResult struct {
		reconcile.Result
		Found *found `json:"found,omitempty"`
	}
)

// found is what makes a difference.
type found struct {
	// DifferenceMinor is ours less theirs, net, when the host answered; FoundMinor what the messages come to.
	DifferenceMinor int64               `json:"difference_minor"`
	FoundMinor      int64               `json:"found_minor"`
	Count           int                 `json:"count"`
	Messages        []reconcile.Finding `json:"messages"` // the first of them
}

func show(days []reconcile.Day) []shownDay {
	shown := make([]shownDay, len(days))
	for i, d := range days {
		shown[i] = shownDay{Date: d.Date, Hosts: make([]shownHost, len(d.Hosts))}
		for k, h := range d.Hosts {
			shown[i].Hosts[k] = shownHost{Host: h.Host, Ended: h.Ended, Results: make([]shownResult, len(h.Results))}
			for n, r := range h.Results {
				shown[i].Hosts[k].Results[n].Result = r
			}
		}
	}
	return shown
}

// books reads --issuer: HOST=ADDRESS, or an address alone, which is of every host.
func (r *reconcileRun) books() (map[string]string, error) {
	byHost := map[string]string{}
	for _, text := range r.issuers {
		host, addr, named := strings.Cut(text, "=")
		if !named {
			host, addr = "", text
		}
		if _, twice := byHost[host]; twice || addr == "" || named && host == "" {
			return nil, fmt.Errorf("--issuer %q: expected HOST=ADDRESS once for each host, or one ADDRESS for all", text)
		}
		byHost[host] = addr
	}
	return byHost, nil
}

// find asks the issuers for their books and finds what makes each difference.
func (r *reconcileRun) find(ctx context.Context, api *client.Client, days []shownDay) error {
	books, err := r.books()
	if err != nil {
		return err
	}
	for _, d := range days {
		for _, h := range d.Hosts {
			addr, known := books[h.Host]
			if !known {
				addr = books[""]
			}
			for i := range h.Results {
				result := &h.Results[i]
				if result.Status != reconcile.OutOfBalance || addr == "" {
					continue
				}
				if result.Found, err = r.makes(ctx, api, addr, d.Date, &result.Result); err != nil {
					return fmt.Errorf("host %s: %w", h.Host, err)
				}
			}
		}
	}
	return nil
}

// mostHeld is how many messages are compared at once: some half a GiB. More are compared in parts, by their RRN.
const mostHeld = 3_000_000

// makes finds what makes the difference of one result.
func (r *reconcileRun) makes(
	ctx context.Context, api *client.Client, addr, day string, result *reconcile.Result,
) (*found, error) {
	date, err := payment.ParseDate(day)
	if err != nil {
		return nil, err
	}
	f := &found{DifferenceMinor: result.Ours.Net(), Messages: []reconcile.Finding{}}
	if result.Theirs != nil {
		f.DifferenceMinor -= result.Theirs.Net()
	}
	parts := 1 + uint32((result.Ours.Debits.Number+result.Ours.Credits.Number)/mostHeld)
	for part := range parts {
		if err := r.part(ctx, api, addr, date, result.Key, f, func(rrn string) bool {
			h := fnv.New32a()
			_, _ = io.WriteString(h, rrn) // a hash takes all
			return h.Sum32()%parts == part
		}); err != nil {
			return nil, err
		}
	}
	for i := range f.Messages {
		if err := lookUp(ctx, api, day, &f.Messages[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(f.Messages, func(a, b reconcile.Finding) int { return strings.Compare(a.RRN, b.RRN) })
	return f, nil
}

// part compares the messages whose RRN is one of a part.
func (r *reconcileRun) part(ctx context.Context, api *client.Client, addr string, date payment.Date, key reconcile.Key,
	f *found, of func(rrn string) bool,
) error {
	comparison := reconcile.NewComparison(date)
	err := api.EachCounted(ctx, date.String(), key.Host, func(c *reconcile.Counted) error {
		if c.Key == key && of(c.RRN) {
			comparison.Count(c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	add := func(x *reconcile.Finding) {
		f.Count++
		f.FoundMinor += x.DifferenceMinor()
		if len(f.Messages) < r.limit {
			f.Messages = append(f.Messages, *x)
		}
	}
	err = httpcall.Lines(ctx, issuerControl(addr), "/v1/authorizations", nil, func(a *issuerAccount) error {
		if a.Acquirer != key.Acquirer || a.Currency != key.Currency || !of(a.RRN) {
			return nil
		}
		postings, err := a.posted()
		if err == nil {
			comparison.Book(a.RRN, postings, add)
		}
		return err
	})
	if err == nil {
		comparison.Rest(add)
	}
	return err
}

// issuerAccount is what of a line of the issuer's book is compared.
type issuerAccount struct {
	Acquirer string `json:"acquirer"`
	RRN      string `json:"rrn"`
	Currency string `json:"currency"`
	Postings []struct {
		Number       string `json:"number"`
		ARN          string `json:"arn"`
		Amount       int64  `json:"amount"`
		Credit       bool   `json:"credit"`
		BusinessDate string `json:"business_date"`
		State        string `json:"state"`
		FileAlone    bool   `json:"file_alone"`
	} `json:"postings"`
}

func (a *issuerAccount) posted() ([]reconcile.Posted, error) {
	all := make([]reconcile.Posted, len(a.Postings))
	for i, p := range a.Postings {
		all[i] = reconcile.Posted{
			ARN: p.ARN, Date: p.BusinessDate, AmountMinor: p.Amount, Credit: p.Credit, Reversed: p.State == "reversed",
			FileAlone: p.FileAlone,
		}
		if p.Number == "" {
			continue
		}
		n, err := strconv.Atoi(p.Number)
		if err != nil {
			return nil, fmt.Errorf("the issuer's book: RRN %s: number: %q: expected a number", a.RRN, p.Number)
		}
		all[i].Number = n
	}
	return all, nil
}

// lookUp says what the journal has of what only the issuer has under the date.
func lookUp(ctx context.Context, api *client.Client, day string, f *reconcile.Finding) error {
	if f.Payment != "" {
		return nil
	}
	story, err := api.Explain(ctx, f.RRN)
	if client.NotFound(err) {
		f.Why = "the journal does not know it"
		return nil
	}
	if err != nil {
		return err
	}
	p, err := api.Payment(ctx, story.Payment)
	if err != nil {
		return err
	}
	f.Payment = p.Payment
	i := slices.IndexFunc(p.Ops, func(op operator.OpExport) bool {
		return op.BusinessDate != "" && (op.ARN != "" && op.ARN == f.ARN || op.RRN == f.RRN && op.Number == f.Number)
	})
	if i < 0 {
		f.Why = "the journal has its payment, and no such message"
		return nil
	}
	op := &p.Ops[i]
	f.Operation, f.Kind = op.N, op.Op
	if op.BusinessDate != day {
		f.Late, f.Why = true, "the journal has it under another date, "+op.BusinessDate
		return nil
	}
	f.Why = "the journal has it as " + op.State
	if op.ResponseCode != "" {
		f.Why += ", answered " + op.ResponseCode
	}
	return nil
}

// writeFound lists what makes a difference.
func writeFound(w io.Writer, f *found, currency string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := range f.Messages {
		x := &f.Messages[i]
		cause, name := "wrong", x.Payment
		if x.Late {
			cause = "late"
		}
		if name == "" {
			name = "no payment"
		} else if x.Kind != "" {
			name = fmt.Sprintf("%s-%d", x.Payment, x.Operation)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\tRRN %s\tours %s\ttheirs %s\t%s\n",
			cause, strings.ReplaceAll(string(x.Difference), "_", " "), name, x.RRN,
			money.Format(x.OursMinor, currency), money.Format(x.TheirsMinor, currency), x.Why)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more := f.Count - len(f.Messages); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
	_, err := fmt.Fprintf(w, "  messages that make it: %d, which come to %s of %s\n", f.Count,
		money.Format(f.FoundMinor, currency), money.Format(f.DifferenceMinor, currency))
	return err
}

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/httpcall"
	"switchyard/internal/money"
	"switchyard/internal/operatorflags"
	"switchyard/internal/words"
	"switchyard/switch/issuer/identity"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
)

// newRestoreCmd is `switchctl restore`: what an operator does with a switch that was put back to an earlier state.
func newRestoreCmd() *cobra.Command {
	var r restoreRun
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "See what is in doubt after a restore, and let the switch serve again",
		Long: `A switch whose journal is an earlier copy of itself starts held: restored from a backup, or put back by a
copy or a machine's snapshot. It answers questions, and neither takes work nor reverses, sends or closes anything, until
an operator has seen the review and confirmed it.

Exit codes: 0 done; 1 the switch is not held, or the token is of an earlier review; 2 no answer.`,
	}
	r.asked.Add(cmd.PersistentFlags(), defaultOperator)
	cmd.AddCommand(r.reviewCmd(), r.confirmCmd())
	return cmd
}

type restoreRun struct {
	asked            operatorflags.Flags
	issuer, acquirer string
	recover          []string
	json             bool
	limit, node      int
}

func (r *restoreRun) reviewCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "Show why the switch is held, and what is in doubt",
		Long: `Review shows why the switch is held; which operations it knows the beginning of and not the end; which captures by
the switch it has not made, which the confirmation cancels; which clearing files were written that it does not know;
and, with --issuer, what the issuer has that the journal does not, and what it says of what is in doubt. It changes
nothing. Its last line is how to confirm it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.review(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.issuer, "issuer", "", "control HTTP of issuer-sim, to hold its book against the journal "+
		"(default: it is not asked)")
	f.StringVar(&r.acquirer, "acquirer", "",
		"acquirer id (DE32) of the switch, where several switches share the issuer (default: all)")
	f.IntVar(&r.node, "node", allNodes, "number of the switch, where several share --acquirer (default: all)")
	f.IntVar(&r.limit, "limit", 200, "how many operations of each list to show; all are counted")
	f.BoolVar(&r.json, "json", false, "print the review as JSON")
	return cmd
}

func (r *restoreRun) confirmCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "confirm TOKEN",
		Short: "Let the switch serve again; TOKEN is the one that the review has shown",
		Long: `Confirm ends the hold for good. What is in doubt is parked: nothing of it is reversed or sent, and a person
decides on each with switchctl saf retry (send it) or close (it was settled otherwise). Captures by the switch that are
not made are cancelled. For the payments that --recover names it goes on as after a crash instead: unanswered requests
are reversed, advices sent, captures made.

Reverse nothing that a gateway may have been told is approved: what the issuer has approved, it most likely was.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.confirm(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringSliceVar(&r.recover, "recover", nil,
		"payments, by commas, to go on with as after a crash; all: every one")
	completion.Flag(cmd, "recover", "all")
	return cmd
}

func (r *restoreRun) review(ctx context.Context, out, notices io.Writer) error {
	if r.node != allNodes && (r.node < 0 || r.node > 35) {
		return fmt.Errorf("--node is %d, expected 0 to 35", r.node)
	}
	if r.limit < 0 {
		return fmt.Errorf("--limit is %d, expected 0 or more", r.limit)
	}
	var review struct {
		operator.Review
		Issuer *issuerSays `json:"issuer,omitempty"`
	}
	api, err := r.asked.Client()
	if err != nil {
		return err
	}
	seen, err := api.Review(ctx, r.limit)
	if err != nil {
		return err
	}
	review.Review = *seen
	if !review.Held {
		fmt.Fprintln(notices, "the switch is not held")
		return errNo
	}
	if r.issuer != "" {
		said, err := r.ask(ctx, api)
		if err != nil {
			return err
		}
		review.Issuer = said
	}
	if r.json {
		return writeJSON(out, review)
	}
	return writeReview(out, &review.Review, review.Issuer)
}

// issuerSays is what an issuer's book says of a journal that was put back.
type issuerSays struct {
	// Unknown are approved and not reversed, and the journal does not have them, the first of them.
	UnknownCount int              `json:"unknown_count"`
	Unknown      []issuerApproval `json:"unknown"`
	// WentOn are those that the journal has, of which the issuer has captured another amount than the journal knows, or
	// that it has reversed, the first of them.
	WentOnCount int              `json:"went_on_count"`
	WentOn      []issuerApproval `json:"went_on"`
	byRRN       map[string]issuerApproval
}

// issuerApproval is an entry of the issuer's book.
type issuerApproval struct {
	Kind         string    `json:"kind"`
	Acquirer     string    `json:"acquirer"`
	RRN          string    `json:"rrn"`
	PAN          string    `json:"pan"`
	Merchant     string    `json:"merchant"`
	Currency     string    `json:"currency"`
	ResponseCode string    `json:"response_code"`
	AuthCode     string    `json:"auth_code"`
	Authorized   int64     `json:"authorized"`
	Captured     int64     `json:"captured"`
	Hold         int64     `json:"hold"`
	Reversed     bool      `json:"reversed"`
	At           time.Time `json:"at"`
}

func (a *issuerApproval) approved() bool { return payment.Meaning(a.ResponseCode).Approves }

// knownPayment is what the journal has under the RRN of a payment's first request, which its captures have as well.
// What an issuer has captured of it lies between two bounds while it knows no more than the journal: advices may be on
// their way.
type knownPayment struct {
	captured struct{ least, most int64 }
	undone   bool // something was reversed or voided, or is to be
}

// know adds a payment of the journal. The RRNs of its later requests are known, with nothing to hold against them.
func know(known map[string]*knownPayment, p *operator.PaymentExport) {
	of := &knownPayment{}
	for i := range p.Ops {
		op := &p.Ops[i]
		if op.State == payment.StateDeclined.String() || op.State == payment.StateFailed.String() {
			continue
		}
		done := op.State == payment.StateApproved.String()
		amount := op.Amount
		if done {
			amount = op.Granted
		}
		switch op.Op {
		case "sale", "capture":
			of.captured.most += amount
			if done {
				of.captured.least += amount
			}
		case "void":
			of.captured.least -= op.Amount
			if done {
				of.captured.most -= op.Amount
			}
		case "void_presentment": // the issuer hears of it by a file
			of.captured.least -= op.Amount
		}
		switch op.Op {
		case "void", "void_presentment", "reverse", "expire", "release":
			of.undone = true
		}
		of.undone = of.undone || i == 0 && op.State == payment.StateUnknown.String()
	}
	for i := range p.Ops {
		known[p.Ops[i].RRN] = nil
	}
	known[p.Ops[0].RRN] = of
}

// wentOn tells whether other than what the journal knows has happened with an approval at the issuer.
func (of *knownPayment) wentOn(a *issuerApproval) bool {
	if of == nil || !a.approved() {
		return false
	}
	return a.Captured < of.captured.least || a.Captured > of.captured.most || a.Reversed && !of.undone
}

// ask reads the journal's RRNs and the issuer's book.
func (r *restoreRun) ask(ctx context.Context, api *client.Client) (*issuerSays, error) {
	known := map[string]*knownPayment{}
	err := api.EachPayment(ctx, func(p *operator.PaymentExport) error {
		know(known, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	said := &issuerSays{
		Unknown: []issuerApproval{}, WentOn: []issuerApproval{}, byRRN: map[string]issuerApproval{},
	}
	err = httpcall.Lines(ctx, issuerControl(r.issuer), "/v1/authorizations", nil, func(a *issuerApproval) error {
		of, isKnown := known[a.RRN]
		switch {
		case r.acquirer != "" && a.Acquirer != r.acquirer:
		case isKnown:
			said.byRRN[a.RRN] = *a
			if of.wentOn(a) {
				said.WentOnCount++
				if len(said.WentOn) < r.limit {
					said.WentOn = append(said.WentOn, *a)
				}
			}
		case r.node != allNodes && !identity.OfNode(a.RRN, uint32(r.node)):
		case a.approved() && !a.Reversed:
			said.UnknownCount++
			if len(said.Unknown) < r.limit {
				said.Unknown = append(said.Unknown, *a)
			}
		}
		return nil
	})
	return said, err
}

func writeReview(w io.Writer, r *operator.Review, issuer *issuerSays) error {
	fmt.Fprintf(w, "the switch is held since %s:\n", r.Since.Format(time.RFC3339))
	for _, reason := range r.Reasons {
		fmt.Fprintf(w, "  %s\n", reason)
	}
	if r.LastCommit.IsZero() {
		fmt.Fprint(w, "it is empty; ")
	} else {
		fmt.Fprintf(w, "its newest commit is of %s, its open business date %s; ",
			r.LastCommit.Format(time.RFC3339), r.OpenDay)
	}
	if r.Marked {
		fmt.Fprintln(w, "its mark knows which numbers were given since")
	} else {
		fmt.Fprintln(w, "no mark knows which numbers were given since: they are moved on by the time that has passed")
	}
	fmt.Fprintf(w, "\nin doubt: %s that it knows the beginning of\n", words.Count(r.InDoubtCount, "operation"))
	table := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	for i := range r.InDoubt {
		d := &r.InDoubt[i]
		line := fmt.Sprintf("  %s\t%s\t%s\t%s\t%s\t%s", d.Payment, d.Kind, d.State, money.Format(d.AmountMinor,
			d.Currency), d.RRN, d.At.Format(time.RFC3339))
		if issuer != nil {
			line += "\t" + issuer.of(d.RRN)
		}
		fmt.Fprintln(table, line)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := writeCaptures(w, r, issuer); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nclearing files that it does not know to be out: %d\n", len(r.Files))
	for i := range r.Files {
		f := &r.Files[i]
		if f.Problem != "" {
			fmt.Fprintf(w, "  %s  %s  its manifest cannot be read: %s\n", f.Date, f.FileID, f.Problem)
			continue
		}
		waits := ""
		if f.Waits {
			waits = "; it waits for its release: release it again"
		}
		fmt.Fprintf(w, "  %s  %s  %s  %s, sum %d%s\n", f.Date, f.FileID, f.Destination,
			words.Count(f.Presentments, "presentment"), f.SumMinor, waits)
	}
	if issuer == nil {
		fmt.Fprintln(w, "\nthe issuer was not asked (--issuer names issuer-sim's control HTTP)")
	} else {
		issuer.write(w)
	}
	_, err := fmt.Fprintf(w, "\nwhat is in doubt is parked and captures by the switch are cancelled, unless --recover "+
		"names them. To let the switch serve:\n  switchctl restore confirm %s\n", r.Token)
	return err
}

// writeCaptures lists the captures by the switch that it has not made.
func writeCaptures(w io.Writer, r *operator.Review, issuer *issuerSays) error {
	var sums []string
	for currency, minor := range r.CapturesMinor {
		sums = append(sums, money.Format(minor, currency))
	}
	slices.Sort(sums)
	fmt.Fprintf(w, "\ncaptures by the switch that it has not made: %d", r.CapturesCount)
	if len(sums) > 0 {
		fmt.Fprintf(w, " (%s)", strings.Join(sums, ", "))
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	for i := range r.Captures {
		c := &r.Captures[i]
		line := fmt.Sprintf("  %s\tdue %s\t%s\t%s\tmerchant %s", c.Payment, c.Due.Format(time.RFC3339),
			money.Format(c.AmountMinor, c.Currency), c.RRN, c.Merchant)
		if issuer != nil {
			line += "\t" + issuer.of(c.RRN)
		}
		fmt.Fprintln(table, line)
	}
	return table.Flush()
}

// of is what the issuer says of an operation in doubt.
func (s *issuerSays) of(rrn string) string {
	a, ok := s.byRRN[rrn]
	switch {
	case !ok:
		return "the issuer has nothing"
	case a.Reversed:
		return "the issuer has it reversed"
	case !a.approved():
		return "the issuer declined it with " + a.ResponseCode
	}
	return fmt.Sprintf("the issuer approved it with %s: authorized %s, captured %s, holds %s", a.AuthCode,
		money.Format(a.Authorized, a.Currency), money.Format(a.Captured, a.Currency), money.Format(a.Hold, a.Currency))
}

func (s *issuerSays) write(w io.Writer) {
	fmt.Fprintf(w, "\napproved at the issuer and unknown to the journal: %d\n", s.UnknownCount)
	for i := range s.Unknown {
		s.Unknown[i].write(w)
	}
	fmt.Fprintf(w, "\nknown to the journal, and captured, voided or reversed at the issuer since: %d\n", s.WentOnCount)
	for i := range s.WentOn {
		s.WentOn[i].write(w)
	}
}

func (a *issuerApproval) write(w io.Writer) {
	reversed := ""
	if a.Reversed {
		reversed = "  reversed"
	}
	fmt.Fprintf(w, "  %s  %s  %s  captured %s  %s  merchant %s  code %s  %s%s\n", a.RRN, a.Kind,
		money.Format(a.Authorized, a.Currency),
		money.Format(a.Captured, a.Currency), a.PAN, a.Merchant, a.AuthCode, a.At.Format(time.RFC3339), reversed)
}

func (r *restoreRun) confirm(ctx context.Context, token string, out, notices io.Writer) error {
	api, err := r.asked.Client()
	if err != nil {
		return err
	}
	err = api.Confirm(ctx, token, r.recover...)
	if why, refused := client.Refused(err); refused {
		fmt.Fprintf(notices, "refused: %s\n", why)
		return errNo
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "confirmed: the switch serves; see switchctl saf list --parked and switchctl audit")
	return err
}

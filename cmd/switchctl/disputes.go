package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/money"
	"switchyard/internal/operatorflags"
	"switchyard/switch/incoming"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
)

// newDisputesCmd is `switchctl disputes`: what to do about chargebacks.
func newDisputesCmd() *cobra.Command {
	var asked operatorflags.Flags
	cmd := &cobra.Command{
		Use:   "disputes",
		Short: "Look after chargebacks: present them a second time, or accept them",
		Long: `A chargeback opens a dispute. Until it is due it may be presented a second time, as a whole or in part,
by a record in the clearing file of the open business date; or it is accepted, and nothing is presented any more.

Exit codes: 0 done; 1 no such dispute, or it cannot be done any more; 2 no answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	asked.Add(cmd.PersistentFlags(), defaultOperator)
	show := newDisputeCmd(&asked, "show ID", "Show one, with each step of it",
		func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Dispute, error) {
			return c.Dispute(cmd.Context(), id)
		})
	cmd.AddCommand(newDisputesListCmd(&asked), show, newRepresentCmd(&asked), newAcceptCmd(&asked))
	return cmd
}

func newDisputesListCmd(asked *operatorflags.Flags) *cobra.Command {
	var state, dueBefore string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List those that wait for a decision, or those of another state",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := incoming.CheckDisputeState(state); err != nil {
				return fmt.Errorf("--state: %w", err)
			}
			if dueBefore != "" {
				if _, err := payment.ParseDate(dueBefore); err != nil {
					return fmt.Errorf("--due-before: %w", err)
				}
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				return api.EachDispute(cmd.Context(), state, dueBefore,
					func(d *incoming.Dispute) error { return enc.Encode(d) })
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "ID\tDUE\tAMOUNT\tOF\tMERCHANT\tREASON\tISSUER REF\tSTATE")
			err = api.EachDispute(cmd.Context(), state, dueBefore, func(d *incoming.Dispute) error {
				_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Due, money.Format(d.Amount, d.Currency),
					money.Format(d.Of, d.Currency), d.Merchant, d.Reason, cmp.Or(d.IssuerReference, "-"), d.State)
				return err
			})
			if err != nil {
				return err
			}
			return table.Flush()
		},
	}
	cmd.Flags().StringVar(&state, "state", payment.DisputeOpen.String(), "open, represented, accepted, lost, or all")
	completion.Flag(cmd, "state", disputeStates()...)
	cmd.Flags().StringVar(&dueBefore, "due-before", "", "only those that are due before this date, YYYY-MM-DD")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

func newDisputeCmd(
	asked *operatorflags.Flags, use, short string,
	call func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Dispute, error),
) *cobra.Command {
	return deciding[incoming.Dispute]{"dispute", call, writeDispute}.command(asked, use, short)
}

const byUsage = "a label that is kept beside who asks"

func newRepresentCmd(asked *operatorflags.Flags) *cobra.Command {
	var reason, by string
	var amount int64
	cmd := newDisputeCmd(asked, "represent ID", "Present it a second time in the open business date",
		func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Dispute, error) {
			return c.Represent(cmd.Context(), id, reason, amount, by)
		})
	cmd.Flags().StringVar(&reason, "reason", "", "DE25 of the second presentment, four digits")
	cmd.Flags().Int64Var(&amount, "amount", 0, "minor units, where it is a part; 0: all that was charged back")
	cmd.Flags().StringVar(&by, "by", "", byUsage)
	return cmd
}

func newAcceptCmd(asked *operatorflags.Flags) *cobra.Command {
	var by string
	cmd := newDisputeCmd(asked, "accept ID", "Accept the chargeback: nothing of it is presented any more",
		func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Dispute, error) {
			return c.AcceptDispute(cmd.Context(), id, by)
		})
	cmd.Flags().StringVar(&by, "by", "", byUsage)
	return cmd
}

func writeDispute(w io.Writer, d *incoming.Dispute) error {
	f := facts{w: w}
	f.line("%s: chargeback of %s of %s, %s", d.ID, money.Format(d.Amount, d.Currency), money.Format(d.Of, d.Currency),
		d.State)
	f.fact("due", d.Due)
	f.fact("capture", d.Capture)
	f.fact("merchant", d.Merchant)
	f.fact("card", d.Card)
	f.fact("arn", d.ARN)
	f.fact("rrn", d.RRN)
	f.fact("reason", d.Reason)
	f.fact("issuer ref", d.IssuerReference)
	for i := range d.Steps {
		s := &d.Steps[i]
		text := fmt.Sprintf("%s %s of %s by %s", s.At.Format(time.RFC3339), s.Op, money.Format(s.Amount, d.Currency), s.By)
		if s.Reason != "" {
			text += ", reason " + s.Reason
		}
		if s.Date != "" {
			text += fmt.Sprintf(", in the file of %s: %s", s.Date, s.State)
		}
		f.fact("step", text)
	}
	return f.err
}

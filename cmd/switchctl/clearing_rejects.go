package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/money"
	"switchyard/internal/operatorflags"
	"switchyard/switch/incoming"
	"switchyard/switch/operator/client"
)

// newClearingRejectsCmd is `switchctl clearing rejects`: what to do about presentments that the clearing system did not
// take.
func newClearingRejectsCmd() *cobra.Command {
	var asked operatorflags.Flags
	cmd := &cobra.Command{
		Use:   "rejects",
		Short: "Look after presentments that the clearing system rejected",
		Long: `A presentment that the clearing system rejects waits until somebody presents it again, with what was wrong put
right, or writes it off.

Exit codes: 0 done; 1 no such rejected presentment, or it is rejected no more; 2 no answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	asked.Add(cmd.PersistentFlags(), defaultOperator)
	show := newRejectCmd(&asked, "show ID", "Show one",
		func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Reject, error) {
			return c.Reject(cmd.Context(), id)
		})
	resubmit := newRejectCmd(&asked, "resubmit ID", "Present it again in the open business date",
		func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Reject, error) {
			return c.ResubmitReject(cmd.Context(), id)
		})
	cmd.AddCommand(newRejectsListCmd(&asked), show, newRejectFixCmd(&asked), resubmit, newRejectWriteOffCmd(&asked))
	return cmd
}

func newRejectsListCmd(asked *operatorflags.Flags) *cobra.Command {
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List those that wait for a decision",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				return api.EachReject(cmd.Context(), all, func(r *incoming.Reject) error { return enc.Encode(r) })
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "ID\tKIND\tAMOUNT\tMERCHANT\tDATE\tREASON\tSTATE")
			err = api.EachReject(cmd.Context(), all, func(r *incoming.Reject) error {
				_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Kind, money.Format(r.Amount, r.Currency),
					r.Merchant, r.Date, r.Reason, r.State)
				return err
			})
			if err != nil {
				return err
			}
			return table.Flush()
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those of which something has become")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

func newRejectCmd(
	asked *operatorflags.Flags, use, short string,
	call func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Reject, error),
) *cobra.Command {
	return deciding[incoming.Reject]{"rejected presentment", call, writeReject}.command(asked, use, short)
}

func newRejectFixCmd(asked *operatorflags.Flags) *cobra.Command {
	values := map[string]*string{}
	cmd := newRejectCmd(asked, "fix ID", "Put right what its next presentment says",
		func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Reject, error) {
			fields := map[string]string{}
			for name, value := range values {
				if cmd.Flags().Changed(strings.ReplaceAll(name, "_", "-")) {
					fields[name] = *value
				}
			}
			return c.FixReject(cmd.Context(), id, fields)
		})
	for _, name := range incoming.Fixable() {
		values[name] = cmd.Flags().String(strings.ReplaceAll(name, "_", "-"), "", "of the merchant, as its record says it")
	}
	return cmd
}

func newRejectWriteOffCmd(asked *operatorflags.Flags) *cobra.Command {
	var reason string
	cmd := newRejectCmd(asked, "write-off ID", "Give it up: it is presented no more",
		func(cmd *cobra.Command, c *client.Client, id string) (*incoming.Reject, error) {
			return c.WriteOffReject(cmd.Context(), id, reason)
		})
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}

func writeReject(w io.Writer, r *incoming.Reject) error {
	f := facts{w: w}
	f.line("%s: %s of %s, %s", r.ID, r.Kind, money.Format(r.Amount, r.Currency), r.State)
	f.fact("merchant", r.Merchant)
	f.fact("card", r.Card)
	f.fact("arn", r.ARN)
	f.fact("rrn", r.RRN)
	f.fact("date", r.Date)
	f.fact("rejected", r.At.Format(time.RFC3339)+" by record "+r.Source)
	f.fact("reason", r.Reason)
	for _, name := range slices.Sorted(maps.Keys(r.Fix)) {
		f.fact("fix", name+" "+r.Fix[name])
	}
	return f.err
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/internal/words"
	"switchyard/switch/incoming"
	"switchyard/switch/operator/client"
)

// newClearingReceiveCmd is `switchctl clearing receive`.
func newClearingReceiveCmd() *cobra.Command {
	var asked operatorflags.Flags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "receive FILE",
		Short: "Give a running switch a file that a clearing system sent back",
		Long: `Give a running switch a file that a clearing system sent back: rejects (1644/691, 1644/699), chargebacks (1442/450,
1442/453) and settlements (1644/685) move the presentments that they are about. The same file once more changes
nothing.

Exit codes: 0 taken, now or before; 1 refused as a whole, with nothing changed; 2 no answer.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			var received *incoming.Received
			err = withFile(cmd, args[0], func(in io.Reader) error {
				received, err = api.Receive(cmd.Context(), filepath.Base(args[0]), in)
				return err
			})
			for _, said := range []func(error) (string, bool){client.Refused, client.Unfit} {
				if why, refused := said(err); refused {
					fmt.Fprintf(cmd.ErrOrStderr(), "refused: %s\n", why)
					return errNo
				}
			}
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), received)
			}
			return writeReceived(cmd.OutOrStdout(), received)
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the switch's answer as JSON")
	return cmd
}

func writeReceived(w io.Writer, r *incoming.Received) error {
	if r.Again {
		_, err := fmt.Fprintf(w, "file %s was taken at %s already: nothing is changed\n", r.FileID,
			r.Taken.Format(time.RFC3339))
		return err
	}
	_, err := fmt.Fprintf(w, "file %s: %s; %s rejected, %d charged back, %d settled; %s\n", r.FileID,
		words.Count(r.Messages, "record"), words.Count(r.Rejected, "presentment"), r.ChargedBack, r.Settled,
		words.Count(r.Exceptions, "exception"))
	return err
}

// newClearingReceivedCmd is `switchctl clearing received`.
func newClearingReceivedCmd() *cobra.Command {
	var asked operatorflags.Flags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "received",
		Short: "List the files that a running switch has taken from a clearing system",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				return api.EachIncoming(cmd.Context(), func(f *incoming.File) error { return enc.Encode(f) })
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "FILE\tBEGUN\tSTATE\tRECORDS\tREJECTED\tCHARGED BACK\tSETTLED\tEXCEPTIONS")
			err = api.EachIncoming(cmd.Context(), func(f *incoming.File) error {
				state := "taken"
				if f.Taken.IsZero() {
					state = fmt.Sprintf("at record %d", f.Next)
				}
				_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n", f.FileID, f.Begun.Format(time.RFC3339), state,
					f.Messages, f.Rejected, f.ChargedBack, f.Settled, f.Exceptions)
				return err
			})
			if err != nil {
				return err
			}
			return table.Flush()
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

// newClearingExceptionsCmd is `switchctl clearing exceptions`.
func newClearingExceptionsCmd() *cobra.Command {
	var asked operatorflags.Flags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "exceptions",
		Short: "List the records of files that came back which a person has to look at",
		Long: `List the records of files that came back which a person has to look at: those that no presentment is found for, that
are not what they say, and chargebacks of more than the cardholder was still owed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				return api.EachException(cmd.Context(), func(e *incoming.Exception) error { return enc.Encode(e) })
			}
			return api.EachException(cmd.Context(), func(e *incoming.Exception) error {
				return writeException(cmd.OutOrStdout(), e)
			})
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

func writeException(w io.Writer, e *incoming.Exception) error {
	f := facts{w: w}
	f.line("file %s record %d: %s", e.FileID, e.Record, e.Message)
	f.fact("why", e.Why)
	f.fact("arn", e.ARN)
	f.fact("issuer ref", e.IssuerReference)
	f.fact("rrn", e.RRN)
	f.fact("card", e.Card)
	f.fact("reason", e.Reason)
	f.amount("amount", e.Amount, e.Currency)
	f.amount("excess", e.Excess, e.Currency)
	f.fact("payment", e.Payment)
	return f.err
}

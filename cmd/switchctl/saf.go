package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// newSafCmd is `switchctl saf`: what waits for the issuer's acknowledgement, and what it refused.
func newSafCmd() *cobra.Command {
	var asked operatorflags.Flags
	cmd := &cobra.Command{
		Use:   "saf",
		Short: "Look after the store-and-forward queue",
		Long: `The store-and-forward queue holds captures and reversals that the switch has accepted and the issuer has not
acknowledged yet. What the issuer refuses for good is parked until a person retries or closes it.

Exit codes: 0 done; 1 no such parked advice; 2 no answer.`,
	}
	asked.Add(cmd.PersistentFlags(), defaultOperator)
	cmd.AddCommand(
		newSafListCmd(&asked),
		newSafDecisionCmd(&asked, "retry", (*client.Client).RetryAdvice, "Send a parked advice again"),
		newSafDecisionCmd(&asked, "close", (*client.Client).CloseAdvice,
			"End a parked advice that was settled otherwise; the record says so for good"),
	)
	return cmd
}

func newSafListCmd(asked *operatorflags.Flags) *cobra.Command {
	var parked, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the queue",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			show := writeAdvices
			if asJSON {
				show = writeAdvicesJSON
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), func(take func(*operator.Advice) error) error {
				return api.EachAdvice(cmd.Context(), parked, take)
			})
		},
	}
	cmd.Flags().BoolVar(&parked, "parked", false, "only what waits for a person")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

// advices calls take with each advice of a list.
type advices func(take func(*operator.Advice) error) error

func writeAdvicesJSON(w io.Writer, each advices) error {
	enc := json.NewEncoder(w)
	return each(func(a *operator.Advice) error { return enc.Encode(a) })
}

func writeAdvices(w io.Writer, each advices) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tSEQ\tPAYMENT\tWHAT\tRRN\tQUEUED\tSTATE")
	count := 0
	err := each(func(a *operator.Advice) error {
		count++
		state := "queued"
		if a.Parked {
			state = "parked: " + a.Reason
		}
		_, err := fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", a.Host, a.Seq, a.Payment, a.Kind, a.RRN,
			a.Queued.Format(time.RFC3339), state)
		return err
	})
	if err != nil {
		return err
	}
	if count == 0 {
		_, err := fmt.Fprintln(w, "the queue is empty")
		return err
	}
	return table.Flush()
}

// decision is a call that decides on a parked advice.
type decision func(c *client.Client, ctx context.Context, host string, seq uint64) error

func newSafDecisionCmd(asked *operatorflags.Flags, verb string, decide decision, short string) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " HOST SEQ",
		Short: short,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[1], 10, 64)
			if err != nil {
				return fmt.Errorf("SEQ: %q: expected the number that `switchctl saf list` shows", args[1])
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			if err := decide(api, cmd.Context(), args[0], seq); client.NotFound(err) {
				fmt.Fprintf(cmd.ErrOrStderr(), "host %s has no parked advice %s\n", args[0], args[1])
				return errNo
			} else if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s: done\n", args[0], args[1])
			return nil
		},
	}
}

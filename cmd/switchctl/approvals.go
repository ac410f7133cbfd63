package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// newApprovalsCmd is `switchctl approvals`: what waits for a second person.
func newApprovalsCmd() *cobra.Command {
	var asked operatorflags.Flags
	cmd := &cobra.Command{
		Use:   "approvals",
		Short: "Look after what waits for a second person",
		Long: `Where the switch wants two people for something (operator.two_people), the first one's command proposes it. Another
identity carries it out by the same command, with its own token; the same one twice is refused.

Exit codes: 0 done; 1 no such proposal, or it is open no more; 2 no answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	asked.Add(cmd.PersistentFlags(), defaultOperator)
	cmd.AddCommand(newApprovalsListCmd(&asked), newApprovalsWithdrawCmd(&asked))
	return cmd
}

func newApprovalsListCmd(asked *operatorflags.Flags) *cobra.Command {
	var all, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what waits for a second person",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				return api.EachProposal(cmd.Context(), all, func(p *operator.Proposal) error { return enc.Encode(p) })
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NUMBER\tAT\tBY\tWHAT\tSTATE")
			err = api.EachProposal(cmd.Context(), all, func(p *operator.Proposal) error {
				first, last := p.Events[0], p.Events[len(p.Events)-1]
				state := p.State
				if state != operator.ProposalOpen {
					state += " by " + last.Who
				}
				_, err := fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", p.Number, first.At.Format(time.RFC3339), first.Who,
					proposedCall(p), state)
				return err
			})
			if err != nil {
				return err
			}
			return table.Flush()
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that were carried out or withdrawn")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

func newApprovalsWithdrawCmd(asked *operatorflags.Flags) *cobra.Command {
	return &cobra.Command{
		Use:   "withdraw NUMBER",
		Short: "Withdraw a proposal: nobody can carry it out any more",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.Atoi(args[0])
			if err != nil {
				return fmt.Errorf("%q: expected the number of a proposal", args[0])
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			p, err := api.WithdrawProposal(cmd.Context(), number)
			if why, refused := client.Refused(err); refused || client.NotFound(err) {
				if !refused {
					why = fmt.Sprintf("there is no proposal %d", number)
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "refused: %s\n", why)
				return errNo
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d withdrawn: %s\n", p.Number, proposedCall(p))
			return err
		},
	}
}

// proposedCall is a proposal's call on a line.
func proposedCall(p *operator.Proposal) string {
	words := []string{p.What}
	for _, name := range slices.Sorted(maps.Keys(p.Parameters)) {
		words = append(words, name+"="+p.Parameters[name])
	}
	return strings.Join(words, " ")
}

// proposal tells whether a call is proposed by it, and waits for a second person.
func proposal(err error) (p *operator.Proposal, is bool) {
	var proposed *client.ProposedError
	if errors.As(err, &proposed) {
		return proposed.Proposal, true
	}
	return nil, false
}

func writeProposed(w io.Writer, p *operator.Proposal, asJSON bool) error {
	if asJSON {
		return writeJSON(w, operator.Proposed{Proposal: p})
	}
	_, err := fmt.Fprintf(w, "proposed as number %d: another identity has to make the same call\n", p.Number)
	return err
}

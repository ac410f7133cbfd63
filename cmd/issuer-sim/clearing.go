package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"switchyard/internal/httpcall"
	"switchyard/internal/infile"
	issuersim "switchyard/issuer-sim"
)

// newClearingCmd is what is asked of a running issuer about clearing, by its control HTTP.
func newClearingCmd() *cobra.Command {
	control := issuersim.DefaultConfig().Control
	cmd := &cobra.Command{
		Use:   "clearing",
		Short: "Hand files to a running issuer, charge back, end the window",
	}
	cmd.PersistentFlags().StringVar(&control, "control", control, "`address` of its control HTTP")
	port := func() httpcall.Port { return httpcall.Port{Addr: control, Is: "the control HTTP of issuer-sim"} }

	take := &cobra.Command{
		Use:   "take FILE...",
		Short: "Hand it clearing files, one after another",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			for _, name := range names {
				if err := takeFile(cmd.Context(), cmd.OutOrStdout(), port(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	status := &cobra.Command{
		Use:   "status",
		Short: "Show what waits for the end of the window",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, port(), http.MethodGet, "/v1/clearing", nil)
		},
	}
	window := &cobra.Command{
		Use:   "window",
		Short: "End the window: write what the members are told",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, port(), http.MethodPost, "/v1/clearing/window", nil)
		},
	}
	var amount int64
	var reason, arn, reference string
	var second bool
	chargeback := &cobra.Command{
		Use:   "chargeback ARN",
		Short: "Charge back a presentment or what is presented again, or a part of it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			order := map[string]any{
				"arn": args[0], "amount": amount, "reason": reason, "second": second, "reference": reference,
			}
			return ask(cmd, port(), http.MethodPost, "/v1/clearing/chargebacks", order)
		},
	}
	chargeback.Flags().Int64Var(&amount, "amount", 0, "minor `units`; 0 for all that is left")
	chargeback.Flags().BoolVar(&second, "second", false, "it is of a second presentment")
	chargeback.Flags().StringVar(&reference, "reference", "",
		"which one: `DE95` of the chargeback that it answers; the oldest if left out")
	retrieve := &cobra.Command{
		Use:   "retrieve ARN",
		Short: "Ask for the papers of a presentment",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			order := map[string]any{"arn": args[0], "reason": reason}
			return ask(cmd, port(), http.MethodPost, "/v1/clearing/retrievals", order)
		},
	}
	var currency string
	var pays bool
	fee := &cobra.Command{
		Use:   "fee MEMBER",
		Short: "Collect a fee from a member, by its processor id, or pay it one",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			order := map[string]any{
				"member": args[0], "amount": amount, "currency": currency, "reason": reason, "pays": pays, "arn": arn,
			}
			return ask(cmd, port(), http.MethodPost, "/v1/clearing/fees", order)
		},
	}
	fee.Flags().Int64Var(&amount, "amount", 0, "minor `units`")
	fee.Flags().StringVar(&currency, "currency", "EUR", "`letters` of its currency")
	fee.Flags().BoolVar(&pays, "pays", false, "the member is paid")
	fee.Flags().StringVar(&arn, "arn", "", "acquirer `reference` of the presentment that it is about")
	for _, order := range []*cobra.Command{chargeback, retrieve, fee} {
		order.Flags().StringVar(&reason, "reason", "0000", "DE25, four `digits`")
	}
	cmd.AddCommand(take, status, window, chargeback, retrieve, fee)
	return cmd
}

// ask makes a request and prints the answer.
func ask(cmd *cobra.Command, port httpcall.Port, method, path string, order any) error {
	var body []byte
	if order != nil {
		var err error
		if body, err = json.Marshal(order); err != nil {
			return err
		}
	}
	answer, err := port.Read(cmd.Context(), method, path, nil, body)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(answer)
	return err
}

// takeFile hands over a file as a stream.
func takeFile(ctx context.Context, out io.Writer, port httpcall.Port, name string) (err error) {
	f, err := infile.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	answer, err := port.Stream(ctx, http.MethodPost, "/v1/clearing", nil, f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	_, err = out.Write(answer)
	return err
}

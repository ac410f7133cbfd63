package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/api"
	"switchyard/switch/operator"
)

// newPaymentCmd is `switchctl payment`: the operation status for a person.
func newPaymentCmd() *cobra.Command {
	var f gatewayFlags
	var asked operatorflags.Flags
	var named nameFlags
	cmd := &cobra.Command{
		Use:   "payment [NAME|-]",
		Short: "Show a payment with its history",
		Long: `Show where a payment stands, its sums and every operation on it, as the switch tells it on the gateway port.

` + nameHelp + `

The gateway port is told ids and keys alone; by all else the payment's id is looked for over the operator API first.

Exits with 1 when the switch knows no such payment, or several.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := named.one(standardInput(cmd), args)
			if err != nil {
				return err
			}
			req, err := statusOf(cmd.Context(), cmd.ErrOrStderr(), s, &asked)
			if err != nil {
				return err
			}
			if err := complete(req); err != nil {
				return err
			}
			refused := false
			err = f.do(cmd.Context(), []api.Request{*req}, func(r *api.Request, a *api.Answer) error {
				refused = a.Err != nil
				if f.asJSON {
					return printJSON(cmd.OutOrStdout(), a)
				}
				return painted(cmd, false, answerRules, func(out io.Writer) error { return printAnswer(out, r, a) })
			})
			if err == nil && refused {
				return errNo
			}
			return err
		},
	}
	named.add(cmd.Flags())
	f.add(cmd)
	asked.Add(cmd.Flags(), defaultOperator)
	return cmd
}

// statusOf is the request of a payment's status. What the gateway port does not take is looked for over the operator
// API.
func statusOf(
	ctx context.Context, stderr io.Writer, s operator.Search, asked *operatorflags.Flags,
) (*api.Request, error) {
	ofID := func(id string) *api.Request {
		return &api.Request{Op: api.OpStatus, Payment: id, Present: api.Fields(api.FieldPayment)}
	}
	id, _, isID := operator.ParseName(s.Of)
	switch {
	case isID && s == (operator.Search{Of: s.Of}):
		return ofID(id.String()), nil
	case s.Key != "" && s == (operator.Search{Merchant: s.Merchant, Key: s.Key}):
		return &api.Request{
			Op: api.OpStatus, Merchant: s.Merchant, Key: s.Key, Present: api.Fields(api.FieldMerchant, api.FieldKey),
		}, nil
	}
	operators, err := asked.Client()
	if err != nil {
		return nil, err
	}
	found, err := theOne(ctx, stderr, operators, s)
	switch {
	case errors.Is(err, errNo):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("the payment's id is looked for over the operator API: %w", err)
	}
	return ofID(found), nil
}

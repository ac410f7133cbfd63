package main

import (
	"github.com/spf13/cobra"

	"switchyard/switch/api"
)

// newPaymentCmd is `switchctl payment`: the operation status for a person.
func newPaymentCmd() *cobra.Command {
	var f gatewayFlags
	cmd := &cobra.Command{
		Use:   "payment ID",
		Short: "Show a payment with its history",
		Long: `Show where a payment stands, its sums and every operation on it, as the switch tells it on the gateway port.

Exits with 1 when the switch knows no such payment.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			req := api.Request{Op: api.OpStatus, Payment: args[0], Present: api.Fields(api.FieldPayment)}
			if err := complete(&req); err != nil {
				return err
			}
			refused := false
			err := f.do(cmd.Context(), []api.Request{req}, func(r *api.Request, a *api.Answer) error {
				refused = a.Err != nil
				if f.asJSON {
					return printJSON(cmd.OutOrStdout(), a)
				}
				return printAnswer(cmd.OutOrStdout(), r, a)
			})
			if err == nil && refused {
				return errNo
			}
			return err
		},
	}
	f.add(cmd)
	return cmd
}

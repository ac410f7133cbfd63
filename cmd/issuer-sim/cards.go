package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	issuersim "switchyard/issuer-sim"
)

func newCardsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "cards",
		Short: "List the test cards and what they do",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "CARD\tCODE\tWHAT IT DOES")
			for _, c := range issuersim.TestCards() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", c.Number, c.Code, c.Purpose)
			}
			return w.Flush()
		},
	}
}

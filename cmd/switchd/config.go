package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"switchyard/switch/configfile"
)

func newCheckConfigCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check-config FILE",
		Short: "Read a configuration and the files that it names, and say what is wrong",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := configfile.Load(args[0])
			if err != nil {
				return err
			}
			if err := configfile.Check(args[0], c); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok; issuers: %d, merchants in a file: %d, gateway port: %s\n",
				args[0], len(c.Issuers), len(c.Merchants.Profiles), c.Gateway.Listen)
			return nil
		},
	}
}

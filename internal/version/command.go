package version

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Command is the command version of a program: it prints what the flag --version prints.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which build this is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s version %s\n", cmd.Root().DisplayName(), String())
			return err
		},
	}
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"switchyard/internal/secret"
)

// newSecretCmd is `switchctl secret`: a secret for a gateway or an operator, and what the configuration keeps of it.
func newSecretCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "secret",
		Short: "Make a secret for a gateway, or a token for an operator",
		Long: `Make a secret from 32 random bytes, for a gateway or as the token of an operator. The first line is the
secret, for the gateway's own configuration or the operator's --token-file; the second is its hash, for the switch's
configuration: secret_hash of a gateway, token_hash of an operator. It is kept nowhere.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			made := secret.New()
			hash, err := secret.HashOf(made)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "secret       %s\nsecret_hash  %s\n", made, hash)
			return err
		},
	}
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"switchyard/internal/secret"
)

// newSecretCmd is `switchctl secret`: a secret for a gateway, and what the switch's configuration keeps of it.
func newSecretCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "secret",
		Short: "Make a secret for a gateway",
		Long: `Make a secret for a gateway from 32 random bytes. The first line is the secret, for the gateway's own configuration; the
second is its hash, for the switch's (secret_hash). It is kept nowhere.`,
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

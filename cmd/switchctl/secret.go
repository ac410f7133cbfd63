package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"switchyard/internal/outfile"
	"switchyard/internal/secret"
)

// newSecretCmd is `switchctl secret`: a secret for a gateway or an operator, and what the configuration keeps of it.
func newSecretCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Make a secret for a gateway, or a token for an operator",
		Long: `Make a secret from 32 random bytes, for a gateway or as the token of an operator. The first line is the
secret, for the gateway's own configuration or the operator's --token-file; the second is its hash, for the switch's
configuration: secret_hash of a gateway, token_hash of an operator. It is kept nowhere.

With --out FILE the secret goes into a new file of mode 0600, as --secret-file and --token-file take it, and the hash
alone is printed: nothing of the secret stands on a screen or in a log.`,
		Example: `  switchctl secret --out shop.secret
  switchctl send ping --name shop --secret-file shop.secret`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("out") && out == "" {
				return errors.New("--out: expected the name of a new file, got none")
			}
			made := secret.New()
			hash, err := secret.HashOf(made)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "secret       %s\nsecret_hash  %s\n", made, hash)
				return err
			}
			if err := outfile.Make(out, []byte(made+"\n")); errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("--out: %s exists, and may hold a secret in use: expected the name of a new file", out)
			} else if err != nil {
				return fmt.Errorf("--out: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "secret_hash  %s\n", hash)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write the secret to this new `file`, and print its hash alone")
	return cmd
}

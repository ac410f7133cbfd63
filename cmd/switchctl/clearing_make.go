package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
	"switchyard/internal/ipmtool"
	"switchyard/switch/clearing"
)

// newClearingNewCmd is `switchctl clearing new`.
func newClearingNewCmd() *cobra.Command {
	var o ipmtool.NewOptions
	var id, date string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "new IN OUT",
		Short: "Make a clearing file of CSV or JSON lines, to try other readers with",
		Long: `Make a clearing file of a CSV file or of JSON lines, a record a row. Columns are elements by number (DE4,
PDS0023) or by name (card, amount, currency, retrieval reference, merchant, terminal type), and mti; name, street,
city, postal code, state and country are parts of DE43. An amount is minor units or has its currency's decimals, a
currency is letters or digits; numbers are filled with zeros, text with blanks.

Header, trailer, message numbers, counts and sums are made; of a first presentment also what is left out of DE3, DE12,
DE22, DE26, DE31, DE33, DE43, DE94 and PDS0148. The file is verified: with errors it is not written unless --invalid
is given, for readers that must refuse it. Exits with 0 when it is written, with 1 when it has errors, else with 2.`,
		Example: `  printf 'card,amount,currency\n4111111111111111,12.34,EUR\n' > rows.csv
  switchctl clearing new rows.csv test.ipm --date 2026-11-26 --blocking vbs --code-page ascii`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			day, err := time.Parse(time.DateOnly, date)
			if err != nil {
				return fmt.Errorf("--date %q: expected YYYY-MM-DD", date)
			}
			o.FileID = ipmtool.DefaultFileID(day)
			if id != "" {
				if o.FileID, err = clearing.ParseFileID(id); err != nil {
					return fmt.Errorf("--file-id: %w", err)
				}
			}
			report, err := ipmtool.New(cmd.Context(), args[0], args[1], o)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.WriteText(cmd.OutOrStdout())
			}
			if err == nil && !report.OK && !o.Invalid {
				err = refused(cmd, fmt.Errorf("%s is not written; --invalid writes it as it is", args[1]))
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&date, "date", "2026-01-01", "business date of the file id, and of DE12 where it is left out")
	flags.StringVar(&id, "file-id", "", "PDS0105, 25 digits, instead of --date")
	flags.StringVar(&o.AcquirerBIN, "acquirer-bin", "999999", "of acquirer references that are made")
	flags.StringVar(&o.CodePage, "code-page", "cp500", "cp500 or ascii")
	flags.StringVar(&o.Blocking, "blocking", "1014", "1014, vbs, rdw or 1014+rdw")
	offersForm(cmd)
	flags.BoolVar(&o.Production, "production", false, "mark it as a file of production")
	flags.BoolVar(&o.Invalid, "invalid", false, "write it although it has errors")
	flags.BoolVar(&o.Force, "force", false, "write over OUT")
	flags.BoolVar(&asJSON, "json", false, "print what verify finds as JSON")
	return cmd
}

// newClearingAnonymizeCmd is `switchctl clearing anonymize`.
func newClearingAnonymizeCmd() *cobra.Command {
	var o ipmtool.AnonymizeOptions
	var keyFile, seed string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "anonymize IN OUT",
		Short: "Write a clearing file with other cards, merchants and names, to give it away",
		Long: `Write a clearing file again with other card numbers, merchants, terminals, names, references and
authorization codes. Amounts, currencies, dates, codes, institutions, totals, code page and blocking stay, and so does
what is wrong with the file. A card keeps its first six digits and its length, an acquirer reference its BIN and day;
check digits stay right. Chip data loses what holds card data. A file of production is marked as one of test.

The same value always becomes the same other one, within the file; with --key-file or --seed within all files with
that key, so that chargebacks still find their presentments. Whoever has the key can find out what stood there.`,
		Example: `  switchctl clearing anonymize --key-file key day.ipm vendor.ipm`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			o.Key = []byte(seed)
			if keyFile != "" {
				key, err := infile.ReadSecret(keyFile)
				if err != nil {
					return err
				}
				if o.Key = key; len(key) < leastKey {
					return fmt.Errorf("%s: expected a key of at least %d bytes", keyFile, leastKey)
				}
			}
			if cmd.Flags().Changed("seed") && seed == "" {
				return errors.New("--seed: expected a text")
			}
			a, err := ipmtool.Anonymize(cmd.Context(), args[0], args[1], o)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), a)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d records, %d with a card number, %s\n", args[1], a.Records, a.Cards,
				a.Form)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&keyFile, "key-file", "",
		"`file` with a secret, 16 bytes or more (default: a random one, kept nowhere)")
	flags.StringVar(&seed, "seed", "", "for tests: a text instead of a key")
	flags.BoolVar(&o.Force, "force", false, "write over OUT")
	flags.BoolVar(&asJSON, "json", false, "tell what was done as JSON")
	cmd.MarkFlagsMutuallyExclusive("key-file", "seed")
	return cmd
}

// leastKey is how many bytes a key has at least.
const leastKey = 16

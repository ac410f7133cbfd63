package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"switchyard/internal/completion"
	"switchyard/internal/money"
	"switchyard/internal/operatorflags"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
)

// nameHelp says what stands for a payment.
const nameHelp = `NAME is a payment's id or that of its capture or refund, the RRN or ARN of any of its operations, or its card, masked
as 400000******0002. With - in its place it is read from standard input: a whole card number is taken there alone.
--key and --reference name a payment by what its gateway gave it; a key needs its --merchant.`

// nameFlags are what a payment is named by on a command line.
type nameFlags struct {
	merchant, key, reference string
}

func (n *nameFlags) add(to *pflag.FlagSet) {
	to.StringVar(&n.merchant, "merchant", "", "merchant id (DE42)")
	to.StringVar(&n.key, "key", "", "idempotency key of one of its requests; with --merchant")
	to.StringVar(&n.reference, "reference", "", "the merchant's own reference")
}

// wholeCard is a card number, right or mistyped, in groups or not. No other name has so many digits and nothing else.
var wholeCard = regexp.MustCompile(`^[0-9]([ -]*[0-9]){12,18}$`)

// longestName bounds what is read of standard input, in bytes: no name of a payment is nearly as long.
const longestName = 1024

// search is what the flags and NAME, if it is given, look for.
func (n *nameFlags) search(stdin io.Reader, args []string) (operator.Search, error) {
	s := operator.Search{Merchant: n.merchant, Key: n.key, Reference: n.reference}
	if n.key != "" && n.merchant == "" {
		return s, errors.New("--key: expected --merchant beside it: two merchants may use the same key")
	}
	if len(args) == 0 {
		return s, nil
	}
	switch s.Of = strings.TrimSpace(args[0]); {
	case s.Of == "":
		return s, errors.New("NAME: is empty")
	case s.Of == "-":
		line, err := bufio.NewReader(io.LimitReader(stdin, longestName)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return s, err
		}
		if s.Of = strings.TrimSpace(line); s.Of == "" {
			return s, errors.New("standard input: expected a line with what names a payment")
		}
	case wholeCard.MatchString(s.Of):
		return s, errors.New("NAME: a whole card number stands in the shell's history and in the list of processes: " +
			"give it on standard input, with - in its place, or masked")
	}
	return s, nil
}

// one is search of a command that is about one payment: something has to name it.
func (n *nameFlags) one(stdin io.Reader, args []string) (operator.Search, error) {
	if len(args) == 0 && n.key == "" && n.reference == "" {
		return operator.Search{}, errors.New("no payment is named: expected NAME, --reference, or --key with --merchant")
	}
	return n.search(stdin, args)
}

// errEnough ends a search that has found as many as were wanted.
var errEnough = errors.New("enough")

// find returns the payments that a search fits, at most so many; more says that there may be others.
func find(ctx context.Context, api *client.Client, s operator.Search, most int) (
	found []operator.Found, more bool, err error,
) {
	err = api.EachFound(ctx, s, func(f *operator.Found) error {
		if found = append(found, *f); len(found) == most {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return found, true, nil
	}
	return found, false, err
}

// theOne returns the id of the payment that a search fits. Where it is none, or several, it says so and returns errNo.
func theOne(ctx context.Context, stderr io.Writer, api *client.Client, s operator.Search) (string, error) {
	const listed = 20
	found, more, err := find(ctx, api, s, listed)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		fmt.Fprintln(stderr, "no payment is found by this")
		return "", errNo
	case len(found) == 1:
		return found[0].Payment, nil
	}
	fmt.Fprintln(stderr, "several payments are found by this; name one of them by its id:")
	if err := writePayments(stderr, found); err != nil {
		return "", err
	}
	if more {
		fmt.Fprintln(stderr, "there may be more: switchctl payments lists them")
	}
	return "", errNo
}

// newPaymentsCmd is `switchctl payments`: those that fit what is known of them.
func newPaymentsCmd() *cobra.Command {
	var asked operatorflags.Flags
	var named nameFlags
	var filter operator.Search
	var asJSON bool
	most := 50
	cmd := &cobra.Command{
		Use:   "payments [NAME|-]",
		Short: "List the payments that fit what is known of them",
		Long: `List payments, in the order in which they were made: those that fit all that is given.

` + nameHelp + `

A payment's id, a first request's RRN, a key while it is kept, and a merchant's reference are found by an index. For all
else every payment is looked at, 50,000 a call, so that the switch has time for others between them.

Exit codes: 0 some fit; 1 none does; 2 no answer.`,
		Example: `  switchctl payments --merchant M1 --from 2026-11-01 --to 2026-11-30 --status authorized
  switchctl payments '400000******0002' --amount 1050 --currency EUR
  switchctl payments - < card`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := named.search(standardInput(cmd), args)
			if err != nil {
				return err
			}
			switch {
			case most < 1:
				return fmt.Errorf("--limit: %d: expected at least 1", most)
			case cmd.Flags().Changed("amount") && filter.AmountMinor == 0:
				return errors.New("--amount: 0: expected at least 1 minor unit")
			}
			s.Status, s.From, s.To, s.Currency, s.After = filter.Status, filter.From, filter.To, filter.Currency, filter.After
			s.AmountMinor = filter.AmountMinor
			api, err := asked.Client()
			if err != nil {
				return err
			}
			return listPayments(cmd, api, s, most, asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	named.add(f)
	f.StringVar(&filter.From, "from", "", "made on this day of UTC or later, or since this moment: 2026-11-21T22:03:57Z")
	f.StringVar(&filter.To, "to", "", "made on this day or earlier, or before this moment")
	f.StringVar(&filter.Status, "status", "", "where it stands: authorized, captured, declined, …")
	completion.Flag(cmd, "status", statuses()...)
	f.Uint64Var(&filter.AmountMinor, "amount", 0, "amount of any of its operations, in minor units: 1000 is 10.00 EUR")
	f.StringVar(&filter.Currency, "currency", "", "ISO 4217 letters")
	f.StringVar(&filter.After, "after", "", "go on behind the payment of this id")
	f.IntVar(&most, "limit", most, "list at most so many")
	f.BoolVar(&asJSON, "json", false, "print a JSON object a line")
	asked.Add(f, defaultOperator)
	return cmd
}

func listPayments(cmd *cobra.Command, api *client.Client, s operator.Search, most int, asJSON bool) error {
	found, more, err := find(cmd.Context(), api, s, most)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(cmd.OutOrStdout())
		for i := range found {
			if err := enc.Encode(&found[i]); err != nil {
				return err
			}
		}
	} else if len(found) > 0 {
		err := painted(cmd, false, paymentsRules, func(out io.Writer) error { return writePayments(out, found) })
		if err != nil {
			return err
		}
	}
	switch {
	case len(found) == 0:
		fmt.Fprintln(cmd.ErrOrStderr(), "no payment is found by this")
		return errNo
	case more:
		fmt.Fprintf(cmd.ErrOrStderr(), "there may be more: go on with --after %s\n", found[len(found)-1].Payment)
	}
	return nil
}

// writePayments prints a line a payment.
func writePayments(w io.Writer, found []operator.Found) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PAYMENT\tCREATED (UTC)\tMERCHANT\tCARD\tSTATUS\tAUTHORIZED\tCAPTURED\tREFUNDED\tRRN\tREFERENCE")
	for i := range found {
		f := &found[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Payment, f.Created.Format("2006-01-02 15:04:05"),
			f.Merchant, f.PAN, f.Status, money.Format(f.Authorized, f.Currency), money.Format(f.Captured, f.Currency),
			money.Format(f.Refunded, f.Currency), f.RRN, f.Reference)
	}
	return table.Flush()
}

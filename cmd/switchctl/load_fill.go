package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/recovery"
)

func newLoadFillCmd() *cobra.Command {
	o := recovery.Defaults()
	o.Open = 0
	keys := keysCounted
	cmd := &cobra.Command{
		Use:   "fill --stored N [--open N | --captured] [--keys random] [--dir DIR]",
		Short: "Write a journal of many payments, which load --data begins with",
		Long: `Fill writes the journal of N approved authorizations, and a key, as a switch leaves them: DIR/switchd is
then what load --local --data takes, to measure a switch that has them stored.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.RandomKeys, err = randomKeys(keys); err != nil {
				return err
			}
			o.Say, o.Fatal = say(cmd), fatal
			if err := recovery.Fill(cmd.Context(), o); err != nil {
				return err
			}
			o.Say("it is in %s", filepath.Join(o.Dir, "switchd"))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Stored, "stored", o.Stored, "payments in the journal")
	flags.IntVar(&o.Open, "open", o.Open, "of them with an intent without an outcome")
	flags.BoolVar(&o.Captured, "captured", false, "each of them captured, too, on today's business date")
	flags.StringVar(&keys, "keys", keys, keysUsage)
	offersKeys(cmd)
	flags.StringVar(&o.Dir, "dir", "fill-out", "`folder`, made anew")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "cards and amounts follow from it")
	return cmd
}

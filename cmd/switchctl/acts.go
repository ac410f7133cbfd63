package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/switch/operator"
)

// newActsCmd is `switchctl acts`: who did what with a running switch.
func newActsCmd() *cobra.Command {
	var asked operatorflags.Flags
	var after uint64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "acts",
		Short: "Show who did what: cutovers, decisions, confirmations, and what was refused",
		Long: `Show the record of what was done through the operator API, oldest first: when, by whom, in which role, what with
which parameters, and what came of it. It holds what was refused, too, and is for good: switchctl audit finds what was
changed in it or taken out.

With --json it prints each act as it is recorded: one when it is begun, and one with what came of it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			each := func(take func(*operator.Act) error) error { return api.EachAct(cmd.Context(), after, take) }
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				return each(func(a *operator.Act) error { return enc.Encode(a) })
			}
			return writeActs(cmd.OutOrStdout(), each)
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().Uint64Var(&after, "after", 0, "only what was recorded after the act of this number")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object a line")
	return cmd
}

// call is a call with what came of it.
type call struct {
	*operator.Act
	operator.ActDetails
}

// writeActs prints a line a call: what was begun has what came of it.
func writeActs(w io.Writer, each func(take func(*operator.Act) error) error) error {
	var all []call
	begun := map[uint64]int{}
	err := each(func(a *operator.Act) error {
		details, err := a.Read()
		if err != nil {
			return err
		}
		at, known := begun[details.Begun]
		switch {
		case details.Begun != 0 && known:
			all[at].Outcome, all[at].Error = details.Outcome, details.Error
			return nil
		case details.Outcome == operator.ActBegun:
			begun[a.N] = len(all)
		}
		all = append(all, call{a, details})
		return nil
	})
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "N\tAT\tWHO\tROLE\tWHAT\tOUTCOME")
	for _, a := range all {
		what := []string{a.What}
		for _, name := range slices.Sorted(maps.Keys(a.Parameters)) {
			what = append(what, name+"="+a.Parameters[name])
		}
		outcome := a.Outcome
		if a.Error != "" {
			outcome += ": " + a.Error
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", a.N, a.At.Format(time.RFC3339), a.Who, a.Role,
			strings.Join(what, " "), outcome)
	}
	return table.Flush()
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/compare"
	"switchyard/internal/loadgen/record"
)

func newLoadCompareCmd() *cobra.Command {
	var o compare.Options
	var fail, asJSON bool
	cmd := &cobra.Command{
		Use:   "compare A.json... -- B.json... [--fail-on-regression]",
		Short: "Tell whether runs differ from others by more than chance",
		Long: `Compare reads the run.json of repeats of two loads, those before -- and those behind it, and prints for each
operation the medians with their intervals and how they changed: ~ where the difference may be chance, by the
Mann–Whitney test at 5%. It takes four repeats of each to tell anything apart, and six for an interval.

Runs that were set up differently or on another machine are refused, unless --unlike is given; so are runs that are not
valid or ended early, unless --doubtful is. Seeds, addresses of targets and versions may differ.

With --fail-on-regression it exits with 1 where a figure of B is worse by more than chance, and by more than
--tolerance percent, or where B lacks a figure that A has.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at < 1 || at == len(args) {
				return errors.New("expected runs, then --, then the runs that they are compared with: A1.json A2.json -- B1.json")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.ArgsLenAtDash()
			if fail && min(at, len(args)-at) < compare.MinRepeats {
				return fmt.Errorf("--fail-on-regression: %d and %d runs, expected %d or more of each: fewer tell nothing apart",
					at, len(args)-at, compare.MinRepeats)
			}
			files, err := readRuns(args)
			if err != nil {
				return err
			}
			r, err := compare.Compare(files[:at], files[at:], o)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			} else {
				err = r.Text(cmd.OutOrStdout())
			}
			if err != nil {
				return err
			}
			if fail && len(r.Regressions())+len(r.Missing) > 0 {
				return errNo
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.Unlike, "unlike", false, "compare what was set up differently or on another machine")
	flags.BoolVar(&o.Doubt, "doubtful", false, "compare runs that are not valid or ended early")
	flags.BoolVar(&fail, "fail-on-regression", false, "exit with 1 where a figure of B is worse, or missing")
	flags.Float64Var(&o.Tolerance, "tolerance", 0, "percent by which a figure may be worse")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// readRuns reads runs, each of which counts as a repeat of its own.
func readRuns(names []string) (files []compare.File, err error) {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("%s is there twice: each run is one repeat", name)
		}
		run, err := record.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, compare.File{Name: name, Run: run})
	}
	return files, nil
}

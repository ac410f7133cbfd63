package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
	"switchyard/internal/vfs"
	"switchyard/internal/workday"
	"switchyard/switch/settlement"
	"switchyard/switch/settlement/folder"
)

// newSettlementCmd is `switchctl settlement`: what merchants are paid. Nothing here needs a running switch.
func newSettlementCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settlement",
		Short: "Say what merchants are paid, from clearing files",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSettlementStatementCmd())
	return cmd
}

// settlementStatement is `switchctl settlement statement`.
type settlementStatement struct {
	clearing, incoming, plan, from, to string
	opening, merchant                  string
	asJSON, asCSV                      bool
	html                               string
}

func newSettlementStatementCmd() *cobra.Command {
	var s settlementStatement
	cmd := &cobra.Command{
		Use:   "statement --clearing DIR --plan FILE --from DATE --to DATE",
		Short: "Make merchants' statements of the clearing files of a period",
		Long: `Make a statement for each merchant and currency of the clearing files of a period, which stand in the clearing
folder of a switch, a folder a business date: gross, refunds, fees by the plan, reserve and net of each date, what is
paid and on which day, and what is carried forward. Nothing is counted of a file that is not whole: manifest, clearing
file and detail file must say the same, and none of a date may be missing: one that is open, and has the files of
windows, is not settled.

With --incoming the files of clearing systems in a folder and those below it are settled with their dates: chargebacks,
second presentments, fees and interchange, each with the merchant of the presentment that its acquirer reference names.
What fits none is an exception and counts to nobody.

Balances from before the period are computed from all dates that the folder has before it, or, with --opening, are
those with which the JSON of the period before ended.

Prints tables, and that all statements together add up to the files, to the last unit; with --csv a row a merchant,
currency and date; with --json all of it. --html writes a page a merchant into a folder, over those of before.

Exits with 1 if a person has to look at something (a date without files, a chargeback of nothing), with 2 if nothing was
settled.`,
		Example: `  switchctl settlement statement --clearing switchd-data/clearing --plan configs/settlement.yaml \
    --from 2026-11-01 --to 2026-11-30 --json > november.json
  switchctl settlement statement --clearing switchd-data/clearing --plan configs/settlement.yaml \
    --from 2026-12-01 --to 2026-12-01 --opening november.json --html statements`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			run, err := s.run(cmd.Context())
			if err == nil {
				err = cmd.Context().Err() // whatever was made of a file that was not read to its end
			}
			if err == nil {
				err = s.write(cmd.OutOrStdout(), run)
			}
			if err != nil {
				return err
			}
			for i := range run.Proof {
				if !run.Proof[i].Holds {
					return fmt.Errorf("the statements in %s do not add up: pay nothing by them", run.Proof[i].Currency)
				}
			}
			if len(run.Exceptions) == 0 {
				return nil
			}
			if s.asCSV {
				err = run.WriteExceptions(cmd.ErrOrStderr())
			}
			return errors.Join(errNo, err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&s.clearing, "clearing", "", "the clearing `folder` of a switch")
	flags.StringVar(&s.incoming, "incoming", "", "a `folder` of files that came from clearing systems")
	flags.StringVar(&s.plan, "plan", "", "YAML `file` of the settlement plan (configs/settlement.yaml is an example)")
	flags.StringVar(&s.from, "from", "", "first business date, YYYY-MM-DD")
	flags.StringVar(&s.to, "to", "", "last business date")
	flags.StringVar(&s.opening, "opening", "", "JSON `file` of the period before, of all merchants")
	flags.StringVar(&s.merchant, "merchant", "", "the statements of this merchant alone")
	flags.BoolVar(&s.asJSON, "json", false, "print JSON")
	flags.BoolVar(&s.asCSV, "csv", false, "print CSV")
	flags.StringVar(&s.html, "html", "", "a `folder` for a page a merchant")
	for _, name := range []string{"clearing", "plan", "from", "to"} {
		_ = cmd.MarkFlagRequired(name) // it is there
	}
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	return cmd
}

// run reads what is given and settles.
func (s *settlementStatement) run(ctx context.Context) (*settlement.Run, error) {
	o := folder.Options{FS: vfs.Until(ctx, vfs.Default), Clearing: s.clearing, Incoming: s.incoming, Merchant: s.merchant}
	var err error
	if o.From, err = workday.Parse(s.from); err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	if o.To, err = workday.Parse(s.to); err != nil {
		return nil, fmt.Errorf("--to: %w", err)
	}
	if o.Plan, err = s.readPlan(ctx); err != nil {
		return nil, err
	}
	if s.opening != "" {
		file, err := infile.OpenUntil(ctx, s.opening)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if o.Opening, err = settlement.ReadRun(file); err != nil {
			return nil, fmt.Errorf("%s: %w", s.opening, err)
		}
	}
	return folder.Settle(o)
}

// maxPlanBytes is more than any plan has; ParsePlan refuses what is as long.
const maxPlanBytes = 32 << 20

func (s *settlementStatement) readPlan(ctx context.Context) (*settlement.Plan, error) {
	file, err := infile.OpenUntil(ctx, s.plan)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPlanBytes))
	if err != nil {
		return nil, err
	}
	return settlement.ParsePlan(s.plan, text)
}

func (s *settlementStatement) write(w io.Writer, run *settlement.Run) error {
	if s.html != "" {
		if err := s.writePages(run); err != nil {
			return err
		}
	}
	switch {
	case s.asJSON:
		return writeJSON(w, run)
	case s.asCSV:
		return run.WriteCSV(w)
	}
	return run.WriteText(w)
}

// writePages writes a page a merchant, each whole under its name or not at all.
func (s *settlementStatement) writePages(run *settlement.Run) error {
	if err := os.MkdirAll(s.html, 0o755); err != nil {
		return err
	}
	for _, merchant := range run.Merchants() {
		name := filepath.Join(s.html, settlement.PageName(merchant))
		file, err := os.CreateTemp(s.html, ".statement-*.tmp")
		if err != nil {
			return err
		}
		err = errors.Join(run.WritePage(file, merchant), file.Chmod(0o644), file.Sync(), file.Close())
		if err == nil {
			err = os.Rename(file.Name(), name)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", name, err), os.Remove(file.Name()))
		}
	}
	return nil
}

package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"switchyard/internal/loadgen/record"
	"switchyard/internal/loadgen/report"
)

func newLoadReportCmd() *cobra.Command {
	var dir, page, log, csv string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "report RUN.json [--out DIR] [--html FILE] [--hlog FILE] [--csv FILE] [--json]",
		Short: "Make the reports of a kept run anew",
		Long: `Report reads the run.json that load --out has written and prints it for people, or as the object of --json. With
--html, --hlog or --csv it writes that report into a file, with --out all of them into a folder.

The page of --html holds all that it needs: a browser that opens it asks nobody for anything.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := record.ReadFile(args[0])
			if err != nil {
				return err
			}
			format := report.Text
			if asJSON {
				format = report.Summary
			}
			err = painted(cmd, asJSON, loadRules, func(out io.Writer) error { return format(out, run) })
			if err != nil {
				return err
			}
			var faults []error
			if dir != "" {
				faults = append(faults, report.WriteAll(dir, run))
			}
			for _, f := range []struct {
				name   string
				format report.Format
			}{{page, report.HTML}, {log, report.HLog}, {csv, report.CSV}} {
				if f.name != "" {
					faults = append(faults, report.WriteFile(f.name, f.format, run))
				}
			}
			return errors.Join(faults...)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "out", "", "`folder` for all reports, made where it is not there")
	flags.StringVar(&page, "html", "", "`file` for the page")
	flags.StringVar(&log, "hlog", "", "`file` for the log of HdrHistogram")
	flags.StringVar(&csv, "csv", "", "`file` for the figures of each second")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

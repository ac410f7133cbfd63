package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"switchyard/internal/ipmtool"
)

// newClearingReplayCmd is `switchctl clearing replay`.
func newClearingReplayCmd() *cobra.Command {
	var c clearingReplay
	cmd := &cobra.Command{
		Use:   "replay FILE --connect HOST:PORT | --to-folder DIR",
		Short: "Send the records of a clearing file again, to a host or as a file to a folder",
		Long: `Send each first presentment of a clearing file to a host as ISO 8583: a purchase as an 0220 and a refund as
an 0220 with DE3 20, a reversal as an 0420, one after the other's answer, with the record's DE37 and DE38 and its
acquirer reference in tag 07 of DE48. There is no DE90: the file knows no STAN. With --to-folder the whole file is put
into a folder.

What is about to be sent stands in a state file first (FILE's folder, <PDS0105>.replay.jsonl), synced: a message of a
file (PDS0105 and DE71) is sent once, by however many runs; --again sends it once more. A run that was ended, by
Ctrl-C too, goes on where it stopped: so does one with --again, if it is started with that again. What had no answer
is sent as a repeat, 0221 or 0421 with the same STAN.

The state is of one host: name another with --state for another.

A file that is not marked as a test needs --production. --dry-run makes the messages and sends none. --report writes a
row a record with what became of it, which clearing diff --detail reads.

Exits with 0 when all were accepted, with 1 when not, with 2 when it stopped, with 130 by Ctrl-C.`,
		Example: `  switchctl clearing replay day.ipm --connect 127.0.0.1:8583 --rate 50 --report day.csv
  switchctl clearing diff --detail day.ipm day.csv
  switchctl clearing replay day.ipm --to-folder issuer/in`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	c.to.add(cmd, "binary2")
	c.host.add(cmd)
	f := cmd.Flags()
	f.StringVar(&c.connect, "connect", "", "the host, HOST:PORT")
	f.StringVar(&c.folder, "to-folder", "", "hand the whole file over to this `folder` instead")
	f.BoolVar(&c.o.SignOn, "sign-on", false, "sign on first")
	f.DurationVar(&c.o.Wait, "wait", 10*time.Second, "how long to wait for an answer")
	f.Float64Var(&c.o.Rate, "rate", 0, "at most so many messages a second (0: each after the other's answer)")
	f.BoolVar(&c.o.Again, "again", false, "send what was sent before as well")
	f.BoolVar(&c.o.Production, "production", false, "send a file of production")
	f.BoolVar(&c.o.DryRun, "dry-run", false, "send nothing")
	f.StringVar(&c.o.State, "state", "", "`file` that keeps what was sent (default: beside FILE)")
	f.StringVar(&c.report, "report", "",
		"write what became of each record to this `file`, as CSV or (NAME.jsonl) as JSON lines")
	f.BoolVar(&c.force, "force", false, "write over the report")
	f.BoolVar(&c.asJSON, "json", false, "print the summary as JSON")
	cmd.MarkFlagsOneRequired("connect", "to-folder")
	cmd.MarkFlagsMutuallyExclusive("connect", "to-folder")
	cmd.MarkFlagsMutuallyExclusive("to-folder", "report")
	return cmd
}

// clearingReplay is one replay.
type clearingReplay struct {
	host            isoHost
	to              isoMessages
	connect, folder string
	report          string
	asJSON, force   bool
	o               ipmtool.ReplayOptions
}

func (c *clearingReplay) run(cmd *cobra.Command, name string) (err error) {
	if c.o.Rate < 0 || c.o.Wait <= 0 {
		return fmt.Errorf("--rate %g, --wait %s: expected 0 or more and more than 0", c.o.Rate, c.o.Wait)
	}
	cmd.SilenceUsage = true
	var summary *ipmtool.ReplaySummary
	if c.folder != "" {
		summary, err = ipmtool.ReplayToFolder(cmd.Context(), name, c.folder, c.o)
	} else {
		summary, err = c.toHost(cmd, name)
	}
	if summary == nil {
		return err
	}
	if c.report != "" && !c.o.DryRun {
		ctx := context.WithoutCancel(cmd.Context()) // one that is ended tells what became of the records until then
		err = errors.Join(err, ipmtool.WriteReplayReport(ctx, name, summary.State, c.report, c.force))
	}
	out := cmd.OutOrStdout()
	if c.asJSON {
		err = errors.Join(err, writeJSON(out, summary))
	} else {
		err = errors.Join(err, printReplay(out, summary, c.folder))
	}
	if err == nil && c.folder == "" && !c.o.DryRun && !summary.Complete() {
		err = errNo
	}
	return err
}

func (c *clearingReplay) toHost(cmd *cobra.Command, name string) (summary *ipmtool.ReplaySummary, err error) {
	if c.o.Dial, err = c.host.dialer(c.connect); err != nil {
		return nil, err
	}
	if c.o.Codec, c.o.Format, err = c.to.parse(); err != nil {
		return nil, err
	}
	progress, done := replayProgress(cmd.ErrOrStderr())
	c.o.Progress = progress
	defer done()
	return ipmtool.Replay(cmd.Context(), name, c.o)
}

// replayProgress shows a bar on a terminal, and elsewhere nothing.
func replayProgress(w io.Writer) (told func(n, all int), done func()) {
	if !isTerminal(w) {
		return nil, func() {}
	}
	bars := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	var bar *mpb.Bar
	return func(n, all int) {
			if bar == nil {
				bar = bars.AddBar(int64(all), mpb.PrependDecorators(decor.CountersNoUnit("%d of %d records")),
					mpb.AppendDecorators(decor.Percentage()))
			}
			bar.SetCurrent(int64(n))
		}, func() {
			if bar != nil && !bar.Completed() {
				bar.Abort(false)
			}
			bars.Wait()
		}
}

func printReplay(w io.Writer, s *ipmtool.ReplaySummary, folder string) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", args...)
		}
	}
	say("file %s: %d purchases, %d refunds, %d reversals; %d other messages are not sent", s.FileID, s.Purchases,
		s.Refunds, s.Reversals, s.Skipped)
	switch {
	case s.DryRun:
		say("nothing was sent; %d were sent before", s.Before)
	case folder != "" && s.Sent > 0:
		say("handed over to %s", folder)
	case folder == "":
		say("sent %d, and %d before; accepted %d, unanswered %d", s.Sent, s.Before, s.Accepted, s.Unanswered)
		codes := make([]string, 0, len(s.Refused))
		for code := range s.Refused {
			codes = append(codes, code)
		}
		slices.Sort(codes)
		for _, code := range codes {
			say("refused with %s: %d", code, s.Refused[code])
		}
	}
	return err
}

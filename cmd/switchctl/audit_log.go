package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/operatorflags"
	"switchyard/internal/words"
	"switchyard/switch/audit"
	"switchyard/switch/operator"
)

// newAuditLogCmd is `switchctl audit-log`.
func newAuditLogCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit-log",
		Short: "Check the record of who did what",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newAuditLogVerifyCmd())
	return cmd
}

// newAuditLogVerifyCmd is `switchctl audit-log verify`.
func newAuditLogVerifyCmd() *cobra.Command {
	var v auditLogVerify
	cmd := &cobra.Command{
		Use:   "verify [--seen N:HASH]",
		Short: "Check that nothing in the record of who did what was changed, taken out or put between",
		Long: `Hold the record of what was done through the operator API, and of each search for a whole card number, against
itself: acts count up from 1 without a gap, each names the hash of the one before, and what ends was begun by the same
person. switchctl acts shows what it says.

It reads the record of a running switch, or with --data that of one that is stopped, or of a backup.

Whoever may write to the journal may make all hashes anew, or take away the newest acts. So note what the last line says
on another machine, and have it checked the next time with --seen: what stood before it is unchanged then.

Exit codes: 0 nothing was changed; 1 something was, or what was noted is gone; 2 no answer, or it failed.`,
		Example: `  switchctl audit-log verify
  switchctl audit-log verify --data /srv/backup/2026-11-26 --seen 412:9c1f…`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.run(cmd) },
	}
	f := cmd.Flags()
	v.asked.Add(f, defaultOperator)
	f.StringVar(&v.data, "data", "",
		"data `folder` of a stopped switch, or a backup of one, to read instead of --operator")
	f.StringVar(&v.seen, "seen", "", "number and hash of an act that was noted earlier, N:HASH: it must still be there")
	f.IntVar(&v.limit, "limit", 50, "how many differences to print; all are counted")
	f.BoolVar(&v.json, "json", false, "print the result as JSON")
	cmd.MarkFlagsMutuallyExclusive("operator", "data")
	return cmd
}

type auditLogVerify struct {
	asked      operatorflags.Flags
	data, seen string
	limit      int
	json       bool
}

func (v *auditLogVerify) run(cmd *cobra.Command) error {
	if v.limit < 1 {
		return fmt.Errorf("--limit is %d, expected 1 or more", v.limit)
	}
	seen, err := parseSeen(v.seen)
	if err != nil {
		return err
	}
	open, done, err := v.record()
	if err != nil {
		return err
	}
	defer done()
	report, err := audit.CheckActs(cmd.Context(), open, seen, v.limit)
	if err != nil {
		return err
	}
	if v.json {
		err = writeJSON(cmd.OutOrStdout(), report)
	} else {
		err = writeActsReport(cmd.OutOrStdout(), report)
	}
	if err == nil && report.DifferenceCount > 0 {
		err = errNo
	}
	return err
}

// parseSeen reads an act that was noted; nil for "".
func parseSeen(text string) (*audit.SeenAct, error) {
	if text == "" {
		return nil, nil
	}
	number, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(number, 10, 64)
	sum, badHash := hex.DecodeString(hash)
	if err != nil || n == 0 || badHash != nil || len(sum) != audit.ActHashLen {
		return nil, fmt.Errorf("--seen: %q: expected the number of an act and its hash, as this command prints them", text)
	}
	return &audit.SeenAct{N: n, Hash: hash}, nil
}

// record is the record of a switch, running or stopped. done closes what was opened.
func (v *auditLogVerify) record() (open audit.Open, done func(), err error) {
	if v.data == "" {
		api, err := v.asked.Client()
		if err != nil {
			return nil, nil, err
		}
		return api.OpenActs, func() {}, nil
	}
	j, err := stoppedJournal(v.data)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) (io.ReadCloser, error) {
		return piped(func(w io.Writer) error { return operator.ExportActs(ctx, j, w, 0) }), nil
	}, func() { _ = j.Close() }, nil // it was only read
}

func writeActsReport(w io.Writer, r *audit.ActsReport) (err error) {
	line := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", args...)
		}
	}
	for _, d := range r.Differences {
		line("%s", d.Detail)
	}
	if more := r.DifferenceCount - len(r.Differences); more > 0 {
		line("and %d more", more)
	}
	if r.Acts == 0 {
		line("0 acts")
		return err
	}
	what := "nothing was changed"
	if r.DifferenceCount > 0 {
		what = words.Count(r.DifferenceCount, "difference")
	}
	line("%s, %s to %s, searches for whole card numbers among them: %d; begun and not ended: %d; %s",
		words.Count(r.Acts, "act"), r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), r.Looks, r.Unended, what)
	line("the newest: --seen %d:%s", r.Newest, r.Hash)
	return err
}

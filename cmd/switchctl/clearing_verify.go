package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"switchyard/internal/extsort"
	"switchyard/internal/infile"
	"switchyard/internal/ipmtool"
	"switchyard/internal/operatorflags"
	"switchyard/internal/words"
	"switchyard/switch/audit"
	"switchyard/switch/clearing"
	"switchyard/switch/operator"
	"switchyard/switch/payment"
)

// newClearingVerifyCmd is `switchctl clearing verify`.
func newClearingVerifyCmd() *cobra.Command {
	var v clearingVerify
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Check clearing files, against each other and a journal, too; fails if anything is wrong",
		Long: `Check a clearing file: framing, header and trailer, mandatory elements, formats, message numbers, acquirer
references, sum and count. Each error names the record, the byte and the element; where one wrong length shifts all
that follows it is that length. Warnings, what others live with, and notes do not fail; --strict makes errors of what
Switchyard never writes. Where FILE.ipm has FILE.manifest.json beside it, or --manifest names one, the file must be
the one that the manifest tells of, to the byte, and so must the other files that it names, which stand beside the
manifest; one that is not there is a warning. FILE may be - for standard input.

Of several files no two may have the same id, and no record may stand in two. With --date the journal, that of a
running switch or with --data that of one that is stopped, is asked what must stand in the files of that date, given
all of them: each exactly once with its amount, and nothing else. What was rejected within the date and presented again
stands in a file each time.

Exits with 1 if anything is wrong, with 2 if a file cannot be opened or read.`,
		Example: `  switchctl clearing verify file.ipm
  switchctl clearing verify --date 2026-11-26 --data switchd-data switchd-data/clearing/2026-11-26/*.ipm`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			if len(args) > 1 || v.date != "" {
				return v.several(cmd, args)
			}
			report, err := v.file(cmd, args[0])
			if err != nil {
				return err
			}
			if v.asJSON {
				err = writeJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.WriteText(cmd.OutOrStdout())
			}
			if err != nil {
				return err
			}
			if err := report.Err(); err != nil {
				return fmt.Errorf("%s: %w: %w", args[0], errNo, err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&v.asJSON, "json", false, "print the report as JSON")
	flags.BoolVar(&v.strict, "strict", false, "hold the file to what Switchyard writes")
	flags.StringVar(&v.manifest, "manifest", "", "`file` of its manifest; none: without (default: the one beside it)")
	flags.StringVar(&v.date, "date", "", "hold the files against what the journal has of this business date, YYYY-MM-DD")
	flags.StringVar(&v.data, "data", "", "with --date: the data `folder` of a switch that does not run")
	v.asked.Add(flags, defaultOperator)
	return cmd
}

// clearingVerify is one check.
type clearingVerify struct {
	asJSON, strict       bool
	manifest, date, data string
	asked                operatorflags.Flags
}

// file verifies one file.
func (v *clearingVerify) file(cmd *cobra.Command, name string) (report *clearing.Report, err error) {
	if name == "-" && v.manifest != "" {
		return nil, errors.New("--manifest: expected a FILE: a manifest tells of files by their names")
	}
	opts := clearing.VerifyOptions{Strict: v.strict, Name: filepath.Base(name), Spill: spillUntil(cmd.Context())}
	if opts.Manifest, err = manifestOf(name, v.manifest); err != nil {
		return nil, err
	}
	folder := filepath.Dir(name)
	if v.manifest != "" {
		folder = filepath.Dir(v.manifest)
	}
	opts.Open = func(other string) (io.ReadCloser, error) {
		return infile.OpenUntil(cmd.Context(), filepath.Join(folder, other))
	}
	err = withFile(cmd, name, func(r io.Reader) error {
		report, err = clearing.Verify(r, opts)
		return err
	})
	return report, err
}

// spillUntil makes files that have no name, so that they are gone with the process, whatever ends that. They are
// written and read until ctx ends.
func spillUntil(ctx context.Context) func() (extsort.File, error) {
	return func() (extsort.File, error) {
		file, err := os.CreateTemp("", "switchctl-*")
		if err != nil {
			return nil, err
		}
		if err := os.Remove(file.Name()); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return &spill{file, ctx}, nil
	}
}

type spill struct {
	*os.File
	ctx context.Context
}

// Write implements io.Writer.
func (s *spill) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.File.Write(b)
}

// ReadAt implements io.ReaderAt.
func (s *spill) ReadAt(b []byte, offset int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.File.ReadAt(b, offset)
}

// verified is a file's report.
type verified struct {
	File   string           `json:"file"`
	Report *clearing.Report `json:"report"`
}

// several verifies files, by themselves and against each other and the journal.
func (v *clearingVerify) several(cmd *cobra.Command, names []string) error {
	out := cmd.OutOrStdout()
	all := struct {
		OK         bool                `json:"ok"`
		Files      []verified          `json:"files"`
		Mismatches []*ipmtool.Mismatch `json:"mismatches"` // the first MaxFindings
		Count      int                 `json:"mismatch_count"`
	}{OK: true, Mismatches: []*ipmtool.Mismatch{}}
	match := ipmtool.NewMatch(func(m *ipmtool.Mismatch) error {
		all.OK = false
		if all.Count++; all.Count > clearing.MaxFindings {
			return nil
		}
		if v.asJSON {
			all.Mismatches = append(all.Mismatches, m)
			return nil
		}
		_, err := fmt.Fprintln(out, m)
		return err
	})
	for _, name := range names {
		if name == "-" {
			return errors.New("-: expected files: they are read twice")
		}
		report, err := v.file(cmd, name)
		if err == nil {
			err = withFile(cmd, name, func(r io.Reader) error { return match.Add(name, r) })
		}
		if err != nil {
			return err
		}
		all.OK = all.OK && report.OK
		all.Files = append(all.Files, verified{name, report})
		if !v.asJSON {
			fmt.Fprintf(out, "%s:\n", name)
			if err := report.WriteText(out); err != nil {
				return err
			}
		}
	}
	err := match.Twice(cmd.Context(), v.date != "")
	if err == nil && v.date != "" {
		err = v.journal(cmd, match)
	}
	if err == nil && v.asJSON {
		err = writeJSON(out, all)
	}
	if err == nil && !v.asJSON && all.Count > clearing.MaxFindings {
		_, err = fmt.Fprintf(out, "error: and %d more\n", all.Count-clearing.MaxFindings)
	}
	if err == nil && !all.OK {
		err = errNo
	}
	return err
}

// journal holds the files against what the journal has of the date.
func (v *clearingVerify) journal(cmd *cobra.Command, match *ipmtool.Match) error {
	a := auditRun{asked: v.asked, data: v.data, from: v.date, to: v.date}
	books := a.running
	if v.data != "" {
		books = a.stopped
	}
	src, done, err := books(cmd.Context(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer done()
	n := 0
	err = eachBooked(cmd.Context(), src.Switch, v.date, func(b *ipmtool.Booked) error {
		n++
		return match.Booked(b)
	})
	if err == nil {
		err = match.Unknown(cmd.Context())
	}
	if err == nil && !v.asJSON {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "journal: %s on %s\n", words.Count(n, "presentment"), v.date)
	}
	return err
}

// eachBooked hands on what must stand in the files of a date.
func eachBooked(ctx context.Context, open audit.Open, date string, take func(*ipmtool.Booked) error) error {
	return eachCleared(ctx, open, date, func(c *cleared) error {
		return take(&ipmtool.Booked{
			Payment: c.payment.Payment, ARN: c.op.ARN, Reversal: c.reversal, AmountMinor: c.amountMinor,
			Currency: c.payment.Currency, Function: c.function, IssuerReference: c.issuerReference,
		})
	})
}

// cleared is an operation that stands in the clearing of a date.
type cleared struct {
	payment     *operator.PaymentExport
	op          *operator.OpExport
	of          *operator.OpExport // whose money it moves: itself, what it takes back or presents again
	reversal    bool               // it takes of back
	function    string             // DE24 of a second presentment, else ""
	amountMinor int64
	// issuerReference is DE95 of a second presentment: that of the chargeback which it answers, if it has one.
	issuerReference string
}

// eachCleared hands on what of an export of payments stands in the clearing of a date.
func eachCleared(ctx context.Context, open audit.Open, date string, take func(*cleared) error) error {
	return eachExported(ctx, open, func(p *operator.PaymentExport) error { return clearedOn(p, date, take) })
}

// eachExported hands on the payments of an export.
func eachExported(ctx context.Context, open audit.Open, take func(*operator.PaymentExport) error) (err error) {
	in, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for lines := json.NewDecoder(in); ; {
		var p operator.PaymentExport
		if err := lines.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the journal's export: %w", err)
		}
		if err := take(&p); err != nil {
			return err
		}
	}
}

// clearedOn hands on what of a payment stands in the clearing of a date.
func clearedOn(p *operator.PaymentExport, date string, take func(*cleared) error) error {
	for i := range p.Ops {
		op := &p.Ops[i]
		filed := op.BusinessDate
		if op.CarriedTo != "" {
			filed = op.CarriedTo
		}
		if op.Clearing == nil || filed != date {
			continue
		}
		if err := take(clearedOf(p, op)); err != nil {
			return err
		}
	}
	return nil
}

// clearedOf says what an operation clears.
func clearedOf(p *operator.PaymentExport, op *operator.OpExport) *cleared {
	c := &cleared{payment: p, op: op, of: op, reversal: op.Op == "void_presentment"}
	if (c.reversal || op.Op == "resubmit") && op.Target >= 0 && op.Target < len(p.Ops) {
		c.of = &p.Ops[op.Target]
	}
	if op.Op == payment.KindRepresent.String() && op.Target >= 0 && op.Target < len(p.Ops) {
		back := &p.Ops[op.Target]
		if c.function = "282"; op.Granted == back.Amount {
			c.function = "205"
		}
		c.issuerReference = back.IssuerReference
		if back.Target >= 0 && back.Target < len(p.Ops) {
			c.of = &p.Ops[back.Target]
		}
	}
	moves := op
	if c.reversal {
		moves = c.of
	}
	c.amountMinor = moves.Granted
	if moves.Op == "capture" || moves.Op == "voice" { // of facts
		c.amountMinor = moves.Amount
	}
	return c
}

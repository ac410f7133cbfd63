package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"switchyard/internal/infile"
	"switchyard/internal/workday"
	"switchyard/switch/casebook"
	"switchyard/switch/journal"
	"switchyard/switch/matching"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
)

// recordsRun is what of `switchctl reconcile` matches a date record by record.
type recordsRun struct {
	data, clearing, incoming, asOf, matches string
	advice                                  []string
	lateDays                                int
}

// defaultLateDays is over a weekend, and a day.
const defaultLateDays = 3

func (r *recordsRun) flags(f *pflag.FlagSet) {
	f.StringVar(&r.data, "data", "",
		"data `folder` of a stopped switch, or a backup of one, to read instead of --operator")
	f.StringVar(&r.matches, "matches", "", "new `file` that every match is written to, a JSON object a line")
	r.sourceFlags(f)
}

// sourceFlags say what is matched.
func (r *recordsRun) sourceFlags(f *pflag.FlagSet) {
	f.StringVar(&r.clearing, "clearing", "", "`folder` of the clearing files that went out (default: the switch's)")
	f.StringVar(&r.incoming, "incoming", "",
		"`folder` of the files that came back, and those below it (default: incoming, beside --clearing)")
	f.StringArrayVar(&r.advice, "advice", nil, "CSV `file` of what the bank says it has paid; may be given more than once")
	f.IntVar(&r.lateDays, "late-days", defaultLateDays,
		fmt.Sprintf("how many days what is missing may still come, and is looked for, 0 to %d", matching.MaxLateDays))
	f.StringVar(&r.asOf, "as-of", "", "the day by which it is told what is late, YYYY-MM-DD (default: today)")
}

// given tells whether a flag is about records.
func (r *recordsRun) given() bool {
	return r.data+r.clearing+r.incoming+r.asOf+r.matches != "" || len(r.advice) > 0
}

// recordBooks are the books of a switch, one that runs or one that does not.
type recordBooks struct {
	// dated hands on the payments that clear on a date, each take's until it returns.
	dated    func(ctx context.Context, date string, take func(*operator.PaymentExport) error) error
	days     func(ctx context.Context) ([]operator.DayExport, error)
	now      func(ctx context.Context) (time.Time, error)
	clearing func(ctx context.Context) (string, error) // folder of the files that went out
	casebook func(ctx context.Context) ([]matching.Note, []matching.Manual, error)
}

func runningRecords(api *client.Client) *recordBooks {
	return &recordBooks{
		dated: func(ctx context.Context, date string, take func(*operator.PaymentExport) error) error {
			open := func(ctx context.Context) (io.ReadCloser, error) { return api.OpenDated(ctx, date, date) }
			return eachExported(ctx, open, take)
		},
		days: api.Days,
		now:  api.Now,
		clearing: func(ctx context.Context) (string, error) {
			stats, err := api.Stats(ctx)
			if err != nil {
				return "", err
			}
			return stats.ClearingDir, nil
		},
		casebook: func(ctx context.Context) ([]matching.Note, []matching.Manual, error) { return casebookOf(ctx, api) },
	}
}

func stoppedRecords(j journal.Journal, data string) *recordBooks {
	return &recordBooks{
		dated: func(ctx context.Context, text string, take func(*operator.PaymentExport) error) error {
			date, err := payment.ParseDate(text)
			if err != nil {
				return err
			}
			return operator.EachDated(ctx, j, date, take)
		},
		days:     func(ctx context.Context) ([]operator.DayExport, error) { return operator.ExportDays(ctx, j) },
		now:      func(context.Context) (time.Time, error) { return time.Now(), nil },
		clearing: func(context.Context) (string, error) { return filepath.Join(data, "clearing"), nil },
		casebook: func(ctx context.Context) ([]matching.Note, []matching.Manual, error) {
			return casebook.Standing(func(yield func(casebook.Entry) bool) error { return casebook.Each(ctx, j, yield) })
		},
	}
}

// noDateError says that the journal has no such business date.
type noDateError struct{ date string }

func (e *noDateError) Error() string {
	return "the journal has no business date " + e.date + ": switchctl days lists them"
}

// refusedDate tells whether it is the date that is in the way, and how.
func refusedDate(err error) (why string, refused bool) {
	unknown := (*noDateError)(nil)
	if errors.As(err, &unknown) {
		return unknown.Error(), true
	}
	return "", false
}

// match matches the records of a date.
func (r *recordsRun) match(
	ctx context.Context, books *recordBooks, date string, limit int,
) (_ *matching.Report, err error) {
	o := matching.Options{LateDays: r.lateDays, Limit: limit, Spill: spillUntil(ctx)}
	if o.Date, err = workday.Parse(date); err != nil {
		return nil, fmt.Errorf("--date: %w", err)
	}
	if o.AsOf, err = r.today(ctx, books); err != nil {
		return nil, err
	}
	days, err := books.days(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(days, func(d operator.DayExport) bool { return d.Date == date })
	if at < 0 {
		return nil, &noDateError{date}
	}
	o.Unwritten = days[at].State != "written"
	if o.Notes, o.Manual, err = books.casebook(ctx); err != nil {
		return nil, err
	}
	src, err := r.sources(ctx, books, &days[at])
	if err != nil {
		return nil, err
	}
	if r.matches == "" {
		return matchUntil(ctx, src, o)
	}
	file, err := os.OpenFile(r.matches, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--matches: %w", err)
	}
	out := bufio.NewWriter(file)
	enc := json.NewEncoder(out)
	o.Each = func(x *matching.Match) error { return enc.Encode(x) }
	report, err := matchUntil(ctx, src, o)
	if err = errors.Join(err, out.Flush(), file.Close()); err != nil {
		err = errors.Join(err, os.Remove(r.matches)) // nothing half made is left
	}
	return report, err
}

// matchUntil matches until ctx ends: by then a file that was not read to its end is an exception, and says nothing.
func matchUntil(ctx context.Context, src matching.Sources, o matching.Options) (*matching.Report, error) {
	report, err := matching.Run(ctx, src, o)
	if err == nil {
		err = ctx.Err()
	}
	return report, err
}

// today is --as-of, or today by the switch's clock.
func (r *recordsRun) today(ctx context.Context, books *recordBooks) (workday.Date, error) {
	if r.asOf != "" {
		day, err := workday.Parse(r.asOf)
		if err != nil {
			err = fmt.Errorf("--as-of: %w", err)
		}
		return day, err
	}
	now, err := books.now(ctx)
	return workday.Of(now.UTC()), err
}

// sources are the books as they are matched for a date.
func (r *recordsRun) sources(
	ctx context.Context, books *recordBooks, of *operator.DayExport,
) (src matching.Sources, err error) {
	day, err := dayOf(of)
	if err != nil {
		return src, err
	}
	own, err := books.clearing(ctx)
	if err != nil {
		return src, err
	}
	out := cmp.Or(r.clearing, own)
	if _, err := os.Stat(out); err != nil && (r.clearing != "" || !errors.Is(err, fs.ErrNotExist)) {
		return src, fmt.Errorf("files that went out: %w", err)
	}
	in := cmp.Or(r.incoming, filepath.Join(filepath.Dir(out), "incoming"))
	if _, err := os.Stat(in); err == nil {
		if src.In, err = incomingFiles(ctx, in, maxIncomingDepth); err != nil {
			return src, err
		}
	} else if r.incoming != "" || !errors.Is(err, fs.ErrNotExist) {
		return src, fmt.Errorf("files that came back: %w", err)
	}
	src.Journal = func(ctx context.Context, date workday.Date, take func(*matching.Booked) error) error {
		text := date.String()
		booked := func(c *cleared) error {
			b := bookedOf(c)
			b.Written = text == day.Date && day.wroteWindow(c.op.Clearing.Destination, c.op.Window)
			return take(b)
		}
		return books.dated(ctx, text, func(p *operator.PaymentExport) error { return clearedOn(p, text, booked) })
	}
	src.Out = func(date workday.Date) ([]matching.File, error) {
		return ipmFiles(ctx, filepath.Join(out, date.String()))
	}
	for _, name := range r.advice {
		src.Advice = append(src.Advice, fileOf(ctx, name))
	}
	return src, nil
}

// fileOf is a file as it is read when it is needed, until ctx ends.
func fileOf(ctx context.Context, name string) matching.File {
	return matching.File{Name: name, Open: func() (io.ReadCloser, error) { return infile.OpenUntil(ctx, name) }}
}

// ipmFiles lists the clearing files of a folder, by name; none where it is not there.
func ipmFiles(ctx context.Context, dir string) (files []matching.File, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if isIPM(entry) {
			files = append(files, fileOf(ctx, filepath.Join(dir, entry.Name())))
		}
	}
	return files, err
}

// isIPM tells whether a folder's entry is a clearing file. What begins with a dot is not meant.
func isIPM(entry fs.DirEntry) bool {
	return !entry.IsDir() && strings.HasSuffix(entry.Name(), ".ipm") && !strings.HasPrefix(entry.Name(), ".")
}

// Folders of files that came back: how many stand one below the other, and the one of those that a switch has refused,
// which have moved nothing.
const (
	maxIncomingDepth = 4
	refusedFolder    = "refused"
)

// incomingFiles lists the files that came back, in a folder and those below it.
func incomingFiles(ctx context.Context, dir string, depth int) ([]matching.File, error) {
	files, err := ipmFiles(ctx, dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() || depth == 0 || entry.Name() == refusedFolder || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		below, err := incomingFiles(ctx, filepath.Join(dir, entry.Name()), depth-1)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	return files, nil
}

// bookedOf is what stands in the clearing of a date, as it is matched.
func bookedOf(c *cleared) *matching.Booked {
	b := &matching.Booked{
		Payment: c.payment.Payment, Operation: c.op.N, ARN: c.op.ARN, Reversal: c.reversal, AmountMinor: c.amountMinor,
		Currency: c.payment.Currency, Card: c.payment.PAN, RRN: c.op.RRN, Second: c.function != "",
		IssuerReference: c.issuerReference,
		AuthCode:        cmp.Or(c.op.AuthCode, c.of.AuthCode), // a record says again what the one before it said
	}
	credits := c.of.Op == "refund" || c.of.Op == "credit"
	b.Debits = credits == c.reversal
	if b.AuthCode == "" && !credits {
		b.AuthCode = c.payment.Ops[0].AuthCode
	}
	for _, op := range c.payment.Ops[c.op.N+1:] {
		if op.Target != c.op.N && (c.op.Op != "resubmit" || op.Target != c.op.Target) {
			continue
		}
		told := matching.Told{
			Source: op.Source, AmountMinor: op.Amount, Operation: op.N, IssuerReference: op.IssuerReference,
		}
		switch op.Op {
		case "resubmit": // what follows is about that one
			b.Again = true
			return b
		case "reject":
			told.Kind = matching.ToldRejected
		case "chargeback":
			told.Kind = matching.ToldChargedBack
		case "settle":
			told.Kind = matching.ToldSettled
		default:
			continue
		}
		b.Told = append(b.Told, told)
	}
	return b
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
	"switchyard/internal/operatorflags"
	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/internal/words"
	"switchyard/switch/configfile"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
)

// newClearingRebuildCmd is `switchctl clearing rebuild`.
func newClearingRebuildCmd() *cobra.Command {
	var c clearingRebuild
	cmd := &cobra.Command{
		Use:   "rebuild --date DATE [--check] [--out DIR]",
		Short: "Make the files of a sealed date again from the journal, to compare them or beside the old ones",
		Long: `Make the clearing files of a business date that is sealed once more from the journal, with what was fixed when it was
sealed: they have the same bytes.

--check compares them byte by byte with those that were delivered, clearing file, CSV files and manifest, writes nothing,
and says of each file that differs where it does so first: byte, record and field. --out has the switch write them to a
new folder on its machine; no file that is there is written over. With both, both is done.

It asks a running switch, or with --data reads the journal of one that is stopped, or a backup of it.

Exit codes: 0 done, and with --check all files are the same; 1 a file differs or is not there, the date has no files
yet, or DIR exists; 2 no answer, or it failed.`,
		Example: `  switchctl clearing rebuild --date 2026-11-26 --check
  switchctl clearing rebuild --date 2026-11-26 --out /srv/again --data switchd-data --key-file /etc/switchd.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	f := cmd.Flags()
	c.asked.Add(f, defaultOperator)
	f.StringVar(&c.date, "date", "", "business date, YYYY-MM-DD")
	f.BoolVar(&c.check, "check", false, "compare with the delivered files")
	f.StringVar(&c.out, "out", "", "new `folder` that the files are written to")
	f.StringVar(&c.data, "data", "", "data `folder` of a switch that does not run")
	f.StringVar(&c.keyFile, "key-file", "",
		"with --data: `file` of the key that seals card numbers (default: switchd.key in it)")
	f.StringVar(&c.clearing, "clearing", "", "with --data: `folder` of the delivered files (default: clearing in it)")
	f.BoolVar(&c.json, "json", false, "print what was made, and what differs, as JSON")
	_ = cmd.MarkFlagRequired("date") // it is there
	cmd.MarkFlagsOneRequired("check", "out")
	cmd.MarkFlagsMutuallyExclusive("operator", "data")
	return cmd
}

type clearingRebuild struct {
	asked                              operatorflags.Flags
	date, out, data, keyFile, clearing string
	check, json                        bool
}

// rebuilder makes files of sealed dates again.
type rebuilder interface {
	check(ctx context.Context, date string) (*cutover.Rebuilt, error)
	rebuild(ctx context.Context, date, dir string) (*cutover.Rebuilt, error)
}

func (c *clearingRebuild) run(cmd *cobra.Command) error {
	date, err := payment.ParseDate(c.date)
	if err != nil {
		return fmt.Errorf("--date: %w", err)
	}
	if c.data == "" && c.keyFile+c.clearing != "" {
		return errors.New("--key-file, --clearing: expected --data with them: a running switch has its own")
	}
	cmd.SilenceUsage = true
	if c.out != "" {
		if c.out, err = filepath.Abs(c.out); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	books, done, err := c.books()
	if err != nil {
		return err
	}
	defer done()
	var all []*cutover.Rebuilt
	if c.out != "" {
		written, err := books.rebuild(cmd.Context(), date.String(), c.out)
		if err != nil {
			return c.refused(cmd, err)
		}
		all = append(all, written)
	}
	if c.check {
		checked, err := books.check(cmd.Context(), date.String())
		if err != nil {
			return c.refused(cmd, err)
		}
		all = append(all, checked)
	}
	return c.report(cmd.OutOrStdout(), all)
}

// refused ends with 1 where it is the date or the folder that is in the way.
func (c *clearingRebuild) refused(cmd *cobra.Command, err error) error {
	why, refused := client.Refused(err)
	if !refused && (client.NotFound(err) || errors.Is(err, journal.ErrNotFound) ||
		errors.Is(err, cutover.ErrUnwritten) || errors.Is(err, cutover.ErrExists)) {
		why, refused = err.Error(), true
	}
	if !refused {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "refused: %s\n", why)
	return errNo
}

func (c *clearingRebuild) report(out io.Writer, all []*cutover.Rebuilt) (err error) {
	differ := false
	for _, r := range all {
		differ = differ || len(r.Differences) > 0
		if c.json {
			err = errors.Join(err, writeJSON(out, r))
			continue
		}
		switch {
		case r.Dir != "":
			fmt.Fprintf(out, "%s: %s written to %s\n", r.BusinessDate, words.Count(len(r.Files), "file"), r.Dir)
		case len(r.Differences) == 0:
			fmt.Fprintf(out, "%s: %s, the same to the byte\n", r.BusinessDate, words.Count(len(r.Files), "file"))
		default:
			fmt.Fprintf(out, "%s: %s, of which %d differ\n", r.BusinessDate, words.Count(len(r.Files), "file"),
				len(r.Differences))
		}
		for i := range r.Differences {
			fmt.Fprintln(out, toldDifference(&r.Differences[i]))
		}
	}
	if err == nil && differ {
		err = errNo
	}
	return err
}

// toldDifference is a difference as a line.
func toldDifference(d *cutover.Difference) string {
	if d.Missing {
		return d.File + ": it is not there"
	}
	line := fmt.Sprintf("%s: at byte %d", d.File, d.Offset)
	if d.Record > 0 {
		line += fmt.Sprintf(", record %d", d.Record)
	}
	if d.Field != "" {
		line += ", " + d.Field
	}
	if d.Rebuilt+d.Delivered != "" {
		line += fmt.Sprintf(": rebuilt %q, delivered %q", d.Rebuilt, d.Delivered)
	}
	return line
}

func (c *clearingRebuild) books() (_ rebuilder, done func(), err error) {
	if c.data == "" {
		api, err := c.asked.Client()
		return runningBooks{api}, func() {}, err
	}
	return c.stopped()
}

// runningBooks are those of a switch that runs.
type runningBooks struct{ api *client.Client }

func (b runningBooks) check(ctx context.Context, date string) (*cutover.Rebuilt, error) {
	return b.api.CheckClearing(ctx, date)
}

func (b runningBooks) rebuild(ctx context.Context, date, dir string) (*cutover.Rebuilt, error) {
	return b.api.RebuildClearing(ctx, date, dir)
}

// stopped opens the journal of a switch that does not run. done closes it.
func (c *clearingRebuild) stopped() (_ rebuilder, done func(), err error) {
	source := &cutover.Source{FS: vfs.Default, Dir: c.clearing}
	if source.Dir == "" {
		source.Dir = filepath.Join(c.data, "clearing")
	}
	if source.Dir, err = filepath.Abs(source.Dir); err != nil {
		return nil, nil, err
	}
	if source.Keyring, err = stoppedKeyring(c.data, c.keyFile); err != nil {
		return nil, nil, err
	}
	j, err := stoppedJournal(c.data)
	if err != nil {
		return nil, nil, err
	}
	source.Journal = j
	return stoppedBooks{source}, func() { _ = j.Close() }, nil // it was only read
}

// stoppedKeyring reads the keys of a switch that does not run; without a name, those in its data folder.
func stoppedKeyring(data, keyFile string) (*pan.Keyring, error) {
	if keyFile == "" {
		keyFile = filepath.Join(data, configfile.KeyFile)
	}
	text, err := infile.ReadSecret(keyFile)
	if err != nil {
		return nil, fmt.Errorf("key: %w (--key-file names another one)", err)
	}
	keys, err := pan.ParseKeyring(string(text))
	if err != nil {
		return nil, fmt.Errorf("key: %s: %w", keyFile, err)
	}
	return keys, nil
}

// stoppedBooks are those of one that does not.
type stoppedBooks struct{ source *cutover.Source }

func (b stoppedBooks) check(ctx context.Context, text string) (*cutover.Rebuilt, error) {
	date, err := payment.ParseDate(text)
	if err != nil {
		return nil, err
	}
	return b.source.Check(ctx, date)
}

func (b stoppedBooks) rebuild(ctx context.Context, text, dir string) (*cutover.Rebuilt, error) {
	date, err := payment.ParseDate(text)
	if err != nil {
		return nil, err
	}
	return b.source.Rebuild(ctx, date, dir)
}

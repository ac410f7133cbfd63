package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"switchyard/internal/infile"
	"switchyard/internal/operatorflags"
	"switchyard/internal/vfs"
	txswitch "switchyard/switch"
	"switchyard/switch/journal/pebble"
)

// journalFolder is the journal's folder within the data folder, and within a backup.
const journalFolder = "journal"

func newBackupCmd() *cobra.Command {
	var asked operatorflags.Flags
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy a running switch's journal, consistently, to a new folder on its machine",
		Long: `Backup asks a running switch for a consistent copy of its journal: everything that was acknowledged before,
with a manifest (journal/backup.json: names, sizes, SHA-256, where the log ends) that is written last. DIR must not
exist. The key that seals card numbers is not in it: keep a copy of the key apart. Clearing files are not either: they
are copied as files, or written again from the journal.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s exists; expected a new folder", dir)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			if err := api.Backup(cmd.Context(), filepath.Join(dir, journalFolder)); err != nil {
				return errors.Join(err, os.RemoveAll(dir)) // made above; half a backup is none
			}
			fmt.Fprintf(cmd.OutOrStdout(), "journal copied to %s; check it with: switchd verify --data %s\n", dir, dir)
			return nil
		},
	}
	asked.Add(cmd.Flags(), txswitch.DefaultConfig().Operator.Listen)
	return cmd
}

// withoutManifest is the flag of verify and restore that takes what nothing says the end of.
const withoutManifest = "without-manifest"

func newVerifyCmd() *cobra.Command {
	data, unchecked := txswitch.DefaultConfig().Data, false
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Read every record of a stopped switch's journal, or of a backup, and recompute every index",
		Long: `Verify holds a backup against its manifest, or a stopped switch's journal against the mark in its folder, so
that a log that ends too early is found. Then it reads every record and holds what is kept twice against each other:
keys, references, the store-and-forward queue and presentments against the payments, and the payments against the log. It
names each record that is wrong and changes nothing.

Exit codes: 0 all is right; 1 something is wrong, or the journal cannot be read.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return verify(data, unchecked, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&data, "data", data, "data `folder`, or backup")
	cmd.Flags().BoolVar(&unchecked, withoutManifest, false,
		"take a copy that has neither a manifest nor a mark: nothing tells whether its end is missing")
	return cmd
}

// maxProblems bounds what verify prints.
const maxProblems = 1000

func verify(data string, unchecked bool, out io.Writer) error {
	dir := filepath.Join(data, journalFolder)
	if err := checkEnd(dir, unchecked, out); err != nil {
		return err
	}
	var fatal error
	j, err := pebble.Open(pebble.Options{
		FS: vfs.Default, Dir: dir, ReadOnly: true, Logger: zap.NewNop(),
		Fatal: func(msg string, err error) { fatal = fmt.Errorf("%s: %w", msg, err) },
	})
	if err != nil {
		return err
	}
	problems := 0
	err = j.Verify(func(problem string) bool {
		problems++
		fmt.Fprintln(out, "wrong:", problem)
		return problems < maxProblems
	})
	err = errors.Join(err, fatal, j.Close())
	switch {
	case err != nil:
		return err
	case problems > 0:
		return fmt.Errorf("%s: %d problems", data, problems)
	}
	fmt.Fprintf(out, "%s: every record is right\n", data)
	return nil
}

// checkEnd finds a journal that lacks its end: a backup by its manifest, a switch's own when it is opened, by the
// mark in its folder. What has neither is refused unless it was asked for.
func checkEnd(dir string, unchecked bool, out io.Writer) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("no journal: %w", err)
	}
	m, err := pebble.CheckBackup(vfs.Default, dir)
	switch {
	case err == nil:
		fmt.Fprintf(out, "%s: as its manifest says: made %s, commit %d is the last\n", dir, m.Made.Format(time.RFC3339),
			m.Position)
		return nil
	case !errors.Is(err, pebble.ErrNoManifest):
		return err
	case pebble.HasMark(vfs.Default, dir), unchecked:
		return nil
	}
	return fmt.Errorf("%w; expected a backup with its manifest, or the data folder of a switch that this "+
		"version has run on. "+
		"--%s takes it as it is: whether its end is missing cannot be told", err, withoutManifest)
}

func newRestoreCmd() *cobra.Command {
	data, unchecked := txswitch.DefaultConfig().Data, false
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Make a data folder from a backup; the switch starts held on it",
		Long: `Restore holds a backup against its manifest, copies its journal into a new data folder and reads every record.

What was accepted after the backup is not in it, so the switch starts held: it answers questions, and neither takes
work nor reverses, sends or closes anything until somebody has looked with switchctl restore review and confirmed. The
numbers of payments, RRNs and ARNs are moved past what may have been given since then.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return restore(cmd.Context(), args[0], data, unchecked, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&data, "data", data, "data `folder` to make; its journal must not exist")
	cmd.Flags().BoolVar(&unchecked, withoutManifest, false,
		"take a folder without a manifest, such as what is left of a damaged data folder: whether its end is "+
			"missing cannot be told")
	return cmd
}

func restore(ctx context.Context, backup, data string, unchecked bool, out io.Writer) error {
	from, to := filepath.Join(backup, journalFolder), filepath.Join(data, journalFolder)
	if !unchecked { // else it is a switch's own folder, whose journal may lie on another disk
		if err := noLink(from); err != nil {
			return err
		}
	}
	if _, err := infile.CheckFolder(data); err != nil { // the start warns of what is no error
		return fmt.Errorf("data: %w", err)
	}
	reason, err := originOf(from, unchecked)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists; expected a data folder without a journal", to)
	}
	// Under a temporary name until it is whole, so that a restore that breaks off leaves no half journal to start from.
	partial := to + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(data, 0o700)); err != nil {
		return err
	}
	if err := copyJournal(from, partial); err != nil {
		return err
	}
	if err := hold(ctx, partial, reason); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(partial, to), syncFolder(data)); err != nil {
		return err
	}
	if err := verify(data, unchecked, out); err != nil {
		return err
	}
	fmt.Fprintln(out, "the switch starts held on it: see switchctl restore review")
	return nil
}

// noLink refuses a journal's folder that is a symbolic link. Whoever names a backup may name a link, but whoever made
// the backup leads nobody out of it.
func noLink(dir string) error {
	info, err := os.Lstat(dir)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s: is a symbolic link, expected a folder", dir)
	}
	return err
}

// originOf says what a restored journal was made from, once that has been checked.
func originOf(from string, unchecked bool) (reason string, err error) {
	m, err := pebble.CheckBackup(vfs.Default, from)
	switch {
	case err == nil:
		return fmt.Sprintf("it was restored from a backup of %s, whose last commit is %d", m.Made.Format(time.RFC3339),
			m.Position), nil
	case errors.Is(err, pebble.ErrNoManifest) && unchecked:
		return fmt.Sprintf("it was restored from %s, which has no manifest: its end may be missing", from), nil
	case errors.Is(err, pebble.ErrNoManifest):
		return "", fmt.Errorf("%w. --%s takes it as it is: whether its end is missing cannot be told", err, withoutManifest)
	}
	return "", err
}

// copyJournal copies the files of a journal, synced, and nothing that is about the folder that they lay in. What is no
// regular file ends it.
func copyJournal(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		if pebble.NotCopied(e.Name()) {
			continue
		}
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return syncFolder(to)
}

func copyFile(from, to string) error {
	in, err := vfs.Default.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return errors.Join(out.Sync(), out.Close())
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// hold opens the copied journal and has it held at its first start.
func hold(ctx context.Context, dir, reason string) error {
	var fatal error
	j, err := pebble.Open(pebble.Options{
		FS: vfs.Default, Dir: dir, Logger: zap.NewNop(), Seed: rand.Uint64(),
		Fatal: func(msg string, err error) { fatal = fmt.Errorf("%s: %w", msg, err) },
	})
	if err != nil {
		return err
	}
	err = j.AddHold(ctx, reason)
	return errors.Join(err, fatal, j.Close())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	txswitch "switchyard/switch"
	"switchyard/switch/identity"
	"switchyard/switch/journal"
)

// journalFolder is the journal's folder within the data folder, and within a backup.
const journalFolder = "journal"

func newBackupCmd() *cobra.Command {
	var operator string
	cmd := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy a running switch's journal, consistently, to a new folder on its machine",
		Long: `Backup asks a running switch for a consistent copy of its journal: everything that was acknowledged before. DIR must
not exist. The key that seals card numbers is not in it: keep a copy of the key apart. Clearing files are not either: they
are copied as files, or written again from the journal.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s exists; expected a new folder", dir)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			if err := postBackup(cmd.Context(), operator, filepath.Join(dir, journalFolder)); err != nil {
				return errors.Join(err, os.RemoveAll(dir)) // made above; half a backup is none
			}
			fmt.Fprintf(cmd.OutOrStdout(), "journal copied to %s; check it with: switchd verify --data %s\n", dir, dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&operator, "operator", txswitch.DefaultConfig().Operator.Listen, "operator API of the switch")
	return cmd
}

func postBackup(ctx context.Context, operator, dir string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+operator+"/v1/backup?dir="+url.QueryEscape(dir), nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	const maxAnswer = 64 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the switch refused: %s: %s", resp.Status, body)
	}
	return err
}

func newVerifyCmd() *cobra.Command {
	data := txswitch.DefaultConfig().Data
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Read every record of a stopped switch's journal, or of a backup, and recompute every index",
		Long: `Verify reads every record and holds what is kept twice against each other: keys, references, the store-and-forward
queue and presentments against the payments, and the payments against the log. It names each record that is wrong and
changes nothing.

Exit codes: 0 all is right; 1 something is wrong, or the journal cannot be read.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return verify(data, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&data, "data", data, "data folder, or backup")
	return cmd
}

// maxProblems bounds what verify prints.
const maxProblems = 1000

func verify(data string, out io.Writer) error {
	var fatal error
	j, err := journal.Open(journal.Options{
		FS: vfs.Default, Dir: filepath.Join(data, journalFolder), ReadOnly: true, Logger: zap.NewNop(),
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

func newRestoreCmd() *cobra.Command {
	data := txswitch.DefaultConfig().Data
	cmd := &cobra.Command{
		Use:   "restore BACKUP",
		Short: "Make a data folder from a backup",
		Long: `Restore copies a backup's journal into a new data folder, reads every record of it, and moves the numbers of payments,
RRNs and ARNs past what the switch may have given out since the backup was made, so that none is given twice.

What was accepted after the backup is not in it: hold the issuer's books against it with switchctl audit.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return restore(cmd.Context(), args[0], data, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&data, "data", data, "data folder to make; its journal must not exist")
	return cmd
}

func restore(ctx context.Context, backup, data string, out io.Writer) error {
	from, to := filepath.Join(backup, journalFolder), filepath.Join(data, journalFolder)
	made, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("no backup: %w", err)
	}
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists; expected a data folder without a journal", to)
	}
	// Under a temporary name until it is whole, so that a restore that breaks off leaves no half journal to start from.
	partial := to + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(data, 0o700)); err != nil {
		return err
	}
	if err := os.CopyFS(partial, os.DirFS(from)); err != nil {
		return err
	}
	if err := skipAhead(ctx, partial, time.Since(made.ModTime())); err != nil {
		return err
	}
	if err := os.Rename(partial, to); err != nil {
		return err
	}
	return verify(data, out)
}

// skipAhead opens the copied journal and moves its numbers past what may be in use.
func skipAhead(ctx context.Context, dir string, since time.Duration) error {
	var fatal error
	j, err := journal.Open(journal.Options{
		FS: vfs.Default, Dir: dir, Logger: zap.NewNop(),
		Fatal: func(msg string, err error) { fatal = fmt.Errorf("%s: %w", msg, err) },
	})
	if err != nil {
		return err
	}
	err = identity.SkipAhead(ctx, j, since)
	return errors.Join(err, fatal, j.Close())
}

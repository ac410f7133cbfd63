package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	txswitch "switchyard/switch"
	"switchyard/switch/audit"
	"switchyard/switch/journal"
)

// defaultIssuerControl is where issuer-sim's control HTTP listens unless it is told otherwise.
const defaultIssuerControl = "127.0.0.1:9584"

// newAuditCmd is `switchctl audit`: the switch's journal, the issuer's ledger and the clearing files held against each
// other, payment by payment.
func newAuditCmd() *cobra.Command {
	var a auditRun
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Hold the journal, the issuer's ledger and the clearing files against each other",
		Long: `Hold three books against each other, payment by payment: what the switch's journal says, what the issuer's ledger
says, and what the clearing files say. Prints the totals side by side, what is apart (in flight, decided by a person, not
yet cleared) and every difference. It changes nothing, and may run while the switch works.

It waits until nothing is in flight and no advice is queued, at most --wait, and then lists apart what still is. With
--data it reads the journal of a stopped switch, or a backup of one, instead of asking a running switch.

Exit codes: 0 the books agree; 1 they differ; 2 a book could not be read.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&a.operator, "operator", defaultOperator, "operator API of the switch")
	f.StringVar(&a.issuer, "issuer", defaultIssuerControl, "control HTTP of issuer-sim")
	f.StringVar(&a.clearing, "clearing", "", "folder of the clearing files (default: the one the switch names)")
	f.StringVar(&a.data, "data", "", "data folder of a stopped switch, or a backup of one, to read instead of --operator")
	f.StringVar(&a.acquirer, "acquirer", "", "acquirer id (DE32) of the switch, where several switches share the issuer (default: all)")
	f.DurationVar(&a.wait, "wait", 30*time.Second, "how long to wait for what is in flight or queued")
	f.IntVar(&a.limit, "limit", 50, "how many differences to print, and items of each list apart to report; all are counted")
	f.BoolVar(&a.json, "json", false, "print the report as JSON")
	cmd.MarkFlagsMutuallyExclusive("operator", "data")
	return cmd
}

// auditRun is one audit.
type auditRun struct {
	operator, issuer, clearing, data, acquirer string
	wait                                       time.Duration
	limit                                      int
	json                                       bool
}

func (a *auditRun) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	if a.limit < 1 {
		return fmt.Errorf("--limit is %d, expected 1 or more", a.limit)
	}
	source := a.running
	if a.data != "" {
		source = a.stopped
	}
	src, done, err := source(ctx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer done()
	src.Authorizations = book("http://" + a.issuer + "/v1/authorizations")
	src.Ledger = book("http://" + a.issuer + "/v1/ledger?audit=1")
	report, err := audit.Run(ctx, src, audit.Options{Acquirer: a.acquirer, Limit: a.limit})
	if err != nil {
		return err
	}
	if a.json {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = report.WriteText(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	if !report.Clean() {
		return errNo
	}
	return nil
}

// running are the books of a switch that runs, once it has come to rest or the wait is over.
func (a *auditRun) running(ctx context.Context, notices io.Writer) (src audit.Sources, done func(), err error) {
	stats, err := a.drain(ctx)
	if err != nil {
		return src, nil, err
	}
	if stats.busy() {
		fmt.Fprintf(notices, "after %s %d requests are in flight and %d advices queued; they are listed apart\n",
			a.wait, stats.InFlight, stats.SAF.Queued)
	}
	if stats.ClearingDir == "" {
		return src, nil, fmt.Errorf("%s does not answer as a switch's operator API does: is it the right port?", a.operator)
	}
	dir := cmp.Or(a.clearing, stats.ClearingDir)
	if a.clearing != "" { // the switch's own is made with its first file
		if _, err := os.Stat(dir); err != nil {
			return src, nil, err
		}
	}
	src.Switch = book("http://" + a.operator + "/v1/payments")
	var written []string
	src.Written = func(ctx context.Context) ([]string, error) {
		var days []struct {
			Date  string `json:"date"`
			State string `json:"state"`
		}
		if err := getJSON(ctx, "http://"+a.operator+"/v1/days", &days); err != nil {
			return nil, err
		}
		for _, d := range days {
			if d.State == "written" {
				written = append(written, d.Date)
			}
		}
		return written, nil
	}
	src.Files = func(context.Context) ([]audit.File, error) { return clearingFiles(dir, written) }
	return src, func() {}, nil
}

// restingStats is what the audit reads of /v1/stats.
type restingStats struct {
	switchStats
	ClearingDir string `json:"clearing_dir"`
}

func (s *restingStats) busy() bool { return s.InFlight > 0 || s.SAF.Queued > 0 }

// drain asks the switch until nothing is in flight and no advice is queued, or the wait is over.
func (a *auditRun) drain(ctx context.Context) (stats restingStats, err error) {
	over := time.After(a.wait)
	for {
		stats = restingStats{}
		if err := getJSON(ctx, "http://"+a.operator+"/v1/stats", &stats); err != nil || !stats.busy() {
			return stats, err
		}
		select {
		case <-ctx.Done():
			return stats, ctx.Err()
		case <-over:
			return stats, nil
		case <-time.After(drainPause):
		}
	}
}

func getJSON(ctx context.Context, url string, into any) error {
	body, err := request(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return nil
}

// stopped are the books in the data folder of a switch that does not run. done closes its journal.
func (a *auditRun) stopped(context.Context, io.Writer) (src audit.Sources, done func(), err error) {
	dir := filepath.Join(a.data, "journal")
	if _, err := os.Stat(dir); err != nil {
		return src, nil, err
	}
	j, err := journal.Open(journal.Options{
		FS: vfs.Default, Dir: dir, ReadOnly: true,
		Fatal: func(msg string, err error) {
			fmt.Fprintf(os.Stderr, "switchctl: %s: %v\n", msg, err)
			os.Exit(exitFailed)
		},
	})
	if err != nil {
		return src, nil, fmt.Errorf("%w (is a switch running on it?)", err)
	}
	src.Switch = func(context.Context) (io.ReadCloser, error) {
		out, in := io.Pipe()
		go func() { in.CloseWithError(txswitch.ExportPayments(j, in)) }()
		return out, nil
	}
	var written []string
	src.Written = func(context.Context) ([]string, error) {
		err := j.Days(func(d journal.Day) bool {
			if d.State == journal.DayWritten {
				written = append(written, d.Date.String())
			}
			return true
		})
		return written, err
	}
	clearing := a.clearing
	if clearing == "" {
		clearing = filepath.Join(a.data, "clearing")
	}
	src.Files = func(context.Context) ([]audit.File, error) { return clearingFiles(clearing, written) }
	return src, func() { _ = j.Close() }, nil // it was only read
}

// clearingFiles lists the clearing files of a folder. Only a switch that has closed no day yet may have none.
func clearingFiles(dir string, written []string) ([]audit.File, error) {
	switch _, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist) && len(written) == 0:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("clearing files, said to be written: %w (--clearing names another folder)", err)
	}
	return audit.Files(os.DirFS(dir))
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/httpcall"
	"switchyard/internal/infile"
	"switchyard/internal/operatorflags"
	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/switch/audit"
	"switchyard/switch/cutover"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
)

// allNodes stands for no number of a switch.
const allNodes = -1

// drainPause is how often a switch is asked whether it has come to rest.
const drainPause = 50 * time.Millisecond

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
--data it reads the journal of a stopped switch, or a backup of one, instead of asking a running switch; it makes the
files of the dates again, as a running switch does, where it has the key that sealed the cards: --key-file, or
switchd.key in the data folder.

Exit codes: 0 the books agree; 1 they differ; 2 a book could not be read.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd) },
	}
	f := cmd.Flags()
	a.asked.Add(f, defaultOperator)
	f.StringVar(&a.issuer, "issuer", defaultControl, "control HTTP of issuer-sim")
	f.StringVar(&a.clearing, "clearing", "", "`folder` of the clearing files (default: the one the switch names)")
	f.StringVar(&a.data, "data", "",
		"data `folder` of a stopped switch, or a backup of one, to read instead of --operator")
	f.StringVar(
		&a.acquirer, "acquirer", "",
		"acquirer id (DE32) of the switch, where several switches share the issuer (default: all)",
	)
	f.IntVar(&a.node, "node", allNodes, "number of the switch, where several share --acquirer (default: all)")
	f.DurationVar(&a.wait, "wait", 30*time.Second, "how long to wait for what is in flight or queued")
	f.IntVar(
		&a.limit, "limit", 50, "how many differences to print, and items of each list apart to report; all are counted",
	)
	f.BoolVar(&a.json, "json", false, "print the report as JSON")
	f.BoolVar(&a.rebuild, "rebuild", true,
		"have the files of the dates made again from the journal, and hold these against them to the byte")
	f.StringVar(&a.keyFile, "key-file", "",
		"with --data: `file` of the key that seals card numbers, to make the files again (default: switchd.key in it, if "+
			"there)")
	f.StringArrayVar(&a.told, "told", nil,
		"`file` of what a gateway was told, JSON lines; may be given more than once")
	f.StringVar(&a.from, "from", "",
		"with --to: audit only what clears on these business dates, YYYY-MM-DD, both included")
	f.StringVar(&a.to, "to", "", "see --from")
	f.StringVar(&a.first, "first-payment", "",
		"with --last-payment: audit only the payments from this one to that, both included, and no clearing file")
	f.StringVar(&a.last, "last-payment", "", "see --first-payment")
	o := &a.options
	f.DurationVar(&o.IntentAge, "intent-age", audit.DefaultIntentAge,
		"how long a request may be without an outcome; 0: for good, as in the next four")
	f.DurationVar(&o.AdviceAge, "advice-age", audit.DefaultAdviceAge, "how long an advice may be queued")
	f.DurationVar(&o.VoidAge, "void-age", audit.DefaultVoidAge, "how long a void may be without an outcome")
	f.DurationVar(&o.DateAge, "date-age", audit.DefaultDateAge,
		"how long after its end, midnight UTC, a business date may be without its files")
	f.DurationVar(&o.WindowAge, "window-age", audit.DefaultWindowAge,
		"how long something may be left past its capture window, or past the time of its capture by the switch")
	cmd.MarkFlagsMutuallyExclusive("operator", "data")
	cmd.MarkFlagsRequiredTogether("from", "to")
	cmd.MarkFlagsRequiredTogether("first-payment", "last-payment")
	cmd.MarkFlagsMutuallyExclusive("from", "first-payment")
	return cmd
}

// auditRun is one audit.
type auditRun struct {
	asked                            operatorflags.Flags
	issuer, clearing, data, acquirer string
	keyFile                          string
	node                             int
	from, to, first, last            string
	told                             []string
	wait                             time.Duration
	limit                            int
	json, rebuild                    bool
	options                          audit.Options
}

func (a *auditRun) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	if a.limit < 1 {
		return fmt.Errorf("--limit is %d, expected 1 or more", a.limit)
	}
	if a.data == "" && a.keyFile != "" {
		return errors.New("--key-file: expected --data with it: a running switch has its own")
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
	control := issuerControl(a.issuer)
	src.Authorizations = func(ctx context.Context, prefixes []string) (io.ReadCloser, error) {
		return control.Open(ctx, http.MethodGet, "/v1/authorizations", url.Values{"rrn_prefix": prefixes}, nil)
	}
	if a.first == "" { // the issuer adds up all that it has
		src.Ledger = control.Opener("/v1/ledger", url.Values{"audit": {"1"}})
	}
	for _, name := range a.told {
		src.Told = append(src.Told, func(ctx context.Context) (io.ReadCloser, error) {
			return infile.OpenUntil(ctx, name)
		})
	}
	report, err := audit.Run(ctx, src, a.auditOptions())
	if err == nil {
		err = ctx.Err() // by then a file that was not read to its end is a difference
	}
	if err != nil {
		return err
	}
	if a.json {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = painted(cmd, false, auditRules, report.WriteText)
	}
	if err != nil {
		return err
	}
	if !report.Clean() {
		return errNo
	}
	return nil
}

// auditOptions are the options as the audit takes them: no bound is one below 0 there.
func (a *auditRun) auditOptions() audit.Options {
	o := a.options
	o.Acquirer, o.Limit, o.From, o.To, o.First, o.Last = a.acquirer, a.limit, a.from, a.to, a.first, a.last
	if a.node != allNodes {
		node := uint32(a.node)
		o.Node = &node
	}
	for _, age := range []*time.Duration{&o.IntentAge, &o.AdviceAge, &o.VoidAge, &o.DateAge, &o.WindowAge} {
		if *age == 0 {
			*age = -1
		}
	}
	return o
}

// running are the books of a switch that runs, once it has come to rest or the wait is over.
func (a *auditRun) running(ctx context.Context, notices io.Writer) (src audit.Sources, done func(), err error) {
	api, err := a.asked.Client()
	if err != nil {
		return src, nil, err
	}
	stats, err := a.drain(ctx, api)
	if err != nil {
		return src, nil, err
	}
	if busy(stats) {
		fmt.Fprintf(notices, "after %s %d requests are in flight and %d advices queued; they are listed apart\n",
			a.wait, stats.InFlight, stats.SAF.Queued)
	}
	dir := cmp.Or(a.clearing, stats.ClearingDir)
	if a.clearing != "" { // the switch's own is made with its first file
		if _, err := os.Stat(dir); err != nil {
			return src, nil, err
		}
	}
	src.Switch = func(ctx context.Context) (io.ReadCloser, error) { return api.OpenDated(ctx, a.from, a.to) }
	if a.first != "" {
		src.Switch = func(ctx context.Context) (io.ReadCloser, error) { return api.OpenRange(ctx, a.first, a.last) }
	}
	src.Now = api.Now
	src.Days, src.Acts = api.OpenDays, actsOf(api)
	if a.rebuild {
		src.Rebuilt = rebuiltOf(api)
	}
	src.Files = func(ctx context.Context) ([]audit.File, error) {
		return clearingFiles(ctx, dir, a.clearing == "", src.Days)
	}
	return src, func() {}, nil
}

// actsOf is the record of who did what of a running switch; one of before there was any has none.
func actsOf(api *client.Client) audit.Open {
	return func(ctx context.Context) (io.ReadCloser, error) {
		in, err := api.OpenActs(ctx)
		if httpcall.Status(err) == http.StatusNotFound {
			return io.NopCloser(strings.NewReader("")), nil
		}
		return in, err
	}
}

// rebuiltOf is what the files of a date are when a running switch makes them again; one of before it could makes none.
func rebuiltOf(api *client.Client) audit.OpenDate {
	return func(ctx context.Context, date string) (io.ReadCloser, error) {
		in, err := api.OpenClearingCheck(ctx, date)
		if httpcall.Status(err) == http.StatusNotFound {
			return io.NopCloser(strings.NewReader("{}")), nil
		}
		return in, err
	}
}

// busy tells whether something is under way that ends by itself.
func busy(s *operator.Stats) bool { return s.InFlight > 0 || s.SAF.Queued > 0 }

// drain asks the switch until nothing is in flight and no advice is queued, or the wait is over.
func (a *auditRun) drain(ctx context.Context, api *client.Client) (stats *operator.Stats, err error) {
	over := time.After(a.wait)
	for {
		stats, err := api.Stats(ctx)
		if err != nil || !busy(stats) {
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

// stopped are the books in the data folder of a switch that does not run. done closes its journal.
func (a *auditRun) stopped(ctx context.Context, notices io.Writer) (src audit.Sources, done func(), err error) {
	first, last, err := a.payments()
	if err != nil {
		return src, nil, err
	}
	keys, err := a.stoppedKeys(notices)
	if err != nil {
		return src, nil, err
	}
	j, err := stoppedJournal(a.data)
	if err != nil {
		return src, nil, err
	}
	export := func(w io.Writer) error { return operator.ExportPayments(ctx, j, w) }
	if a.from != "" || a.to != "" {
		first, err := payment.ParseDate(a.from)
		last, err2 := payment.ParseDate(a.to)
		if err := errors.Join(err, err2); err != nil {
			return src, nil, errors.Join(err, j.Close())
		}
		export = func(w io.Writer) error { return operator.ExportDated(ctx, j, w, first, last) }
	}
	if a.first != "" {
		export = func(w io.Writer) error { return operator.ExportRange(ctx, j, w, first, last) }
	}
	src.Switch = func(context.Context) (io.ReadCloser, error) { return piped(export), nil }
	src.Now = func(context.Context) (time.Time, error) { return lastTime(j), nil }
	src.Days = func(context.Context) (io.ReadCloser, error) {
		days, err := operator.ExportDays(ctx, j)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(days)
		return io.NopCloser(bytes.NewReader(text)), err
	}
	src.Acts = func(ctx context.Context) (io.ReadCloser, error) {
		return piped(func(w io.Writer) error { return operator.ExportActs(ctx, j, w, 0) }), nil
	}
	clearing := a.clearing
	if clearing == "" {
		clearing = filepath.Join(a.data, "clearing")
	}
	src.Files = func(ctx context.Context) ([]audit.File, error) {
		return clearingFiles(ctx, clearing, a.clearing == "", src.Days)
	}
	if keys != nil {
		src.Rebuilt = rebuiltFrom(&cutover.Source{Journal: j, Keyring: keys, FS: vfs.Default, Dir: clearing})
	}
	return src, func() { _ = j.Close() }, nil // it was only read
}

// payments are the ends of the range of payments that is audited; none where all are.
func (a *auditRun) payments() (first, last payment.ID, err error) {
	if a.first == "" {
		return first, last, nil
	}
	first, err = payment.ParseID(a.first)
	last, err2 := payment.ParseID(a.last)
	if err = cmp.Or(err, err2); err != nil {
		err = fmt.Errorf("--first-payment, --last-payment: %w", err)
	}
	return first, last, err
}

// stoppedKeys are the keys with which the files of a stopped switch are made again; nil where they are not to be, or
// nobody has named a key file and that in the data folder cannot be read, which is said.
func (a *auditRun) stoppedKeys(notices io.Writer) (*pan.Keyring, error) {
	if !a.rebuild {
		return nil, nil
	}
	keys, err := stoppedKeyring(a.data, a.keyFile)
	if a.keyFile == "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		fmt.Fprintf(notices, "no key: the clearing files are not made again, and what only the key shows, the middle of "+
			"card numbers and their expiry, is held against nothing; --key-file names it (%v)\n", err)
		return nil, nil
	}
	return keys, err
}

// rebuiltFrom is what the files of a date are when they are made again from the journal of a stopped switch.
func rebuiltFrom(source *cutover.Source) audit.OpenDate {
	return func(ctx context.Context, date string) (io.ReadCloser, error) {
		made, err := stoppedBooks{source}.check(ctx, date)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(made)
		return io.NopCloser(bytes.NewReader(text)), err
	}
}

// stoppedJournal opens the journal of a switch that does not run, or a backup of one, to read it.
func stoppedJournal(data string) (journal.Engine, error) {
	dir := filepath.Join(data, "journal")
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	j, err := pebble.Open(pebble.Options{FS: vfs.Default, Dir: dir, ReadOnly: true, Fatal: fatal})
	if err != nil {
		return nil, fmt.Errorf("%w (is a switch running on it?)", err)
	}
	return j, nil
}

// piped is what an export writes, as a book.
func piped(export func(io.Writer) error) io.ReadCloser {
	out, in := io.Pipe()
	go func() { in.CloseWithError(export(in)) }()
	return out
}

// lastTime is what the clock of a stopped switch showed last, as its journal knows. A stop alone ages nothing.
func lastTime(past journal.Past) time.Time {
	shown, committed := past.Seen().At, past.LastCommit()
	if committed.After(shown) {
		return committed
	}
	return shown
}

// clearingFiles lists the clearing files of a folder. The switch's own is made with its first file; where that is
// written the folder must be there, and one that was named must be there always.
func clearingFiles(ctx context.Context, dir string, own bool, days audit.Open) ([]audit.File, error) {
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && own {
		written, failed := anyWritten(ctx, days)
		if failed != nil || !written {
			return nil, failed
		}
	}
	if err != nil {
		return nil, fmt.Errorf("clearing files, said to be written: %w (--clearing names another folder)", err)
	}
	return audit.Files(infile.DirUntil(ctx, dir))
}

func anyWritten(ctx context.Context, days audit.Open) (bool, error) {
	in, err := days(ctx)
	if err != nil {
		return false, err
	}
	defer in.Close()
	var list []struct {
		State string `json:"state"`
	}
	err = json.NewDecoder(in).Decode(&list)
	for _, d := range list {
		if d.State == "written" {
			return true, err
		}
	}
	return false, err
}

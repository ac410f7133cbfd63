package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/money"
	"switchyard/internal/operatorflags"
	"switchyard/internal/words"
	"switchyard/switch/cutover"
	"switchyard/switch/operator/client"
)

// newCutoverCmd is `switchctl cutover`: closes the open business date of a running switch.
func newCutoverCmd() *cobra.Command {
	var c cutoverRun
	cmd := &cobra.Command{
		Use:   "cutover",
		Short: "Close the business date and write its clearing files",
		Long: `Close the open business date of a running switch: open the next one, wait for the sales and refunds of the old one
that have no outcome yet, seal it, and write its clearing files. Prints the files with their totals. It takes the place of
that date's scheduled cutover.

Should it not be done within --wait, the date stays closed and its files are written later: at the switch's next start at
the latest.

--to opens another date than the next: the way back from a date that a wrong clock opened. What was accepted under the
wrong date is closed with it, in files of its own. It is today's date or tomorrow's, and was never opened before.

--window DESTINATION leaves the date open and ends a window of that destination: what the date has for it, and no window
before, is sealed and written by itself. What is left goes with the next one, or with the cutover.

Exit codes: 0 the files are written, or wait for their release; 1 refused: the open date has not begun, since the one
before it was closed early (--ahead closes it all the same, if it is tomorrow's), the date of --to cannot be opened, or
there can be no window of the destination; 2 no answer, or not done in time.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	f := cmd.Flags()
	c.asked.Add(f, defaultOperator)
	f.DurationVar(&c.wait, "wait", time.Minute, "how long to wait for the files, at most 10m")
	f.BoolVar(&c.ahead, "ahead", false, "close tomorrow's date, too, which has not begun")
	f.StringVar(&c.to, "to", "", "open this date and not the next, after a wrong clock: YYYY-MM-DD")
	f.StringVar(&c.window, "window", "", "leave the date open and end a window of this destination")
	f.BoolVar(&c.json, "json", false, "print the switch's answer as JSON")
	return cmd
}

type cutoverRun struct {
	asked       operatorflags.Flags
	to, window  string
	wait        time.Duration
	ahead, json bool
}

func (c *cutoverRun) run(cmd *cobra.Command) error {
	api, err := c.asked.Client()
	if err != nil {
		return err
	}
	const grace = 10 * time.Second // for the answer, after the switch has given up waiting
	ctx, cancel := context.WithTimeout(cmd.Context(), c.wait+grace)
	defer cancel()
	result, err := api.Cutover(ctx, client.Cutover{Wait: c.wait, Ahead: c.ahead, To: c.to, Window: c.window})
	if why, refused := client.Refused(err); refused {
		fmt.Fprintf(cmd.ErrOrStderr(), "refused: %s\n", why)
		return errNo
	}
	if err != nil {
		return err
	}
	if c.json {
		return writeJSON(cmd.OutOrStdout(), result)
	}
	return writeCutover(cmd.OutOrStdout(), result)
}

// writeJSON prints an answer as the switch gives it.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func writeCutover(w io.Writer, r *cutover.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	switch {
	case r.Window > 0 && r.Unreleased > 0:
		fmt.Fprintf(t, "business date %s is open; window %d is sealed; clearing files that wait for switchctl clearing "+
			"release: %d\n", r.BusinessDate, r.Window, r.Unreleased)
	case r.Window > 0:
		fmt.Fprintf(t, "business date %s is open; window %d is sealed; clearing files: %d\n", r.BusinessDate, r.Window,
			len(r.Files))
	case r.Unreleased > 0:
		fmt.Fprintf(t, "business date %s is closed; clearing files that wait for switchctl clearing release: %d\n",
			r.BusinessDate, r.Unreleased)
	default:
		fmt.Fprintf(t, "business date %s is closed; clearing files: %d\n", r.BusinessDate, len(r.Files))
	}
	writeClearingFiles(t, r.Files)
	if err := t.Flush(); err != nil || r.Aside == nil {
		return err
	}
	fmt.Fprintln(w)
	return writeAside(w, r.Aside)
}

// writeClearingFiles tells of each file whose it is, what it adds up to and where it stands.
func writeClearingFiles(t *tabwriter.Writer, files []cutover.File) {
	for i := range files {
		f := &files[i]
		fmt.Fprintf(t, "\n%s\t%s, file %s\n", f.Destination, words.Count(f.Records, "presentment"), f.FileID)
		for _, total := range f.Totals {
			fmt.Fprintf(t, "\t%s %s, %s %s\n",
				words.Count(total.DebitCount, "debit"), money.Format(total.DebitMinor, total.Currency),
				words.Count(total.CreditCount, "credit"), money.Format(total.CreditMinor, total.Currency))
		}
		fmt.Fprintf(t, "\t%s\n", strings.Join([]string{f.IPM, f.DetailCSV, f.SummaryCSV, f.Manifest}, "\n\t"))
	}
}

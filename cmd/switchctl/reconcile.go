package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"switchyard/internal/money"
	"switchyard/internal/operatorflags"
	"switchyard/switch/issuer/message"
	"switchyard/switch/matching"
	"switchyard/switch/operator/client"
	"switchyard/switch/reconcile"
)

// newReconcileCmd is `switchctl reconcile`: how closed business dates stand with the hosts' own totals.
func newReconcileCmd() *cobra.Command {
	var r reconcileRun
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Hold closed business dates against the hosts' own totals, and a date's records against what came back",
		Long: `Each host that is configured with reconcile is sent the totals of what it was told under a business date (0500)
once that is sealed, and answers with its own. Reconcile shows by host, acquirer id and currency what it said, and where
it is out of balance both totals and the difference, ours less theirs.

With --issuer, the control HTTP of issuer-sim, its book is held against what it was told, and the messages that make
the difference are listed: ours only, theirs only, another amount, or taken back on one side; late, where it is a matter
of time, or wrong. --again has the hosts asked anew about a date.

With --date the date's presentments are matched, too, record by record: those of the journal with the clearing files
that went out; these with what came back of them, message exceptions and file rejects (1644/691, 699), chargebacks
(1442) and settlements (1644/685); the 685s with the nets of their windows (1644/688); and, with --advice, these with
what the bank says it has paid, a CSV file with the columns date, currency, amount (1234.56) and reference (the id of
the file with the 688). What does not match is an exception with its reasons: late where it is a matter of time, since
the other side has it within --late-days or may still have it come, or wrong. Nothing is booked. What people note of
an exception, or match by hand, is shown with it.

The files are read where switchctl runs. With --data the records of a switch that does not run, or of a backup, are
matched, and no host's totals are shown.

Exit codes: 0 all is in balance and matched, or late; 1 a date is out of balance, or a host refuses to say, or has not
said so far, or records are wrong, or the journal has no such date; 2 no answer, or a file cannot be read.`,
		Example: `  switchctl reconcile --date 2026-11-26 --advice bank.csv
  switchctl reconcile --date 2026-11-26 --data switchd-data --matches matches.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.fits(); err != nil {
				return err
			}
			cmd.SilenceUsage = true
			return r.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	r.asked.Add(f, defaultOperator)
	f.StringVar(&r.date, "date", "", "business date, YYYY-MM-DD (default: all of the last 60 days)")
	f.StringSliceVar(&r.issuers, "issuer", nil,
		"control HTTP of issuer-sim, as HOST=ADDRESS, or one ADDRESS for all, to find what makes a difference (default: "+
			"none is asked)")
	f.IntVar(&r.limit, "limit", 20, "how many messages of a difference, and how many exceptions, to list; all are counted")
	f.BoolVar(&r.again, "again", false, "have the hosts asked anew about --date, and show nothing")
	f.BoolVar(&r.totals, "totals", false, "with --date: show the hosts' totals alone")
	r.records.flags(f)
	f.BoolVar(&r.json, "json", false, "print it as JSON")
	cmd.MarkFlagsMutuallyExclusive("operator", "data")
	cmd.AddCommand(newReconcileNoteCmd(), newReconcileMatchCmd(), newReconcileUnmatchCmd())
	return cmd
}

type reconcileRun struct {
	asked   operatorflags.Flags
	date    string
	issuers []string
	limit   int
	again   bool
	totals  bool
	records recordsRun
	json    bool
}

// fits refuses flags that do not go together.
func (r *reconcileRun) fits() error {
	switch {
	case r.limit < 0:
		return fmt.Errorf("--limit is %d, expected 0 or more", r.limit)
	case r.again && r.date == "":
		return errors.New("--again without --date: expected the business date to ask about")
	case r.records.given() && (r.date == "" || r.totals || r.again):
		return errors.New("--data, --clearing, --incoming, --advice, --as-of and --matches are about records: expected " +
			"--date with them, and neither --totals nor --again")
	case r.records.data != "" && len(r.issuers) > 0:
		return errors.New("--issuer with --data: expected a running switch, whose totals are held against the issuer's")
	}
	return nil
}

// reconciled is what --json shows of a date.
type reconciled struct {
	Hosts   []shownDay       `json:"hosts"`
	Records *matching.Report `json:"records"`
}

func (r *reconcileRun) run(ctx context.Context, out, notices io.Writer) error {
	if r.records.data != "" {
		return r.runStopped(ctx, out, notices)
	}
	api, err := r.asked.Client()
	if err != nil {
		return err
	}
	if r.again {
		return r.askAgain(ctx, api, out, notices)
	}
	days, err := api.Reconciliations(ctx, r.date)
	if err != nil {
		return err
	}
	shown := show(days)
	if err := r.find(ctx, api, shown); err != nil {
		return err
	}
	if r.date == "" || r.totals {
		if r.json {
			err = writeJSON(out, shown)
		} else {
			err = writeReconciliations(out, shown)
		}
	} else {
		err = r.matched(ctx, runningRecords(api), shown, out, notices)
	}
	if err == nil && !inBalance(days) {
		return errNo
	}
	return err
}

// runStopped matches the records of a switch that does not run.
func (r *reconcileRun) runStopped(ctx context.Context, out, notices io.Writer) error {
	j, err := stoppedJournal(r.records.data)
	if err != nil {
		return err
	}
	return errors.Join(r.matched(ctx, stoppedRecords(j, r.records.data), nil, out, notices), j.Close())
}

// matched matches records and shows them behind the hosts' totals, where there are any.
func (r *reconcileRun) matched(
	ctx context.Context, books *recordBooks, hosts []shownDay, out, notices io.Writer,
) error {
	report, err := r.records.match(ctx, books, r.date, r.limit)
	if why, refused := refusedDate(err); refused {
		fmt.Fprintf(notices, "refused: %s\n", why)
		return errNo
	}
	if err != nil {
		return err
	}
	if r.json {
		err = writeJSON(out, reconciled{hosts, report})
	} else {
		if hosts != nil {
			err = writeReconciliations(out, hosts)
		}
		if err == nil {
			err = report.WriteText(out)
		}
	}
	if err == nil && report.Wrong > 0 {
		return errNo
	}
	return err
}

func (r *reconcileRun) askAgain(ctx context.Context, api *client.Client, out, notices io.Writer) error {
	err := api.ReconcileAgain(ctx, r.date)
	if why, refused := client.Refused(err); refused {
		fmt.Fprintf(notices, "refused: %s\n", why)
		return errNo
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "the hosts are asked about %s: see switchctl reconcile --date %s\n", r.date, r.date)
	}
	return err
}

// inBalance tells whether every host has said that it is.
func inBalance(days []reconcile.Day) bool {
	for _, d := range days {
		for _, h := range d.Hosts {
			if !h.Ended {
				return false
			}
			for _, result := range h.Results {
				if result.Status != reconcile.InBalance {
					return false
				}
			}
		}
	}
	return true
}

func writeReconciliations(w io.Writer, days []shownDay) error {
	shown := false
	for _, d := range days {
		for _, h := range d.Hosts {
			shown = true
			if len(h.Results) == 0 {
				said := "the host has not been asked yet"
				if h.Ended {
					said = "the host was told nothing"
				}
				fmt.Fprintf(w, "%s  %s  %s\n", d.Date, h.Host, said)
			}
			for i := range h.Results {
				fmt.Fprintf(w, "%s  ", d.Date)
				if err := writeResult(w, &h.Results[i].Result); err != nil {
					return err
				}
				if f := h.Results[i].Found; f != nil {
					if err := writeFound(w, f, h.Results[i].Currency); err != nil {
						return err
					}
				}
			}
		}
	}
	if !shown {
		_, err := fmt.Fprintln(w, "no host is asked: none is configured with reconcile, or no date was sealed since")
		return err
	}
	return nil
}

// writeResult shows what came of one 0500.
func writeResult(w io.Writer, r *reconcile.Result) error {
	fmt.Fprintf(w, "%s  acquirer %s  %s  ", r.Host, r.Acquirer, r.Currency)
	switch r.Status {
	case reconcile.InBalance:
		_, err := fmt.Fprintf(w, "in balance  net %s\n", money.Format(r.Ours.Net(), r.Currency))
		return err
	case reconcile.OutOfBalance:
		fmt.Fprint(w, "out of balance")
	case reconcile.Refused:
		fmt.Fprintf(w, "the host does not reconcile it: it answers %s", r.Code)
	case reconcile.Unanswered:
		fmt.Fprint(w, "not answered so far")
	}
	if r.Open > 0 {
		fmt.Fprintf(w, "  without %d messages that wait for the host's answer", r.Open)
	}
	fmt.Fprintln(w)
	if r.Status != reconcile.OutOfBalance {
		return nil
	}
	return writeTotals(w, r)
}

// writeTotals shows both totals, and what ours are more than theirs.
func writeTotals(w io.Writer, r *reconcile.Result) error {
	if r.Theirs == nil {
		_, err := fmt.Fprintf(w, "  the host tells no totals; ours come to %s net\n", money.Format(r.Ours.Net(), r.Currency))
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\t\tours\t\ttheirs\t\tdifference\t")
	for _, line := range []struct {
		name string
		of   func(*message.Totals) message.Sum
	}{
		{"debits", func(t *message.Totals) message.Sum { return t.Debits }},
		{"of them reversed", func(t *message.Totals) message.Sum { return t.DebitReversals }},
		{"credits", func(t *message.Totals) message.Sum { return t.Credits }},
		{"of them reversed", func(t *message.Totals) message.Sum { return t.CreditReversals }},
	} {
		ours, theirs := line.of(&r.Ours), line.of(r.Theirs)
		fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%s\t%d\t%s\t\n", line.name, ours.Number, money.Format(ours.AmountMinor, r.Currency),
			theirs.Number, money.Format(theirs.AmountMinor, r.Currency), ours.Number-theirs.Number,
			money.Format(ours.AmountMinor-theirs.AmountMinor, r.Currency))
	}
	ours, theirs := r.Ours.Net(), r.Theirs.Net()
	fmt.Fprintf(t, "net\t\t%s\t\t%s\t\t%s\t\n", money.Format(ours, r.Currency), money.Format(theirs, r.Currency),
		money.Format(ours-theirs, r.Currency))
	return t.Flush()
}

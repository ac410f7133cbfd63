package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/money"
	"switchyard/internal/operatorflags"
	"switchyard/switch/casebook"
	"switchyard/switch/matching"
	"switchyard/switch/operator/client"
)

// newReconcileNoteCmd is `switchctl reconcile note`.
func newReconcileNoteCmd() *cobra.Command {
	var asked operatorflags.Flags
	var by string
	cmd := &cobra.Command{
		Use:   "note EXCEPTION TEXT",
		Short: "Say something of an exception",
		Long: `Keep a note of an exception, by the name with which reconcile shows it. It is shown with the exception from then
on, and changes nothing else.

Exit codes: 0 kept; 1 refused; 2 no answer.`,
		Example: `  switchctl reconcile note presented/P10000000001-1 "asked the bank"`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := asked.Client()
			if err != nil {
				return err
			}
			cmd.SilenceUsage = true
			e, err := api.Note(cmd.Context(), args[0], args[1], by)
			if err != nil {
				return undecided(cmd, err, "", false)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "noted (%d): %s\n", e.Number, e.Note.Exception)
			return err
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().StringVar(&by, "by", "", "a label that is kept with it, such as a name")
	return cmd
}

// newReconcileUnmatchCmd is `switchctl reconcile unmatch`.
func newReconcileUnmatchCmd() *cobra.Command {
	var asked operatorflags.Flags
	var undo casebook.Undo
	cmd := &cobra.Command{
		Use:   "unmatch NUMBER --reason TEXT",
		Short: "Take a match by hand back",
		Long: `Take a match by hand back, by its number: its exceptions are told again. The match, and who took it back, stay in
the journal.

Exit codes: 0 done, or proposed where two people are wanted; 1 there is no such match; 2 no answer.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := fmt.Sscan(args[0], &undo.Match); err != nil {
				return fmt.Errorf("NUMBER: %q: expected that of a match by hand", args[0])
			}
			api, err := asked.Client()
			if err != nil {
				return err
			}
			cmd.SilenceUsage = true
			if _, err := api.UndoMatch(cmd.Context(), undo.Match, undo.Reason, undo.By); err != nil {
				return undecided(cmd, err, "", false)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "match %d by hand is taken back\n", undo.Match)
			return err
		},
	}
	asked.Add(cmd.Flags(), defaultOperator)
	cmd.Flags().StringVar(&undo.Reason, "reason", "", "why")
	cmd.Flags().StringVar(&undo.By, "by", "", "a label that is kept with it, such as a name")
	_ = cmd.MarkFlagRequired("reason") // it is there
	return cmd
}

// manualRun is `switchctl reconcile match`.
type manualRun struct {
	asked                        operatorflags.Flags
	records                      recordsRun
	date, reason, by, difference string
}

func newReconcileMatchCmd() *cobra.Command {
	var r manualRun
	cmd := &cobra.Command{
		Use:   "match EXCEPTION... --date DATE --reason TEXT",
		Short: "Match exceptions of a date by hand",
		Long: `Match exceptions of a business date by hand: what is ours in them belongs to what is theirs. They are named as
reconcile shows them, or by an item of them, and are of one relation and currency. From then on reconcile tells them as
manually matched, by whom, when and why, until one of them is otherwise than it is now. Nothing is booked.

The date is matched first, with the same flags as by reconcile. Where ours and theirs do not come to the same it is
refused, unless --difference says by how much.

Exit codes: 0 done, or proposed where two people are wanted; 1 refused; 2 no answer.`,
		Example: `  switchctl reconcile match --date 2026-11-26 --reason "keyed twice" P10000000001-1 presented/P10000000002-1
  switchctl reconcile match --date 2026-11-26 --advice bank.csv --reason "bank's fee" --difference 0.01 \
    paid/0012611270000040000100005/00000005`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			return r.run(cmd, args)
		},
	}
	f := cmd.Flags()
	r.asked.Add(f, defaultOperator)
	r.records.sourceFlags(f)
	f.StringVar(&r.date, "date", "", "business date, YYYY-MM-DD")
	f.StringVar(&r.reason, "reason", "", "why they belong together")
	f.StringVar(&r.by, "by", "", "a label that is kept with it, such as a name")
	f.StringVar(&r.difference, "difference", "",
		"what ours come to less theirs, such as 0.01 (default: they come to the same)")
	for _, name := range []string{"date", "reason"} {
		_ = cmd.MarkFlagRequired(name) // it is there
	}
	return cmd
}

// mostExceptions is how many exceptions of a date are looked through for those that are named.
const mostExceptions = 1 << 20

func (r *manualRun) run(cmd *cobra.Command, names []string) error {
	api, err := r.asked.Client()
	if err != nil {
		return err
	}
	report, err := r.records.match(cmd.Context(), runningRecords(api), r.date, mostExceptions)
	if why, refused := refusedDate(err); refused {
		fmt.Fprintf(cmd.ErrOrStderr(), "refused: %s\n", why)
		return errNo
	}
	if err != nil {
		return err
	}
	m := matching.Manual{Reason: r.reason, By: r.by}
	if why := together(report, names, &m); why != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "refused: %s\n", why)
		return errNo
	}
	if r.difference != "" {
		if m.DifferenceMinor, err = matching.ParseAmount(r.difference, m.Currency); err != nil {
			return fmt.Errorf("--difference: %w", err)
		}
	}
	return r.send(cmd.Context(), cmd, api, &m)
}

func (r *manualRun) send(ctx context.Context, cmd *cobra.Command, api *client.Client, m *matching.Manual) error {
	if is := matching.Net(m.Ours) - matching.Net(m.Theirs); is != m.DifferenceMinor {
		fmt.Fprintf(cmd.ErrOrStderr(), "refused: ours come to %s, theirs to %s: --difference %s says so\n",
			money.Format(matching.Net(m.Ours), m.Currency), money.Format(matching.Net(m.Theirs), m.Currency),
			strings.Fields(money.Format(is, m.Currency))[0])
		return errNo
	}
	e, err := api.MatchManually(ctx, m)
	if err != nil {
		return undecided(cmd, err, "", false)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "matched by hand (%d): ours %d, %s, theirs %d, %s\n", e.Number, len(m.Ours),
		money.Format(matching.Net(m.Ours), m.Currency), len(m.Theirs), money.Format(matching.Net(m.Theirs), m.Currency))
	return err
}

// together puts the exceptions that are named into a match, or says why they cannot be.
func together(report *matching.Report, names []string, m *matching.Manual) (why string) {
	taken := map[string]bool{}
	for _, name := range names {
		var of []*matching.Match
		for i := range report.Exceptions {
			if named(&report.Exceptions[i], name) {
				of = append(of, &report.Exceptions[i])
			}
		}
		switch {
		case len(of) == 0:
			return name + ": no exception of the date has it"
		case len(of) > 1:
			return fmt.Sprintf("%s: it is in several exceptions, %s and %s: name one of these", name, of[0].ID, of[1].ID)
		}
		x := of[0]
		if taken[x.ID] {
			continue
		}
		if len(taken) > 0 && (x.Relation != m.Relation || x.Currency != m.Currency) {
			return fmt.Sprintf("%s: it is of %s in %s, what stands before it of %s in %s", name, x.Relation, x.Currency,
				m.Relation, m.Currency)
		}
		if matching.Net(x.Ours.Items) != x.Ours.NetMinor || matching.Net(x.Theirs.Items) != x.Theirs.NetMinor {
			return name + ": it is of more items than are told"
		}
		taken[x.ID] = true
		m.Relation, m.Currency = x.Relation, x.Currency
		m.Ours, m.Theirs = append(m.Ours, x.Ours.Items...), append(m.Theirs, x.Theirs.Items...)
	}
	return ""
}

// named tells whether an exception has a name, or an item that has it.
func named(x *matching.Match, name string) bool {
	has := func(i matching.Item) bool { return i.Ref == name }
	return x.ID == name || slices.ContainsFunc(x.Ours.Items, has) || slices.ContainsFunc(x.Theirs.Items, has)
}

// casebookOf reads what people have said of exceptions; one of before there was a casebook has none.
func casebookOf(ctx context.Context, api *client.Client) (notes []matching.Note, manual []matching.Manual, err error) {
	notes, manual, err = casebook.Standing(func(yield func(casebook.Entry) bool) error {
		return api.EachEntry(ctx, func(e *casebook.Entry) error {
			yield(*e)
			return nil
		})
	})
	if client.NotFound(err) {
		return nil, nil, nil
	}
	return notes, manual, errors.Join(err, ctx.Err())
}

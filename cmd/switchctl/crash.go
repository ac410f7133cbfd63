package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/crash"
)

func newCrashCmd() *cobra.Command {
	o := crash.Defaults()
	cmd := &cobra.Command{
		Use:   "crash",
		Short: "Kill the daemons under load again and again, and check that nothing is lost",
		Long: `Crash plays a small business day in each round, as demo does, and kills switchd, issuer-sim or both with SIGKILL one
to three times while it is played, in some rounds in the middle of a cutover. Each is started again on its data. The
driver connects anew and sends every request again, with its key, whose answer it did not get. At the end of the round
the queue is drained, the day closed and its files verified, the three books are audited together with all that the
driver was told, whichever process told it (told.jsonl in the round's folder), and the driver asks for everything that
was ever acknowledged to it, by key.

Each round prints its seed and what was killed when; --rounds 1 with that seed plans the same round, though the moment of
a kill is as exact as the machine's clock and load let it be. After a fault the round's folder is kept.

Exit codes: 0 nothing was lost; 1 something was; 2 wrong usage.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runCrash(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Rounds, "rounds", o.Rounds, "number of rounds")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "of the first round; each has the next one (default: another one each time)")
	flags.IntVar(&o.Payments, "payments", o.Payments, "payments a round")
	flags.StringVar(&o.Out, "out", o.Out, "`folder`, made anew")
	return cmd
}

// runCrash plays the rounds and prints what comes of them.
func runCrash(ctx context.Context, o crash.Options, stdout io.Writer) error {
	s, err := crash.New(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "crash: %d rounds from seed %d on\n", s.Rounds, s.Seed)
	for range s.Rounds {
		r, err := s.Next(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "round %d, seed %d: %s; %s\n", s.Played, r.Seed, strings.Join(r.Struck, ", "), figures(&r.Totals))
		if len(r.Problems) == 0 {
			continue
		}
		for _, problem := range r.Problems {
			fmt.Fprintf(stdout, "wrong: %s\n", problem)
		}
		fmt.Fprintf(stdout, "kept in %s; again: switchctl crash --rounds 1 --seed %d --payments %d\n",
			r.Dir, r.Seed, s.Payments)
	}
	fmt.Fprintf(stdout, "\n%d rounds: %s\n%s\n", s.Rounds, strikes(&s.Total), figures(&s.Total))
	if s.Failed > 0 {
		fmt.Fprintf(stdout, "crash: FAILED in %d of %d rounds\n", s.Failed, s.Rounds)
		return errNo
	}
	fmt.Fprintln(stdout, "crash: OK")
	return nil
}

// figures says the figures in a line.
func figures(t *crash.Totals) string {
	return fmt.Sprintf("%d payments, %d operations acknowledged and looked up again, requests sent again %d times, "+
		"%d operations that the issuer did not answer resolved, %d clearing files whole; %.1f s",
		t.Payments, t.Acknowledged, t.Resent, t.Unanswered, t.Files, t.Took.Seconds())
}

// strikes says how often what was killed.
func strikes(t *crash.Totals) string {
	var kills []string
	for v := range crash.Victims {
		if n := t.Kills[v]; n > 0 {
			kills = append(kills, fmt.Sprintf("%s %d times", v, n))
		}
	}
	return fmt.Sprintf("killed %s; in a cutover %d times", strings.Join(kills, ", "), t.InCutover)
}

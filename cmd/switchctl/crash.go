package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// crashFlags are what crash is told.
type crashFlags struct {
	rounds   int
	seed     uint64
	payments int
	out      string
}

func newCrashCmd() *cobra.Command {
	var f crashFlags
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
			return runCrash(cmd.Context(), f, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.rounds, "rounds", 50, "number of rounds")
	flags.Uint64Var(&f.seed, "seed", 0, "of the first round; each has the next one (default: another one each time)")
	flags.IntVar(&f.payments, "payments", 1500, "payments a round")
	flags.StringVar(&f.out, "out", "crash-out", "folder, made anew")
	return cmd
}

// runCrash plays the rounds. It goes on after one that failed: how often it happens tells something.
func runCrash(ctx context.Context, f crashFlags, stdout io.Writer) error {
	if f.rounds < 1 || f.payments < minCrashPayments {
		return fmt.Errorf("rounds: expected 1 or more; payments: %d or more", minCrashPayments)
	}
	if f.seed == 0 {
		f.seed = uint64(rand.Uint32())
	}
	if err := freshFolder(f.out); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "crash: %d rounds from seed %d on\n", f.rounds, f.seed)
	var total crashTotals
	failed := 0
	for n := range f.rounds {
		r := newCrashRound(f.seed+uint64(n), f.payments, filepath.Join(f.out, fmt.Sprintf("round-%d", f.seed+uint64(n))))
		r.run(ctx)
		if ctx.Err() != nil {
			return errors.New("called off")
		}
		total.add(&r.crashTotals)
		fmt.Fprintf(stdout, "round %d, seed %d: %s\n", n+1, r.seed, r)
		if len(r.problems) == 0 {
			if err := os.RemoveAll(r.dir); err != nil {
				return err
			}
			continue
		}
		failed++
		for _, problem := range r.problems {
			fmt.Fprintf(stdout, "wrong: %s\n", problem)
		}
		fmt.Fprintf(stdout, "kept in %s; again: switchctl crash --rounds 1 --seed %d --payments %d\n", r.dir, r.seed, f.payments)
	}
	fmt.Fprintf(stdout, "\n%d rounds: %s\n%s\n", f.rounds, total.strikes(), &total)
	if failed > 0 {
		fmt.Fprintf(stdout, "crash: FAILED in %d of %d rounds\n", failed, f.rounds)
		return errNo
	}
	fmt.Fprintln(stdout, "crash: OK")
	return nil
}

// crashTotals are the figures of a round, or of all.
type crashTotals struct {
	kills        map[victim]int
	inCutover    int // of them, while a cutover was under way
	payments     int
	acknowledged int    // operations answered, all rechecked
	resent       uint64 // requests whose connection broke before the answer came
	unanswered   uint64 // operations without an answer from the issuer
	files        int    // clearing files verified
	took         time.Duration
}

func (t *crashTotals) add(o *crashTotals) {
	for v, n := range o.kills {
		t.killed(v, n)
	}
	t.inCutover += o.inCutover
	t.payments += o.payments
	t.acknowledged += o.acknowledged
	t.resent += o.resent
	t.unanswered += o.unanswered
	t.files += o.files
	t.took += o.took
}

func (t *crashTotals) killed(v victim, n int) {
	if t.kills == nil {
		t.kills = make(map[victim]int)
	}
	t.kills[v] += n
}

// String says the figures in a line.
func (t *crashTotals) String() string {
	return fmt.Sprintf("%d payments, %d operations acknowledged and looked up again, requests sent again %d times, %d operations that the issuer did not answer resolved, %d clearing files whole; %.1f s",
		t.payments, t.acknowledged, t.resent, t.unanswered, t.files, t.took.Seconds())
}

// strikes says how often what was killed.
func (t *crashTotals) strikes() string {
	var kills []string
	for v := range victims {
		if n := t.kills[v]; n > 0 {
			kills = append(kills, fmt.Sprintf("%s %d times", v, n))
		}
	}
	return fmt.Sprintf("killed %s; in a cutover %d times", strings.Join(kills, ", "), t.inCutover)
}

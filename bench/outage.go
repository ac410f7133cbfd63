package main

import (
	"context"
	"fmt"
	"os"

	"switchyard/internal/loadgen/drain"
	"switchyard/internal/loadgen/recovery"
)

// drainAdvices is a queue as full as the switch lets it become by default.
const drainAdvices = 1_000_000

func (b *bench) drain(ctx context.Context) (err error) {
	o := drain.Defaults()
	o.Advices, o.Bin, o.Dir, o.Say = drainAdvices, b.bin, b.loadDir(), say
	b.Drain, err = drain.Run(ctx, o)
	return err
}

func drainLine(s *drain.Summary) string {
	return fmt.Sprintf("%d advices, %.0f a second; %.0f authorizations a second beside them: "+
		"p50 %.1f ms, p99 %.1f ms, before %.1f and %.1f",
		s.Advices, s.AdvicesPerS, s.Rate, s.DuringP50MS, s.DuringP99MS, s.BeforeP50MS, s.BeforeP99MS)
}

func (b *bench) recovery(ctx context.Context) (err error) {
	o := recovery.Defaults()
	o.Bin, o.Dir, o.Say = b.bin, b.loadDir(), say
	o.Fatal = func(msg string, err error) {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", msg, err)
		os.Exit(1)
	}
	b.Recovery, err = recovery.Run(ctx, o)
	return err
}

func recoveryLine(s *recovery.Summary) string {
	return fmt.Sprintf("%d payments, %d of them unfinished: ready after %v s, all reversed %v s later",
		s.Stored, s.Open, s.ReadyS, s.ReversedS)
}

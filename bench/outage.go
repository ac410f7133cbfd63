package main

import (
	"context"
	"fmt"
	"strconv"

	"switchyard/internal/loadgen/drain"
	"switchyard/internal/loadgen/recovery"
)

// drainAdvices is a queue as full as the switch lets it become by default.
const drainAdvices = 1_000_000

func (b *bench) drain(ctx context.Context) error {
	b.Drain = newLongSeries[drain.Summary](b, theSwitch, fmt.Sprintf("%d advices", drainAdvices),
		"load", "drain", "--advices", strconv.Itoa(drainAdvices))
	return inTurn(ctx, b, drainLine, b.Drain)
}

func drainLine(s *drain.Summary) string {
	return fmt.Sprintf("%d advices, %.0f a second; %.0f authorizations a second beside them: "+
		"p50 %.1f ms, p99 %.1f ms, before %.1f and %.1f",
		s.Advices, s.AdvicesPerS, s.Rate, s.DuringP50MS, s.DuringP99MS, s.BeforeP50MS, s.BeforeP99MS)
}

func (b *bench) recovery(ctx context.Context) error {
	b.Recovery = newLongSeries[recovery.Summary](b, theSwitch, "after a crash", "load", "recovery")
	return inTurn(ctx, b, recoveryLine, b.Recovery)
}

func recoveryLine(s *recovery.Summary) string {
	return fmt.Sprintf("%d payments, %d of them unfinished: ready after %v s, all reversed %v s later",
		s.Stored, s.Open, s.ReadyS, s.ReversedS)
}

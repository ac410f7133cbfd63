package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"switchyard/internal/loadgen/full"
	"switchyard/internal/loadgen/steady"
)

// Whose figures they are.
const (
	theSwitch  = "switch"
	theCeiling = "ceiling"
)

// What is driven.
var (
	sizes = []int{1, 128, 1024, 4096} // requests in flight
	rates = []int{2_000, 10_000}      // requests due a second
)

// sizeOfShare is the number in flight by which the share of the ceiling is stated in the first place.
const sizeOfShare = 1024

// How long a load is measured where nobody says: one whose end is part of it, longer.
const (
	loadSpan  = 4 * time.Second
	wholeSpan = 10 * time.Second
)

// span is how long a load is measured, as a flag takes it.
func (b *bench) span(byDefault time.Duration) string { return cmp.Or(b.duration, byDefault).String() }

func inFlight(n int) string   { return fmt.Sprintf("%d in flight", n) }
func dueASecond(n int) string { return fmt.Sprintf("%d due a second", n) }

// fullSummary is what switchctl load full prints.
type fullSummary = full.Summary

// series of one load against whom, of a number of options.
func (b *bench) load(of, at string, more ...string) *series[steady.Summary] {
	args := []string{"load", "--local", "--exit-zero", "--warmup", "1s", "--duration", b.span(loadSpan)}
	args = append(args, more...)
	if of == theCeiling {
		args = append(args, "--switch", "ceiling")
	}
	s := newSeries[steady.Summary](b, of, at, args...)
	b.Loads = append(b.Loads, s)
	return s
}

// find returns the series of a load, nil where it was not measured.
func (r *result) find(of, at string) *series[steady.Summary] {
	for _, s := range r.Loads {
		if s.Of == of && s.At == at {
			return s
		}
	}
	return nil
}

func loadLine(s *steady.Summary) string {
	line := fmt.Sprintf("%.0f a second, p50 %.2f ms, p99 %.2f ms; CPU %.1f + %.1f + %.1f µs",
		s.TPS, s.P50MS, s.P99MS, s.SwitchdCPUUS, s.IssuerCPUUS, s.LoadCPUUS)
	if s.Errors > 0 {
		line += fmt.Sprintf("; %d errors", s.Errors)
	}
	if why := s.NotValid(); why != "" {
		line += "; not valid: " + why
	}
	return line
}

func (b *bench) codec(ctx context.Context) error {
	c, printed, err := measureCodec(ctx, b.turns(shortTurns))
	if err != nil {
		return err
	}
	b.Codec, b.CodecRuns = c, printed
	return nil
}

// closed measures with each number in flight, the relay and the switch in turn.
func (b *bench) closed(ctx context.Context) error {
	for _, n := range sizes {
		flag := []string{"--closed", strconv.Itoa(n)}
		if err := b.beside(ctx, inFlight(n), flag...); err != nil {
			return err
		}
	}
	return nil
}

// open measures at each rate, in turn again.
func (b *bench) open(ctx context.Context) error {
	for _, n := range rates {
		if err := b.beside(ctx, dueASecond(n), "--rate", strconv.Itoa(n)); err != nil {
			return err
		}
	}
	return nil
}

// beside measures one load through the relay and the switch, in turn, and before each turn how long two syncs take.
func (b *bench) beside(ctx context.Context, at string, flags ...string) error {
	relay, own := b.load(theCeiling, at, flags...), b.load(theSwitch, at, flags...)
	for range own.turns {
		if at == inFlight(1) {
			ms, err := twoSyncs(b.dir)
			if err != nil {
				return err
			}
			b.TwoSyncsMS = append(b.TwoSyncsMS, ms)
		}
		for _, s := range []*series[steady.Summary]{relay, own} {
			if err := s.run(ctx, b, loadLine); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) full(ctx context.Context) error {
	closed := strconv.Itoa(sizeOfShare)
	b.Full = newSeries[fullSummary](
		b, theSwitch, inFlight(sizeOfShare), "load", "full", "--closed", closed, "--duration", b.span(wholeSpan),
	)
	return inTurn(ctx, b, func(s *fullSummary) string {
		line := fmt.Sprintf("%.0f payments a second", s.PaymentsTPS)
		if why := s.NotValid(); why != "" {
			line += "; not valid: " + why
		}
		return line
	}, b.Full)
}

func (b *bench) issuer(ctx context.Context) error {
	b.Issuer = newSeries[steady.Summary](b, "issuer-sim", inFlight(sizeOfShare), "load", "--local", "--exit-zero", "--iso",
		"--closed", strconv.Itoa(sizeOfShare), "--duration", b.span(wholeSpan))
	return inTurn(ctx, b, loadLine, b.Issuer)
}

// once runs a command of switchctl once.
func (b *bench) once(ctx context.Context, into any, args ...string) error {
	return b.switchctl(ctx, into, append(args, "--json", "--dir", filepath.Join(b.dir, "load"))...)
}

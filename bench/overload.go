package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"switchyard/internal/loadgen/steady"
)

// The issuer of the overload: it answers paceTPS messages a second and no more; overTPS are offered.
const (
	paceTPS = 5_000
	overTPS = 15_000
	// overloadSpan is longer than the other measurements: an issuer that gets exactly as much as it can answer has a
	// queue that wanders for long.
	overloadSpan   = 30 * time.Second
	overloadWarmup = 5 * time.Second
)

// overload is what comes of more requests than the issuer can answer, beside as many as it can, in turn.
type overload struct {
	PaceTPS      int                     `json:"pace_tps"`
	Full         *series[steady.Summary] `json:"full"` // as many requests as the issuer answers
	Over         *series[steady.Summary] `json:"over"`
	GoodputRatio float64                 `json:"goodput_ratio"` // approved a second, Over to Full
	P99Ratio     float64                 `json:"p99_ratio"`     // of all callers, those that were refused, too
}

func (b *bench) overload(ctx context.Context) error {
	rules := filepath.Join(b.dir, "paced.yaml")
	if err := os.WriteFile(rules, fmt.Appendf(nil, "pace: %d\n", paceTPS), 0o600); err != nil {
		return err
	}
	at := func(rate int) *series[steady.Summary] {
		return newLongSeries[steady.Summary](b, theSwitch, dueASecond(rate), "load", "--local", "--exit-zero",
			"--rate", strconv.Itoa(rate), "--warmup", overloadWarmup.String(), "--duration", overloadSpan.String(),
			"--issuer-rules", rules)
	}
	o := &overload{PaceTPS: paceTPS, Full: at(paceTPS), Over: at(overTPS)}
	if err := inTurn(ctx, b, loadLine, o.Full, o.Over); err != nil {
		return err
	}
	o.GoodputRatio, o.P99Ratio = ratioOf(o.Over, o.Full, tps), ratioOf(o.Over, o.Full, p99)
	b.Overload = o
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// drain is what switchctl load drain --json prints.
type drain struct {
	Advices      int     `json:"advices"`
	CaptureTPS   float64 `json:"capture_tps"`
	DrainS       float64 `json:"drain_s"`
	AdvicesPerS  float64 `json:"advices_per_second"`
	Rate         float64 `json:"rate"`
	BeforeP50MS  float64 `json:"before_p50_ms"`
	BeforeP99MS  float64 `json:"before_p99_ms"`
	DuringP50MS  float64 `json:"during_p50_ms"`
	DuringP99MS  float64 `json:"during_p99_ms"`
	DuringMaxMS  float64 `json:"during_max_ms"`
	DuringTPS    float64 `json:"during_tps"`
	DuringErrors uint64  `json:"during_errors"`
	SwitchdMiB   float64 `json:"switchd_mib"`
}

func (d *drain) String() string {
	return fmt.Sprintf("%d advices, %.0f a second; %.0f authorizations a second beside them: p50 %.1f ms, p99 %.1f ms, before %.1f and %.1f",
		d.Advices, d.AdvicesPerS, d.Rate, d.DuringP50MS, d.DuringP99MS, d.BeforeP50MS, d.BeforeP99MS)
}

// drainAdvices is a queue as full as the switch lets it become by default.
const drainAdvices = "1000000"

func (b *bench) drain(ctx context.Context) error {
	text, err := b.switchctl(ctx, "load", "drain", "--advices", drainAdvices)
	if err != nil {
		return err
	}
	b.Drain = new(drain)
	return json.Unmarshal(text, b.Drain)
}

// recovery is what switchctl load recovery --json prints.
type recovery struct {
	Stored     int       `json:"stored"`
	Open       int       `json:"open"`
	ReadyS     []float64 `json:"ready_s"`
	ReversedS  []float64 `json:"reversed_s"`
	SwitchdMiB float64   `json:"switchd_mib"`
}

func (r *recovery) String() string {
	return fmt.Sprintf("%d payments, %d of them unfinished: ready after %v s, all reversed %v s later", r.Stored, r.Open, r.ReadyS, r.ReversedS)
}

func (b *bench) recovery(ctx context.Context) error {
	text, err := b.switchctl(ctx, "load", "recovery")
	if err != nil {
		return err
	}
	b.Recovery = new(recovery)
	return json.Unmarshal(text, b.Recovery)
}

package main

import (
	"context"
	"fmt"
	"strconv"

	"switchyard/internal/loadgen/dayend"
)

// clearing measures the end of a day.
func (b *bench) clearing(ctx context.Context) error {
	b.Clearing = newLongSeries[dayend.Summary](b, theSwitch, fmt.Sprintf("%d captures", b.captures),
		"load", "clearing", "--captures", strconv.Itoa(b.captures))
	return inTurn(ctx, b, clearingLine, b.Clearing)
}

func clearingLine(s *dayend.Summary) string {
	return fmt.Sprintf("closed in %.1f s, a record %.1f µs; %.0f MiB", s.CloseS, s.WriteUS, s.SwitchdMiB)
}

// What the files of a day are to come to: a share of what bounds their writing, which is the disk or what the
// processor may take for a record, and times and memory.
const (
	clearingCPUUS     = 2
	clearingMiB       = 200
	clearingDiffMiB   = 1024
	clearingShare     = 60
	clearingP99Factor = 1.5
)

// clearingRows are the rows of the table for it, where it was measured.
func (r *result) clearingRows() []row {
	if r.Clearing == nil {
		return nil
	}
	d := &r.Clearing.Median
	bound := d.DiskMiBS
	if byCPU := float64(d.Bytes) / (1 << 20) / (float64(d.Captures) * clearingCPUUS / 1e6); byCPU < bound {
		bound = byCPU
	}
	return []row{
		{Figure: "a clearing record sealed and written, CPU", Unit: micros, Reached: d.WriteUS, ToReach: clearingCPUUS},
		{
			Figure: "writing, of the lower of disk and CPU bound", Unit: percent, Least: true,
			Reached: 100 * d.WriteMiBS / bound, ToReach: clearingShare,
		},
		{Figure: "memory of switchd meanwhile", Unit: mebis, Reached: d.SwitchdMiB, ToReach: clearingMiB},
		{Figure: "a record verified, CPU", Unit: micros, Reached: d.VerifyUS, ToReach: clearingCPUUS},
		{Figure: "memory of verify", Unit: mebis, Reached: d.VerifyMiB, ToReach: clearingMiB},
		{Figure: "memory of diff", Unit: mebis, Reached: d.DiffMiB, ToReach: clearingDiffMiB},
		{
			Figure: "p99 of 5,000 a second beside a cutover", Unit: times, Reached: d.P99Ratio, ToReach: clearingP99Factor,
		},
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"switchyard/internal/loadgen/steady"
)

// stored is a switch with many payments stored beside one with none, in turn.
type stored struct {
	Payments int                     `json:"payments"`
	Fill     string                  `json:"fill"` // the command that wrote them
	Empty    *series[steady.Summary] `json:"empty"`
	With     *series[steady.Summary] `json:"with"`
	// BytesAPayment is what the journal takes on disk for each, all of it compacted.
	BytesAPayment float64 `json:"bytes_a_payment"`
}

// withStored measures throughput on a journal that many payments stand in.
func (b *bench) withStored(ctx context.Context) error {
	dir := filepath.Join(b.dir, "fill")
	args := []string{"load", "fill", "--stored", strconv.Itoa(b.stored), "--keys", "random"}
	say("  writing a journal of %d payments", b.stored)
	fill := exec.CommandContext(ctx, filepath.Join(b.bin, "switchctl"), append(args, "--dir", dir)...)
	if out, err := fill.CombinedOutput(); err != nil {
		return fmt.Errorf("switchctl load fill: %w\n%s", err, bytes.TrimSpace(out))
	}
	data := filepath.Join(dir, "switchd")
	load := []string{
		"load", "--local", "--exit-zero", "--warmup", "1s",
		"--duration", b.span(loadSpan), "--closed", strconv.Itoa(sizeOfShare), "--keys", "random",
	}
	s := &stored{Payments: b.stored, Fill: "bin/switchctl " + strings.Join(args, " ")}
	s.Empty = newSeries[steady.Summary](b, theSwitch, "nothing stored", load...)
	s.With = newSeries[steady.Summary](
		b, theSwitch, fmt.Sprintf("%d stored", b.stored), append(load, "--data", data)...,
	)
	if err := inTurn(ctx, b, loadLine, s.Empty, s.With); err != nil {
		return err
	}
	size, err := compacted(ctx, filepath.Join(data, "journal"))
	if err != nil {
		return fmt.Errorf("compacting: %w", err)
	}
	s.BytesAPayment = float64(size) / float64(b.stored)
	b.Stored = s
	return nil
}

// compacted compacts all of a store, under the options that it was written with, and returns its size in bytes.
func compacted(ctx context.Context, dir string) (int64, error) {
	o, err := optionsOf(dir)
	if err != nil {
		return 0, err
	}
	db, err := pebble.Open(dir, o)
	if err != nil {
		return 0, err
	}
	err = errors.Join(db.Flush(), db.Compact(ctx, []byte{0}, []byte{0xff, 0xff, 0xff, 0xff}, true))
	size := int64(db.Metrics().Total().TablesSize)
	return size, errors.Join(err, db.Close())
}

// optionsOf reads the options that a store was last written with.
func optionsOf(dir string) (*pebble.Options, error) {
	names, err := fs.Glob(os.DirFS(dir), "OPTIONS-*")
	if err != nil || len(names) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no options in %s", dir))
	}
	text, err := os.ReadFile(filepath.Join(dir, names[len(names)-1]))
	if err != nil {
		return nil, err
	}
	o := &pebble.Options{Logger: quiet{}}
	return o, o.Parse(string(text), &pebble.ParseHooks{
		NewFilterPolicy: func(string) (pebble.FilterPolicy, error) { return bloom.FilterPolicy(10), nil },
		SkipUnknown:     func(string, string) bool { return true },
	})
}

// quiet keeps the store's progress out of the output.
type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(format string, a ...any) { say(format, a...) }
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

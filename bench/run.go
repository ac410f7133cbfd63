package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// switchctl runs a command of bin/switchctl that prints one JSON object, and reads it.
func (b *bench) switchctl(ctx context.Context, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "switchctl"), args...)
	var words bytes.Buffer
	cmd.Stderr = &words
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("switchctl %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(words.Bytes()))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("switchctl %s: one JSON object expected: %w", strings.Join(args, " "), err)
	}
	return nil
}

// series is one command with what each of its runs printed. S is a structure, of which numbers have a median.
type series[S any] struct {
	Of      string `json:"of"` // what it measures, and of whom
	At      string `json:"at"`
	Command string `json:"command"`
	Runs    []S    `json:"runs"`
	Median  S      `json:"median"` // of each number by itself

	Before *moment `json:"before,omitempty"` // the first run
	After  *moment `json:"after,omitempty"`  // the last one

	args  []string
	turns int // how often it is to be run
}

// How often what takes seconds is run where nobody says, and what takes minutes.
const (
	shortTurns = 5
	longTurns  = 1
)

// turns is how often something is run.
func (b *bench) turns(byDefault int) int { return cmp.Or(b.runs, byDefault) }

// newSeries is of a command of switchctl; its daemons' folder is made anew by each run.
func newSeries[S any](b *bench, of, at string, args ...string) *series[S] {
	args = append(args, "--json")
	return &series[S]{
		Of: of, At: at, Command: "bin/switchctl " + strings.Join(args, " "),
		args: append(args, "--dir", filepath.Join(b.dir, "load")), turns: b.turns(shortTurns),
	}
}

// newLongSeries is of a command that takes minutes.
func newLongSeries[S any](b *bench, of, at string, args ...string) *series[S] {
	s := newSeries[S](b, of, at, args...)
	s.turns = b.turns(longTurns)
	return s
}

// run runs it once more.
func (s *series[S]) run(ctx context.Context, b *bench, line func(*S) string) error {
	before := lookAround()
	var one S
	if err := b.switchctl(ctx, &one, s.args...); err != nil {
		return err
	}
	if s.Before == nil {
		s.Before = before
	}
	s.After = lookAround()
	s.Runs = append(s.Runs, one)
	s.Median = medians(s.Runs)
	say("  %d of %d, %s, %s: %s", len(s.Runs), s.turns, s.Of, s.At, line(&one))
	return nil
}

// inTurn runs each of them, one after the other, as often as the first is to be run: so what the machine does in a
// minute comes to all of them.
func inTurn[S any](ctx context.Context, b *bench, line func(*S) string, all ...*series[S]) error {
	for range all[0].turns {
		for _, s := range all {
			if err := s.run(ctx, b, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// medians is a structure of which each number is the median of those of all; what is true is so of each of them, and
// the rest is of the last.
func medians[S any](all []S) S {
	median := all[len(all)-1]
	fields := reflect.ValueOf(&median).Elem()
	for i := range fields.NumField() {
		f := fields.Field(i)
		if f.Kind() == reflect.Bool {
			f.SetBool(!slices.ContainsFunc(all, func(s S) bool { return !reflect.ValueOf(&s).Elem().Field(i).Bool() }))
			continue
		}
		values := make([]float64, len(all))
		for n := range all {
			switch v := reflect.ValueOf(&all[n]).Elem().Field(i); {
			case v.CanFloat():
				values[n] = v.Float()
			case v.CanInt():
				values[n] = float64(v.Int())
			case v.CanUint():
				values[n] = float64(v.Uint())
			}
		}
		switch m := medianOf(values); {
		case f.CanFloat():
			f.SetFloat(m)
		case f.CanInt():
			f.SetInt(int64(m))
		case f.CanUint():
			f.SetUint(uint64(m))
		}
	}
	return median
}

// medianOf is the middle one, or the mean of the two in the middle.
func medianOf(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

package ipmtool_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"switchyard/internal/infile"
	"switchyard/internal/ipmtool"
)

// ending is a context that ends once it was asked so often.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}

// Whatever a tool is at when it is ended, nothing half done is left of what it makes, and what was there stays.
func TestEndedTools(t *testing.T) {
	dir := t.TempDir()
	name, _ := replayFile(t, dir, false)
	rows := write(t, filepath.Join(dir, "rows.csv"), []byte("card,amount,currency\n4111111111111111,12.34,EUR\n"))
	for tool, run := range map[string]func(ctx context.Context, out string) error{
		"convert": func(ctx context.Context, out string) error {
			_, err := ipmtool.Convert(ctx, name, out, ipmtool.ConvertOptions{To: ipmtool.FormatCSV, Force: true})
			return err
		},
		"anonymize": func(ctx context.Context, out string) error {
			_, err := ipmtool.Anonymize(ctx, name, out, ipmtool.AnonymizeOptions{Force: true})
			return err
		},
		"new": func(ctx context.Context, out string) error {
			o := newOptions()
			o.Force = true
			_, err := ipmtool.New(ctx, rows, out, o)
			return err
		},
	} {
		was := []byte("what was there")
		ended := 0
		for n := 0; ; n++ {
			out := write(t, filepath.Join(t.TempDir(), "out"), was)
			err := run(&ending{context.Background(), n}, out)
			left, failed := os.ReadDir(filepath.Dir(out))
			if failed != nil || len(left) != 1 {
				t.Fatalf("%s, ended at %d: %v is left, %v", tool, n, left, failed)
			}
			if err == nil {
				if bytes.Equal(readFile(t, out), was) {
					t.Errorf("%s wrote nothing", tool)
				}
				break
			}
			ended++
			if !errors.Is(err, context.Canceled) || !bytes.Equal(readFile(t, out), was) {
				t.Fatalf("%s, ended at %d: %v", tool, n, err)
			}
		}
		if ended < 2 {
			t.Errorf("%s could be ended at %d places", tool, ended)
		}
	}
	a, err := infile.OpenUntil(&ending{context.Background(), 1}, name)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := ipmtool.Diff(a, a, ipmtool.DiffOptions{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a comparison: %v", err)
	}
}

// Files are not held against each other for somebody who has ended it.
func TestEndedMatch(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	end()
	m := ipmtool.NewMatch(func(*ipmtool.Mismatch) error { return nil })
	if err := m.Twice(ctx, false); !errors.Is(err, context.Canceled) {
		t.Errorf("what stands twice: %v", err)
	}
	if err := m.Unknown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("what is unknown: %v", err)
	}
}

package incoming_test

import (
	"bytes"
	"strings"
	"testing"

	"switchyard/switch/incoming"
)

// The name of a file is its sender's: no card number stands in it, nothing moves a terminal, and it is of some length.
func TestNamesAreClean(t *testing.T) {
	for name, want := range map[string]string{
		"day.ipm":                               "day.ipm",
		"0012611270000040000100001.ipm":         "0012611270000040000100001.ipm",
		"4000001234567899.ipm":                  "400000******7899.ipm",
		"for-4000001234567899-a":                "for-400000******7899-a",
		"a\x1b[2Jb\nc\xff":                      "a.[2Jb.c?",
		strings.Repeat("x", 254) + "ü":          strings.Repeat("x", 254),
		strings.Repeat("4000001234567899-", 99): strings.Repeat("400000******7899-", 15),
	} {
		b := newBench(t)
		r, err := b.desk.Receive(bytes.NewReader(answer(t)), name)
		must(t, err)
		if r.Name != want {
			t.Errorf("%q is kept as %q, want %q", name, r.Name, want)
		}
		must(t, b.desk.Files(ctx, func(f incoming.File) bool {
			if f.Name != want {
				t.Errorf("%q is listed as %q, want %q", name, f.Name, want)
			}
			return true
		}))
	}
}

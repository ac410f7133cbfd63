package paint_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"switchyard/internal/paint"
)

var rules = paint.Rules{
	paint.Find(`^status  (ok)$`, paint.Green),
	paint.Find(`^status  (\w+)(?:, (since .*))?$`, paint.Red, paint.Yellow),
	paint.Find(`: (.*) \| (.*)$`, paint.Red, paint.Green),
}

// Groups are coloured and all else stays as it is, whatever the writes are cut into; the last line needs no end.
func TestThrough(t *testing.T) {
	const text = "status  ok\nstatus  down\nstatus  up, since noon\n\nname: a | b\nnothing\nstatus  ok"
	const want = "status  \x1b[32mok\x1b[39m\nstatus  \x1b[31mdown\x1b[39m\n" +
		"status  \x1b[31mup\x1b[39m, \x1b[33msince noon\x1b[39m\n\nname: \x1b[31ma\x1b[39m | \x1b[32mb\x1b[39m\nnothing\n" +
		"status  \x1b[32mok\x1b[39m"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		err := rules.Through(&out, func(w io.Writer) error {
			for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
				if n, err := io.WriteString(w, rest[:min(size, len(rest))]); err != nil || n != min(size, len(rest)) {
					return fmt.Errorf("%d, %w", n, err)
				}
			}
			return nil
		})
		if err != nil || out.String() != want {
			t.Fatalf("writes of %d bytes: %q, %v; want %q", size, &out, err, want)
		}
	}
}

// Without rules there is nothing in between, and an error of the printing comes back.
func TestThroughWithoutRules(t *testing.T) {
	var out bytes.Buffer
	wrong := errors.New("wrong")
	for _, rs := range []paint.Rules{nil, rules} {
		err := rs.Through(&out, func(w io.Writer) error {
			if same := w == io.Writer(&out); same != (rs == nil) {
				t.Errorf("%d rules: the writer is handed on: %t", len(rs), same)
			}
			return wrong
		})
		if !errors.Is(err, wrong) {
			t.Errorf("%v", err)
		}
	}
}

func TestWhen(t *testing.T) {
	for _, c := range []struct {
		when          paint.When
		terminal      bool
		noColor, term string
		want          bool
	}{
		{when: paint.Auto, terminal: true, term: "xterm", want: true},
		{when: paint.Auto, terminal: false, term: "xterm", want: false},
		{when: paint.Auto, terminal: true, term: "dumb", want: false},
		{when: paint.Auto, terminal: true, term: "xterm", noColor: "1", want: false},
		{when: paint.Always, terminal: false, term: "dumb", noColor: "1", want: true}, // who asks for it gets it
		{when: paint.Never, terminal: true, term: "xterm", want: false},
	} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		if got := c.when.On(c.terminal); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
	w := paint.Auto
	if err := w.Set("sometimes"); err == nil || err.Error() != "expected auto, always or never" || w != paint.Auto {
		t.Errorf("%v, %q", err, w)
	}
	if err := w.Set("never"); err != nil || w != paint.Never {
		t.Errorf("%v, %q", err, w)
	}
}

package main

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	for only, want := range map[string][]string{
		"":                {"codec", "switch", "open", "stored", "full"},
		"overload":        {"overload"},
		"recovery,switch": {"switch", "recovery"},
	} {
		chosen, err := new(bench).choose(only)
		if err != nil {
			t.Errorf("-only %q: %v", only, err)
		}
		var got []string
		for _, m := range chosen {
			got = append(got, m.name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("-only %q: %v, want %v", only, got, want)
		}
	}
	if _, err := new(bench).choose("codec,speed"); err == nil {
		t.Error("a name that there is not is taken")
	}
}

// make bench passes on each flag that says what is measured and how: the variable has the flag's name, and the line
// that make lists the target by has the variable.
func TestMakePassesTheFlagsOn(t *testing.T) {
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	target := regexp.MustCompile(`(?m)^bench:.*\n(?:\t.*\n)+`).FindString(string(text))
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	new(bench).flags(flags)
	passed := 0
	flags.VisitAll(func(f *flag.Flag) {
		if slices.Contains([]string{"commit", "out", "bin", "soak"}, f.Name) {
			return
		}
		passed++
		name := strings.ToUpper(f.Name)
		for _, want := range []string{"$(if $(" + name + "),-" + f.Name + " ", name + "="} {
			if !strings.Contains(target, want) {
				t.Errorf("no %q in\n%s", want, target)
			}
		}
	})
	if passed < 5 {
		t.Errorf("%d flags, expected more to look at", passed)
	}
}

// A load is measured for as long as it is asked for, and else for as long as is its own.
func TestDuration(t *testing.T) {
	for asked, want := range map[time.Duration]string{0: "--duration 4s", 30 * time.Second: "--duration 30s"} {
		b := &bench{duration: asked}
		if s := b.load(theSwitch, inFlight(1), "--closed", "1"); !strings.Contains(s.Command, want) {
			t.Errorf("asked for %s: %s, want %s", asked, s.Command, want)
		}
	}
	if got := new(bench).span(wholeSpan); got != "10s" {
		t.Errorf("by default %s, want 10s", got)
	}
}

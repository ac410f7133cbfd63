package main

import (
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	for only, want := range map[string][]string{
		"":                {"codec", "switch", "open", "stored", "full"},
		"overload":        {"overload"},
		"recovery,switch": {"switch", "recovery"},
	} {
		chosen, err := choose(only)
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
	if _, err := choose("codec,speed"); err == nil {
		t.Error("a name that there is not is taken")
	}
}

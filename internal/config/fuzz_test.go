package config_test

import (
	"strings"
	"testing"

	"switchyard/internal/config"
)

// Whatever a file holds, reading it ends, and an error names the file.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"", "name: a\nwait: 250ms\nclose: \"23:30\"\nlist: [{n: 1}]\n", "name: &a x\nlist: [*a]\n",
		"wait: [1]\nclose: {a: b}\n", "name: a\n---\nname: b\n", "list: [{<<: {n: 1}}]\n", "\x00", "name: !!binary aGk=\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s sample
		if err := config.Decode("f.yaml", text, &s); err != nil && !strings.HasPrefix(err.Error(), "f.yaml: ") {
			t.Fatalf("an error that does not name the file: %v", err)
		}
		if s.Wait < 0 || s.Close < 0 {
			t.Fatalf("%+v", s)
		}
	})
}

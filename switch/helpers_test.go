package txswitch_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// parseLines reads JSON lines into a map by key.
func parseLines[T any](t *testing.T, text string, key func(T) string) map[string]T {
	t.Helper()
	all := map[string]T{}
	for line := range strings.Lines(text) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all[key(v)] = v
	}
	return all
}

package txswitch_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// waitedOut is the issuer's deadline in tests of silence in which other messages are to be answered within it:
// enough for an answer on a machine that is very busy, little enough to wait for its end a few times.
const waitedOut = 2 * time.Second

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

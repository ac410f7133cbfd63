package docs_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What security.md says that code does is held by tests: each one that it names behind its folder is there, and so is
// each `package.Name` in its map of PCI DSS.
func TestSecurityNamesWhatThereIs(t *testing.T) {
	text := read(t, "security.md")
	checked := 0
	for _, m := range regexp.MustCompile(
		"`([a-z][a-z0-9/-]+)` ((?:Test|Fuzz)\\w+(?:, (?:Test|Fuzz)\\w+)*)").FindAllStringSubmatch(text, -1) {
		tests := testsOf(t, filepath.Join(root, m[1]))
		for name := range strings.SplitSeq(m[2], ", ") {
			if checked++; !strings.Contains(tests, "\nfunc "+name+"(") {
				t.Errorf("%s has no %s", m[1], name)
			}
		}
	}
	if least := 70; checked < least {
		t.Errorf("only %d tests were found in security.md", checked)
	}
	code := readSources(t).code
	_, rows, _ := strings.Cut(text, "\n## PCI DSS\n")
	for _, m := range regexp.MustCompile("`([a-z]+)\\.((?:[A-Za-z]+\\.)?([A-Za-z]+))`").FindAllStringSubmatch(rows, -1) {
		if code[m[1]] == "" {
			continue // a configuration key
		}
		if !regexp.MustCompile(`\b` + m[3] + `\b`).MatchString(code[m[1]]) {
			t.Errorf("security.md names %s.%s, which is not there", m[1], m[2])
		}
	}
}

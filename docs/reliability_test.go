package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReliabilityNamesTests holds the tests that reliability.md names behind their package against that package: who
// reads what holds a fault can run it.
func TestReliabilityNamesTests(t *testing.T) {
	named := regexp.MustCompile("`([a-z0-9/-]+)` (Test\\w+(?:, Test\\w+)*)")
	checked := 0
	for _, m := range named.FindAllStringSubmatch(read(t, "reliability.md"), -1) {
		tests := testsOf(t, filepath.Join(root, m[1]))
		for name := range strings.SplitSeq(m[2], ", ") {
			if checked++; !strings.Contains(tests, "\nfunc "+name+"(") {
				t.Errorf("%s has no %s", m[1], name)
			}
		}
	}
	if least := 60; checked < least {
		t.Errorf("only %d tests were found in reliability.md", checked)
	}
}

// testsOf is the text of a folder's test files.
func testsOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "_test.go") {
			text.WriteString(read(t, filepath.Join(dir, e.Name())))
		}
	}
	return text.String()
}

package docs

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// mostColumns is how long a line is at most: two files fit beside each other on a screen. A tab counts as one.
const mostColumns = 120

// TestLineLength holds the code and the pages to mostColumns. A row of a table, what stands in a fence, and a raw text
// of several lines, which is printed as it stands, cannot be broken.
func TestLineLength(t *testing.T) {
	looked := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := entry.Name(); {
		case entry.IsDir() && path != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go"), strings.HasSuffix(name, ".md"):
			looked++
			return longLines(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if looked < 100 {
		t.Fatalf("looked at %d files only", looked)
	}
}

func longLines(t *testing.T, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	page, fenced, raw := strings.HasSuffix(path, ".md"), false, false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if page && strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		was := raw
		if !page && strings.Count(line, "`")%2 == 1 {
			raw = !raw
		}
		if was || raw {
			continue
		}
		if page && (fenced || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ")) {
			continue
		}
		if columns := utf8.RuneCountInString(line); columns > mostColumns {
			t.Errorf("%s:%d: %d columns, want at most %d", strings.TrimPrefix(path, "../"), n, columns, mostColumns)
		}
	}
	return lines.Err()
}

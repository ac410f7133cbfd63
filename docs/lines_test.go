package docs

import (
	"bufio"
	"go/scanner"
	"go/token"
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
	page, fenced := strings.HasSuffix(path, ".md"), false
	raw := map[int]bool{}
	if !page {
		if raw, err = rawLines(path); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if page && strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if raw[n] || page && (fenced || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ")) {
			continue
		}
		if columns := utf8.RuneCountInString(line); columns > mostColumns {
			t.Errorf("%s:%d: %d columns, want at most %d", strings.TrimPrefix(path, "../"), n, columns, mostColumns)
		}
	}
	return lines.Err()
}

// rawLines are the lines of a Go file on which a raw text of several lines stands.
func rawLines(path string) (map[int]bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	file := files.AddFile(path, files.Base(), len(text))
	var tokens scanner.Scanner
	tokens.Init(file, text, nil, 0)
	raw := map[int]bool{}
	for {
		at, kind, literal := tokens.Scan()
		if kind == token.EOF {
			return raw, nil
		}
		more := strings.Count(literal, "\n")
		if kind != token.STRING || more == 0 {
			continue
		}
		for n := range more + 1 {
			raw[file.Line(at)+n] = true
		}
	}
}

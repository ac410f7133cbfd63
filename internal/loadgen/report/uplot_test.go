package report_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is embedded of uPlot is what docs/design.md says it is.
func TestUPlotIsTheOneThatIsNamed(t *testing.T) {
	design, err := os.ReadFile("../../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uPlot.iife.min.js", "uPlot.min.css"} {
		text, err := os.ReadFile(filepath.Join("uplot", name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if want := "`" + name + "` " + hex.EncodeToString(sum[:]); !strings.Contains(string(design), want) {
			t.Errorf("docs/design.md does not say %s", want)
		}
	}
}

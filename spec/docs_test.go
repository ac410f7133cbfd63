package spec_test

import (
	"os"
	"strings"
	"testing"

	"switchyard/spec"
)

// TestDocumentedSpec loads and compiles the spec that docs/iso8583.md shows.
func TestDocumentedSpec(t *testing.T) {
	raw, err := os.ReadFile("../docs/iso8583.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(raw), "\n    {\n")
	if !ok {
		t.Fatal("docs/iso8583.md shows no spec")
	}
	body, _, ok := strings.Cut(rest, "\n    }\n")
	if !ok {
		t.Fatal("the spec in docs/iso8583.md has no end")
	}
	s, err := spec.LoadFile("iso8583.md", strings.NewReader("{"+body+"}"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	if frame := checkPack(t, c, values{0: "0800", 2: "4111111111111111111", 11: "000123", 41: "TERM1"}); frame == nil {
		t.Error("it packs nothing")
	} else {
		checkUnpack(t, c, frame)
	}
}

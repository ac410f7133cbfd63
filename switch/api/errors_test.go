package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"switchyard/switch/api"
)

// Every code that there is is in the list, by which metrics are made.
func TestCodesAreListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Code" {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if declared++; !slices.Contains(api.Codes(), api.Code(text)) {
			t.Errorf("%s is %q and stands not in Codes", spec.Names[0], text)
		}
		return true
	})
	if listed := len(api.Codes()); declared != listed {
		t.Errorf("%d codes are declared, %d listed", declared, listed)
	}
}

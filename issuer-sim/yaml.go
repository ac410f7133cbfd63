package issuersim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decodeYAML reads the one document of a file into a shape of ours, over what stands there already. An unknown key and a
// value of another type are errors that name the file, the line and what is wanted; they quote no value, which may be a card
// number.
func decodeYAML(name string, text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(into)
	var wrong *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &wrong):
		lines := make([]string, len(wrong.Errors))
		for n, e := range wrong.Errors {
			lines[n] = name + ": " + explainYAML(e)
		}
		return errors.New(strings.Join(lines, "\n"))
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: want one YAML document, another follows it", name)
	}
	return nil
}

// yamlShapes are the mappings of the files.
var yamlShapes = []any{Config{}, ConfigLimits{}, rulesFile{}, ruleFile{}, whenFile{}, amountFile{}, latencyFile{}, faultFile{}}

// The library's words for an unknown key and for a value of another type, which end in the name of a Go type.
var (
	unknownKey = regexp.MustCompile(`(?s)^(line \d+): field (.*) not found in type (\S+)$`)
	wrongType  = regexp.MustCompile(`(?s)^(line \d+): cannot unmarshal .* into (\S+)$`)
)

// explainYAML says in terms of the file what the library says in those of Go.
func explainYAML(e string) string {
	if m := unknownKey.FindStringSubmatch(e); m != nil {
		return fmt.Sprintf("%s: unknown key %q: want %s", m[1], m[2], yamlKeys(m[3]))
	}
	if m := wrongType.FindStringSubmatch(e); m != nil {
		return fmt.Sprintf("%s: want %s", m[1], yamlType(m[2]))
	}
	return e
}

// yamlKeys lists the keys of one of the shapes.
func yamlKeys(shape string) string {
	var keys []string
	for _, s := range yamlShapes {
		for t, n := reflect.TypeOf(s), 0; t.String() == shape && n < t.NumField(); n++ {
			keys = append(keys, t.Field(n).Tag.Get("yaml"))
		}
	}
	return strings.Join(keys, ", ")
}

// yamlType is what a value of a Go type looks like in a file.
func yamlType(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "uint"):
		return "a whole number that is not negative"
	case strings.HasPrefix(goType, "int"):
		return "a whole number"
	case strings.HasPrefix(goType, "float"):
		return "a number"
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "text"
	}
	return "a mapping"
}

package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// maxFaults is how many faults of a file are told; the others are counted.
const maxFaults = 20

// faults is the error of what the library found wrong with a file's values.
func faults(name string, found []string, known types) error {
	told := make([]string, 0, maxFaults+1)
	for _, e := range found[:min(len(found), maxFaults)] {
		told = append(told, name+": "+clarify(e, known))
	}
	if more := len(found) - maxFaults; more > 0 {
		told = append(told, fmt.Sprintf("%s: and %d more", name, more))
	}
	return errors.New(strings.Join(told, "\n"))
}

// types are those that a configuration is made of, by the names that the YAML library's errors give them.
type types map[string]reflect.Type

// typesOf lists the types that a pointer to a configuration leads to.
func typesOf(into any) types {
	known := types{}
	known.add(reflect.TypeOf(into))
	return known
}

func (known types) add(t reflect.Type) {
	if known[t.String()] != nil {
		return
	}
	known[t.String()] = t
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		known.add(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				known.add(f.Type)
			}
		}
	}
}

// clarify says what stands in the file and what may stand there where the library speaks of Go types. It quotes no
// value: one may be a secret.
func clarify(e string, known types) string {
	line, rest, _ := strings.Cut(e, ": ")
	if rest, ok := strings.CutPrefix(rest, "cannot unmarshal "); ok {
		into := strings.LastIndex(rest, " into ")
		if into < 0 {
			return e
		}
		tag, _, _ := strings.Cut(rest[:into], " ")
		return line + ": " + mismatch(tag, known[rest[into+len(" into "):]])
	}
	if rest, ok := strings.CutPrefix(rest, "field "); ok {
		key, in, ok := strings.Cut(rest, " not found in type ")
		if !ok {
			key, _, _ = strings.Cut(rest, " already set in type ")
			return fmt.Sprintf("%s: key %q stands twice", line, key)
		}
		return fmt.Sprintf("%s: unknown key %q%s", line, key, expectedKeys(known[in]))
	}
	return e
}

// expectedKeys lists the keys of a mapping, in the order of its declaration.
func expectedKeys(t reflect.Type) string {
	if t == nil || t.Kind() != reflect.Struct {
		return ""
	}
	var keys []string
	for i := range t.NumField() {
		if f := t.Field(i); keyOf(&f) != "" {
			keys = append(keys, keyOf(&f))
		}
	}
	return ": expected " + strings.Join(keys, ", ")
}

// keyOf is the key of a field, "" if it has none.
func keyOf(f *reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	switch {
	case name == "-" || !f.IsExported():
		return ""
	case name == "":
		return strings.ToLower(f.Name)
	}
	return name
}

// mismatch says that a value of a tag stands where one of a type belongs.
func mismatch(tag string, t reflect.Type) string {
	found, ok := map[string]string{
		"!!str": "text", "!!int": wholeNumber, "!!float": "a number", "!!bool": "true or false", "!!seq": "a list",
		"!!map": "a mapping",
	}[tag]
	if !ok {
		found = tag
	}
	expected := "another type"
	if t != nil {
		expected = describe(t)
	}
	if found == expected {
		return "out of range: expected " + expected
	}
	return fmt.Sprintf("found %s, expected %s", found, expected)
}

const wholeNumber = "a whole number"

func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Uint, reflect.Uint64:
		return wholeNumber + " that is not negative"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("%s from 0 to %d", wholeNumber, uint64(1)<<t.Bits()-1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return wholeNumber
	}
	return "a mapping"
}

// Package configtest lists the keys of a configuration, for tests that hold files and documents against them: a key
// that is added to the code and forgotten there fails them. It reads types alone, no file and no value.
package configtest

import (
	"reflect"
	"strings"
)

// Key is a key of a configuration.
type Key struct {
	// Path leads to it from the top, with [] behind a list: issuers[].address.
	Path string
	// Name is its last element, as it stands in a file.
	Name string
	// Section says that it has keys of its own.
	Section bool
}

// Keys lists the keys of a struct by their yaml tags, and of the structs within it, each section before what is in it.
func Keys(of any) []Key { return keys("", reflect.TypeOf(of)) }

func keys(path string, of reflect.Type) (all []Key) {
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		at, value := path+name, f.Type
		for value.Kind() == reflect.Pointer || value.Kind() == reflect.Slice {
			if value.Kind() == reflect.Slice && isStruct(value.Elem()) {
				at += "[]"
			}
			value = value.Elem()
		}
		all = append(all, Key{at, name, isStruct(value)})
		if isStruct(value) {
			all = append(all, keys(at+".", value)...)
		}
	}
	return all
}

func isStruct(t reflect.Type) bool { return t.Kind() == reflect.Struct }

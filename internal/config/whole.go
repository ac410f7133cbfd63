package config

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

// wholeIn holds a node against the type that it is read into, and finds numbers with a fraction or an exponent where a
// whole number belongs: the YAML library cuts them off without a word, so that a limit of 1.5 would be one of 1.
func wholeIn(n *yaml.Node, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
		return nil
	case n.Kind == yaml.DocumentNode:
		return wholeIn(n.Content[0], t)
	case n.Kind == yaml.AliasNode:
		return nil // what it stands for was held against its own type
	case n.Kind == yaml.ScalarNode:
		if kind := t.Kind(); n.ShortTag() == "!!float" && kind >= reflect.Int && kind <= reflect.Uint64 {
			return fmt.Errorf("line %d: found a number with a fraction or an exponent, expected %s", n.Line, describe(t))
		}
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range n.Content {
			if err := wholeIn(item, t.Elem()); err != nil {
				return err
			}
		}
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if of := memberType(t, n.Content[i].Value); of != nil {
				if err := wholeIn(n.Content[i+1], of); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// memberType is the type of what stands under a key of a mapping; nil where there is none.
func memberType(t reflect.Type, key string) reflect.Type {
	switch t.Kind() {
	case reflect.Map:
		return t.Elem()
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); keyOf(&f) == key {
				return f.Type
			}
		}
	}
	return nil
}

package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxKeys is how many keys a mapping may have. The YAML library holds each of them against each other one, and says of
// every pair that is alike that it is.
const maxKeys = 256

// key is what makes two keys of a mapping one, as the library sees it.
type key struct {
	kind  yaml.Kind
	value string
}

// checkKeys refuses a mapping, wherever it stands, that has too many keys or one of them twice.
func checkKeys(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		if err := checkMapping(n); err != nil {
			return err
		}
	}
	for _, below := range n.Content {
		if err := checkKeys(below); err != nil {
			return err
		}
	}
	return nil
}

func checkMapping(n *yaml.Node) error {
	if keys := len(n.Content) / 2; keys > maxKeys {
		return fmt.Errorf("line %d: a mapping of %d keys: expected at most %d", n.Line, keys, maxKeys)
	}
	lines := make(map[key]int, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		k := key{n.Content[i].Kind, n.Content[i].Value}
		if first := lines[k]; first != 0 {
			return fmt.Errorf("line %d: key %q stands twice, first in line %d", n.Content[i].Line, k.value, first)
		}
		lines[k] = n.Content[i].Line
	}
	return nil
}
